"""The lock of a fleet: one at a time changes anything, and whoever does not hold it (any more) changes nothing.

It is a lease in the core database, renewed while its holder is at work, with a token as its fence: each step of a
deployment begins with a write that only the holder of the present token can make. A holder that dies is replaced once
the lease is over; what it left in the middle is noted as interrupted by whoever comes next.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from attrs import evolve

from zona_core.domain.fleet.deployments import DeploymentStatus, FleetLock
from zona_core.domain.fleet.progress import FleetReport, LockAwaited
from zona_core.errors import DuplicateKey, FleetLocked, StoreUnavailable
from zona_core.persistence.database import CORE, Database
from zona_core.ports.store import Range, Where
from zona_core.usecases._area import SystemContext

__all__ = ["Hold", "held", "release", "take"]

_log: Final = logging.getLogger("zona.fleet")

#: seconds that the lock lasts unless it is renewed
_LEASE: Final = 30.0
#: seconds between two tries while somebody else has it
_PAUSE: Final = 0.5
_MOMENT: Final = 0.01
#: a lock that nobody has, whatever becomes of the clock
_FREE: Final[Mapping[str, Any]] = MappingProxyType(
    {"holder": "", "host": "", "reason": "", "deployment": "", "until": datetime(1970, 1, 1, tzinfo=UTC)}
)


class Hold:
    """The lock while this process has it; in a ``with`` block it is renewed, and given back at the end."""

    def __init__(self, database: Database, lock: FleetLock, began: float, seconds: float = _LEASE) -> None:
        self._database = database
        self._lock = lock
        self._seconds = seconds
        self._renewed = began
        self._lost = False
        self._ended = threading.Event()

    @property
    def fleet(self) -> str:
        """The fleet that is held."""
        return self._lock.fleet

    def check(self) -> None:
        """Raises ``FleetLocked`` (``fleet_lock_lost``) if it is known that this process must not go on."""
        if self._lost or self._ended.is_set() or time.monotonic() >= self._renewed + self._seconds:
            raise self._gone()

    def fence(self) -> None:
        """Raises ``FleetLocked`` (``fleet_lock_lost``) if this process must not go on.

        In a transaction on the core database what it says holds until its end; elsewhere it held a moment ago.
        """
        self.check()
        if self._database.fleet_locks.modify(self._mine, holder=self._lock.holder) is None:
            self._lost = True
            raise self._gone()

    def note(self, deployment: str) -> None:
        """Has everybody see which deployment it is held for."""
        if self._database.fleet_locks.modify(self._mine, deployment=deployment) is None:
            self._lost = True
            raise self._gone()

    def begin(self) -> Self:
        """Renews it from now on, until ``end``."""
        threading.Thread(target=self._keep, name=f"zona-fleet-lock-{self.fleet}", daemon=True).start()
        return self

    def end(self) -> None:
        """Gives it back; nothing happens if it is somebody else's by now."""
        if self._ended.is_set():
            return
        self._ended.set()
        try:
            self._database.fleet_locks.modify(self._mine, **_FREE)
        except StoreUnavailable as exc:  # the lease runs out
            _log.warning("the lock of the fleet %s could not be given back: %s", self.fleet, exc)

    def __enter__(self) -> Self:
        return self.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    @property
    def _mine(self) -> Where:
        return {"_id": self._lock.fleet, "holder": self._lock.holder, "token": self._lock.token}

    def _keep(self) -> None:
        """Renews the lease until it is given back or lost; while the store is away it is tried again."""
        while not self._ended.wait(self._seconds / 6):
            began = time.monotonic()
            try:
                until = self._database.store.now() + timedelta(seconds=self._seconds)
                kept = self._database.fleet_locks.modify(self._mine, until=until) is not None
            except StoreUnavailable as exc:
                _log.warning("the lock of the fleet %s could not be renewed: %s", self.fleet, exc)
                continue
            if not kept:
                self._lost = True
                return
            self._renewed = began

    def _gone(self) -> FleetLocked:
        now = None
        with suppress(StoreUnavailable):
            now = held(self._database, self.fleet)
        message = f"the lock of the fleet {self.fleet} is not this process's any more"
        details: dict[str, Any] = {} if now is None or now.token == self._lock.token else _told(now)
        return FleetLocked(message, code="fleet_lock_lost", hint="the next plan says what is left", **details)


