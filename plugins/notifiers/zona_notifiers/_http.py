"""One POST: no redirect, no proxy, no cookie, no repetition, and as much of the answer as is looked at."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from attrs import define, field

from zona_core.errors import NotificationFailed
from zona_notifiers._peers import Deadline, Peer
from zona_notifiers._trust import Trust
from zona_notifiers._wire import Reach, connected

__all__ = ["Answer", "Url", "parse_url", "post", "status_failure"]

_PORTS: Final = {"http": 80, "https": 443}
_HOST_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_.])?\Z", re.IGNORECASE)
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f\\]")
#: what stands unencoded in a path and a query (RFC 3986 §3.3, §3.4); ``%`` so that nothing is encoded twice
_AS_IT_IS: Final = "/%:@!$&'()*+,;=~?"
#: bytes of a body that are looked at
_EXCERPT: Final = 1_024
#: the same request may be taken later (RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4)
_PASSING: Final = frozenset((408, 425, 429))
#: seconds: no receiver silences a channel for longer
_LONGEST_WAIT: Final = 3_600.0


@define(frozen=True, kw_only=True)
class Url:
    """An absolute ``http`` or ``https`` URL, taken apart once: what is checked is what is connected to."""

    scheme: str
    host: str
    port: int
    #: path and query, percent-encoded
    target: str = field(repr=False)

    @property
    def authority(self) -> str:
        """``host[:port]``, as in the header ``Host`` (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@define(frozen=True)
class Answer:
    """A status, how long to wait says the other side (seconds), and the beginning of the body."""

    status: int
    retry_after: float | None
    excerpt: bytes

    @property
    def taken(self) -> bool:
        """Whether it is one of the statuses of success."""
        return 200 <= self.status < 300


def parse_url(text: str) -> Url:
    """``text`` as a URL; raises ``ValueError``, which says what is wrong and holds no part of it."""
    if _UNFIT.search(text):  # urlsplit drops line breaks and tabs silently
        raise ValueError("it has blanks, control characters or backslashes")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = (parts.hostname or "").encode("ascii" if (parts.hostname or "").isascii() else "idna").decode("ascii")
    except ValueError:
        raise ValueError("its host or port cannot be read") from None
    if parts.scheme not in _PORTS:
        raise ValueError("it does not begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds credentials")
    if port == 0 or not (":" in host or _HOST_NAME.match(host)):
        raise ValueError("its host or port is none")
    target = quote(parts.path, safe=_AS_IT_IS.replace("?", "")) or "/"
    return Url(
        scheme=parts.scheme,
        host=host.lower(),
        port=port or _PORTS[parts.scheme],
        target=target + (f"?{quote(parts.query, safe=_AS_IT_IS)}" if parts.query else ""),
    )


def post(
    url: Url,
    body: bytes,
    headers: Mapping[str, str],
    *,
    peer: Peer,
    reach: Reach,
    deadline: Deadline,
    trust: Trust,
) -> Answer:
    """Sends ``body`` (JSON) to ``url`` and gives the answer; raises ``NotificationFailed``."""
    sent = {"Host": url.authority, "User-Agent": "zona", **headers, "Content-Type": "application/json"}
    try:
        with connected(peer, reach, deadline) as wire:
            if url.scheme == "https":
                wire.secure(trust.context(), url.host)
            connection = http.client.HTTPConnection(url.host, url.port)
            connection.sock = wire  # as much of a socket as it uses
            with suppress(BrokenPipeError):  # it may have answered before it had read everything, and closed
                connection.request("POST", url.target, body, {**sent, "Connection": "close"})
            return _answer(connection.getresponse())
    except NotificationFailed:
        raise
    except (OSError, http.client.HTTPException) as exc:
        failure = peer.broken(exc, deadline)
    raise failure


def status_failure(peer: Peer, answer: Answer, reason: str = "") -> NotificationFailed:
    """The failure that an answer means which is no success; ``reason``: what the other side says of it, in a word."""
    status = answer.status
    hint = ""
    if 300 <= status < 400:
        hint = "redirects are not followed: the channel needs the address that it leads to"
    elif status == HTTPStatus.GONE:
        hint = "the receiver wants nothing more: switch the channel off, or give it another address"
    return peer.failure(
        f"answered {_described(status)}" + (f" ({reason})" if reason else ""),
        "http_status",
        retryable=status in _PASSING or status >= 500,
        retry_after=answer.retry_after,
        hint=hint,
        http_status=status,
    )


def _answer(response: http.client.HTTPResponse) -> Answer:
    excerpt = b""
    if not 200 <= response.status < 300:
        with suppress(OSError, http.client.HTTPException):  # the status says enough
            excerpt = response.read(_EXCERPT)
    return Answer(response.status, _retry_after(response.headers.get("Retry-After", "")), excerpt)


def _retry_after(text: str) -> float | None:
    """Seconds from ``Retry-After``, a number or a date (RFC 9110 §10.2.3), within bounds."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _described(status: int) -> str:
    """The standard's phrase, for the server's own could be anything."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
