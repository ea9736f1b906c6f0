"""What is to be done later, by one thread for all of it: ten thousand deadlines cost no thread."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Timer", "Timers"]

_log: Final = logging.getLogger("zona.runs")

#: cancelled timers that are kept before the heap is cleared of them
_MOST_CANCELLED: Final = 1_000


class Timer:
    """Something that is due at a time; ``cancel`` it when it need not be done any more."""

    __slots__ = ("_timers", "action")

    def __init__(self, timers: Timers, action: Callable[[], None]) -> None:
        self._timers = timers
        self.action: Callable[[], None] | None = action

    @property
    def fired(self) -> bool:
        """Whether nothing more will come of it."""
        return self.action is None

    def cancel(self) -> None:
        """Nothing happens any more, unless it is happening right now."""
        if self.action is not None:
            self.action = None
            self._timers.cancelled()


class Timers:
    """Calls functions at their time; they must be quick. The thread is started by the first one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._cancelled = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Has ``action`` called in so many seconds; never, once closed."""
        timer, due = Timer(self, action), time.monotonic() + max(0.0, min(seconds, threading.TIMEOUT_MAX))
        with self._changed:
            if self._closed:
                return timer
            heapq.heappush(self._heap, (due, next(self._order), timer))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="zona-timers", daemon=True)
                self._thread.start()
            elif self._heap[0][2] is timer:
                self._changed.notify()
        return timer

    def cancelled(self) -> None:
        """Takes note that one of the timers was cancelled."""
        self._cancelled += 1  # a lost count does no harm
        if self._cancelled > _MOST_CANCELLED:
            with self._changed:
                if self._cancelled > len(self._heap) // 2:
                    self._heap = [entry for entry in self._heap if entry[2].action is not None]
                    heapq.heapify(self._heap)
                    self._cancelled = 0

    def close(self) -> None:
        """Calls nothing any more."""
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify()

    def _work(self) -> None:
        while (timer := self._next()) is not None:
            action, timer.action = timer.action, None
            if action is not None:
                try:
                    action()
                except Exception:  # noqa: BLE001  # other timers go on
                    _log.exception("a timer's action broke off")

    def _next(self) -> Timer | None:
        with self._changed:
            while not self._closed:
                if self._heap:
                    wait = self._heap[0][0] - time.monotonic()
                    if wait <= 0:
                        return heapq.heappop(self._heap)[2]
                    self._changed.wait(wait)
                else:
                    self._changed.wait()
            return None
