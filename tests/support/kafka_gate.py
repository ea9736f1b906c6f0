"""A gate before a broker that speaks neither TLS nor SASL: it takes both off, as a real one does at its own door."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import suppress

__all__ = ["KafkaGate"]

#: Kafka's numbers of requests and errors (https://kafka.apache.org/protocol)
SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 17, 18, 36
UNSUPPORTED_MECHANISM, AUTHENTICATION_FAILED = 33, 58


class KafkaGate:
    """Listens on ``port`` of loopback and hands on to ``target``.

    With ``context`` it speaks TLS; with ``login``, a name and a password, it asks for them by SASL's PLAIN first.
    """

    def __init__(
        self, target: int, *, context: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
    ) -> None:
        self._target = target
        self._context = context
        self._login = login
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends everything."""
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(taken,), daemon=True).start()

    def _serve(self, taken: socket.socket) -> None:
        self._sockets.append(taken)
        with suppress(OSError, EOFError):
            if self._context is not None:
                taken = self._context.wrap_socket(taken, server_side=True)
                self._sockets.append(taken)
            onward = socket.create_connection(("127.0.0.1", self._target))
            self._sockets.append(onward)
            while self._login is not None and not self._let_in(taken, onward):
                pass
            threading.Thread(target=_pump, args=(onward, taken), daemon=True).start()
            _pump(taken, onward)

    def _let_in(self, taken: socket.socket, onward: socket.socket) -> bool:
        """One request before the door opens; whether it opens now."""
        request = _frame(taken)
        kind, version, number = struct.unpack_from(">hhi", request)
        body = request[10 + max(0, struct.unpack_from(">h", request, 8)[0]) :]
        if kind == API_VERSIONS:
            _send(onward, request)
            _send(taken, _with_sasl(_frame(onward), version))
        elif kind == SASL_HANDSHAKE:
            known = body[2:] == b"PLAIN"
            error = 0 if known else UNSUPPORTED_MECHANISM
            _send(taken, struct.pack(">ihih", number, error, 1, 5) + b"PLAIN")
        elif kind == SASL_AUTHENTICATE:
            assert self._login is not None
            right = body[4:] == b"\0" + b"\0".join(part.encode() for part in self._login)
            _send(taken, struct.pack(">ihhi", number, 0 if right else AUTHENTICATION_FAILED, -1, 0))
            return right
        else:
            raise EOFError("a request before the login")
        return False


def _with_sasl(answer: bytes, version: int) -> bytes:
    """A broker's list of what it knows, with SASL in it."""
    number, error = struct.unpack_from(">ih", answer)
    if error:
        return answer
    added = struct.pack(">hhh", SASL_HANDSHAKE, 0, 1), struct.pack(">hhh", SASL_AUTHENTICATE, 0, 0)
    if version < 3:
        (count,) = struct.unpack_from(">i", answer, 6)
        return struct.pack(">ihi", number, error, count + 2) + b"".join(added) + answer[10:]
    # A compact array: its length and one in a byte (it is short); behind each entry an empty list of tags (KIP-482).
    return answer[:6] + bytes([answer[6] + 2]) + b"".join(each + b"\0" for each in added) + answer[7:]


def _frame(source: socket.socket) -> bytes:
    (size,) = struct.unpack(">i", _exactly(source, 4))
    return _exactly(source, size)


def _exactly(source: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = source.recv(size - len(got))
        if not more:
            raise EOFError
        got += more
    return got


def _send(target: socket.socket, frame: bytes) -> None:
    target.sendall(struct.pack(">i", len(frame)) + frame)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
