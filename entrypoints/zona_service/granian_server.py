"""The service under Granian: the same application and the same rules, with HTTP spoken by Rust threads."""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels, logger
from granian.server.mp import MPServer

from zona_core import Settings, ZonaError
from zona_http._logging import server_log_config
from zona_http._metrics import worker_gone
from zona_http.settings import HttpSettings
from zona_service._entrance import Stopping, WsgiApplication
from zona_service._listening import BACKLOG, process_count, stop_listening
from zona_service.app import open_app

__all__ = ["serve_granian"]

#: requests that wait for each thread of a worker; beyond them connections wait in the socket's queue
_WAITING_PER_THREAD: Final = 16
#: bytes of a request's line and headers together
_LONGEST_HEAD: Final = 65_536
#: milliseconds that a client may take to send them
_HEAD_TIME: Final = 10_000


Reload = Callable[[], tuple[Settings, HttpSettings]]


def serve_granian(
    settings: Settings,
    http: HttpSettings,
    listener: socket.socket,
    *,
    reload: Reload,
    ready: Callable[[], None],
) -> None:
    """Serves on ``listener`` until SIGTERM or SIGINT.

    ``reload`` gives the settings anew when SIGHUP asks for it; ``ready`` is called once, when requests are taken.
    Raises ``ZonaError`` if workers cannot be started or die again and again.
    """
    # NOTE: the workers share the listening socket, and with it its queue, which only forked processes can.
    multiprocessing.set_start_method("fork", force=True)
    server = _Server(settings, http, listener, reload)
    server.on_startup(ready)
    try:
        server.serve(target_loader=server.load, wrap_loader=False)
    except SystemExit as exc:
        if exc.code:
            raise ZonaError("the service could not start or had to give up; its log says why", code="stopped") from exc


class _EarlyStop:
    """A SIGTERM that comes before Granian listens for it in a worker, which opens the application first.

    Until then the main process's handler, inherited by the fork, would swallow it, and the worker would have to be
    killed when the time for stopping is over.
    """

    #: seconds between Granian's taking the signal and its being able to act on it, with a lot to spare
    _SETTLED: Final = 1.0
    _PACE: Final = 0.05

    def __init__(self, *, arrived: bool) -> None:
        self._arrived = arrived
        signal.signal(signal.SIGTERM, self._note)

    def pass_on(self) -> None:
        """Sends the signal again, if there was one, once Granian has taken over."""
        threading.Thread(target=self._watch, name="zona-early-stop", daemon=True).start()

    def _note(self, *_: object) -> None:
        self._arrived = True

    def _watch(self) -> None:
        while signal.getsignal(signal.SIGTERM) == self._note:
            time.sleep(self._PACE)
        if self._arrived:
            time.sleep(self._SETTLED)
            os.kill(os.getpid(), signal.SIGTERM)


class _Server(MPServer):
    """Granian's main process with a socket of ours.

    NOTE: Granian's workers would each bind a socket of their own (SO_REUSEPORT), each with a queue of its own: what
    waits in the queue of one that dies is lost, and port 0 would be another port for each.
    """

    def __init__(self, settings: Settings, http: HttpSettings, listener: socket.socket, reload: Reload) -> None:
        self._settings = settings
        self._http = http
        self._listener = listener
        self._reload_settings = reload
        self._stopping = Stopping()
        host, port = listener.getsockname()[:2]
        super().__init__(
            "zona",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=process_count(http.workers),
            blocking_threads=http.threads,
            backlog=BACKLOG,
            backpressure=http.threads * _WAITING_PER_THREAD,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=_HEAD_TIME, keep_alive=http.keep_alive > 0, max_buffer_size=_LONGEST_HEAD
            ),
            websockets=False,
            log_level=LogLevels(http.log_level),
            log_dictconfig=server_log_config(http.log_level),
            log_access=False,
            respawn_failed_workers=True,
            respawn_interval=0.5,
            workers_kill_timeout=http.graceful_timeout,
            ssl_cert=Path(http.certificate) if http.certificate else None,
            ssl_key=Path(http.certificate_key) if http.certificate_key else None,
            ssl_protocol_min=SSLProtocols.tls13,
            ssl_ca=Path(http.client_authorities) if http.client_authorities else None,
            ssl_client_verify=bool(http.client_authorities),
        )
        self.on_reload(self._take_new_settings)

    def load(self) -> WsgiApplication:
        """In a worker, after the fork."""
        early = _EarlyStop(arrived=bool(self.interrupt_signal))
        app, zona = open_app(self._settings, self._http, self._stopping)
        early.pass_on()
        # Not atexit, which processes of multiprocessing do not run.
        multiprocessing.util.Finalize(None, zona.close, exitpriority=1)
        return app

    def _take_new_settings(self) -> None:
        """SIGHUP: for the application of new workers; what Granian itself was told stays."""
        try:
            self._settings, self._http = self._reload_settings()
        except ZonaError as exc:
            faults = [str(fault) for fault in exc.faults]
            logger.error("the new configuration is not used: %s", exc.message, extra={"faults": faults})

    def _init_shared_socket(self) -> None:
        self._sso = None
        # Descriptor, whether it is a Unix socket, backlog: Granian's own annotations lack them.
        holder: Any = SocketHolder(self._listener.fileno(), False, BACKLOG)  # type: ignore[call-arg]
        self._shd = holder
        self._sfd = holder.get_fd()

    def _drop_shared_socket(self) -> None:
        self._stopping.set()
        stop_listening([self._listener], self._http.graceful_timeout)
        self._listener.close()

    def _respawn_workers(self, workers: Any, spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        gone = [self.wrks[index].inner.pid for index in workers]
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        for pid in gone:
            worker_gone(pid)
