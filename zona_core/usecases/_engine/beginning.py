"""Beginning a run and waiting for it, in the name of whoever asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zona_core.domain.jobs import Job
from zona_core.domain.runs import Execution
from zona_core.errors import StoreUnavailable, ZonaError
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.calls import Order

__all__ = ["Beginning"]

#: seconds between two looks at whether the store has changed
_PACE: Final = 0.1
_FOR_EVER: Final = 10.0 * 366 * 86_400
#: codes of a store that is away for good, or only for this run
_LASTING: Final = frozenset({"document_damaged", "store_closed"})


class Beginning:
    """See the module."""

    def __init__(self, context: TenantContext) -> None:
        if context.parts.database.in_transaction:
            raise ZonaError("runs are not begun within a transaction: others carry them out")
        self._context = context
        self._engine = context.parts.engine
        #: seconds that the store may be away while somebody waits
        self._bears = context.parts.settings.lease_seconds

    def carried_out(self, run: Execution, job: Job, order: Order | None = None) -> Execution:
        """The record of the run's end; whoever is interrupted while waiting ends it."""
        try:
            return self.begun(run, job, order, patience=_FOR_EVER)
        except (KeyboardInterrupt, SystemExit) as exc:
            message = f"the run was broken off: {type(exc).__name__}"
            self._engine.interrupt(self._context.data.tenant_code, run.id, "run_interrupted", message)
            raise

    def begun(self, run: Execution, job: Job, order: Order | None = None, *, patience: float = 0.0) -> Execution:
        """The record of the run as it was stored or, with ``patience``, at its end or after so many seconds."""
        if not patience:
            return self._engine.begin(self._context, run, job, order)
        key = (self._context.data.tenant_code, run.id)
        watch = self._engine.watches.add(key)
        try:
            stored = self._engine.begin(self._context, run, job, order)
            if watch.wait(min(patience, _PACE)):
                assert watch.run is not None
                return watch.run
            return self.awaited(run.id, patience - _PACE, lambda: self._context.data.runs.get(run.id) or stored)
        finally:
            self._engine.watches.remove(key, watch)

    def left(self) -> None:
        """Has a run carried out that the caller has stored, queued and unclaimed, with its job."""
        self._engine.open()
        self._engine.begun(self._context.data.tenant_code)

    def awaited(
        self, run_id: str, seconds: float, look: Callable[[], Execution], *, since: int | None = None
    ) -> Execution:
        """What ``look`` gives once the run has ended (with ``since``: has another revision), or after ``seconds``.

        The run goes on while the store is away for as long as a lease lasts, and so does the waiting for it. Raises
        ``StoreUnavailable`` after that or with the time over, and what ``look`` raises.
        """
        clock, store, version, run = self._context.parts.clock, self._context.data.store, None, None
        away_since: float | None = None
        key = (self._context.data.tenant_code, run_id)
        watch = self._engine.watches.add(key)
        ends_at = clock.monotonic() + seconds
        try:
            while True:
                try:
                    latest = store.version()
                    if run is None or latest is None or latest != version or watch.run is not None:
                        version, run = latest, look()
                except StoreUnavailable as exc:
                    now = clock.monotonic()
                    away_since = now if away_since is None else away_since
                    if exc.code in _LASTING or now >= min(ends_at, away_since + self._bears):
                        raise
                    clock.sleep(min(_PACE, ends_at - now))
                    continue
                away_since, left = None, ends_at - clock.monotonic()
                if left <= 0 or (run.status.ended if since is None else run.revision != since):
                    return run
                watch.wait(min(_PACE, left))
        finally:
            self._engine.watches.remove(key, watch)
