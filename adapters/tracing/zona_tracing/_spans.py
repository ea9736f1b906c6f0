"""A trace for each run: a span for the run, and below it one for each step and item, with events for attempts.

The spans are made when the run has ended, of its records: a run may have gone from one worker to another, and have
waited for days. A run that a step of another one began has a trace of its own, and says whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
from opentelemetry.util.types import AttributeValue

from zona_core.domain.runs import Attempt, Execution, RunStatus

__all__ = ["RunSpans"]

_WELL: Final = frozenset({RunStatus.SUCCESS, RunStatus.SKIPPED})


class RunSpans:
    """See ``RunObserver``. Spans tell names, times, statuses and codes of errors: no inputs, results or messages."""

    def __init__(self, version: str, provider: TracerProvider | None = None) -> None:
        """``provider``: the one to give spans to; by default the one that the process has configured by then."""
        self._tracer = trace.get_tracer("zona", version, provider)

    def claimed(self, tenant_code: str, run: Execution, waited: float) -> None:
        """Does nothing."""

    def left(self, tenant_code: str, run: Execution) -> None:
        """Does nothing."""

    def recorded(self, tenant_code: str, steps: Sequence[Execution]) -> None:
        """Does nothing: steps are told of with their run."""

    def reaped(self, runs: int) -> None:
        """Does nothing."""

    def ended(self, tenant_code: str, run: Execution, steps: Iterable[Execution]) -> None:
        """See ``RunObserver.ended``."""
        what = f"playbook {run.playbook_title}" if run.playbook_id else f"task {run.app_title}/{run.task_tag}"
        # NOTE: an empty context, so that what called the engine is not taken for what the run is a part of.
        span = self._tracer.start_span(
            f"run {what}", Context(), SpanKind.INTERNAL, _of_run(tenant_code, run), start_time=_ns(_begin(run))
        )
        if span.is_recording():  # somebody wants it: only then are the steps read
            within = trace.set_span_in_context(span, Context())
            by_step: dict[str, Context] = {}
            for step in sorted(steps, key=lambda each: each.item is not None):
                outer = within if step.item is None else by_step.get(step.step, within)
                name = step.step if step.item is None else f"{step.step}[{step.item}]"
                inner = self._tracer.start_span(
                    f"step {name}", outer, SpanKind.INTERNAL, _of_step(step), start_time=_ns(_begin(step))
                )
                if step.item is None:
                    by_step[step.step] = trace.set_span_in_context(inner, Context())
                _finish(inner, step)
        _finish(span, run)


def _of_run(tenant_code: str, run: Execution) -> dict[str, AttributeValue]:
    return {
        "zona.tenant": tenant_code,
        "zona.run.id": run.id,
        "zona.run.kind": "playbook" if run.playbook_id else "task",
        "zona.run.parent_id": run.parent_id,
        "zona.run.trigger": run.trigger,
        "zona.run.skipped": len(run.skipped),
        **_common(run),
    }


def _of_step(step: Execution) -> dict[str, AttributeValue]:
    return {"zona.step.name": step.step, "zona.step.kind": step.step_kind, **_common(step)}


def _common(record: Execution) -> dict[str, AttributeValue]:
    told: dict[str, AttributeValue] = {"zona.status": record.status.value, "zona.attempts": len(record.attempts)}
    if record.task_id:
        told |= {"zona.app": record.app_title, "zona.task": record.task_tag, "zona.instance_id": record.instance_id}
    if record.error is not None:
        told["error.type"] = _code(record.error)
    return told


def _finish(span: Span, record: Execution) -> None:
    for attempt in record.attempts:
        span.add_event("attempt", _of_attempt(attempt), timestamp=_ns(attempt.started_at))
    if record.status not in _WELL:
        span.set_status(Status(StatusCode.ERROR, _code(record.error or {}) or record.status.value))
    span.end(_ns(record.ended_at or _begin(record)))


def _of_attempt(attempt: Attempt) -> dict[str, AttributeValue]:
    told: dict[str, AttributeValue] = {"zona.status": attempt.status.value, "zona.duration_ms": attempt.duration_ms}
    if attempt.error is not None:
        told["error.type"] = _code(attempt.error)
    return told


def _code(error: dict[str, object]) -> str:
    return str(error.get("code", ""))


def _begin(record: Execution) -> datetime:
    return record.started_at or record.created_at


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000
