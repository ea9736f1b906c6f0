"""What the gate gives out: who is in, and the tokens of a login."""

from __future__ import annotations

from typing import Final

from attrs import define

from zona_core.domain.actors import Actor
from zona_core.domain.secrets import Secret

__all__ = ["BEARER", "COOKIE", "KEY", "Identity", "Tokens"]

#: ``Identity.method``
BEARER: Final = "bearer"
COOKIE: Final = "cookie"
KEY: Final = "key"

_NONE: Final = Secret("")


@define(frozen=True, kw_only=True)
class Identity:
    """Who is in, proven."""

    #: name, permissions (roles resolved), scopes (API keys), tenants, user id
    actor: Actor
    #: whose user it is: a tenant's code, or ``core``
    realm: str
    #: where it works; empty for the default tenant
    tenant: str
    #: how it was proven: ``bearer``, ``cookie`` or ``key``
    method: str
    session_id: str = ""
    key_id: str = ""
    #: an API key's own limit of requests a minute; 0 for the general one
    rate_limit: int = 0
    #: cookie sessions: SHA-256 of the CSRF token, in hexadecimal
    csrf: str = ""


@define(frozen=True, kw_only=True)
class Tokens:
    """What a login or a refresh gives its holder. A login by cookie has no tokens, one by tokens no cookie: empty."""

    access_token: Secret = _NONE
    refresh_token: Secret = _NONE
    cookie: Secret = _NONE
    #: to be sent along with every change that the cookie's holder makes
    csrf_token: Secret = _NONE
    #: seconds that the access token counts, or the cookie
    expires_in: int
    session_id: str
    #: where the session works; empty for the default tenant
    tenant: str
