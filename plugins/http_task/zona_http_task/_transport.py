"""One exchange: a request out, an answer back; checked addresses, verified TLS, bounded time and size."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from attrs import define
from urllib3 import HTTPResponse
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError, ReadTimeoutError, SSLError

from zona_core.errors import TaskFailed
from zona_http_task._addresses import Endpoint, Guard, allowed_endpoints
from zona_http_task._connections import IdleConnections, Pinned, open_connection
from zona_http_task._deadline import Deadline
from zona_http_task._requests import Outgoing
from zona_http_task._urls import Url

__all__ = ["Answer", "Transport"]

#: Compressions whose unpacking can be bounded whatever is installed (urllib3 cannot with older brotli packages).
_ENCODINGS: Final = "gzip, deflate"
_REFUSED_ENCODINGS: Final = frozenset(("br", "compress", "x-compress", "zstd"))
_PIECE: Final = 65_536
#: RFC 9110 §9.2.2: sending it twice does what sending it once does
_IDEMPOTENT: Final = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PUT"))


@define(frozen=True, kw_only=True)
class Answer:
    """A response, read as far as was asked for."""

    url: Url
    status: int
    reason: str
    #: by name in lower case; fields of one name joined by ``, `` (RFC 9110 §5.2)
    headers: dict[str, str]
    body: bytes
    #: whether there was more than the limit, which was not read
    cut: bool
    #: body bytes on the wire
    bytes_received: int
    bytes_sent: int
    connection_reused: bool


class _StaleConnectionError(Exception):
    """A kept connection turned out to be closed before any part of an answer came."""


class Transport:
    """Sends requests. Safe to use from several threads; starts none."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        """``ssl_context`` is for a trust of one's own; it must verify. The default trusts what the system trusts."""
        if ssl_context and (ssl_context.verify_mode is not ssl.CERT_REQUIRED or not ssl_context.check_hostname):
            raise ValueError("the TLS context must verify certificates and host names")
        self._given_context = ssl_context
        self._lock = threading.Lock()
        self._idle = IdleConnections()

    def close(self) -> None:
        """Closes the connections that are kept open; it can be used on."""
        self._idle.close()

    def exchange(
        self, request: Outgoing, *, guard: Guard, deadline: Deadline, limit_of: Callable[[int], int]
    ) -> Answer:
        """Sends ``request`` and reads the answer; redirects are not followed.

        ``limit_of`` gives, for a status, how many (decompressed) bytes of the body are read. A request that can be
        repeated is sent once more if a kept connection turns out to be dead.
        Raises ``TaskFailed``: ``address_refused``, ``dns_failed``, ``connection_failed``, ``tls_failed``,
        ``invalid_response``, ``task_timeout``, ``abandoned``.
        """
        endpoints = allowed_endpoints(request.url.host, request.url.port, guard)
        kept = self._idle.take(request.url, endpoints)
        if kept is not None:
            try:
                return self._exchanged(kept, request, deadline, limit_of, reused=True)
            except _StaleConnectionError:
                if request.method not in _IDEMPOTENT:
                    raise _connection_failed(request.url, "the kept connection was closed") from None
        fresh = self._connected(request.url, endpoints, deadline)
        return self._exchanged(fresh, request, deadline, limit_of, reused=False)

    def _connected(self, url: Url, endpoints: list[Endpoint], deadline: Deadline) -> Pinned:
        """A connection to the first of ``endpoints`` that takes one; each may use its share of the time left."""
        refused: OSError = OSError()
        for index, endpoint in enumerate(endpoints):
            share = deadline.left() / (len(endpoints) - index)
            try:
                return open_connection(url, endpoint, deadline=deadline, timeout=share, ssl_context=self._ssl_context())
            except ssl.SSLError as exc:
                raise _tls_failed(url, exc) from None
            except OSError as exc:
                refused = exc
        deadline.left()  # raises TaskTimeout if that is why
        raise _connection_failed(url, _reason(refused)) from None

    def _exchanged(
        self,
        connection: Pinned,
        request: Outgoing,
        deadline: Deadline,
        limit_of: Callable[[int], int],
        *,
        reused: bool,
    ) -> Answer:
        complete = False
        try:
            with _translated(request.url, deadline):
                connection.use_until(deadline)
                response = _sent(connection, request, reused=reused)
                body, cut = _read(response, limit_of(response.status))
            complete = not cut and not connection.is_closed
            return Answer(
                url=request.url,
                status=response.status,
                reason=response.reason or "",
                headers={name.lower(): response.headers[name] for name in response.headers},
                body=body,
                cut=cut,
                bytes_received=response.tell(),
                bytes_sent=len(request.body or b""),
                connection_reused=reused,
            )
        finally:
            if complete:
                self._idle.put(request.url, connection)
            else:
                connection.discard()

    def _ssl_context(self) -> ssl.SSLContext:
        """Made on first need: reading the trust store takes a while."""
        with self._lock:
            if self._given_context is None:
                self._given_context = ssl.create_default_context()
            return self._given_context


