"""Roles: named sets of permissions (SPEC §5: inheritance, default deny)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve

from zona_core.domain.identity import BUILT_IN_ROLES, LOGIN_NAME, Role, granted_by, permission_faults
from zona_core.errors import Conflict, Fault, InvalidInput, NotFound
from zona_core.persistence.checks import check_limit
from zona_core.persistence.repository import Listing
from zona_core.ports.paging import cursor_after, fingerprint, position_of
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import use_case
from zona_core.usecases._identity import RealmArea, admin_kept, live_users, refuse_escalation, roles_of

__all__ = ["CoreRoles", "Roles"]

_QUERY = fingerprint("roles", {}, [("name", 1)])
_MOST_TOLD = 10


class Roles(RealmArea):
    """A tenant's roles: those that come with Zona, and its own."""

    area = "roles"

    @use_case(":read")
    def list(self, *, after: str | None = None, limit: int = 100) -> Listing[Role]:
        """All roles by name, the built-in ones among them."""
        check_limit(limit, 10_000)
        past = "" if after is None else str(position_of(after, _QUERY, 1)[0])
        rest = [role for name, role in sorted(roles_of(self._data).items()) if name > past]
        more = len(rest) > limit
        return Listing(items=rest[:limit], next=cursor_after(_QUERY, [rest[limit - 1].name]) if more else None)

    @use_case(":read")
    def get(self, name: str) -> Role:
        """One role; raises ``NotFound``."""
        return BUILT_IN_ROLES.get(name) or self._own(name)

    @use_case(":write")
    def put(
        self,
        name: str,
        *,
        description: str = "",
        permissions: Iterable[str] = (),
        inherits: Iterable[str] = (),
        revision: int | None = None,
    ) -> Role:
        """Stores a role, new or in the place of the one of that name.

        Raises ``InvalidInput`` with every fault (a cycle of inheritance names its members), ``Conflict``
        (``built_in``, ``last_admin``), ``RevisionConflict``, ``PermissionDenied`` (``escalation``) if the role would
        grant anything new that the actor lacks.
        """
        self._refuse_built_in(name)
        data = self._data
        with data.transaction(), admin_kept(data):
            now = data.now()
            before = data.roles.get(name)
            check_revision(before.revision if before else 0, revision, f"roles/{name}")
            role = evolve(
                before or Role(name=name, created_ts=now),
                description=description,
                permissions=tuple(dict.fromkeys(permissions)),
                inherits=tuple(dict.fromkeys(inherits)),
                updated_ts=now,
            )
            known = roles_of(data)
            held = granted_by([name], known)
            changed = {**known, name: role}
            _refuse_faults(role, changed)
            refuse_escalation(self._actor, granted_by([name], changed) - held)
            after = data.roles.replace(role) if before else data.roles.insert(role)
            data.record(self._actor, f"{self.area}.put", f"roles/{name}", before=before, after=after)
        return after

    @use_case(":delete")
    def delete(self, name: str, *, revision: int | None = None) -> Role:
        """Removes a role of the realm's own.

        Raises ``NotFound``, ``RevisionConflict``, ``Conflict``: ``built_in``, or ``in_use`` while a user has it or a
        role inherits it.
        """
        self._refuse_built_in(name)
        data = self._data
        with data.transaction():
            role = self._own(name)
            check_revision(role.revision, revision, f"roles/{name}")
            self._refuse_used(name)
            data.roles.delete(name)
            data.record(self._actor, f"{self.area}.delete", f"roles/{name}", before=role)
        return role

    def _own(self, name: str) -> Role:
        role = self._data.roles.get(name) if name else None
        if role is None:
            raise NotFound(f"there is no role {name!r}", collection="roles")
        return role

    def _refuse_built_in(self, name: str) -> None:
        if name in BUILT_IN_ROLES:
            raise Conflict(
                f"the role {name} comes with Zona and cannot be changed",
                code="built_in",
                hint="a role of your own may inherit it",
            )

    def _refuse_used(self, name: str) -> None:
        users = [user.name for user in live_users(self._data) if name in user.roles][:_MOST_TOLD]
        heirs = [role.name for role in self._data.roles.all() if name in role.inherits][:_MOST_TOLD]
        if users or heirs:
            raise Conflict(
                f"the role {name} is used by " + ", ".join([*users, *heirs]), code="in_use", users=users, roles=heirs
            )


class CoreRoles(Roles):
    """Roles of the platform's users."""

    area = "core_roles"
    door = "system"


def _refuse_faults(role: Role, known: Mapping[str, Role]) -> None:
    faults = permission_faults("permissions", role.permissions)
    if not LOGIN_NAME.match(role.name):
        faults.append(Fault("name", f"{role.name[:80]!r} is no role's name", "letters, digits and ._@+- between"))
    if len(role.description) > 1000:
        faults.append(Fault("description", "is too long", "at most 1000 characters"))
    faults += [
        Fault(f"inherits[{index}]", f"there is no role {parent!r}", "a role of this realm")
        for index, parent in enumerate(role.inherits)
        if parent not in known
    ]
    if cycle := _cycle(role.name, known):
        faults.append(Fault("inherits", "the role would inherit itself: " + " → ".join(cycle), "no cycle"))
    if faults:
        raise InvalidInput.of(faults, f"The role {role.name[:80]!r}")


def _cycle(start: str, roles: Mapping[str, Role]) -> list[str]:
    """A way by inheritance from ``start`` back to it; empty if there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for parent in roles[way[-1]].inherits:
            if parent == start:
                return [*way, start]
            if parent in roles and parent not in seen:
                seen.add(parent)
                ways.append([*way, parent])
    return []
