"""What an embedded ``Zona`` uses by default: the machine's clock, and threads of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, TypeVar

from zona_core.errors import ZonaError

__all__ = ["Here", "SystemClock", "ThreadExecutor"]

T = TypeVar("T")


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time of day, to the millisecond: what every database keeps as it is."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1_000 * 1_000)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class Here:
    """The executor that carries runs out in the process that begins them; others look by themselves."""

    runs_here = True

    def announce(self) -> None:
        """Nobody else is to be woken."""

    def listen(self, wake: Callable[[], None]) -> None:
        """Nobody else wakes this process."""

    def close(self) -> None:
        """There is nothing to close."""


class ThreadExecutor:
    """At most ``workers`` daemon threads, each started when there is work and none idle.

    NOTE: not ``concurrent.futures.ThreadPoolExecutor``: that one joins its threads when the interpreter exits, so a
    handler that hangs would hang the whole program long after its run has timed out.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._queue: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """See ``Threads.submit``; raises ``ZonaError`` once closed."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise ZonaError("the executor is closed", code="closed")
            if self._idle:
                self._idle -= 1
            elif len(self._threads) < self._workers:
                self._start_thread()
            self._queue.put((future, function))
        return future

    def close(self, grace: float = 5.0) -> None:
        """Takes nothing more, cancels what has not begun, waits up to ``grace`` seconds for what has."""
        with self._lock:
            self._closed = True
            threads = list(self._threads)
        while True:
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                break
            if waiting is not None:
                waiting[0].cancel()
        for _ in threads:
            self._queue.put(None)
        deadline = time.monotonic() + grace
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"zona-{len(self._threads)}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more; those that are there will do
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _work(self) -> None:
        while True:
            job = self._queue.get()
            if job is None:
                return
            future, function = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as exc:  # noqa: BLE001  # the future carries it to whoever asked
                    future.set_exception(exc)
            del future, function, job
            with self._lock:
                self._idle += 1
