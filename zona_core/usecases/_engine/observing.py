"""Telling observers what becomes of runs; nothing that one of them does keeps a run from going on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from zona_core.domain.runs import Execution
from zona_core.persistence.database import TenantData
from zona_core.ports.observers import RunObserver

__all__ = ["MOST_STEPS", "Observers"]

_log: Final = logging.getLogger("zona.runs")

#: steps of a run that observers can ask for at its end
MOST_STEPS: Final = 2_000


class Observers:
    """See ``RunObserver``. Without any, telling them costs nothing to speak of. Safe for several threads."""

    def __init__(self) -> None:
        self._observers: tuple[RunObserver, ...] = ()

    def add(self, observer: RunObserver) -> None:
        """Has one more told."""
        self._observers += (observer,)

    def claimed(self, tenant_code: str, run: Execution, waited: float) -> None:
        """See ``RunObserver.claimed``."""
        self._tell(lambda each: each.claimed(tenant_code, run, waited))

    def left(self, tenant_code: str, run: Execution) -> None:
        """See ``RunObserver.left``."""
        self._tell(lambda each: each.left(tenant_code, run))

    def recorded(self, tenant_code: str, steps: Sequence[Execution]) -> None:
        """See ``RunObserver.recorded``."""
        self._tell(lambda each: each.recorded(tenant_code, steps))

    def ended(self, data: TenantData, run: Execution) -> None:
        """See ``RunObserver.ended``."""
        self._tell(lambda each: each.ended(data.tenant_code, run, _Steps(data, run)))

    def reaped(self, runs: int) -> None:
        """See ``RunObserver.reaped``."""
        self._tell(lambda each: each.reaped(runs))

    def _tell(self, tell: Callable[[RunObserver], None]) -> None:
        for observer in self._observers:
            try:
                tell(observer)
            except Exception:  # noqa: BLE001  # the run goes on
                _log.exception("an observer of runs broke off: %s", type(observer).__name__)


class _Steps(Iterable[Execution]):
    """The records of a run's steps, read page by page."""

    def __init__(self, data: TenantData, run: Execution) -> None:
        self._data = data
        self._run = run

    def __iter__(self) -> Iterator[Execution]:
        if not self._run.playbook_id:
            return
        left, cursor = MOST_STEPS, None
        while left > 0:
            where = {"parent_id": self._run.id}
            page = self._data.runs.find(where, sort=[("created_at", 1)], after=cursor, limit=min(left, 200))
            yield from (record for record in page.items if record.step)
            left -= len(page.items)
            cursor = page.next
            if cursor is None:
                return
