"""Deliveries go out: each worker claims those that are due, in all tenants, and sends them on threads of its own.

Tenants take turns, and none has more than half of the threads, so that receivers that hang keep only their own tenant's
deliveries waiting. An attempt that takes too long is given up, its thread left behind.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

from attrs import define

from zona_core.domain.actors import Actor
from zona_core.domain.notifications import Delivery, DeliveryState
from zona_core.errors import TaskFailed, TaskTimeout, TenantUnavailable, ZonaError
from zona_core.persistence.collections import DELIVERIES
from zona_core.persistence.due_tenants import DueTenants
from zona_core.ports.store import Range, Where
from zona_core.usecases._area import Parts, TenantContext
from zona_core.usecases._engine.crew import Crew, Seat
from zona_core.usecases._engine.outbox import MOST_ATTEMPTS, Outbox
from zona_core.usecases._sending import GRACE, TIMEOUT, send

__all__ = ["Delivering"]

_log: Final = logging.getLogger("zona.notifications")

_ACTOR: Final = Actor.trusted("notifications")
#: seconds between two looks at what is due
_EVERY: Final = 1.0
#: attempts at a time, and those of one tenant
_THREADS: Final = 8
_MOST_OF_ONE: Final = 4
#: seconds that whoever stops waits for attempts that are under way
_PATIENCE: Final = 2.0


@define(eq=False, kw_only=True)
class _Attempt:
    """A delivery that this worker has claimed."""

    context: TenantContext
    delivery: Delivery
    #: of the thread that sends, and since when; None: it has not begun
    seat: Seat | None = None
    began: float = float("inf")


class Delivering:
    """See the module. ``worker`` gives this process's id; ``look`` is called by one thread, and never waits long."""

    def __init__(self, parts: Parts, worker: Callable[[], str]) -> None:
        self._parts = parts
        self._worker = worker
        self._tenants = DueTenants(parts.database, DELIVERIES, _due, time.monotonic)
        self._crew = Crew(_THREADS)
        self._lock = threading.RLock()
        self._looked_at = float("-inf")
        self._stopped = False
        #: tenants that may have something that is due, in turn
        self._turns: deque[str] = deque()
        self._under_way: set[_Attempt] = set()

    def look(self) -> None:
        """Sends what is due, as far as threads are to spare; at most once a second. Raises ``StoreUnavailable``."""
        self._give_up_hanging()
        now = time.monotonic()
        if now - self._looked_at < _EVERY:
            return
        self._looked_at = now
        codes = self._tenants.codes()
        with self._lock:
            self._turns.extend(code for code in codes if code not in self._turns)
        self._fill()

    def stop(self) -> None:
        """Claims nothing more; what is under way and does not end soon is sent again by others, a while later."""
        with self._lock:
            self._stopped = True
        self._crew.close(_PATIENCE)

    def _fill(self) -> None:
        with self._lock:
            while self._turns and self._crew.room > 0 and not self._stopped:
                code = self._turns.popleft()
                if Counter(each.context.data.tenant_code for each in self._under_way)[code] >= _MOST_OF_ONE:
                    continue  # it has its turn again when one of those has ended
                attempt = self._claimed(code)
                if attempt is not None:
                    self._turns.append(code)
                    self._under_way.add(attempt)
                    self._crew.submit(code, lambda attempt=attempt: self._do(attempt))  # type: ignore[misc]

    def _claimed(self, code: str) -> _Attempt | None:
        worker = self._worker()
        try:
            context = TenantContext(_ACTOR, self._parts, lambda: self._parts.active(code))
            delivery = Outbox(context.data).claim(worker) if worker else None
        except TenantUnavailable:
            return None  # they go out once it is active again
        except ZonaError as exc:
            _log.warning("the deliveries of the tenant %s cannot be looked at: %s", code, exc)
            return None
        return None if delivery is None else _Attempt(context=context, delivery=delivery)

    def _do(self, attempt: _Attempt) -> None:
        with self._lock:
            attempt.seat, attempt.began = self._crew.seat, time.monotonic()
        try:
            failure = self._sent(attempt)
        except ZonaError as exc:  # the tenant's database went away: it is due again later
            _log.warning("the delivery %s cannot be sent now: %s", attempt.delivery.id, exc)
            self._take_back(attempt)
        else:
            if self._take_back(attempt):
                self._settle(attempt, failure)
        with self._lock:
            if attempt.context.data.tenant_code not in self._turns:
                self._turns.append(attempt.context.data.tenant_code)
        self._fill()

    def _sent(self, attempt: _Attempt) -> TaskFailed | None:
        """Why it was not taken, if it was not; raises ``StoreUnavailable``."""
        context, delivery = attempt.context, attempt.delivery
        if delivery.attempts > MOST_ATTEMPTS:  # whoever tried it died over it, time and again
            return TaskFailed(f"it was tried {MOST_ATTEMPTS} times, and nothing was heard of that", code="gave_up")
        channel = context.data.channels.get(delivery.channel_id)
        if channel is None:
            return TaskFailed(f"the channel {delivery.channel} was removed", code="channel_missing")
        if not channel.enabled:
            return TaskFailed(f"the channel {channel.title} is switched off", code="channel_disabled")
        return send(context, channel, delivery)

    def _take_back(self, attempt: _Attempt) -> bool:
        """Whether the attempt was still under way, and not given up."""
        with self._lock:
            known = attempt in self._under_way
            self._under_way.discard(attempt)
        return known

    def _give_up_hanging(self) -> None:
        over = time.monotonic() - TIMEOUT - GRACE
        with self._lock:
            hanging = [each for each in self._under_way if each.began < over]
        for attempt in hanging:
            if self._take_back(attempt):
                if attempt.seat is not None:
                    self._crew.leave_behind(attempt.seat)
                failure = TaskTimeout(f"the notifier did not end within {TIMEOUT:g} s", retryable=True)
                self._settle(attempt, failure)

    def _settle(self, attempt: _Attempt, failure: TaskFailed | None) -> None:
        data, delivery = attempt.context.data, attempt.delivery
        try:
            state = Outbox(data).settle(delivery, failure, random.random())  # noqa: S311  # spreads attempts in time
        except ZonaError as exc:  # the claim runs out, and it is sent again
            _log.warning("what became of the delivery %s cannot be noted: %s", delivery.id, exc)
            return
        if failure is not None:
            _log.log(
                logging.ERROR if state is DeliveryState.FAILED else logging.WARNING,
                "the delivery %s of the tenant %s about %s was not taken: %s: %s",
                delivery.id, data.tenant_code, delivery.target, failure.code, failure.message,
            )  # fmt: skip


def _due(now: datetime) -> Where:
    return {"state": DeliveryState.PENDING.value, "due_at": Range(lte=now)}
