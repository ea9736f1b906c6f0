"""API keys: what programs show instead of a password (SPEC §5: scopes, rate limits, rotation with overlap)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from attrs import define, evolve

from zona_core.domain.identity import LOGIN_NAME, ApiKey, UserStatus, permission_faults
from zona_core.domain.secrets import Secret
from zona_core.errors import Conflict, Fault, InvalidInput, NotFound
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Where
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import use_case
from zona_core.usecases._identity import RealmArea, in_utc, refuse_escalation, user_of
from zona_core.usecases._key_texts import digest, key_text, new_key_id, new_secret

__all__ = ["ApiKeys", "CoreApiKeys", "IssuedKey"]

#: seconds that an old secret may go on working after a rotation
_LONGEST_OVERLAP: Final = 7 * 86_400
_HIGHEST_RATE: Final = 1_000_000
_MOST_SCOPES: Final = 200


@define(frozen=True, kw_only=True)
class IssuedKey:
    """A key with its text, which is shown this once: only a digest of it is kept."""

    key: ApiKey
    text: Secret


class ApiKeys(RealmArea):
    """The keys of a tenant's users."""

    area = "api_keys"

    @use_case(":write")
    def create(
        self,
        name: str,
        *,
        scopes: Iterable[str],
        user: str | None = None,
        expires_at: datetime | None = None,
        rate_limit: int = 0,
    ) -> IssuedKey:
        """A new key of ``user`` (by id or name; the actor's own by default).

        It may do what ``scopes`` (permissions) name and its user may do. ``rate_limit`` is in requests a minute, 0 for
        the general one. Raises ``InvalidInput`` with every fault, ``NotFound``, ``PermissionDenied`` (``escalation``)
        for a scope that the actor lacks itself.
        """
        wanted = tuple(dict.fromkeys(scopes))
        now = self._now()
        faults = _scope_faults(wanted) + _faults(name, expires_at, rate_limit, now)
        owner = user or self._actor.user_id
        if not owner:
            faults.append(Fault("user", "a program has no keys of its own", "the user whom the key is for"))
        if faults:
            raise InvalidInput.of(faults, "The API key")
        secret = new_secret()
        data = self._data
        with data.transaction():
            holder = user_of(data, owner)
            if holder.status is not UserStatus.ACTIVE:
                raise InvalidInput.of([Fault("user", f"{holder.name} is {holder.status.value}", "an active user")])
            refuse_escalation(self._actor, wanted)
            key = data.api_keys.insert(
                ApiKey(
                    id=new_key_id(),
                    name=name,
                    user_id=holder.id,
                    scopes=wanted,
                    rate_limit=rate_limit,
                    expires_at=expires_at,
                    secrets={"digest": Secret(digest(secret))},
                    created_ts=now,
                    updated_ts=now,
                )
            )
            data.record(self._actor, f"{self.area}.create", f"api_keys/{key.id}", after=key)
        return self._issued(key, secret)

    @use_case(":read")
    def list(self, *, user: str | None = None, after: str | None = None, limit: int = 100) -> Listing[ApiKey]:
        """Keys of one user (by id or name), or of all, by name; revoked and expired ones, too."""
        where: Where = {} if user is None else {"user_id": user_of(self._data, user).id}
        return self._data.api_keys.find(where, sort=[("name", 1)], after=after, limit=limit)

    @use_case(":read")
    def get(self, key_id: str) -> ApiKey:
        """One key; raises ``NotFound``."""
        return self._need(key_id)

    @use_case(":write")
    def rotate(self, key_id: str, *, overlap: float = 3600, revision: int | None = None) -> IssuedKey:
        """A new secret for the key; the old one works for ``overlap`` more seconds (at most 7 days).

        Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``, ``Conflict`` (``key_revoked``, ``key_expired``)
        and ``PermissionDenied`` (``escalation``) if the key has a scope that the actor lacks.
        """
        if not 0 <= overlap <= _LONGEST_OVERLAP:
            raise InvalidInput.of([Fault("overlap", f"{overlap} s is out of range", f"0-{_LONGEST_OVERLAP} s")])
        secret = new_secret()
        data, now = self._data, self._now()
        with data.transaction():
            before = self._need(key_id)
            check_revision(before.revision, revision, f"api_keys/{key_id}")
            if before.revoked_at is not None:
                raise Conflict(f"the key {before.name} was revoked", code="key_revoked", hint="create a new one")
            if before.expires_at is not None and before.expires_at <= now:
                raise Conflict(f"the key {before.name} has expired", code="key_expired", hint="create a new one")
            refuse_escalation(self._actor, before.scopes)
            secrets = {"digest": Secret(digest(secret))}
            if overlap:
                secrets["previous"] = before.secrets["digest"]
            until = now + timedelta(seconds=overlap) if overlap else None
            after = evolve(before, secrets=secrets, previous_until=until, updated_ts=now)
            after = self._stored(before, after, "rotate")
        return self._issued(after, secret)

    @use_case(":delete")
    def revoke(self, key_id: str, *, revision: int | None = None) -> ApiKey:
        """Ends a key for good and erases its digests; revoking it again changes nothing.

        Raises ``NotFound``, ``RevisionConflict``.
        """
        data, now = self._data, self._now()
        with data.transaction():
            before = self._need(key_id)
            check_revision(before.revision, revision, f"api_keys/{key_id}")
            if before.revoked_at is not None:
                return before
            after = evolve(before, revoked_at=now, secrets={}, previous_until=None, updated_ts=now)
            return self._stored(before, after, "revoke")

    def _need(self, key_id: str) -> ApiKey:
        key = self._data.api_keys.get(key_id) if key_id else None
        if key is None:
            raise NotFound(f"there is no API key {key_id!r}", collection="api_keys")
        return key

    def _stored(self, before: ApiKey, after: ApiKey, verb: str) -> ApiKey:
        stored = self._data.api_keys.replace(after)
        self._data.record(self._actor, f"{self.area}.{verb}", f"api_keys/{stored.id}", before=before, after=stored)
        return stored

    def _issued(self, key: ApiKey, secret: str) -> IssuedKey:
        return IssuedKey(key=key, text=Secret(key_text(self._data.tenant_code, key.id, secret)))


class CoreApiKeys(ApiKeys):
    """The keys of the platform's users."""

    area = "core_api_keys"
    door = "system"


def _scope_faults(scopes: tuple[str, ...]) -> list[Fault]:
    if not 1 <= len(scopes) <= _MOST_SCOPES:
        return [Fault("scopes", f"there are {len(scopes)}", f"1-{_MOST_SCOPES} permissions")]
    return permission_faults("scopes", scopes)


def _faults(name: str, expires_at: datetime | None, rate_limit: int, now: datetime) -> list[Fault]:
    faults = []
    if not LOGIN_NAME.match(name):
        faults.append(Fault("name", f"{name[:80]!r} is no key's name", "letters, digits and ._@+- between"))
    if expires_at is not None and ((wanted := in_utc(expires_at)) is None or wanted <= now):
        faults.append(Fault("expires_at", "is past or has no time zone", "a time to come, with its zone"))
    if not 0 <= rate_limit <= _HIGHEST_RATE:
        faults.append(Fault("rate_limit", f"{rate_limit} is out of range", f"0-{_HIGHEST_RATE} a minute"))
    return faults
