"""Connections whose requests are complete before a thread works on them, so that no thread waits for a slow client."""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import struct
import time
from typing import Any, Final

from gunicorn.http import get_parser  # type: ignore[import-untyped]
from gunicorn.http.unreader import SocketUnreader  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]

__all__ = ["HEAD_SECONDS", "Connection"]

#: seconds that a client may take to shake hands (TLS) and send a request's line and headers
HEAD_SECONDS: Final = 10.0
#: seconds that it may then take to send the body, and bytes that earn it another second
_BODY_SECONDS: Final = 30.0
_BODY_RATE: Final = 16_384
#: seconds that it may be silent where a thread waits for it: for the rest of a large body, or to take its answer
_SILENCE: Final = 15
#: seconds that it may take to hang up when it has its answer
_FAREWELL: Final = 1.0
#: bytes of a request that are gathered: line and headers, and the body if it fits in
_LARGEST: Final = 65_536
_PIECE: Final = 8_192

_HEAD_END: Final = b"\r\n\r\n"
#: how long a body is, or else that its end is known when it comes (RFC 9112 §6), or that it is not sent unasked
#: (RFC 9110 §10.1.1)
_BODY: Final = re.compile(rb"\r\n(?i:content-length[ \t]*:[ \t]*([0-9]{1,18})[ \t]*\r|transfer-encoding:|expect:)")
#: the end of the headers, if nothing before it tells of a body
_NO_BODY: Final = re.compile(rb"\r\n(?:\r\n|(?i:content-length|transfer-encoding|expect):)")
_TOO_SLOW: Final = b"408 Request Timeout"
_TOO_LARGE: Final = b"431 Request Header Fields Too Large"


class Connection(TConn):  # type: ignore[misc]  # Gunicorn has no types
    """A client, as the loop that waits for all of them sees it. Its socket does not block there."""

    def __init__(self, cfg: Any, client: socket.socket, address: Any, server: Any) -> None:
        """Raises ``OSError`` if the client has gone already."""
        _limit_silence(client)
        client.setblocking(False)
        self._tls: bool = cfg.is_ssl  # asked once, as it costs more than anything here
        if self._tls:
            context = cfg.ssl_context(cfg, None)
            client = context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        super().__init__(cfg, client, address, server)
        self._secured = not self._tls
        self.parser = get_parser(cfg, self.sock, address)
        self.parser.unreader = self._rest = _Rest(self.sock)
        self.initialized = True
        #: when the client is given up
        self.deadline = 0.0
        #: for which event the loop watches the socket; 0 for none
        self.watched = 0
        #: whether it was answered and may ask again
        self.kept = False
        #: whether a thread will have to wait for the rest of the body
        self.unfinished = False
        self._received = b""
        self._wanted = 0
        self._searched = 0
        self._parting = False

    @property
    def late(self) -> bool:
        """Whether the rest of a body did not come in time: nobody knows where the next request begins."""
        return self._rest.late

    @property
    def idle(self) -> bool:
        """Whether nothing of a request has come yet, or nothing more is expected."""
        return not self._received

    def expect(self) -> None:
        """A request begins, with what may have come behind the one before."""
        self.deadline = time.monotonic() + HEAD_SECONDS
        self._received = self._rest.take_buffered()
        self._wanted = self._searched = 0

    def advance(self) -> int:
        """Takes what has come; the event to wait for, 0 if a thread can work on the request.

        Raises ``OSError`` if there is nothing more to wait for.
        """
        try:
            if not self._secured:
                self.sock.do_handshake()
                self._secured = True
            if self._parting:
                return self._discard()
            self._gather()
        except (BlockingIOError, ssl.SSLWantReadError):
            return selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            return selectors.EVENT_WRITE
        return 0

    def init(self) -> None:
        """In the thread, before the request is read, with a socket that blocks."""
        if self._tls:
            # NOTE: here the time-outs of the kernel do not count, as Python tries again.
            self.sock.settimeout(_SILENCE)
        self._rest.patience = _BODY_SECONDS if self.unfinished else None

    def part(self) -> None:
        """Says that nothing more comes; what is on its way is taken, as a reset would take the answer with it.

        Raises ``OSError`` if the client has gone, or was told already (RFC 9112 §9.6).
        """
        if self._parting:
            raise ConnectionResetError
        self._parting = self._secured = True
        self._received = b""
        self.deadline = time.monotonic() + _FAREWELL
        self.sock.setblocking(False)
        self.sock.shutdown(socket.SHUT_WR)

    def refuse(self, status: bytes = _TOO_SLOW) -> None:
        """Tells why it is given up a client that has sent a part of a request. Raises ``OSError`` if it has gone."""
        if self._received:
            self.sock.send(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    def _gather(self) -> None:
        while not (self._received and self._complete()):
            data = self.sock.recv(_PIECE)
            if not data:
                raise ConnectionResetError
            self._received += data
        self._rest.buf.write(self._received)

    def _complete(self) -> bool:
        return bool(self._wanted or self._measured()) and len(self._received) >= self._wanted

    def _measured(self) -> bool:
        """Whether the head has come; then it is known how much to gather.

        NOTE: this decides who waits for the body, no more; what a request is, Gunicorn's parser says.
        """
        if self._received.startswith(b"\r\n"):  # RFC 9112 §2.2: an empty line before the first one means nothing
            self._received = self._received.lstrip(b"\r\n")
        received = self._received
        found = None if self._searched else _NO_BODY.search(received)
        if found and found[0] == _HEAD_END:
            self._wanted = found.end()
            return True
        end = received.find(_HEAD_END, self._searched)
        if end >= 0:
            self._measure_body(end)
            return True
        if len(received) >= _LARGEST:
            self.refuse(_TOO_LARGE)
            raise ConnectionAbortedError
        self._searched = max(0, len(received) - len(_HEAD_END) + 1)
        return False

    def _measure_body(self, end: int) -> None:
        self._wanted = end + len(_HEAD_END)
        lengths = _BODY.findall(self._received, 0, end + 2)
        if lengths:
            whole = self._wanted + max(int(length or _LARGEST) for length in lengths)
            self.unfinished = b"" in lengths or whole > max(_LARGEST, len(self._received))
            self._wanted = self._wanted if self.unfinished else whole
            self.deadline = time.monotonic() + _BODY_SECONDS

    def _discard(self) -> int:
        # Once in a round of the loop: a client that sends without end would keep it here.
        if not self.sock.recv(_LARGEST):
            raise ConnectionResetError
        return selectors.EVENT_READ


class _Rest(SocketUnreader):  # type: ignore[misc]
    """What a thread reads of a request: what was gathered, then the rest of a large body if it comes in time."""

    #: seconds that a thread may still wait for the client; None if everything was gathered. What the service does with
    #: what has come, while more is on its way, is not the client's time
    patience: float | None = None
    #: whether it was given up
    late = False

    def chunk(self, size_hint: int | None = None) -> bytes:
        """More of the body; if it does not come in time, it ends here."""
        if self.late or self.patience is None:
            return b""
        began, before = time.monotonic(), self.sock.gettimeout()
        try:
            self.sock.settimeout(max(0.0, min(self.patience, _SILENCE)))
            data: bytes = super().chunk(size_hint)
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            self.late = True
            return b""
        finally:
            self.sock.settimeout(before)
        self.patience += len(data) / _BODY_RATE - (time.monotonic() - began)
        return data


def _limit_silence(client: socket.socket) -> None:
    """NOTE: in the kernel, as Gunicorn makes its sockets blocking in threads, without any time-out of their own."""
    limit = struct.pack("ll", _SILENCE, 0)  # struct timeval
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
