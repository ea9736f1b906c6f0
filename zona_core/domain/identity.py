"""Who may come in, and as what: users, roles, API keys, sessions, token keys (SPEC §1, §5).

They live in a *realm*: a tenant's code, or ``core`` for users of the platform, who span tenants. A user of a tenant is
seen in that tenant only; the same name in two realms is two users.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import Factory, define, setters

from zona_core.errors import Fault

__all__ = [
    "BUILT_IN_ROLES",
    "LOGIN_NAME",
    "PERMISSION",
    "ApiKey",
    "KeyStatus",
    "Role",
    "Session",
    "SessionKind",
    "SigningKey",
    "User",
    "UserStatus",
    "granted_by",
    "permission_faults",
]

#: what a user's name, a role's name and an API key's name look like
LOGIN_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@+-]{0,126}[A-Za-z0-9])?\Z")
#: ``area:verb``, ``area:*``, ``*:verb`` or ``*``, at large or ``@`` one object such as ``apps/12``
PERMISSION: Final = re.compile(r"(?:\*|(?:\*|[a-z_]+):(?:\*|[a-z_]+))(?:@[a-z_]+/[A-Za-z0-9._-]{1,64})?\Z")


class UserStatus(StrEnum):
    """The life of a user."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


class SessionKind(StrEnum):
    """How a session's holder shows who it is."""

    #: access and refresh tokens
    TOKEN = "token"  # noqa: S105  # a kind, not a secret
    #: a cookie, and a CSRF token with each change
    COOKIE = "cookie"


class KeyStatus(StrEnum):
    """The life of a key that signs access tokens."""

    #: signs and verifies
    ACTIVE = "active"
    #: verifies what it has signed, until those tokens have expired
    VERIFYING = "verifying"
    RETIRED = "retired"


@define(kw_only=True, on_setattr=setters.frozen)
class User:
    """Somebody who may log in."""

    #: UUID (RFC 9562), version 4
    id: str
    #: login name, unique among the realm's users that are not deleted
    name: str
    display_name: str = ""
    email: str = ""
    status: UserStatus = UserStatus.ACTIVE
    #: names of roles, built-in or the realm's own
    roles: tuple[str, ...] = ()
    #: which tenants a user of the platform may enter; empty for all. A tenant's user enters its own only.
    tenants: tuple[str, ...] = ()
    #: ``password`` (argon2id, PHC text), ``totp`` (base32), ``totp_pending``: each a ``Secret``
    secrets: dict[str, Any] = Factory(dict)
    #: whether a second factor is asked for
    totp_enabled: bool = False
    #: the time step (RFC 6238) of the last code that was accepted: none counts twice
    totp_step: int = 0
    last_login_ts: datetime | None = None
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class Role:
    """A named set of permissions. ``inherits`` names roles whose permissions it has, too."""

    name: str
    description: str = ""
    permissions: tuple[str, ...] = ()
    inherits: tuple[str, ...] = ()
    #: comes with Zona and cannot be changed
    built_in: bool = False
    created_ts: datetime | None = None
    updated_ts: datetime | None = None
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class ApiKey:
    """A key for programs: it may do what its scopes name and its owner may do, no more."""

    #: also the public part of the key's text
    id: str
    name: str
    #: the user whom it belongs to; it works only while that one is active
    user_id: str
    #: permissions
    scopes: tuple[str, ...] = ()
    #: requests a minute; 0 for the general limit
    rate_limit: int = 0
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    #: ``digest`` (SHA-256 of the secret part) and, while an old secret still works, ``previous``: each a ``Secret``
    secrets: dict[str, Any] = Factory(dict)
    #: until when the secret before the last rotation works
    previous_until: datetime | None = None
    #: usage, written now and then rather than with each request
    uses: int = 0
    last_used_ts: datetime | None = None
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class Session:
    """A login. Ended or expired, none of its tokens counts any more."""

    #: UUID (RFC 9562), version 4
    id: str
    user_id: str
    user_name: str = ""
    kind: SessionKind = SessionKind.TOKEN
    #: the tenant that it works in; empty for the default tenant
    tenant: str = ""
    #: counts refreshes: a refresh token of an older generation is one that was used already
    generation: int = 0
    #: ``refresh`` (the key that refresh tokens are made with), or ``cookie`` and ``csrf`` (SHA-256 of the token's
    #: secret part): each a ``Secret``
    secrets: dict[str, Any] = Factory(dict)
    #: where the login came from
    address: str = ""
    user_agent: str = ""
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    #: ``logout``, ``revoked``, ``reuse``, ``replaced``, ``password``
    end_reason: str = ""
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class SigningKey:
    """A key for access tokens; of the whole installation, in the core database."""

    #: RFC 7517 §4.5
    kid: str
    #: ``EdDSA`` or ``HS256`` (RFC 7518 §3.1, RFC 8037)
    algorithm: str
    #: ``private``: PEM (PKCS#8) or base64, as its signer keeps it; a ``Secret``
    secrets: dict[str, Any] = Factory(dict)
    #: the public part, where the algorithm has one
    public: str = ""
    status: KeyStatus = KeyStatus.ACTIVE
    created_ts: datetime
    #: until when it verifies, once it signs no more
    retire_ts: datetime | None = None
    revision: int = 0


