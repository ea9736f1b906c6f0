"""A worker process under Gunicorn: one loop that waits for all clients, and threads for complete requests."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from typing import Any, Final

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from zona_service._balance import PAUSE
from zona_service._connections import Connection
from zona_service._processors import keep_to_one

__all__ = ["Worker"]

#: seconds after which the clients that are waited for are looked at again
_LOOK_EVERY: Final = 0.25


class Worker(ThreadWorker):  # type: ignore[misc]
    """One loop that waits for all clients, and threads that work on requests which are complete.

    A single thread is the loop's own: then a request is worked on at once, and everybody waits for it. Where a large
    body is still on its way, the thread has to wait: at most half of the threads do that at a time.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: set[Connection] = set()
        self._looked = 0.0
        self._large: deque[Connection] = deque()
        self._large_left = max(1, self.cfg.threads // 2)
        self.slot: int | None = None
        #: when it may accept again what others have left alone
        self._accept_at = 0.0
        self._has_yielded = False

    def init_process(self) -> None:
        if self.slot is not None and self.app.pins_workers:
            keep_to_one(self.slot, self.cfg.workers)
        super().init_process()

    def get_thread_pool(self) -> Executor:
        return _InPlace() if self.cfg.threads == 1 else super().get_thread_pool()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        self.app.shares.tell(self.slot, self.nr_conns)
        pause = self._accept_at - time.monotonic()
        super().wait_for_and_dispatch_events(min(timeout, pause) if pause > 0 else timeout)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled and time.monotonic() >= self._accept_at)

    def accept(self, listener: Any) -> None:
        if self._yields():
            return
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        try:
            conn = Connection(self.cfg, client, address, listener.getsockname())
        except OSError:
            client.close()
            return
        self.nr_conns += 1
        self.app.shares.tell(self.slot, self.nr_conns)
        self.enqueue_req(conn)

    def _yields(self) -> bool:
        """Whether it leaves a connection to another worker, which it does once for each."""
        self._has_yielded = not self._has_yielded and not self.app.shares.is_least(self.slot, self.nr_conns)
        if self._has_yielded:
            self._accept_at = time.monotonic() + PAUSE
            self.set_accept_enabled(False)
        return self._has_yielded

    def enqueue_req(self, conn: Connection) -> None:
        """A request is expected, or has come."""
        conn.expect()
        self._proceed(conn)

    def handle(self, conn: Connection) -> bool:
        conn.kept = False
        conn.kept = bool(super().handle(conn)) and not conn.late
        return conn.kept

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        if conn.unfinished:
            conn.unfinished = False
            self._large_left += 1
            if self._large:
                self._start(self._large.popleft())
        if conn.kept:
            super().finish_request(conn, fs)
        else:
            self._part(conn)

    def murder_pending(self) -> None:
        """Called in every round of the loop, at least once a second."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        for conn in [each for each in self._waiting if each.deadline <= now]:
            with suppress(OSError):
                conn.refuse()
            self._part(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """The worker stops: who has sent nothing yet is not waited for any longer than who was answered."""
        super()._cap_keepalive(deadline)
        for conn in self._waiting:
            if conn.idle:
                conn.deadline = min(conn.deadline, deadline)

    def _proceed(self, conn: Connection, _client: Any = None) -> None:
        try:
            event = conn.advance()
        except OSError:
            self._part(conn)
            return
        self._watch(conn, event)
        if not event:
            self._start(conn)

    def _start(self, conn: Connection) -> None:
        if conn.unfinished:
            if not self._large_left:
                self._large.append(conn)
                return
            self._large_left -= 1
        super().enqueue_req(conn)

    def _part(self, conn: Connection) -> None:
        """NOTE: Gunicorn 27 waits up to 2 s for a client to hang up, in the loop that has to wait for all of them."""
        try:
            conn.part()
        except OSError:
            self._watch(conn, 0)
            self.nr_conns -= 1
            conn.close()
        else:
            self._proceed(conn)

    def _watch(self, conn: Connection, event: int) -> None:
        if event == conn.watched:
            return
        if conn.watched:
            self.poller.unregister(conn.sock)
            self._waiting.discard(conn)
        if event:
            self.poller.register(conn.sock, event, partial(self._proceed, conn))
            self._waiting.add(conn)
        conn.watched = event


class _InPlace(Executor):
    """Does at once what it is told to."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as exc:  # noqa: BLE001  # what a worker is ended with goes on
            future.set_exception(exc)
        return future