def take(context: SystemContext, fleet: str, *, reason: str, wait: float, tell: FleetReport) -> Hold:
    """The fleet's lock, for which this waits up to ``wait`` seconds while somebody else has it.

    Raises ``FleetLocked``, which names who has it.
    """
    database, clock = context.parts.database, context.parts.clock
    until, told = clock.monotonic() + wait, 0
    while True:
        hold = _taken(context, fleet, reason)
        if hold is not None:
            return hold
        lock = held(database, fleet)
        if lock is None:  # it was given back this very moment
            clock.sleep(_MOMENT)
            continue
        left = until - clock.monotonic()
        if left <= 0:
            raise _refusal(lock)
        if lock.token != told:
            told = lock.token
            tell(LockAwaited(lock=lock))
        clock.sleep(min(_PAUSE, left))


def held(database: Database, fleet: str) -> FleetLock | None:
    """Who is at the fleet; None if nobody is."""
    lock = database.fleet_locks.get(fleet)
    return lock if lock is not None and lock.holder and lock.until > database.store.now() else None


def release(context: SystemContext, fleet: str, reason: str) -> FleetLock | None:
    """Takes the lock from whoever has it, who stops before the next step; gives what it was, None if nobody had it."""
    database = context.parts.database
    with database.transaction():
        before = held(database, fleet)
        if before is None:
            return None
        database.fleet_locks.modify({"_id": fleet}, count="token", **_FREE)
        _interrupt(context, fleet, f"its lock was released by {context.actor.name}" + (f": {reason}" if reason else ""))
        database.tenant(CORE).record(
            context.actor, "fleet.release_lock", f"fleets/{fleet}", before=before, after={"reason": reason}
        )
    return before


def _taken(context: SystemContext, fleet: str, reason: str) -> Hold | None:
    database, began = context.parts.database, time.monotonic()
    now = database.store.now()
    if database.fleet_locks.get(fleet) is None:
        with suppress(DuplicateKey):  # somebody was faster
            database.fleet_locks.insert(FleetLock(fleet=fleet, taken_at=now, until=_FREE["until"]))
    with database.transaction():
        lock = database.fleet_locks.modify(
            {"_id": fleet, "until": Range(lte=now)},
            count="token",
            holder=context.actor.name or "somebody",
            host=f"{socket.gethostname()} (process {os.getpid()})",
            reason=reason,
            deployment="",
            taken_at=now,
            until=now + timedelta(seconds=_LEASE),
        )
        if lock is None:
            return None
        _interrupt(context, fleet, "whoever did it is gone")
    return Hold(database, lock, began)


def _interrupt(context: SystemContext, fleet: str, message: str) -> None:
    """Notes that nobody is at the fleet's last deployment any more, if it never ended; only the last one can be so."""
    database = context.parts.database
    last = database.deployments.find({"fleet": fleet}, sort=[("number", -1)], limit=1).items
    if not last or last[0].status is not DeploymentStatus.RUNNING:
        return
    ended = evolve(
        last[0],
        status=DeploymentStatus.INTERRUPTED,
        ended_at=database.store.now(),
        code="interrupted",
        message=message,
    )
    database.deployments.replace(ended)
    after = {"status": ended.status.value, "message": message}
    database.tenant(CORE).record(context.actor, "fleet.interrupt", f"deployments/{ended.id}", after=after)


def _refusal(lock: FleetLock) -> FleetLocked:
    what = f": {lock.reason}" if lock.reason else ""
    message = f"{lock.holder} on {lock.host} is at the fleet {lock.fleet} since {lock.taken_at:%H:%M:%S} UTC{what}"
    return FleetLocked(message, hint="wait for it, or release the lock if its holder is gone", **_told(lock))


def _told(lock: FleetLock) -> dict[str, Any]:
    return {
        "fleet": lock.fleet,
        "holder": lock.holder,
        "host": lock.host,
        "reason": lock.reason,
        "since": lock.taken_at.isoformat(),
        "until": lock.until.isoformat(),
        "deployment": lock.deployment,
    }
