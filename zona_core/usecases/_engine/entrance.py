"""What a call goes through before and after: its instance's breaker and limits. What is taken is always given back."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final, Protocol

from zona_core.domain.jobs import Wait
from zona_core.domain.limits import limits_of
from zona_core.errors import TaskFailed, ZonaError
from zona_core.persistence.database import TenantData
from zona_core.usecases._engine.book import Book
from zona_core.usecases._engine.breakers import Breakers
from zona_core.usecases._engine.patience import Patience
from zona_core.usecases._engine.turns import Turns, limit_key
from zona_core.usecases._engine.work import Call, Later

__all__ = ["Entrance", "Porter"]

_log: Final = logging.getLogger("zona.runs")


class Porter(Protocol):
    """What an entrance needs of the engine."""

    breakers: Breakers

    def freed(self, tenant_code: str, limit: str, *, told: bool) -> None:
        """Under a limit one more may be under way; ``told``: a run that waits in the store is due in its place."""


class Entrance:
    """For the calls of one run's units, which are named by their keys. Safe for several threads.

    The breaker comes first: what it refuses takes no turn from others.
    """

    def __init__(self, porter: Porter, data: TenantData, book: Book, patience: Patience) -> None:
        self._porter = porter
        self._tenant = data.tenant_code
        self._turns = Turns(data)
        self._run_id = book.run.id
        #: as whose call each is noted: whoever is given the run next has calls of its own
        self._worker = book.job.worker
        self._patience = patience

    def enter(self, key: str, call: Call, before: Wait | None, started_at: datetime) -> Later | TaskFailed | None:
        """Lets the call be made (None; then ``leave`` or ``give_up`` follows), or says why not, or not now.

        Raises ``ClaimLost``.
        """
        if call.instance is None:
            return None
        refusal = self._porter.breakers.refusal(self._tenant, call.instance.instance_id, self._holder(key))
        limits = limits_of(call.instance)
        if refusal is not None or not limits:
            return refusal
        limit = limit_key(call.instance)
        try:
            waits = self._patience(lambda: self._turns.ask(limit, limits, self._holder(key), self._worker, before))
        except BaseException:
            self._spare(key, call)
            raise
        if waits is None:
            return None
        self._spare(key, call)
        reason, until, turn = waits
        attempts = before.attempts if before is not None else ()
        return Later(
            wait=Wait(reason=reason, until=until, attempts=attempts, started_at=started_at, detail=limit, turn=turn)
        )

    def leave(self, key: str, call: Call, failure: TaskFailed | None) -> None:
        """The call has ended, perhaps in a failure; raises ``ClaimLost``."""
        if call.instance is None:
            return
        self._porter.breakers.report(self._tenant, call.instance.instance_id, self._holder(key), failure)
        if limits_of(call.instance).concurrent:
            limit = limit_key(call.instance)
            told = self._patience(lambda: self._turns.give_back(limit, self._holder(key), self._worker))
            self._porter.freed(self._tenant, limit, told=told)

    def give_up(self, key: str, call: Call) -> None:
        """The call was not made, or nobody waits for it any more; raises nothing."""
        if call.instance is None:
            return
        self._spare(key, call)
        if limits_of(call.instance).concurrent:
            limit = limit_key(call.instance)
            try:
                told = self._turns.give_back(limit, self._holder(key), self._worker)
                self._porter.freed(self._tenant, limit, told=told)
            except ZonaError:  # whoever waits for it finds that the run has ended
                _log.warning("the place of the run %s could not be given back", self._run_id, exc_info=True)

    def _spare(self, key: str, call: Call) -> None:
        assert call.instance is not None
        self._porter.breakers.given_up(self._tenant, call.instance.instance_id, self._holder(key))

    def _holder(self, key: str) -> str:
        return f"{self._run_id}/{key}"
