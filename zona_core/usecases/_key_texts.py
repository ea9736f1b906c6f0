"""The texts that programs and browsers show: API keys, refresh tokens, session cookies.

Each is ``prefix.realm.id.secret``, where the realm says whose data to look in, the id which document, and only the
SHA-256 of the secret is kept there. A secret has 256 random bits, so that a plain digest is enough: there is nothing
to guess that a slow hash would protect.

A refresh token names its generation as well, and its secret is the HMAC of that under a key of the session. So a token
of any generation can be told from one that somebody made up, though none is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final, NamedTuple

__all__ = [
    "KeyText",
    "RefreshText",
    "SessionText",
    "cookie_text",
    "digest",
    "key_text",
    "new_key_id",
    "new_secret",
    "parse_cookie",
    "parse_key",
    "parse_refresh",
    "refresh_secret",
    "refresh_text",
]

_REALM: Final = r"(?P<realm>[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?)"
_UUID: Final = r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_SECRET: Final = r"(?P<secret>[A-Za-z0-9_-]{43})"  # noqa: S105  # a pattern, not a secret
_KEY: Final = re.compile(rf"zk\.{_REALM}\.(?P<id>[a-z2-7]{{12}})\.{_SECRET}")
_REFRESH: Final = re.compile(rf"zr\.{_REALM}\.{_UUID}\.(?P<generation>0|[1-9][0-9]{{0,8}})\.{_SECRET}")
_COOKIE: Final = re.compile(rf"zs\.{_REALM}\.{_UUID}\.{_SECRET}")


class KeyText(NamedTuple):
    """An API key's parts."""

    realm: str
    id: str
    secret: str


class RefreshText(NamedTuple):
    """A refresh token's parts."""

    realm: str
    session_id: str
    generation: int
    secret: str


class SessionText(NamedTuple):
    """A session cookie's parts."""

    realm: str
    session_id: str
    secret: str


def new_secret() -> str:
    """32 random bytes in URL-safe base64 without padding: 43 characters (RFC 4648 §5)."""
    return secrets.token_urlsafe(32)


def new_key_id() -> str:
    """A new API key's id: 60 random bits as 12 characters of lower-case base32 (RFC 4648 §6)."""
    return base64.b32encode(secrets.token_bytes(8)).decode().lower()[:12]


def digest(secret: str) -> str:
    """The SHA-256 of ``secret`` in hexadecimal: what is kept of it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def refresh_secret(key: str, generation: int) -> str:
    """The secret of a session's refresh token of that generation: HMAC-SHA256 (RFC 2104), written as ``new_secret``."""
    mac = hmac.digest(key.encode(), b"zona refresh %d" % generation, "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def key_text(realm: str, key_id: str, secret: str) -> str:
    """An API key as its holder is given it."""
    return f"zk.{realm}.{key_id}.{secret}"


def refresh_text(realm: str, session_id: str, generation: int, secret: str) -> str:
    """A refresh token as its holder is given it."""
    return f"zr.{realm}.{session_id}.{generation}.{secret}"


def cookie_text(realm: str, session_id: str, secret: str) -> str:
    """The value of a session cookie."""
    return f"zs.{realm}.{session_id}.{secret}"


def parse_key(text: str) -> KeyText | None:
    """The parts of an API key; None if ``text`` is none."""
    found = _KEY.fullmatch(text)
    return KeyText(found["realm"], found["id"], found["secret"]) if found else None


def parse_refresh(text: str) -> RefreshText | None:
    """The parts of a refresh token; None if ``text`` is none."""
    found = _REFRESH.fullmatch(text)
    return RefreshText(found["realm"], found["id"], int(found["generation"]), found["secret"]) if found else None


def parse_cookie(text: str) -> SessionText | None:
    """The parts of a session cookie; None if ``text`` is none."""
    found = _COOKIE.fullmatch(text)
    return SessionText(found["realm"], found["id"], found["secret"]) if found else None
