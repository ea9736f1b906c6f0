"""The last line of defence: what looks like a secret leaves no process by its log (SPEC §5).

Nothing should hand a secret to the log in the first place. Where something does all the same (a library that logs an
address, a message that repeats its input), these functions mask it: by the names of keys, and by the shape of texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from zona_core.domain.secrets import MASK

__all__ = ["holds_token", "mask_line", "mask_values", "masked_text", "without_queries"]

_MASK: Final = MASK.encode()

#: keys whose values are never shown; ``csrf_token``, ``X-Api-Key`` and ``refresh_token`` end like one of them
_SECRET_KEY: Final = re.compile(
    r"(?:.*[_-])?(?:authori[sz]ation|set-cookie|cookies?|password|passwd|passphrase|pwd|secrets?|tokens?|csrf|otp|totp"
    r"|api_?-?key|private_?-?key|master_?-?key|credentials?)|.*(?:password|token|secret|apikey)",
    re.IGNORECASE,
)

#: Zona's own tokens (refresh, API key, cookie) and JWTs, cut-off ones included; parts are bounded, so that one full of
#: their beginnings is searched in linear time
_TOKEN: Final = re.compile(
    rb"z[rks]\.(?:[A-Za-z0-9_-]{0,64}\.){0,4}[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}"
)
#: credentials of an ``Authorization`` header, after the name of their scheme (RFC 9110 §11.4)
_SCHEME: Final = re.compile(rb"\b(bearer|basic|digest)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
#: user information of a URL (RFC 3986 §3.2.1)
_USERINFO: Final = re.compile(rb"://[^\s\"'/]+@")
_NAME: Final = (
    rb"(?:passw(?:or)?d|passphrase|pwd|secret|api[_-]?key|(?:access|refresh|csrf|id)[_-]?token|[?&;\s\"']token|cookie"
    rb"|authori[sz]ation)"
)
#: ``"password": "…"`` and ``'password': '…'``: the quotes, escaped or not, are alike, so that JSON stays JSON
_QUOTED_PAIR: Final = re.compile(rb"(" + _NAME + rb"(\\*[\"'])\s*[:=]\s*\2)[^\"'\\]+", re.IGNORECASE)
#: ``password=…``, ``cookie: …``; never a key of the line itself, which has a quote behind it
_BARE_PAIR: Final = re.compile(
    rb"(" + _NAME + rb"\s*[=:]\s*)(?:(\\+\")[^\"\\]*|(')[^'\"\\]*|[^\s\"'&,;}\\]+)", re.IGNORECASE
)
_QUERY: Final = re.compile(r"\?[^\s\"'<>?]*=[^\s\"'<>]*")

_TOKEN_HINTS: Final = (b"eyJ", b"zk.", b"zr.", b"zs.")
_PAIR_HINTS: Final = (b"passw", b"passp", b"pwd", b"secret", b"key", b"token", b"cookie", b"authoriz")
_DEEPEST: Final = 8


def mask_line(line: bytes) -> bytes:
    """A rendered line with everything masked that has the shape of a secret. A clean line costs about a microsecond."""
    for hint in _TOKEN_HINTS:
        if hint in line:
            line = _TOKEN.sub(_MASK, line)
            break
    if b"://" in line and b"@" in line:
        line = _USERINFO.sub(b"://" + _MASK + b"@", line)
    lower = line.lower()
    if b"bearer" in lower or b"basic" in lower or b"digest" in lower:
        line = _SCHEME.sub(rb"\1 " + _MASK, line)
    for hint in _PAIR_HINTS:
        if hint in lower:
            return _BARE_PAIR.sub(_mask_bare, _QUOTED_PAIR.sub(rb"\1" + _MASK, line))
    return line


def masked_text(text: str) -> str:
    """``mask_line`` for a text."""
    return mask_line(text.encode("utf-8", "backslashreplace")).decode()


def holds_token(text: str) -> bool:
    """Whether a part of the text has the shape of one of Zona's tokens, or of a JWT."""
    return _TOKEN.search(text.encode("utf-8", "backslashreplace")) is not None


def without_queries(text: str) -> str:
    """The text without the query strings of the addresses in it: integrations' keys travel there."""
    return _QUERY.sub("?" + MASK, text) if "?" in text else text


def mask_values(value: Any, depth: int = 0) -> Any:
    """A copy as JSON data in which no value stands under a secret's key, and nothing lies deeper than eight levels."""
    if isinstance(value, Mapping):
        if depth >= _DEEPEST:
            return "…"
        return {str(key): _masked_value(str(key), each, depth) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return "…" if depth >= _DEEPEST else [mask_values(each, depth + 1) for each in value]
    return value


def _masked_value(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool) or not _is_secret(key):
        return mask_values(value, depth + 1)
    return MASK


@lru_cache(maxsize=2_048)
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.fullmatch(key) is not None


def _mask_bare(found: re.Match[bytes]) -> bytes:
    return found[1] + (found[2] or found[3] or b"") + _MASK
