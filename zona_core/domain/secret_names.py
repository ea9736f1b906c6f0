"""Which names say that what they name is secret: of settings, headers, parameters, properties (SPEC §4.2)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

__all__ = ["says_credential", "says_secret"]

_LONGEST_NAME: Final = 200
#: ``clientSecret`` is ``client_Secret``
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: ``csrf_token``, ``X-Api-Key``, ``refreshToken`` end like one of these; ``token_url`` and ``max_tokens`` do not; nor
#: is it how a client authenticates (``client_auth``)
_SECRET: Final = re.compile(
    r"(?!client_auth\Z|(?:max|min|num|total|count)[_ -](?:[a-z]+[_ -])?tokens?\Z)"
    r"(?:(?:.*[_. -])?(?:authori[sz]ation|set-cookie|cookies?|password|passwd|passphrase|passcode|pass|pwd|secrets?"
    r"|tokens?|csrf|jwt|otp|pat|dsn|credentials?|connection[_ -]?string"
    r"|(?:api|access|private|master|signing|shared|auth|secret|encryption|subscription|license|licence|account|storage"
    r"|ssh)[_ -]?key)"
    r"|.*(?:password|token|secret|apikey)|.+[_-]auth)\Z",
    re.IGNORECASE,
)
#: what says it besides where requests and environments have credentials: ``key``, ``x-shodan-key``, ``sig``
_CREDENTIAL: Final = re.compile(
    r"(?!(?:.*[_. -])?(?:sort|order|group|partition|primary|foreign|row|cache|issue|project|idempotency)[_ -]?key\Z)"
    r"(?:.*[_. -])?(?:key|auth|session[_-]?id|sid|sig|signature|hmac)\Z",
    re.IGNORECASE,
)


def says_secret(name: Any) -> bool:
    """Whether a name says, wherever it stands, that what it names is secret."""
    return isinstance(name, str) and len(name) <= _LONGEST_NAME and _is_secret(name)


def says_credential(name: Any) -> bool:
    """Whether the name of a header, cookie, parameter or variable says that its value is secret."""
    return isinstance(name, str) and len(name) <= _LONGEST_NAME and _is_credential(name)


# NOTE: a pattern is no argument of these, because its hash takes longer than all else.
@lru_cache(maxsize=4_096)
def _is_secret(name: str) -> bool:
    return _SECRET.match(_HUMP.sub("_", name)) is not None


@lru_cache(maxsize=4_096)
def _is_credential(name: str) -> bool:
    return _is_secret(name) or _CREDENTIAL.match(_HUMP.sub("_", name)) is not None
