"""The notifier ``webhook``: a POST for each notification, signed as Standard Webhooks 1.0 says.

The specification is at https://www.standardwebhooks.com: the headers ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature``, the last an HMAC-SHA256 of ``{id}.{timestamp}.{body}``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final

from zona_core.domain.fields import Field, FieldKind, Rules
from zona_core.domain.network import NetworkPolicy
from zona_core.domain.notifications import Notification
from zona_core.errors import Fault
from zona_notifiers._http import Url, parse_url, post, status_failure
from zona_notifiers._options import PRIVATE, clear_text, revealed, settled
from zona_notifiers._peers import Deadline, Peer
from zona_notifiers._texts import delivery_id, instant
from zona_notifiers._trust import Trust
from zona_notifiers._wire import Reach

__all__ = ["WebhookNotifier"]

_PREFIX: Final = "whsec_"
#: bytes of a key ("Signature scheme" of the specification)
_KEY_BYTES: Final = range(24, 65)
_MOST_HEADERS: Final = 20
#: RFC 9110 §5.1, §5.5
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]{0,1998}[\x21-\x7e])?\Z")
#: what the notifier itself or HTTP decides on
_TAKEN: Final = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    )
)
_CREDENTIALS: Final = frozenset(("authorization", "cookie", "proxy-authorization"))

_OPTIONS: Final = (
    Field(
        name="url",
        label="URL",
        kind=FieldKind.URL,
        required=True,
        rules=Rules(max_length=2_000),
        example="https://hooks.example.com/zona",
    ),
    Field(
        name="headers",
        label="Headers",
        kind=FieldKind.JSON,
        help="headers to be sent along, by name; none of them is kept secret",
        example={"X-Team": "soc"},
    ),
    Field(
        name="authorization",
        label="Authorization",
        kind=FieldKind.SECRET,
        rules=Rules(max_length=2_000),
        help="the value of the header Authorization, for example Bearer and a token",
    ),
    Field(
        name="secret",
        label="Signing secret",
        kind=FieldKind.SECRET,
        rules=Rules(max_length=500),
        help=(
            "whsec_ and 24 to 64 random bytes in base64: deliveries are signed with it; "
            "while one secret takes another's place both, parted by a blank"
        ),
    ),
    PRIVATE,
)


class WebhookNotifier:
    """Posts notifications as JSON. Safe to use from several threads; keeps no connection."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        """``ssl_context`` is for a trust of one's own; the default trusts what the system trusts."""
        self._trust = Trust(ssl_context)

    @property
    def options(self) -> tuple[Field, ...]:
        """URL, headers and secrets."""
        return _OPTIONS

    def faults(self, options: Mapping[str, Any]) -> list[Fault]:
        """A URL, headers or secrets that cannot be used, or would be sent over the internet in clear."""
        found = [*_url_faults(options), *_header_faults(options.get("headers"))]
        authorization, secret = clear_text(options.get("authorization")), clear_text(options.get("secret"))
        if authorization is not None and not _VALUE.match(authorization):
            found.append(Fault("authorization", "is no value of a header", "visible characters of ASCII, on one line"))
        if secret is not None and not _keys(secret):
            found.append(Fault("secret", "is no signing secret", "whsec_ and 24 to 64 bytes in base64"))
        return found

    def send(
        self, notification: Notification, options: Mapping[str, Any], network: NetworkPolicy, timeout: float
    ) -> None:
        """Posts it; any status from 200 to 299 says that it was taken. Raises ``NotificationFailed``."""
        deadline = Deadline(timeout)
        given = settled(_OPTIONS, options, self.faults)
        url = parse_url(given["url"])
        peer = Peer(host=url.host, port=url.port, shown=f"{url.scheme}://{url.authority}")
        body = _body(notification)
        answer = post(
            url,
            body,
            _headers(notification, given, body),
            peer=peer,
            reach=_reach(url, given, network),
            deadline=deadline,
            trust=self._trust,
        )
        if not answer.taken:
            raise status_failure(peer, answer)


def _body(notification: Notification) -> bytes:
    """All of the notification, in the structure that the specification recommends."""
    at = instant(notification)
    data = {
        "id": notification.id,
        "tenant_code": notification.tenant_code,
        "target": notification.target,
        "subject": notification.subject,
        "text": notification.text,
        "severity": notification.severity,
        "facts": [{"label": label, "value": value} for label, value in notification.facts],
        "link": notification.link,
        "at": at,
    }
    told = json.dumps({"type": "zona.notification", "timestamp": at, "data": data}, ensure_ascii=False)
    return told.encode("utf-8", "replace")  # halves of surrogate pairs are no Unicode


def _headers(notification: Notification, given: Mapping[str, Any], body: bytes) -> dict[str, str]:
    number, now = delivery_id(notification), str(int(time.time()))
    headers = {**(given.get("headers") or {}), "webhook-id": number, "webhook-timestamp": now}
    if given.get("authorization"):
        headers["Authorization"] = revealed(given, "authorization")
    if given.get("secret"):
        signed = f"{number}.{now}.".encode() + body
        headers["webhook-signature"] = " ".join(_signature(key, signed) for key in _keys(revealed(given, "secret")))
    return headers


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def _keys(secret: str) -> list[bytes]:
    """The keys that are in the secret; none if one of them is not fit."""
    keys = []
    for text in secret.split():
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            return []
        if len(key) not in _KEY_BYTES:
            return []
        keys.append(key)
    return keys


def _reach(url: Url, given: Mapping[str, Any], network: NetworkPolicy) -> Reach:
    in_clear = url.scheme == "http" and given.get("authorization") is not None
    return Reach(network=network, private=given["private"], in_clear=in_clear)


def _url_faults(options: Mapping[str, Any]) -> list[Fault]:
    try:
        url = parse_url(options.get("url", ""))
    except ValueError as exc:
        return [Fault("url", f"cannot be used: {exc}", "https://hooks.example.com/zona")]
    if url.scheme == "http" and options.get("authorization") is not None and not options.get("private"):
        return [Fault("url", "the authorization would be sent without TLS", "https://; or private")]
    return []


def _header_faults(headers: Any) -> list[Fault]:
    if headers is None:
        return []
    if not isinstance(headers, Mapping) or len(headers) > _MOST_HEADERS:
        return [Fault("headers", "are not headers by name", f"an object of at most {_MOST_HEADERS} texts")]
    return [fault for name, value in headers.items() for fault in _one_header_faults(name, value)]


def _one_header_faults(name: Any, value: Any) -> list[Fault]:
    if not isinstance(name, str) or not _NAME.match(name):
        return [Fault("headers", "a name of a header has unfit characters", "letters, digits and hyphens")]
    path = f"headers.{name}"
    if name.lower() in _CREDENTIALS:
        return [Fault(path, "would not be kept secret", "the option authorization")]
    if name.lower() in _TAKEN or name.lower().startswith("webhook-"):
        return [Fault(path, "is set by the notifier", "any other header")]
    if not isinstance(value, str) or not _VALUE.match(value):
        return [Fault(path, "is no value of a header", "visible characters of ASCII, on one line")]
    return []
