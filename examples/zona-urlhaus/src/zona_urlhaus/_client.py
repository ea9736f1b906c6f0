"""HTTP requests to URLhaus, bounded in time and size and kept within the tenant's network policy."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlencode, urlsplit

import urllib3
from attrs import define

from zona_core import AddressRefused, Connection, TaskFailed, TaskTimeout, refusal_of

__all__ = ["Answer", "ask"]

#: a thousand recent URLs are about half a megabyte
_MOST_BYTES: Final = 16 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024


@define(frozen=True, kw_only=True)
class Answer:
    """What URLhaus said: its JSON object, and figures for the record."""

    data: dict[str, Any]
    status: int
    size: int


def ask(
    connection: Connection,
    path: str,
    form: Mapping[str, str] | None,
    *,
    timeout: float,
    abandoned: Callable[[], bool] = lambda: False,
) -> Answer:
    """Sends ``form`` to ``path`` (POST), or only asks for it (GET), within ``timeout`` seconds.

    Raises ``AddressRefused``, ``TaskTimeout`` and ``TaskFailed``.
    """
    deadline = time.monotonic() + timeout
    base = urlsplit(str(connection.values["base_url"]).rstrip("/"))
    address = _permitted_address(base, connection)
    try:
        with _pool(base, address, timeout) as pool:
            response = pool.request(
                "GET" if form is None else "POST",
                base.path + path,
                body=urlencode(form) if form is not None else None,
                headers=_headers(base, connection, form is not None),
                redirect=False,
                preload_content=False,
            )
            try:
                return _answer(response, _body(response, deadline, abandoned))
            finally:
                response.close()
    except urllib3.exceptions.HTTPError as exc:
        raise _failure(exc, timeout) from exc


def _failure(error: urllib3.exceptions.HTTPError, timeout: float) -> TaskFailed:
    # NOTE: to urllib3 a refused connection (NewConnectionError) is a sort of timeout.
    refused = isinstance(error, urllib3.exceptions.NewConnectionError)
    if isinstance(error, urllib3.exceptions.TimeoutError) and not refused:
        return TaskTimeout(f"URLhaus did not answer within {timeout:g} s", retryable=True)
    lasting = isinstance(error, urllib3.exceptions.SSLError)
    reason = type(error).__name__
    return TaskFailed(f"URLhaus cannot be reached ({reason})", code="unreachable", retryable=not lasting)


def _headers(base: SplitResult, connection: Connection, with_form: bool) -> dict[str, str]:
    key: str = connection.values["auth_key"].reveal()
    if not (key.isascii() and key.isprintable()):
        raise TaskFailed("the Auth-Key has characters that no HTTP header can carry", code="unknown_auth_key")
    headers = {"Host": base.netloc, "Auth-Key": key, "Accept": "application/json", "User-Agent": "zona-urlhaus/1.0"}
    return {**headers, "Content-Type": "application/x-www-form-urlencoded"} if with_form else headers


def _permitted_address(base: SplitResult, connection: Connection) -> str:
    """An address of the host that may be connected to.

    Name and policy are looked at once, and the connection goes to this very address: a name that resolves to something
    else a moment later (DNS rebinding) gains nothing.
    """
    host, port = base.hostname or "", base.port or (443 if base.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise TaskFailed(f"the name {host} cannot be resolved", code="unreachable", retryable=True) from exc
    addresses = [str(entry[4][0]) for entry in found]
    asks = connection.instance is not None and connection.instance.allow_private
    for address in addresses:
        refusal = refusal_of(address, instance_asks=asks, policy=connection.network)
        if refusal:
            raise AddressRefused(f"{host} may not be reached: {refusal}")
    return addresses[0]


def _pool(base: SplitResult, address: str, timeout: float) -> urllib3.HTTPConnectionPool:
    limit = urllib3.Timeout(total=timeout)
    if base.scheme == "http":
        return urllib3.HTTPConnectionPool(address, base.port, timeout=limit, retries=False)
    # The address is connected to; the name is what the certificate must be for.
    return urllib3.HTTPSConnectionPool(
        address,
        base.port,
        timeout=limit,
        retries=False,
        server_hostname=base.hostname,
        assert_hostname=base.hostname,
    )


def _body(response: urllib3.BaseHTTPResponse, deadline: float, abandoned: Callable[[], bool]) -> bytes:
    body = bytearray()
    for chunk in response.stream(_CHUNK_BYTES):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise TaskFailed(f"the answer is longer than {_MOST_BYTES} bytes", code="answer_too_long")
        if abandoned() or time.monotonic() > deadline:
            raise TaskTimeout("URLhaus did not finish its answer in time", retryable=True)
    return bytes(body)


def _answer(response: urllib3.BaseHTTPResponse, body: bytes) -> Answer:
    """The JSON object in the answer; statuses that tell of no answer at all become failures."""
    if response.status == 429 or response.status >= 500:
        raise TaskFailed(
            f"URLhaus answered with status {response.status}",
            code="rate_limited" if response.status == 429 else "remote_error",
            retryable=True,
            retry_after=_seconds(response.headers.get("Retry-After")),
            http_status=response.status,
        )
    if response.status == 401:
        raise TaskFailed("URLhaus asks for an Auth-Key", code="unauthorized", http_status=401)
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise TaskFailed(
            f"the answer (status {response.status}) is not the JSON object that URLhaus documents",
            code="unexpected_answer",
            http_status=response.status,
        )
    return Answer(data=data, status=response.status, size=len(body))


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
