"""The service under Gunicorn: processes that are replaced when they die, each with its own ``Zona``."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]
from gunicorn.workers.sync import SyncWorker  # type: ignore[import-untyped]

from zona_core import Settings, Zona, ZonaError
from zona_http._metrics import worker_gone
from zona_http.settings import HttpSettings
from zona_service._entrance import Stopping, WsgiApplication
from zona_service._listening import stop_listening
from zona_service.app import open_app
from zona_service.gunicorn_conf import gunicorn_options

__all__ = ["serve_gunicorn"]

#: seconds that a client may be silent in the middle of a request, or leave an answer unread
_SILENCE: Final = 15

#: seconds that a connection stays open for the client to hang up first
_FAREWELL: Final = 1.0

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
        super().__init__(prog="zona")

    def load_config(self) -> None:
        options = gunicorn_options(self._http, self._descriptor) | {
            "worker_class": _SyncWorker if self._http.threads == 1 else _ThreadWorker,
            "logger_class": _Log,
            "when_ready": lambda _arbiter: self._ready(),
            "worker_exit": lambda _arbiter, worker: self._close(worker),
            "child_exit": lambda _arbiter, worker: worker_gone(worker.pid),
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


class _ThreadWorker(ThreadWorker):  # type: ignore[misc]
    """Requests in threads, idle connections beside them; a client that falls silent does not keep a thread."""

    def enqueue_req(self, conn: TConn) -> None:
        if not conn.initialized:
            _limit_silence(conn.sock)
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """NOTE: Gunicorn 27 waits for the client to hang up, for 2 s at most, in the thread that accepts connections:
        a single client that never hangs up would keep everybody out. Here the thread that answered waits."""
        again = super().handle(conn)
        if not again:
            _part(conn.sock)
        return again


class _SyncWorker(SyncWorker):  # type: ignore[misc]
    """One request at a time, a connection for each."""

    def handle(self, listener: Any, client: socket.socket, addr: Any) -> None:
        _limit_silence(client)
        super().handle(listener, client, addr)


def _part(client: socket.socket) -> None:
    """Says that nothing more comes, and reads what is still on its way: a reset would take the answer with it.

    Ends when the client has hung up, or will wait no longer (RFC 9112 §9.6); what is left for Gunicorn is to close.
    """
    until = time.monotonic() + _FAREWELL
    try:
        client.shutdown(socket.SHUT_WR)
        while (left := until - time.monotonic()) > 0:
            client.settimeout(left)
            if not client.recv(4096):
                break
        client.shutdown(socket.SHUT_RD)
    except OSError:
        return  # it has hung up, or the time is over


def _limit_silence(client: socket.socket) -> None:
    """NOTE: in the kernel, since Gunicorn makes its sockets blocking, without any timeout of their own."""
    limit = struct.pack("ll", _SILENCE, 0)  # struct timeval
    try:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    except OSError:
        return  # it is gone already, which whoever reads from it will see
