"""The socket that a service listens on, and how it stops listening without losing anybody."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Final

from zona_core import ConfigurationError, Fault
from zona_service._processors import usable_processors

__all__ = ["BACKLOG", "listen", "process_count", "stop_listening", "url_of"]

#: connections that wait to be accepted
BACKLOG: Final = 2048

#: seconds after which what is still in the queue is given up, and that a handshake under way may take to end
_LONGEST_DRAIN: Final = 5.0
_HANDSHAKE: Final = 0.1

# A classic BPF program (linux/filter.h) on TCP segments: those that would open a connection (SYN, RFC 9293 §3.1) are
# dropped, as if they had been lost on the way; all others pass.
_SO_ATTACH_FILTER: Final = 26
_NO_NEW_CONNECTIONS: Final = b"".join(
    struct.pack("HBBI", *step)
    for step in (
        (0x30, 0, 0, 13),  # load the byte with the flags
        (0x45, 0, 1, 0x02),  # SYN set?
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, 0xFFFF),  # pass
    )
)


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 is any that is free. Raises ``ConfigurationError`` if that cannot be had."""
    made: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        made.bind(address)
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError as exc:
        if made is not None:
            made.close()
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {exc.strerror}",
            code="address_unavailable",
            faults=[Fault("http.port", f"port {port} of {host}: {exc.strerror}", "an address that is free")],
            hint="another --port or --host; --port 0 takes any that is free",
        ) from exc
    return made


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """Where the service is reached."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def stop_listening(listeners: Sequence[socket.socket], limit: float) -> None:
    """Lets nobody new in and returns when everybody who was let in has been accepted, at the latest after ``limit`` s.

    The kernel completes connections on its own and keeps them in a queue; whoever is in there when the last process
    closes the socket is cut off after having sent a request. So first new handshakes are ignored (a client tries again
    after a second and is then refused, or reaches the successor), then the workers empty the queue.
    """
    if sys.platform == "linux":
        closed = [_refuse_new(each) for each in listeners]
        if any(closed):
            time.sleep(_HANDSHAKE)
        until = time.monotonic() + min(limit, _LONGEST_DRAIN)
        while time.monotonic() < until and any(map(_waiting, listeners)):
            time.sleep(0.01)


def _refuse_new(listener: socket.socket) -> bool:
    program = ctypes.create_string_buffer(_NO_NEW_CONNECTIONS, len(_NO_NEW_CONNECTIONS))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 4, ctypes.addressof(program)))
    except OSError:  # a sandbox that knows no filters: the queue is emptied all the same
        return False
    return True


def _waiting(listener: socket.socket) -> int:
    """How many connections wait to be accepted: ``tcpi_unacked`` of a listening socket (linux/tcp.h)."""
    try:
        state: bytes = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    except OSError:
        return 0
    return int(struct.unpack_from("I", state, 24)[0]) if len(state) >= 28 else 0


def process_count(wanted: int) -> int:
    """How many workers: as many as wanted, for 0 one for each processor that this process may use, at most four."""
    if wanted:
        return wanted
    return min(4, len(usable_processors()))
