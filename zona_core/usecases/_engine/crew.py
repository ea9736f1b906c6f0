"""The threads of one process: a bounded number, given to tenants in turn."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from attrs import define

from zona_core.errors import ZonaError

__all__ = ["Crew", "Seat"]

_log: Final = logging.getLogger("zona.runs")

#: threads left behind in handlers that do not end, as a multiple of the crew's size, before its size shrinks
_MOST_LEFT_BEHIND: Final = 8


@define(eq=False)
class Seat:
    """A thread's place in the crew."""

    #: whether somebody else has it now: the thread ends when its work does
    lost: bool = False


class Crew:
    """At most ``size`` daemon threads, each started when there is work and none idle; safe to use from all threads.

    Work waits in lanes, one for each tenant, and lanes take turns: ten thousand pieces of work in one do not keep those
    in another waiting.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._changed = threading.Condition()
        self._lanes: dict[str, deque[Callable[[], None]]] = {}
        self._turns: deque[str] = deque()
        self._waiting = 0
        #: what is done by one more thread, and whether there is one
        self._urgent: deque[Callable[[], None]] = deque()
        self._urging = False
        self._seats: set[Seat] = set()
        self._idle = 0
        self._left_behind = 0
        self._closed = False
        self._mine = threading.local()

    @property
    def room(self) -> int:
        """How many more pieces of work would begin at once."""
        with self._changed:
            return self._size - len(self._seats) + self._idle - self._waiting

    @property
    def seat(self) -> Seat | None:
        """The seat of the thread that asks; None if it is not of this crew."""
        return getattr(self._mine, "seat", None)

    def submit(self, lane: str, work: Callable[[], None]) -> None:
        """Has ``work`` done when it is the lane's turn; what it raises is logged. Raises ``ZonaError`` once closed."""
        with self._changed:
            if self._closed:
                raise ZonaError("the engine is closed", code="closed")
            queue = self._lanes.get(lane)
            if queue is None:
                queue = self._lanes[lane] = deque()
                self._turns.append(lane)
            queue.append(work)
            self._waiting += 1
            if self._idle >= self._waiting:
                self._changed.notify()
            elif len(self._seats) < self._size:
                self._start()

    def urge(self, lane: str, work: Callable[[], None]) -> None:
        """Like ``submit``, for ``work`` that is short: if all threads are busy, and perhaps stuck, one more does it."""
        with self._changed:
            if self.room > 0 or self._closed:
                self.submit(lane, work)
                return
            self._urgent.append(work)
            if not self._urging:
                self._urging = True
                try:
                    threading.Thread(target=self._do_urgent, name="zona-urgent", daemon=True).start()
                except RuntimeError:  # the system gives no more: it waits its turn
                    self._urging = False
                    self.submit(lane, self._urgent.pop())

    def leave_behind(self, seat: Seat) -> None:
        """Gives the seat of a thread that is stuck in a handler to a new one."""
        with self._changed:
            if seat.lost or seat not in self._seats or self._left_behind >= _MOST_LEFT_BEHIND * self._size:
                return
            seat.lost = True
            self._left_behind += 1
            self._seats.discard(seat)
            if self._waiting > self._idle and not self._closed:
                self._start()

    def close(self, grace: float) -> None:
        """Takes nothing more, drops what has not begun, waits up to ``grace`` seconds for what has."""
        deadline = time.monotonic() + grace
        with self._changed:
            self._closed = True
            self._lanes.clear()
            self._turns.clear()
            self._urgent.clear()
            self._waiting = 0
            self._changed.notify_all()
            mine = 1 if self.seat in self._seats else 0
            while len(self._seats) > mine and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def _start(self) -> None:
        seat = Seat()
        thread = threading.Thread(target=self._work, args=(seat,), name="zona-run", daemon=True)
        self._seats.add(seat)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more; those that are there will do
            self._seats.discard(seat)
            if not self._seats:
                raise

    def _work(self, seat: Seat) -> None:
        self._mine.seat = seat
        while (work := self._next(seat)) is not None:
            _done(work)
            del work

    def _do_urgent(self) -> None:
        while True:
            with self._changed:
                if not self._urgent:
                    self._urging = False
                    return
                work = self._urgent.popleft()
            _done(work)
            del work

    def _next(self, seat: Seat) -> Callable[[], None] | None:
        with self._changed:
            if seat.lost:
                self._left_behind -= 1
                return None
            self._idle += 1
            while not self._waiting and not self._closed:
                self._changed.wait()
            self._idle -= 1
            if not self._waiting:
                self._seats.discard(seat)
                self._changed.notify_all()
                return None
            return self._take()

    def _take(self) -> Callable[[], None]:
        lane = self._turns.popleft()
        queue = self._lanes[lane]
        work = queue.popleft()
        if queue:
            self._turns.append(lane)
        else:
            del self._lanes[lane]
        self._waiting -= 1
        return work


def _done(work: Callable[[], None]) -> None:
    try:
        work()
    except BaseException:  # noqa: BLE001  # there is nobody to raise it to
        _log.exception("a thread's work broke off")
