"""Real servers, and a proxy before one that can freeze and cut connections."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
import redis
from real_servers import RedisServer
from redis_fixtures import server, shared_server  # noqa: F401  # fixtures
from waiting import until


@pytest.fixture
def prefix() -> str:
    """What keys begin with in this test alone."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def raw(shared_server: RedisServer) -> Iterator[redis.Redis]:  # noqa: F811  # the fixture
    """A bare client of the shared server."""
    with redis.Redis.from_url(shared_server.url) as client:
        yield client


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], object]:
    """Waits until a condition holds."""
    return until


class Proxy:
    """Hands on what comes for a port of loopback, with TLS before it if there is a context."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._context = context
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        #: connections that were made to it
        self.count = 0
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """From now on nothing gets through; connections stay and new ones are taken, as behind a broken network."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Everything gets through again."""
        self._flowing.set()

    def close(self) -> None:
        """Ends everything."""
        self.thaw()
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                self.count += 1
                threading.Thread(target=self._serve, args=(taken,), daemon=True).start()

    def _serve(self, taken: socket.socket) -> None:
        self._sockets.append(taken)
        with suppress(OSError):
            if self._context is not None:
                taken = self._context.wrap_socket(taken, server_side=True)
                self._sockets.append(taken)
            onward = socket.create_connection(("127.0.0.1", self._port))
            self._sockets.append(onward)
            threading.Thread(target=self._pump, args=(onward, taken), daemon=True).start()
            self._pump(taken, onward)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._flowing.wait()
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy_to() -> Iterator[Callable[..., Proxy]]:
    """Puts a proxy before a port."""
    with ExitStack() as stack:

        def put_before(port: int, context: ssl.SSLContext | None = None) -> Proxy:
            made = Proxy(port, context)
            stack.callback(made.close)
            return made

        yield put_before
