"""What every part of the gate stands on: parts, clock, realms, users and what they may do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from zona_core.domain.actors import Actor
from zona_core.domain.identity import BUILT_IN_ROLES, ApiKey, Role, User, UserStatus, granted_by
from zona_core.domain.tenants import Tenant, TenantStatus, code_faults
from zona_core.errors import PermissionDenied, RevisionConflict, TenantUnavailable, Unauthenticated
from zona_core.persistence.database import CORE, TenantData
from zona_core.usecases._area import Parts

__all__ = ["ANONYMOUS", "GateBase"]

R = TypeVar("R")

#: in whose name the audit trail has what nobody known did
ANONYMOUS: Final = "anonymous"

#: how often a change is tried again when somebody else was faster
_ATTEMPTS: Final = 5


class GateBase:
    """Parts and look-ups. ``enter`` gives a tenant that is active, or raises ``TenantUnavailable``."""

    def __init__(self, parts: Parts, enter: Callable[[str], Tenant]) -> None:
        self.parts = parts
        self.enter = enter

    @property
    def settings(self) -> Any:
        """The ``zona_core.settings.Settings``."""
        return self.parts.settings

    def now(self) -> datetime:
        """The one clock that sessions, tokens and keys are judged by."""
        return self.parts.clock.now()

    def data(self, realm: str) -> TenantData:
        """The realm's users, sessions and audit trail."""
        return self.parts.database.tenant(realm)

    def known(self, realm: str) -> bool:
        """Whether there is such a realm; a text that is no tenant code is none."""
        return realm == CORE or self._tenant(realm) is not None

    def active(self, realm: str) -> bool:
        """Whether anything may be written in the realm: not while its tenant is inactive or suspended (SPEC §2)."""
        if realm == CORE:
            return True
        tenant = self._tenant(realm)
        return tenant is not None and tenant.status is TenantStatus.ACTIVE

    def need_active(self, realm: str) -> None:
        """Raises ``TenantUnavailable`` if the realm is a tenant that is not active."""
        if realm != CORE:
            self.enter(realm)

    def active_user(self, realm: str, user_id: str) -> User:
        """The user; raises ``Unauthenticated`` if it is not active any more."""
        user = self.data(realm).users.get(user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            raise Unauthenticated("this user may not work here any more", code="user_disabled")
        return user

    def actor(self, realm: str, user: User, key: ApiKey | None = None) -> Actor:
        """The user, in person or by one of its keys, as the one in whose name use-cases run."""
        return Actor(
            name=user.name if key is None else f"key:{key.name}",
            permissions=granted_by(user.roles, self._roles(realm, user)),
            scopes=None if key is None else frozenset(key.scopes),
            tenants=frozenset(user.tenants) if realm == CORE else frozenset({realm}),
            realm=realm,
            user_id=user.id,
            key_id="" if key is None else key.id,
        )

    def home(self, realm: str, user: User) -> str:
        """Where the user works when nobody says where: its realm, else its first tenant; empty: the default one."""
        if realm != CORE:
            return realm
        return "" if not user.tenants or self.settings.tenant in user.tenants else user.tenants[0]

    def workplace(self, realm: str, user: User, tenant: str) -> str:
        """Where a login works: in ``tenant``, else at ``home``.

        Raises ``PermissionDenied`` for a tenant that is not the user's to enter, ``TenantUnavailable``.
        """
        tenant = tenant or self.home(realm, user)
        allowed = user.tenants if realm == CORE else (realm,)
        if not tenant:
            return ""
        if allowed and tenant not in allowed:
            raise PermissionDenied(f"{user.name} may not enter the tenant {tenant[:64]!r}", code="wrong_tenant")
        if code_faults(tenant):
            raise TenantUnavailable("there is no such tenant", code="tenant_unknown")
        return self.enter(tenant).tenant_code

    @staticmethod
    def settled(action: Callable[[], R]) -> R:
        """What ``action`` gives, which reads and changes in a transaction; repeated where somebody else was faster."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return action()
            except RevisionConflict:
                continue
        return action()

    def _tenant(self, realm: str) -> Tenant | None:
        return None if code_faults(realm) else self.parts.database.tenants.get(realm)

    def _roles(self, realm: str, user: User) -> dict[str, Role]:
        if all(name in BUILT_IN_ROLES for name in user.roles):  # they inherit from one another only
            return dict(BUILT_IN_ROLES)
        own = {role.name: role for role in self.data(realm).roles.all()}
        return {**own, **BUILT_IN_ROLES}
