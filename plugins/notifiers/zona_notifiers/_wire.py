"""Connections to checked addresses (SPEC §5: SSRF, DNS rebinding), with an end in time and in size.

A name is resolved once, and the socket goes to an address that was checked; certificates are checked for the name.
``Wire`` is as much of a socket as ``smtplib`` and ``http.client`` use: a socket's own timeout would begin anew with
each byte that arrives.
"""

from __future__ import annotations

import io
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from attrs import define

from zona_core.domain.network import NetworkPolicy, refusal_of
from zona_notifiers._peers import Deadline, Peer

__all__ = ["Reach", "Wire", "connected"]

#: bytes of one piece that is sent: about a record of TLS
_PIECE: Final = 16_384
#: bytes that are taken from the other side at most: replies are lines, and of an answer little is read
_MOST: Final = 262_144


@define(frozen=True, kw_only=True)
class Reach:
    """Which addresses a delivery may go to."""

    network: NetworkPolicy
    #: the channel asks for private addresses
    private: bool
    #: a secret goes along unencrypted: it stays within private networks
    in_clear: bool = False

    def refusal(self, address: str) -> str | None:
        """Why ``address`` (an IP text) may not be connected to, or None."""
        if refusal_of(address, instance_asks=self.private, policy=self.network):
            return "it leads to an address that is not public, which this channel may not reach"
        if self.in_clear and refusal_of(address, instance_asks=False, policy=self.network) is None:
            return "it leads to a public address, to which no secret is sent without TLS"
        return None


class Wire:
    """A connection whose every wait ends with the deadline, and which gives so many bytes and no more."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self.deadline = deadline
        self._room = _MOST

    @property
    def own_address(self) -> str:
        """The IP address that it comes from."""
        return str(self._sock.getsockname()[0])

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Goes on over TLS with ``host``; raises ``ssl.SSLError``, ``OSError``."""
        self._sock.settimeout(self.deadline.left())
        self._sock = context.wrap_socket(self._sock, server_hostname=host)

    def sendall(self, data: bytes) -> None:
        """Sends in pieces, so that a slow receiver cannot stretch the time that is left."""
        for start in range(0, len(data), _PIECE):
            self._sock.settimeout(self.deadline.left())
            self._sock.sendall(data[start : start + _PIECE])

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """A reader of what arrives."""
        return io.BufferedReader(_Incoming(self))

    def receive_into(self, buffer: Any) -> int:
        """Waits for bytes and gives their number, 0 at the end."""
        if self._room <= 0:
            raise OSError(0, "its answer is too long")
        self._sock.settimeout(self.deadline.left())
        count = self._sock.recv_into(memoryview(buffer)[: self._room])
        self._room -= count
        return count

    def close(self) -> None:
        """Nothing: ``http.client`` closes the connection before it reads the answer. ``shut`` is the end."""

    def shut(self) -> None:
        """Closes the socket."""
        self._sock.close()


class _Incoming(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.receive_into(buffer)


@define(frozen=True)
class _Endpoint:
    family: int
    address: tuple[Any, ...]


@contextmanager
def connected(peer: Peer, reach: Reach, deadline: Deadline) -> Iterator[Wire]:
    """A connection to the first address of ``peer`` that takes one; each may use its share of the time left.

    Raises ``NotificationFailed`` for names without an address that ``reach`` allows, ``OSError``.
    """
    wire = Wire(_dialled(_allowed(peer, reach, deadline), deadline), deadline)
    try:
        yield wire
    finally:
        wire.shut()


def _dialled(endpoints: list[_Endpoint], deadline: Deadline) -> socket.socket:
    refused = OSError()
    for index, endpoint in enumerate(endpoints):
        sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.left() / (len(endpoints) - index))
            sock.connect(endpoint.address)
        except OSError as exc:
            sock.close()
            refused = exc
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise refused


def _allowed(peer: Peer, reach: Reach, deadline: Deadline) -> list[_Endpoint]:
    endpoints: list[_Endpoint] = []
    refusals: dict[str, str] = {}
    for endpoint in _resolved(peer, deadline):
        refusal = reach.refusal(str(endpoint.address[0]))
        if refusal:
            refusals[str(endpoint.address[0])] = refusal
        elif endpoint not in endpoints:
            endpoints.append(endpoint)
    if endpoints:
        return endpoints
    details: dict[str, Any] = {} if peer.hidden else {"host": peer.host, "addresses": sorted(refusals)}
    raise peer.failure(
        f"may not be reached: {next(iter(refusals.values()))}",
        "address_refused",
        retryable=False,
        hint=(
            "a private address needs the option private on the channel, and a network in the tenant's policy "
            "(network.private_networks) that holds it"
        ),
        **details,
    )


def _resolved(peer: Peer, deadline: Deadline) -> list[_Endpoint]:
    """What the resolver gives. NOTE: ``getaddrinfo`` cannot be interrupted; a thread that is too slow is left."""
    answers: queue.SimpleQueue[list[_Endpoint] | Exception] = queue.SimpleQueue()
    threading.Thread(target=_resolve, args=(peer, answers), name="zona-notifier-dns", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, list) and answer:
        return answer
    reason = getattr(answer, "strerror", None) or "it has no address"
    raise peer.failure(f"cannot be resolved: {reason}", "dns_failed", retryable=True)


def _resolve(peer: Peer, answers: queue.SimpleQueue[list[_Endpoint] | Exception]) -> None:
    try:
        found = socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        answers.put(exc)
    else:
        inet = (socket.AF_INET, socket.AF_INET6)
        answers.put([_Endpoint(family, address) for family, _, _, _, address in found if family in inet])
