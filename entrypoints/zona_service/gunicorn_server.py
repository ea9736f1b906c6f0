"""The service under Gunicorn: processes that are replaced when they die, each with its own ``Zona``."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from zona_core import Settings, Zona, ZonaError
from zona_http._metrics import worker_gone
from zona_http.settings import HttpSettings
from zona_service._balance import Shares
from zona_service._entrance import Stopping, WsgiApplication
from zona_service._listening import stop_listening
from zona_service._worker import Worker
from zona_service.app import open_app
from zona_service.gunicorn_conf import gunicorn_options

__all__ = ["serve_gunicorn"]

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
            "worker_class": Worker,
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
