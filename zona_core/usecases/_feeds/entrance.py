"""What a page's call goes through before and after: its instance's breaker and limits, which runs go through too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from zona_core.domain.instances import Instance
from zona_core.domain.jobs import Wait
from zona_core.domain.limits import limits_of
from zona_core.errors import TaskFailed, ZonaError
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.turns import Turns, limit_key
from zona_core.usecases._feeds.claims import Claim

__all__ = ["Entrance", "PutOff"]

#: seconds that a poll waits for its turn under a limit with a thread in hand
_LONGEST: Final = 10.0


class PutOff(ZonaError):
    """It is not this feed's turn under its instance's limits before ``until``."""

    code = "put_off"

    def __init__(self, until: datetime) -> None:
        super().__init__(f"the instance's limits allow the next call at {until.isoformat(timespec='seconds')}")
        self.until = until


class Entrance:
    """For the calls of one poll."""

    def __init__(self, context: TenantContext, claim: Claim, instance: Instance | None) -> None:
        self._context = context
        self._claim = claim
        self._instance = instance
        self._holder = f"feeds-{claim.state.id}/{claim.state.token}"
        self._failure: TaskFailed | None = None

    @contextmanager
    def call(self) -> Iterator[None]:
        """A block in which the instance is called; ``report`` says within it if that failed.

        Raises ``PutOff``, ``FeedLost``, and ``TaskFailed`` with code ``circuit_open``.
        """
        if self._instance is None:
            yield
            return
        breakers, tenant = self._context.parts.engine.breakers, self._context.data.tenant_code
        refusal = breakers.refusal(tenant, self._instance.instance_id, self._holder)
        if refusal is not None:
            raise refusal
        made, self._failure = False, None
        try:
            self._enter(self._instance)
            try:
                yield
                made = True
            finally:
                self._leave(self._instance)
        finally:
            if made:
                breakers.report(tenant, self._instance.instance_id, self._holder, self._failure)
            else:
                breakers.given_up(tenant, self._instance.instance_id, self._holder)

    def report(self, failure: TaskFailed) -> None:
        """The call that is under way has failed."""
        self._failure = failure

    def _enter(self, instance: Instance) -> None:
        limits, waited, before = limits_of(instance), 0.0, None
        while limits:
            began_at = self._context.data.now()
            waits = Turns(self._context.data).ask(
                limit_key(instance), limits, self._holder, self._claim.state.owner, before
            )
            if waits is None:
                return
            reason, until, turn = waits
            seconds = max(0.0, (until - began_at).total_seconds())
            if waited + seconds > _LONGEST:
                raise PutOff(until)
            self._claim.wait(seconds)
            waited += seconds
            before = Wait(reason=reason, until=until, started_at=began_at, turn=turn)

    def _leave(self, instance: Instance) -> None:
        if limits_of(instance).concurrent:
            data, limit = self._context.data, limit_key(instance)
            told = Turns(data).give_back(limit, self._holder, self._claim.state.owner)
            self._context.parts.engine.freed(data.tenant_code, limit, told=told)
