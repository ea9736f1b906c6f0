"""Connections to checked addresses, and those that are kept open for the next request.

urllib3's connection classes speak HTTP and TLS; three things are different here: the socket goes to the address that
was checked (while SNI, certificate check and ``Host`` keep the name), every wait ends with the attempt's deadline, and
nothing is resolved, redirected, repeated or sent through a proxy behind our back.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import urllib3
from attrs import define, field
from urllib3.connection import HTTPConnection, HTTPSConnection

from zona_http_task._addresses import Endpoint
from zona_http_task._deadline import Deadline
from zona_http_task._urls import Url

__all__ = ["IdleConnections", "Pinned", "open_connection"]

_PIECE: Final = 65_536
#: header values continued on the next line (RFC 9112 §5.2); looked for where blanks begin, as each of many would else
#: be tried
_FOLD: Final = re.compile(r"(?:(?<![ \t])[ \t]+)?\r?\n[ \t]*")
#: seconds after which an unused connection is closed: servers close theirs about then, and do not tell in time
_LONGEST_IDLE: Final = 30.0
_MOST_IDLE: Final = 64

if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


class Pinned(_Base):
    """What both connection classes have in common. ``deadline`` is set anew for each exchange."""

    endpoint: Endpoint
    deadline: Deadline
    _response: http.client.HTTPResponse | None = None

    def _new_conn(self) -> socket.socket:
        sock = socket.socket(self.endpoint.family, socket.SOCK_STREAM)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(self.timeout)
            sock.connect(self.endpoint.address)
            sock.settimeout(self.deadline.left())  # for the TLS handshake
        except BaseException:
            sock.close()
            raise
        return sock

    def send(self, data: Any) -> None:
        """Sends in pieces, so that a slow receiver cannot stretch the time that is left."""
        if not isinstance(data, bytes) or self.sock is None:
            super().send(data)
            return
        for start in range(0, len(data), _PIECE):
            self.sock.settimeout(self.deadline.left())
            super().send(data[start : start + _PIECE])

    def use_until(self, deadline: Deadline) -> None:
        """Makes ``deadline`` the limit of everything that follows."""
        self.deadline = deadline
        self.timeout = deadline.left()
        self.response_class = self._timed_response  # type: ignore[assignment]  # a factory does as well as a class

    def answer(self, method: str) -> urllib3.HTTPResponse:
        """The response to the request that was sent, its body unread.

        NOTE: urllib3's ``getresponse`` logs the URL, query and all, when it cannot parse a header; this one does not.
        """
        raw = http.client.HTTPConnection.getresponse(self)
        return urllib3.HTTPResponse(
            body=raw,
            headers=urllib3.HTTPHeaderDict([(name, _FOLD.sub(" ", value)) for name, value in raw.msg.items()]),
            status=raw.status,
            reason=raw.reason,
            preload_content=False,
            original_response=raw,
            request_method=method,
        )

    def discard(self) -> None:
        """Closes everything. NOTE: ``close()`` alone leaves the socket to an answer that is not yet read."""
        self.close()
        if self._response is not None:
            self._response.close()

    def _timed_response(self, sock: socket.socket, **options: Any) -> http.client.HTTPResponse:
        timed = _TimedSocket(sock, self.deadline)
        self._response = http.client.HTTPResponse(timed, **options)  # type: ignore[arg-type]  # see _TimedSocket
        return self._response


class _PinnedHttp(Pinned, HTTPConnection):
    pass


class _PinnedHttps(Pinned, HTTPSConnection):
    pass


class _TimedSocket:
    """As much of a socket as ``http.client.HTTPResponse`` uses."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A reader each of whose reads ends with the deadline: a socket's own timeout begins anew with each byte."""
        return io.BufferedReader(_TimedReader(self._sock, self._deadline))


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._deadline.await_readable(self._sock)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def open_connection(
    url: Url, endpoint: Endpoint, *, deadline: Deadline, timeout: float, ssl_context: ssl.SSLContext
) -> Pinned:
    """A connection to ``endpoint`` that speaks for ``url``'s host. Raises ``OSError`` (``ssl.SSLError`` is one)."""
    connection: Pinned
    if url.scheme == "https":
        connection = _PinnedHttps(url.host, url.port, timeout=timeout, ssl_context=ssl_context)
    else:
        connection = _PinnedHttp(url.host, url.port, timeout=timeout)
    connection.endpoint = endpoint
    connection.deadline = deadline
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


@define(frozen=True)
class _Idle:
    key: tuple[str, Endpoint]
    connection: Pinned = field(eq=False)
    since: float


class IdleConnections:
    """Open connections that wait for the next request to the same origin and address. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []  # the longest idle first

    def take(self, url: Url, endpoints: list[Endpoint]) -> Pinned | None:
        """One that still lives, for one of the (checked) ``endpoints``."""
        while (found := self._pop({(url.origin, endpoint) for endpoint in endpoints})) is not None:
            if time.monotonic() - found.since < _LONGEST_IDLE and found.connection.is_connected:
                return found.connection
            found.connection.discard()
        return None

    def put(self, url: Url, connection: Pinned) -> None:
        """Keeps ``connection``, all of whose last answer was read; the longest idle one goes if there are too many."""
        with self._lock:
            self._idle.append(_Idle((url.origin, connection.endpoint), connection, time.monotonic()))
            surplus = self._idle.pop(0) if len(self._idle) > _MOST_IDLE else None
        if surplus:
            surplus.connection.discard()

    def close(self) -> None:
        """Closes them all."""
        with self._lock:
            idle, self._idle = self._idle, []
        for found in idle:
            found.connection.discard()

    def _pop(self, keys: set[tuple[str, Endpoint]]) -> _Idle | None:
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].key in keys:
                    return self._idle.pop(index)
        return None
