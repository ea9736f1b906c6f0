"""Prometheus metrics of runs that this process carries out: see ``zona_core.ports.observers``.

No label names a tenant, a playbook or a task: their number has no bound, and whoever reads ``/metrics`` need not know
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from zona_core.domain.runs import Execution

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["RunMetrics"]

#: seconds: from what is done at once to what waits for people
_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0)


class RunMetrics:
    """See ``RunObserver``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        own: dict[str, Any] = {"registry": registry}
        self._runs = Histogram(
            "zona_run_seconds", "Time from a run's beginning to its end.", ("kind", "status"), buckets=_BUCKETS, **own
        )
        self._steps = Histogram(
            "zona_step_seconds", "Time from a step's beginning to its end.", ("kind", "status"), buckets=_BUCKETS, **own
        )
        self._attempts = Counter("zona_attempts", "Calls of handlers.", ("status",), **own)
        self._waited = Histogram(
            "zona_run_queue_seconds", "Time that a run was due before it was taken up.", buckets=_BUCKETS, **own
        )
        self._active = Gauge("zona_runs_active", "Runs under way.", multiprocess_mode="livesum", **own)
        self._reaped = Counter("zona_runs_reaped", "Runs that were taken from a worker that is no more.", **own)

    def claimed(self, tenant_code: str, run: Execution, waited: float) -> None:  # noqa: ARG002
        """See ``RunObserver.claimed``."""
        self._active.inc()
        self._waited.observe(max(waited, 0.0))

    def left(self, tenant_code: str, run: Execution) -> None:  # noqa: ARG002
        """See ``RunObserver.left``."""
        self._active.dec()

    def recorded(self, tenant_code: str, steps: Sequence[Execution]) -> None:  # noqa: ARG002
        """See ``RunObserver.recorded``."""
        for step in steps:
            self._steps.labels(step.step_kind, step.status.value).observe(_seconds(step))
            self._count(step)

    def ended(self, tenant_code: str, run: Execution, steps: Iterable[Execution]) -> None:  # noqa: ARG002
        """See ``RunObserver.ended``."""
        kind = "playbook" if run.playbook_id else "task"
        self._runs.labels(kind, run.status.value).observe(_seconds(run))
        self._count(run)

    def reaped(self, runs: int) -> None:
        """See ``RunObserver.reaped``."""
        self._reaped.inc(runs)

    def _count(self, record: Execution) -> None:
        for attempt in record.attempts:
            self._attempts.labels(attempt.status.value).inc()


def _seconds(record: Execution) -> float:
    begin, end = record.started_at or record.created_at, record.ended_at or record.created_at
    return max((end - begin).total_seconds(), 0.0)
