"""Giving back what nobody carries out any more, so that others go on with it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from datetime import timedelta
from typing import Final

from zona_core.persistence.database import Database, TenantData
from zona_core.persistence.queue import JobQueue
from zona_core.ports.store import Range
from zona_core.usecases._engine.turns import Turns

__all__ = ["Takeover"]

_log: Final = logging.getLogger("zona.runs")

#: how long the rows of workers that are no more are kept
_KEPT: Final = timedelta(hours=1)


class Takeover:
    """See the module. ``freed`` is told that something is due now, and how many runs a dead worker held.

    Each method raises ``StoreUnavailable``; what was not given back then is given back the next time.
    """

    def __init__(self, database: Callable[[], Database], queue: JobQueue, freed: Callable[[int], None]) -> None:
        self._database = database
        self._queue = queue
        self._freed = freed

    def reap(self) -> None:
        """Gives back what workers held whose lease has run out."""
        database = self._database()
        named = self._queue.claimed()
        now = database.store.now()
        living = {worker.id for worker in database.workers.all({"until": Range(gte=now)})}
        for dead in set(named) - living:
            database.workers.delete_many({"_id": dead, "until": Range(lt=now)})
            if database.workers.get(dead) is not None:  # it has renewed its lease in this very moment
                continue
            _log.warning("the worker %s is no more: its %s runs go on elsewhere", dead, named[dead])
            self.release(dead)
        database.workers.delete_many({"until": Range(lt=now - _KEPT)})

    def release(self, dead: str) -> None:
        """Gives back what a worker held that is no more."""
        cleared, count = set(), 0
        for code, run_id in self._queue.held_by(dead):
            count += 1
            data = self._database().tenant(code)
            if code not in cleared:  # before anybody goes on, who asks for the same turns anew
                Turns(data).clear(dead)
                cleared.add(code)
            _set_free(data, run_id, dead)
        self._freed(count)

    def mend(self, worker: str, under_way: Container[tuple[str, str]]) -> None:
        """Gives back what is claimed for a living worker without being under way: an answer of the store was lost."""
        for code, run_id in list(self._queue.held_by(worker)):
            if (code, run_id) not in under_way:
                _log.warning("the run %s is taken up again", run_id)
                _set_free(self._database().tenant(code), run_id, worker)
                self._freed(0)


def _set_free(data: TenantData, run_id: str, worker: str) -> None:
    with data.transaction():  # it waits its turn, and so outlasts one that the dead left open
        data.jobs.modify({"_id": run_id, "worker": worker}, worker="", due_at=data.now())
