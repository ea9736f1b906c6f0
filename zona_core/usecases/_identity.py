"""What the use-cases for users, roles, keys and sessions share: the realm, and the rules that keep anybody from rising.

The rules: nobody grants what it was not granted itself, by no road (a role, a role's definition, a tenant more to use
it in, a key's scopes, the password of somebody stronger), or takes it from somebody; and the platform always has an
active administrator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from attrs import evolve

from zona_core.domain.actors import Actor
from zona_core.domain.identity import BUILT_IN_ROLES, Role, Session, User, UserStatus, granted_by
from zona_core.errors import Conflict, NotFound, PermissionDenied
from zona_core.persistence.collections import LIVE_USER
from zona_core.persistence.database import CORE, TenantData
from zona_core.usecases._area import Area, SystemContext

__all__ = [
    "RealmArea",
    "admin_kept",
    "end_sessions",
    "in_utc",
    "live_users",
    "refuse_escalation",
    "refuse_stronger",
    "roles_of",
    "user_of",
]

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class RealmArea(Area):
    """An area that works on a realm: at the tenant door the tenant's, at the system door the platform's."""

    _context: SystemContext

    @property
    def _actor(self) -> Actor:
        return self._context.actor

    @property
    def _data(self) -> TenantData:
        return self._context.realm

    def _now(self) -> datetime:
        """The clock that sessions and keys are judged by."""
        return self._context.parts.clock.now()


def roles_of(data: TenantData) -> dict[str, Role]:
    """The realm's roles by name, the built-in ones included."""
    return {**{role.name: role for role in data.roles.all()}, **BUILT_IN_ROLES}


def user_of(data: TenantData, ref: str) -> User:
    """The user with that id or name; raises ``NotFound``."""
    user = data.users.get(ref) if _UUID.match(ref) else None
    if user is None or user.status is UserStatus.DELETED:
        user = data.users.one({"name": ref, "status": LIVE_USER})
    if user is None:
        raise NotFound(f"there is no user {ref!r}", collection="users")
    return user


def live_users(data: TenantData) -> Iterator[User]:
    """All users of the realm who are not deleted."""
    cursor: str | None = None
    while True:
        page = data.users.find({"status": LIVE_USER}, sort=[("name", 1)], after=cursor, limit=1_000)
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


def refuse_escalation(actor: Actor, permissions: Iterable[str]) -> None:
    """Raises ``PermissionDenied`` (``escalation``) naming the first of ``permissions`` that the actor may not grant."""
    for permission in sorted(permissions):
        if not actor.may_grant(permission):
            raise PermissionDenied(
                f"{actor.name} lacks the permission {permission} itself, so it cannot give it",
                code="escalation",
                permission=permission,
            )


def refuse_stronger(actor: Actor, data: TenantData, user: User) -> None:
    """Raises ``PermissionDenied`` (``escalation``) if the user may do what the actor may not.

    Whoever sets somebody's password can come in as that one; whoever takes somebody away could not bring it back.
    """
    refuse_escalation(actor, granted_by(user.roles, roles_of(data)))


def in_utc(at: datetime) -> datetime | None:
    """The same moment in UTC; None for a time without a zone, or of which UTC has no year (0 or 10000)."""
    if at.tzinfo is None:
        return None
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return None


def end_sessions(data: TenantData, user: User, reason: str, now: datetime) -> list[Session]:
    """Ends the user's open sessions, within the caller's transaction, and erases what they were proven by."""
    opened = data.sessions.all({"user_id": user.id, "ended_at": None})
    return [data.sessions.replace(evolve(session, ended_at=now, end_reason=reason, secrets={})) for session in opened]


@contextmanager
def admin_kept(data: TenantData) -> Iterator[None]:
    """Raises ``Conflict`` (``last_admin``) if the block takes the platform's last administrator away.

    Within a transaction, which the error undoes.
    """
    guarded = data.tenant_code == CORE and _has_admin(data)
    yield
    if guarded and not _has_admin(data):
        raise Conflict(
            "this would leave the platform without an active administrator",
            code="last_admin",
            hint="give another active user of the platform the role admin first",
        )


def _has_admin(data: TenantData) -> bool:
    roles = roles_of(data)
    return any(_is_admin(user, roles) for user in live_users(data))


def _is_admin(user: User, roles: Mapping[str, Role]) -> bool:
    return user.status is UserStatus.ACTIVE and not user.tenants and "*" in granted_by(user.roles, roles)
