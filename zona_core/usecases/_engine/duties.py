"""Duties: each is done by one worker at a time, under a lease in the core database with a token as its fence.

A worker looks now and then which duties are due and in nobody's hand, takes one by a single write, and does it on a
thread of its own, while the thread that looks renews the lease. An owner that dies is replaced once its lease is over.
One that only stood still finds that its lease is over by its own clock or, if it writes before it looks, by the token:
``Hold.fence`` belongs into the transaction of every batch.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from attrs import define

from zona_core.domain.duties import Duty
from zona_core.errors import DuplicateKey, StoreUnavailable, ZonaError
from zona_core.persistence.database import Database
from zona_core.ports.store import Range, Where

__all__ = ["Chore", "Duties", "Hold", "LeaseLost"]

_log: Final = logging.getLogger("zona.duties")

#: seconds between two looks at what is due, at most
_PACE: Final = 5.0
#: seconds until a duty is due for the first time, at most; and after it went wrong
_SOON: Final = 60.0
_LONGEST_NOTE: Final = 500
#: seconds that whoever stops waits for duties that are being done
_GRACE: Final = 2.0


class LeaseLost(ZonaError):
    """The duty is another worker's by now, or this one is to stop."""

    code = "lease_lost"


@define(frozen=True, kw_only=True)
class Chore:
    """What a duty consists in."""

    name: str
    #: seconds between two times; 0: never
    interval: float
    #: does it, and gives a few words on what was done; asks the hold between batches
    work: Callable[[Hold], str]


class Hold:
    """A duty that this worker has in hand."""

    def __init__(self, database: Database, duty: Duty, seconds: float, began: float) -> None:
        self._database = database
        self._duty = duty
        self._seconds = seconds
        self._renewed = began
        self._stopped = threading.Event()
        self._lost = False

    def check(self) -> None:
        """Raises ``LeaseLost`` if this worker must not go on."""
        if self._stopped.is_set() or self._lost or time.monotonic() >= self._renewed + self._seconds:
            raise LeaseLost(f"the duty {self._duty.id} is this worker's no more")

    def fence(self) -> None:
        """Raises ``LeaseLost`` if another worker has the duty.

        In a transaction on the core database what it says holds until its end; elsewhere it held a moment ago.
        """
        self.check()
        if self._database.duties.modify(self._mine, owner=self._duty.owner) is None:
            self._lost = True
            raise LeaseLost(f"the duty {self._duty.id} is another worker's by now")

    def renew(self) -> None:
        """Makes the lease last, if it is time to; raises ``StoreUnavailable``."""
        began = time.monotonic()
        if self._lost or began - self._renewed < self._seconds / 3:
            return
        until = self._database.store.now() + timedelta(seconds=self._seconds)
        if self._database.duties.modify(self._mine, until=until) is None:
            self._lost = True
        else:
            self._renewed = began

    def stop(self) -> None:
        """Has it broken off at the next ``check``."""
        self._stopped.set()

    def give_back(self, seconds: float, *, began: float, note: str, error: str) -> None:
        """The duty is done, and due again in so many seconds; nothing happens if it is another worker's."""
        now = self._database.store.now()
        self._database.duties.modify(
            self._mine,
            owner="",
            until=now,
            due_at=now + timedelta(seconds=seconds),
            ended_at=now,
            duration_ms=round((time.monotonic() - began) * 1000, 3),
            note=note[:_LONGEST_NOTE],
            error=error[:_LONGEST_NOTE],
        )

    @property
    def _mine(self) -> Where:
        return {"_id": self._duty.id, "owner": self._duty.owner, "token": self._duty.token}


class Duties:
    """Does duties that are due; ``worker`` gives this process's id. ``look`` is called by one thread."""

    def __init__(
        self, database: Callable[[], Database], chores: Sequence[Chore], worker: Callable[[], str], lease: float
    ) -> None:
        self._database = database
        self._chores = [chore for chore in chores if chore.interval > 0]
        self._worker = worker
        self._lease = lease
        self._looked_at = float("-inf")
        self._stopped = False
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Hold, threading.Thread]] = {}

    def look(self) -> None:
        """Renews what is in hand, and takes what is due in hand; raises ``StoreUnavailable``."""
        with self._lock:
            held = list(self._held.values())
        for hold, _ in held:
            hold.renew()
        now = time.monotonic()
        if self._stopped or now - self._looked_at < min(_PACE, self._lease / 3):
            return
        self._looked_at = now
        duties = {duty.id: duty for duty in self._database().duties.all()}
        time_of_store = self._database().store.now()
        for chore in self._chores:
            duty = duties.get(chore.name)
            if duty is None:
                self._introduce(chore)
            elif max(duty.until, duty.due_at) <= time_of_store and chore.name not in self._held:
                self._take(chore)

    def stop(self, grace: float = _GRACE) -> None:
        """Has what is in hand broken off, and waits for that up to ``grace`` seconds; others go on with it."""
        with self._lock:
            self._stopped = True
            held = list(self._held.values())
        deadline = time.monotonic() + grace
        for hold, _ in held:
            hold.stop()
        for _, thread in held:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _introduce(self, chore: Chore) -> None:
        now = self._database().store.now()
        due_at = now + timedelta(seconds=min(chore.interval, _SOON))
        with suppress(DuplicateKey):  # another worker was faster
            self._database().duties.insert(Duty(id=chore.name, until=now, due_at=due_at))

    def _take(self, chore: Chore) -> None:
        worker, database, began = self._worker(), self._database(), time.monotonic()
        if not worker:
            return
        now = database.store.now()
        duty = database.duties.modify(
            {"_id": chore.name, "until": Range(lte=now), "due_at": Range(lte=now)},
            count="token",
            owner=worker,
            host=socket.gethostname(),
            until=now + timedelta(seconds=self._lease),
            began_at=now,
        )
        if duty is None:
            return
        hold = Hold(database, duty, self._lease, began)
        thread = threading.Thread(target=self._do, args=(chore, hold), name=f"zona-{chore.name}", daemon=True)
        with self._lock:
            if self._stopped:
                hold.stop()
            self._held[chore.name] = hold, thread
        thread.start()

    def _do(self, chore: Chore, hold: Hold) -> None:
        began, note, error, seconds = time.monotonic(), "", "", chore.interval
        try:
            note = chore.work(hold)
        except LeaseLost as exc:
            _log.warning("%s", exc)
            note, seconds = "was broken off", 0.0
        except ZonaError as exc:
            _log.warning("the duty %s could not be done: %s", chore.name, exc)
            error, seconds = f"{exc.code}: {exc.message}", min(chore.interval, _SOON)
        except Exception as exc:  # noqa: BLE001  # it is told, and tried again
            _log.exception("the duty %s could not be done", chore.name)
            error, seconds = type(exc).__name__, min(chore.interval, _SOON)
        try:
            hold.give_back(seconds, began=began, note=note, error=error)
        except StoreUnavailable as exc:  # the lease runs out
            _log.warning("the duty %s could not be given back: %s", chore.name, exc)
        finally:
            with self._lock:
                self._held.pop(chore.name, None)
