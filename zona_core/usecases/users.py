"""Users of a tenant, and those of the platform (SPEC §5)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Any, Final

from attrs import evolve

from zona_core.domain.definitions import text_faults
from zona_core.domain.identity import LOGIN_NAME, User, UserStatus, granted_by
from zona_core.domain.secrets import Secret
from zona_core.errors import DuplicateKey, Fault, InvalidInput
from zona_core.persistence.collections import LIVE_USER
from zona_core.persistence.database import CORE
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Where
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import use_case
from zona_core.usecases._identity import (
    RealmArea,
    admin_kept,
    end_sessions,
    refuse_escalation,
    refuse_stronger,
    roles_of,
    user_of,
)
from zona_core.usecases._identity_passwords import checked_password, password_faults

__all__ = ["CoreUsers", "Users"]

#: enough to catch a slip; whether mail arrives is for a mail to show
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}\Z")


class Users(RealmArea):
    """A tenant's users. A ``user`` is named by id or by login name."""

    area = "users"

    @use_case(":write")
    def add(
        self,
        name: str,
        password: str | Secret,
        *,
        display_name: str = "",
        email: str = "",
        roles: Iterable[str] = (),
        tenants: Iterable[str] = (),
    ) -> User:
        """A new, active user.

        ``tenants`` are those that a user of the platform may enter (none: all); a tenant's user has none to choose.
        Raises ``InvalidInput`` with every fault, ``DuplicateKey`` if the name is taken, ``PermissionDenied``
        (``escalation``) for a role that has a permission which the actor lacks.
        """
        now = self._now()
        user = User(
            id=str(uuid.uuid4()),
            name=name,
            display_name=display_name,
            email=email,
            roles=tuple(dict.fromkeys(roles)),
            tenants=tuple(dict.fromkeys(tenants)),
            created_ts=now,
            updated_ts=now,
        )
        self._refuse_faults(user, password_faults(password, name))
        kept = self._hashed(password, name)
        data = self._data
        with data.transaction():
            self._refuse_faults(user)  # a role or tenant may have gone while the password was hashed
            refuse_escalation(self._actor, granted_by(user.roles, roles_of(data)))
            try:
                user = data.users.insert(evolve(user, secrets={"password": kept}))
            except DuplicateKey as exc:
                raise DuplicateKey(
                    f"there is a user {name} already", collection="users", fields=["name"], hint="choose another name"
                ) from exc
            data.record(self._actor, f"{self.area}.add", f"users/{user.id}", after=user)
        return user

    @use_case(":read")
    def list(self, *, status: UserStatus | None = None, after: str | None = None, limit: int = 100) -> Listing[User]:
        """Users by name; those deleted only if asked for."""
        where: Where = {"status": status.value if status else LIVE_USER}
        return self._data.users.find(where, sort=[("name", 1)], after=after, limit=limit)

    @use_case(":read")
    def get(self, user: str) -> User:
        """One user; raises ``NotFound``."""
        return user_of(self._data, user)

    @use_case(":write")
    def update(
        self,
        user: str,
        *,
        display_name: str | None = None,
        email: str | None = None,
        roles: Iterable[str] | None = None,
        tenants: Iterable[str] | None = None,
        status: UserStatus | None = None,
        revision: int | None = None,
    ) -> User:
        """Changes what is given. A disabled user's tokens and keys do not count; enabled again, it has to log in anew.

        Raises ``InvalidInput`` (also for the status ``deleted``, which ``delete`` gives), ``NotFound``,
        ``RevisionConflict``, ``Conflict`` (``last_admin``), ``PermissionDenied`` (``escalation``) if it gives or takes
        a permission that the actor lacks: by a role, or by a status or tenants that change where all of them count.
        """
        if status is UserStatus.DELETED:
            raise InvalidInput.of([Fault("status", "an update deletes nothing", "active or disabled; or delete")])
        given = {"display_name": display_name, "email": email, "status": status}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if roles is not None:
            changes["roles"] = tuple(dict.fromkeys(roles))
        if tenants is not None:
            changes["tenants"] = tuple(dict.fromkeys(tenants))
        data = self._data
        with data.transaction(), admin_kept(data):
            before = user_of(data, user)
            check_revision(before.revision, revision, f"users/{before.id}")
            after = evolve(before, **changes, updated_ts=self._now())
            self._refuse_faults(after)
            self._refuse_stronger_than_actor(before, after)
            if before.status is UserStatus.DISABLED and after.status is UserStatus.ACTIVE:
                end_sessions(data, before, "revoked", self._now())
            return self._stored(before, after, "update")

    @use_case(":write")
    def set_password(self, user: str, password: str | Secret, *, revision: int | None = None) -> User:
        """Gives a user another password and ends its sessions.

        Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``, ``PermissionDenied`` (``escalation``) if the user
        may do what the actor may not.
        """
        data = self._data
        kept = self._hashed(password, user_of(data, user).name)
        with data.transaction():
            before = user_of(data, user)
            check_revision(before.revision, revision, f"users/{before.id}")
            refuse_stronger(self._actor, data, before)
            checked_password(password, before.name)  # ``user`` may name another one by now
            end_sessions(data, before, "password", self._now())
            after = evolve(before, secrets={**before.secrets, "password": kept}, updated_ts=self._now())
            return self._stored(before, after, "set_password")

    @use_case(":write")
    def reset_totp(self, user: str, *, revision: int | None = None) -> User:
        """Takes a user's second factor away, for one who has lost it.

        Raises ``NotFound``, ``RevisionConflict``, ``PermissionDenied`` (``escalation``) as ``set_password`` does.
        """
        data = self._data
        with data.transaction():
            before = user_of(data, user)
            check_revision(before.revision, revision, f"users/{before.id}")
            refuse_stronger(self._actor, data, before)
            kept = {name: secret for name, secret in before.secrets.items() if not name.startswith("totp")}
            after = evolve(before, secrets=kept, totp_enabled=False, totp_step=0, updated_ts=self._now())
            return self._stored(before, after, "reset_totp")

    @use_case(":delete")
    def delete(self, user: str, *, revision: int | None = None) -> User:
        """Sets a user to deleted, erases its secrets, ends its sessions and revokes its keys. Its name becomes free.

        Raises ``NotFound``, ``RevisionConflict``, ``Conflict`` (``last_admin``), ``PermissionDenied``
        (``escalation``) as ``set_password`` does.
        """
        data = self._data
        with data.transaction(), admin_kept(data):
            before = user_of(data, user)
            check_revision(before.revision, revision, f"users/{before.id}")
            refuse_stronger(self._actor, data, before)
            now = self._now()
            end_sessions(data, before, "revoked", now)
            for key in data.api_keys.all({"user_id": before.id}):
                revoked_at = key.revoked_at or now
                data.api_keys.replace(evolve(key, revoked_at=revoked_at, secrets={}, updated_ts=now))
            after = evolve(before, status=UserStatus.DELETED, secrets={}, totp_enabled=False, updated_ts=now)
            return self._stored(before, after, "delete")

    def _stored(self, before: User, after: User, verb: str) -> User:
        stored = self._data.users.replace(after)
        self._data.record(self._actor, f"{self.area}.{verb}", f"users/{stored.id}", before=before, after=stored)
        return stored

    def _hashed(self, password: str | Secret, name: str) -> Secret:
        """What is kept of a password; made before a transaction begins, because it is slow on purpose."""
        return Secret(self._context.parts.password_hasher().hash(checked_password(password, name)))

    def _refuse_stronger_than_actor(self, before: User, after: User) -> None:
        """Refuses to give, or to take, what the actor may not give.

        Another status or other tenants give or take all that the user's roles grant: there, or everywhere.
        """
        roles = roles_of(self._data)
        held, given = granted_by(before.roles, roles), granted_by(after.roles, roles)
        same_reach = before.status is after.status and set(before.tenants) == set(after.tenants)
        refuse_escalation(self._actor, held ^ given if same_reach else held | given)

    def _refuse_faults(self, user: User, more: Iterable[Fault] = ()) -> None:
        found = [*more]
        if not LOGIN_NAME.match(user.name):
            found.append(Fault("name", f"{user.name[:80]!r} is no login name", "letters, digits and ._@+- between"))
        if user.display_name:
            found += text_faults("display_name", user.display_name, 200)
        if user.email and not _EMAIL.match(user.email):
            found.append(Fault("email", f"{user.email[:80]!r} is no e-mail address", "name@example.com"))
        known = roles_of(self._data)
        expected = "one of " + ", ".join(sorted(known))
        found += [
            Fault(f"roles[{index}]", f"there is no role {role!r}", expected)
            for index, role in enumerate(user.roles)
            if role not in known
        ]
        found += self._tenant_faults(user)
        if found:
            raise InvalidInput.of(found, "The user")

    def _tenant_faults(self, user: User) -> Iterable[Fault]:
        if user.tenants and self._data.tenant_code != CORE:
            return [Fault("tenants", "a tenant's user enters its own tenant only", "nothing")]
        tenants = self._context.parts.database.tenants
        return [
            Fault(f"tenants[{index}]", f"there is no tenant {code!r}", "a tenant's code")
            for index, code in enumerate(user.tenants)
            if not code or tenants.get(code) is None
        ]


class CoreUsers(Users):
    """Users of the platform, who may enter all tenants or those named."""

    area = "core_users"
    door = "system"
