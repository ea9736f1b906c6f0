"""The service under Gunicorn: processes that are replaced when they die, each with its own ``Zona``."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from typing import Any, Final

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from zona_core import Settings, Zona, ZonaError
from zona_http._metrics import worker_gone
from zona_http.settings import HttpSettings
from zona_service._balance import PAUSE, Shares
from zona_service._connections import Connection
from zona_service._entrance import Stopping, WsgiApplication
from zona_service._listening import stop_listening
from zona_service._processors import keep_to_one
from zona_service.app import open_app
from zona_service.gunicorn_conf import gunicorn_options

__all__ = ["serve_gunicorn"]

#: seconds after which the clients that are waited for are looked at again
_LOOK_EVERY: Final = 0.25

Reload = Callable[[], tuple[Settings, HttpSettings]]


def serve_gunicorn(
    settings: Settings,
    http: HttpSettings,
    listener: socket.socket,
    *,
    reload: Reload,
    ready: Callable[[], None],
) -> None:
    """Serves on ``listener``, which it takes over, until SIGTERM, SIGINT or SIGQUIT.

    ``reload`` gives the settings anew when SIGHUP asks for it; ``ready`` is called once, when requests are taken.
    Raises ``SystemExit`` in the workers when they end, ``ZonaError`` if no worker can be started.
    """
    main = os.getpid()
    try:
        _Application(settings, http, listener.detach(), reload, ready).run()
    except SystemExit as exc:
        if os.getpid() != main:
            raise
        if exc.code:
            raise ZonaError("the service could not start or had to give up; its log says why", code="stopped") from exc


class _Application(BaseApplication):  # type: ignore[misc]  # Gunicorn has no types
    """What Gunicorn calls: settings, the application of a worker, hooks."""

    def __init__(
        self, settings: Settings, http: HttpSettings, descriptor: int, reload: Reload, ready: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._http = http
        self._descriptor = descriptor
        self._reload = reload
        self._ready = ready
        self._zona: Zona | None = None
        self.stopping = Stopping()
        self.shares = Shares()
        super().__init__(prog="zona")

    def load_config(self) -> None:
        options = gunicorn_options(self._http, self._descriptor) | {
            "worker_class": _Worker,
            "logger_class": _Log,
            "when_ready": lambda _arbiter: self._ready(),
            "pre_fork": lambda arbiter, worker: self._place(worker, arbiter.WORKERS.values()),
            "worker_exit": lambda _arbiter, worker: self._close(worker),
            "child_exit": lambda _arbiter, worker: self._bury(worker),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> WsgiApplication:
        """In a worker, after the fork."""
        app, self._zona = open_app(self._settings, self._http, self.stopping)
        return app

    def reload(self) -> None:
        """SIGHUP: new settings for new workers; what cannot be used is logged, and the old ones stay."""
        try:
            self._settings, self._http = self._reload()
        except ZonaError as exc:
            faults = [str(fault) for fault in exc.faults]
            told = "the new configuration is not used: %s"
            self.logger.error(told, exc.message, extra={"faults": faults})  # noqa: TRY400  # the faults say it all
        super().reload()

    def run(self) -> None:
        arbiter = _Arbiter(self)
        self.logger = arbiter.log
        arbiter.run()

    @property
    def pins_workers(self) -> bool:
        """Whether each worker keeps to one processor."""
        return self._http.pin_workers

    def _place(self, worker: Any, others: Iterable[Any]) -> None:
        """In the main process, before a fork."""
        worker.slot = self.shares.free({other.slot for other in others})

    def _bury(self, worker: Any) -> None:
        """In the main process, when a worker has ended in whatever way."""
        self.shares.leave(worker.slot)
        worker_gone(worker.pid)

    def _close(self, worker: Any) -> None:
        if worker.pid == os.getpid() and self._zona is not None:
            self._zona.close()
            self._zona = None


class _Arbiter(Arbiter):  # type: ignore[misc]
    """Gunicorn's main process, which ends without cutting off anybody who was let in."""

    def stop(self, graceful: bool = True) -> None:
        self.app.stopping.set()
        if graceful:
            stop_listening([each.sock for each in self.LISTENERS if each.sock], self.cfg.graceful_timeout)
        super().stop(graceful)

    def handle_usr2(self) -> None:
        # A second main process beside this one would share, and then remove, what belongs to this one.
        self.log.warning("SIGUSR2 does nothing: start a new service and stop this one")


class _Log(Logger):  # type: ignore[misc]
    """Gunicorn's lines are records of the standard library, which end in the log of the service."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS[cfg.loglevel]
        self.error_log.setLevel(self.loglevel)
        self.error_log.propagate = True
        self._access_log_enabled = False

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Nothing: the application writes a line for each request."""


class _Worker(ThreadWorker):  # type: ignore[misc]
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
