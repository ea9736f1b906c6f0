"""Wake-ups over a queue in Redis that all processes share."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from zona_huey._health import Health
from zona_huey._location import Location
from zona_huey._queue import Queue

__all__ = ["HueyExecutor"]

_LOG: Final = logging.getLogger("zona.queue")

#: wake-ups that wait in Redis before none is added: by then everybody who listens is being woken
_MOST: Final = 64
#: the most seconds between two attempts while Redis is away
_PAUSE: Final = 1.0
#: seconds that closing waits for the threads
_FAREWELL: Final = 2.0
_LOOK: Final = 0.05


class HueyExecutor:
    """See ``zona_core.ports.executor.Executor``; raises ``ConfigurationError`` for a URL that cannot be used.

    A thread of its own puts wake-ups into the queue, so that nobody who begins a run waits for Redis. Both threads go
    on while Redis is away and after it is back.

    NOTE: not huey's ``Consumer``: it takes over the process's signals, and logs a traceback for each attempt while
    Redis is away.
    """

    runs_here = False

    def __init__(self, url: str) -> None:
        location = Location.parsed(url)
        self._location = location
        self._health = Health(location.shown)
        self._changed = threading.Condition()
        #: wake-ups that are still to be sent
        self._owed = 0
        self._closed = threading.Event()
        self._sender: threading.Thread | None = None
        self._listeners: list[tuple[threading.Thread, Queue]] = []

    def announce(self) -> None:
        """See ``Executor.announce``."""
        with self._changed:
            if self._closed.is_set():
                return
            self._owed = min(self._owed + 1, _MOST)
            if self._sender is None:
                try:
                    self._sender = _started("zona-wake-ups", self._send)
                except RuntimeError as exc:  # the system gives no more threads
                    _LOG.warning("a wake-up cannot be sent: %s", exc)
            self._changed.notify()

    def listen(self, wake: Callable[[], None]) -> None:
        """See ``Executor.listen``."""
        with self._changed:
            if self._closed.is_set():
                return
            queue = Queue(self._location, partial(self._woken, wake))
            self._listeners.append((_started("zona-queue", lambda: self._listen(queue)), queue))

    def close(self) -> None:
        """See ``Executor.close``. What was announced just before is sent, if Redis answers."""
        with self._changed:
            self._closed.set()
            self._changed.notify()
        for thread, queue in self._listeners:
            _end(thread, queue)
        if self._sender is not None:
            self._sender.join(_FAREWELL)

    def _send(self) -> None:
        queue = Queue(self._location)
        while owed := self._take():
            try:
                for _ in range(min(owed, _MOST - queue.count())):
                    queue.send()
            except Exception as exc:  # noqa: BLE001  # whatever it is, who begins runs must not suffer from it
                self._health.failed(exc)
                self._pause()
            else:
                self._health.answered()
        queue.close()

    def _take(self) -> int:
        with self._changed:
            while not self._owed and not self._closed.is_set():
                self._changed.wait()
            owed, self._owed = self._owed, 0
            return owed

    def _listen(self, queue: Queue) -> None:
        while not self._closed.is_set():
            try:
                if not self._health.good:
                    queue.count()
                    self._health.answered()
                queue.listen()
            except Exception as exc:  # noqa: BLE001  # whatever it is, it is to be tried again
                if not self._closed.is_set():
                    self._health.failed(exc)
                    self._pause()
        queue.close()

    def _woken(self, wake: Callable[[], None]) -> None:
        if self._closed.is_set():
            return
        try:
            wake()
        except Exception:  # noqa: BLE001  # what comes of a wake-up must not end the listening
            _LOG.exception("a wake-up came to nothing")

    def _pause(self) -> None:
        self._closed.wait(_PAUSE * random.uniform(0.5, 1.0))  # noqa: S311  # so that not all come at once


def _started(name: str, work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def _end(thread: threading.Thread, queue: Queue) -> None:
    ends_at = time.monotonic() + _FAREWELL
    while thread.is_alive() and thread is not threading.current_thread() and time.monotonic() < ends_at:
        queue.close()  # again and again: it may just have been about to connect
        thread.join(_LOOK)
