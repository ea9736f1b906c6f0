"""OAuth 2.0 client credentials (RFC 6749 §4.4): access tokens, kept until shortly before they expire."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections import OrderedDict
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from attrs import define, field

from zona_core.errors import TaskFailed
from zona_http_task._auth import basic_value
from zona_http_task._config import ClientCredentials
from zona_http_task._requests import Header, Outgoing, header, invalid
from zona_http_task._scope import Scope
from zona_http_task._urls import Url, UrlError

__all__ = ["TokenCache", "TokenRequest", "read_token", "token_request"]

#: seconds for which a token without ``expires_in`` is used
_ASSUMED_LIFE: Final = 300.0
#: seconds before its end at which a token is no longer used, so that it does not expire under way
_MARGIN: Final = 30.0
_MOST_TOKENS: Final = 1_000


@define(frozen=True)
class TokenRequest:
    """What is asked for at the token endpoint; ``identity`` keeps different askers' tokens apart."""

    outgoing: Outgoing
    identity: bytes = field(repr=False)


class TokenCache:
    """Access tokens by who asks for what. Safe to use from several threads; the oldest is dropped when it is full."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        #: keys the digests, so that none of them is a fingerprint of a secret
        self._salt: Final = os.urandom(32)

    def key(self, request: TokenRequest) -> bytes:
        """The digest under which the request's token is kept."""
        return hashlib.blake2b(request.identity, key=self._salt).digest()

    def get(self, key: bytes) -> str | None:
        """The token, if it can still be used."""
        with self._lock:
            token, end = self._tokens.get(key, ("", 0.0))
        return token if token and time.monotonic() < end else None

    def put(self, key: bytes, token: str, life: float) -> None:
        """Keeps a token that lives for ``life`` seconds from now."""
        with self._lock:
            self._tokens[key] = (token, time.monotonic() + life - min(_MARGIN, life / 10))
            self._tokens.move_to_end(key)
            while len(self._tokens) > _MOST_TOKENS:
                self._tokens.popitem(last=False)

    def drop(self, key: bytes, token: str) -> None:
        """Forgets ``token``, but not a newer one that another thread has put there."""
        with self._lock:
            if self._tokens.get(key, ("",))[0] == token:
                del self._tokens[key]


@define(frozen=True)
class _Client:
    identifier: str
    secret: str = field(repr=False)


def token_request(scheme: ClientCredentials, base: Url, scope: Scope, asker: str, agent: str) -> TokenRequest:
    """The request for a token (RFC 6749 §4.4.2); a relative token URL is seen from ``base``.

    ``asker`` names the instance. Raises ``TaskFailed`` (``invalid_request``).
    """
    client = _Client(scope.text(scheme.client_id) or "", scope.text(scheme.client_secret) or "")
    try:
        url = base.joined(scope.text(scheme.token_url) or "")
    except UrlError as exc:
        raise invalid(f"The token URL cannot be used: {exc}") from None
    scopes = " ".join(filter(None, map(scope.text, scheme.scopes)))
    form = {"grant_type": "client_credentials"} | ({"scope": scopes} if scopes else {})
    headers = [Header("Accept", "application/json"), Header("User-Agent", agent)]
    headers.append(Header("Content-Type", "application/x-www-form-urlencoded"))
    if scheme.in_body:
        form |= {"client_id": client.identifier, "client_secret": client.secret}
    else:
        # RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
        value = basic_value(
            quote_plus(client.identifier, errors="replace"), quote_plus(client.secret, errors="replace"), scope
        )
        headers.append(header("Authorization", value, secret=True))
    outgoing = Outgoing(
        method="POST",
        url=url,
        headers={found.name.lower(): found for found in headers},
        body=urlencode(form, errors="replace").encode("ascii"),
        body_secret=True,
    )
    identity = json.dumps([asker, url.origin + url.target, scopes, scheme.in_body, client.identifier, client.secret])
    return TokenRequest(outgoing, identity.encode())


def read_token(body: bytes, url: Url) -> tuple[str, float]:
    """Token and life in seconds from a successful answer (RFC 6749 §5.1); raises ``TaskFailed``."""
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    token = data.get("access_token") if isinstance(data, dict) else None
    if not isinstance(token, str) or not token:
        raise TaskFailed(
            f"The token endpoint {url.shown} answered without an access token",
            code="invalid_response",
            hint="a JSON object with access_token (RFC 6749 §5.1)",
        )
    try:
        life = float(data.get("expires_in", _ASSUMED_LIFE))
    except (TypeError, ValueError, OverflowError):
        life = _ASSUMED_LIFE
    return token, max(life, 0.0)