_READING: Final = (
    "apps:read",
    "tasks:read",
    "instances:read",
    "credentials:read",
    "runs:read",
    "package_keys:read",
    "playbooks:read",
    "schedules:read",
    "events:read",
    "rules:read",
    "alerts:read",
    "cases:read",
    "policies:read",
    "silences:read",
    "channels:read",
    "feeds:read",
)
_OPERATING: Final = (
    "runs:run",
    "runs:control",
    "runs:approve",
    "playbooks:run",
    "schedules:run",
    "instances:test",
    "events:ingest",
    "alerts:write",
    "cases:write",
    "silences:write",
    "feeds:run",
)
_EDITING: Final = (
    "apps:*",
    "tasks:*",
    "instances:*",
    "credentials:*",
    "playbooks:*",
    "schedules:*",
    "events:*",
    "rules:*",
    "alerts:*",
    "cases:*",
    "policies:*",
    "silences:*",
    "channels:*",
    "feeds:*",
)
_AUDITING: Final = ("audit:read", "users:read", "roles:read", "api_keys:read", "sessions:read")

#: the roles that every realm has, by name
BUILT_IN_ROLES: Final[Mapping[str, Role]] = {
    role.name: role
    for role in (
        Role(name="reader", description="Sees apps, instances and runs.", permissions=_READING, built_in=True),
        Role(
            name="operator",
            description="Runs tasks and tests connections.",
            permissions=_OPERATING,
            inherits=("reader",),
            built_in=True,
        ),
        Role(
            name="editor",
            description="Builds and connects apps.",
            permissions=_EDITING,
            inherits=("operator",),
            built_in=True,
        ),
        Role(
            name="auditor", description="Sees who did what.", permissions=_AUDITING, inherits=("reader",), built_in=True
        ),
        Role(name="admin", description="May do everything in its realm.", permissions=("*",), built_in=True),
    )
}


def granted_by(names: Iterable[str], roles: Mapping[str, Role]) -> frozenset[str]:
    """The permissions of the roles ``names`` with all that they inherit; a name that ``roles`` lacks grants nothing."""
    granted: set[str] = set()
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen or name not in roles:
            continue
        seen.add(name)
        granted.update(roles[name].permissions)
        waiting += roles[name].inherits
    return frozenset(granted)


def permission_faults(path: str, permissions: Iterable[str]) -> list[Fault]:
    """What is wrong with texts that are to be permissions."""
    return [
        Fault(
            f"{path}[{index}]",
            f"{text!r} is no permission",
            "area:verb, area:*, *:verb or *, with @kind/id for one object",
        )
        for index, text in enumerate(permissions)
        if not PERMISSION.match(text)
    ]
