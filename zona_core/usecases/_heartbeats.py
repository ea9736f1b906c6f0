"""What has to be said again and again while something goes on, said by one thread for all of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import define

__all__ = ["Heartbeats"]


@define(eq=False)
class _Beat:
    """What is called when, by ``time.monotonic``, and how many seconds later again."""

    call: Callable[[], None]
    every: float
    due: float


class Heartbeats:
    """Calls functions at intervals while blocks run. Safe to use from several threads.

    The thread is started by a block that begins, and ends when it wakes and no block runs: blocks that are over before
    their first interval, which most are, cost no thread each.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._beats: set[_Beat] = set()
        self._thread: threading.Thread | None = None
        #: by ``time.monotonic``
        self._wakes_at = 0.0

    @contextmanager
    def during(self, call: Callable[[], None], every: float) -> Iterator[None]:
        """A block during which ``call``, which must not raise, is called every so many seconds by another thread.

        A call that is on its way when the block ends may end after it.
        """
        beat = _Beat(call, every, time.monotonic() + every)
        self._add(beat)
        try:
            yield
        finally:
            with self._changed:
                self._beats.discard(beat)

    def _add(self, beat: _Beat) -> None:
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._beats.clear()  # those without a thread are a parent process's: this one was forked
                self._wakes_at = beat.due
                self._thread = threading.Thread(target=self._work, name="zona-heartbeats", daemon=True)
                self._thread.start()
            elif beat.due < self._wakes_at:
                self._wakes_at = beat.due
                self._changed.notify()
            self._beats.add(beat)

    def _work(self) -> None:
        while (due := self._awaited()) is not None:
            for beat in due:
                beat.call()

    def _awaited(self) -> list[_Beat] | None:
        """Those whose time has come, once there are any; None for the end of the thread."""
        with self._changed:
            while True:
                now = time.monotonic()
                due = [beat for beat in self._beats if beat.due <= now]
                for beat in due:
                    beat.due = now + beat.every
                if due:
                    return due
                if self._beats:
                    self._wakes_at = min(beat.due for beat in self._beats)
                elif self._wakes_at <= now:
                    self._thread = None
                    return None
                self._changed.wait(self._wakes_at - now)