def _sent(connection: Pinned, request: Outgoing, *, reused: bool) -> HTTPResponse:
    headers = {found.name: found.value for found in request.headers.values()}
    if "accept-encoding" not in request.headers:
        headers["Accept-Encoding"] = _ENCODINGS
    try:
        with suppress(BrokenPipeError):  # the server may have answered before it had read everything, and closed
            connection.request(request.method, request.url.target, request.body, headers, preload_content=False)
        response = connection.answer(request.method)
    except ConnectionError:  # http.client.RemoteDisconnected is one
        if reused:
            raise _StaleConnectionError from None
        raise
    encoding = response.headers.get("Content-Encoding", "").lower()
    if _REFUSED_ENCODINGS & {coding.strip() for coding in encoding.split(",")}:
        raise _invalid(request.url, f"its Content-Encoding {encoding!r} was not asked for")
    return response


def _read(response: HTTPResponse, limit: int) -> tuple[bytes, bool]:
    """The decompressed body, at most ``limit`` bytes, and whether there was more."""
    pieces: list[bytes] = []
    size = 0
    while size <= limit and (piece := response.read1(_PIECE)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)[:limit], size > limit


@contextmanager
def _translated(url: Url, deadline: Deadline) -> Iterator[None]:
    """Driver errors as ``TaskFailed``. They are not chained: their texts can hold parts of the request."""
    try:
        yield
    except (TimeoutError, ReadTimeoutError) as exc:
        deadline.left()  # raises TaskTimeout, which is why a socket times out
        failure = _connection_failed(url, _reason(exc))
    except DecodeError:
        failure = _invalid(url, "its body does not unpack as its Content-Encoding says")
    except (ssl.SSLError, SSLError):
        failure = _connection_failed(url, "the TLS connection broke")
    except ProtocolError as exc:
        cause = exc.args[1] if len(exc.args) > 1 else exc
        failure = _connection_failed(url, _reason(cause))
    except OSError as exc:  # http.client.RemoteDisconnected is one
        failure = _connection_failed(url, _reason(exc))
    except (http.client.HTTPException, HTTPError) as exc:
        failure = _invalid(url, f"it is not valid HTTP ({type(exc).__name__})")
    else:
        return
    raise failure


def _reason(exc: object) -> str:
    if isinstance(exc, http.client.RemoteDisconnected):
        return "the server closed the connection without an answer"
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return "the server closed the connection before the answer was complete"


def _connection_failed(url: Url, reason: str) -> TaskFailed:
    return TaskFailed(
        f"The connection to {url.origin} failed: {reason}", code="connection_failed", retryable=True, host=url.host
    )


def _tls_failed(url: Url, exc: ssl.SSLError) -> TaskFailed:
    reason = getattr(exc, "verify_message", "") or exc.reason or "handshake failed"
    return TaskFailed(f"The TLS connection to {url.origin} failed: {reason}", code="tls_failed", host=url.host)


def _invalid(url: Url, reason: str) -> TaskFailed:
    return TaskFailed(f"The answer of {url.origin} cannot be read: {reason}", code="invalid_response", host=url.host)
