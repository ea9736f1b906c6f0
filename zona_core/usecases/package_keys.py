"""The keys of packages: a tenant's own, which sign, and others' public keys, which it trusts (SPEC §4.2, §4.3).

A private key is made here, sealed here and never leaves: no use-case takes one in or gives one out.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from zona_core.domain.identity import LOGIN_NAME
from zona_core.domain.package_keys import FINGERPRINT, PackageKey, fingerprint_of
from zona_core.domain.secrets import Secret
from zona_core.errors import DuplicateKey, Fault, InvalidInput
from zona_core.persistence.repository import Listing
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._signatures import PRIVATE, not_own, package_key_of

__all__ = ["PackageKeys"]

#: the signature scheme that is used
_ALGORITHM: Final = "ed25519"


class PackageKeys(Area):
    """Keeping the keys that signatures of packages are made and verified with."""

    area = "package_keys"
    _context: TenantContext

    @use_case("package_keys:write")
    def create(self, name: str) -> PackageKey:
        """A new key of the tenant's own, which may sign packages; ``public`` is what others have to trust.

        Raises ``InvalidInput``, ``DuplicateKey``.
        """
        if faults := _name_faults(name):
            raise InvalidInput.of(faults, "The package key")
        scheme = self._context.parts.signature_scheme()
        pair = scheme.new_pair()
        secrets = {PRIVATE: Secret(scheme.private_text(pair.private))}
        return self._added(name, pair.public, own=True, secrets=secrets, verb="create")

    @use_case("package_keys:write")
    def trust(self, name: str, public: str) -> PackageKey:
        """Believes from now on what somebody else's key has signed; ``public`` is the public key as PEM.

        Raises ``InvalidInput``, and ``DuplicateKey`` if there is a key of that name, or that key under another one.
        """
        faults = _name_faults(name)
        try:
            raw = self._context.parts.signature_scheme().public_of_text(public)
        except InvalidInput as exc:
            faults += [fault.under("public") for fault in exc.faults]
        if faults:
            raise InvalidInput.of(faults, "The package key")
        return self._added(name, raw, own=False, secrets={}, verb="trust")

    @use_case("package_keys:read")
    def list(self, *, after: str | None = None, limit: int = 100) -> Listing[PackageKey]:
        """The tenant's own keys and those that it trusts, by name; private parts stay sealed and masked."""
        return self._context.data.package_keys.find(sort=[("name", 1)], after=after, limit=limit)

    @use_case("package_keys:read")
    def get(self, key: str) -> PackageKey:
        """The key with that name or fingerprint, its private part sealed; raises ``NotFound``."""
        return package_key_of(self._context.data, key)

    @use_case("package_keys:write")
    def retire(self, key: str, *, revision: int | None = None) -> PackageKey:
        """Has a key of the tenant's own sign no more, for good, and erases its private part.

        What it has signed still counts; doing it again changes nothing. Raises ``NotFound``, ``RevisionConflict``, and
        ``Conflict`` (``key_not_own``) for somebody else's.
        """
        data = self._context.data
        with data.transaction():
            before = package_key_of(data, key)
            check_revision(before.revision, revision, _target(before))
            if not before.own:
                raise not_own(before)
            if before.retired_ts is not None:
                return before
            now = data.now()
            after = data.package_keys.replace(evolve(before, retired_ts=now, secrets={}, updated_ts=now))
            data.record(self._context.actor, "package_keys.retire", _target(after), before=before, after=after)
        return after

    @use_case("package_keys:delete")
    def remove(self, key: str, *, revision: int | None = None) -> PackageKey:
        """Forgets a key, its private part included: no signature of it is believed any more.

        For a key that got out, and for somebody who is no longer trusted; what was imported already stays. Raises
        ``NotFound``, ``RevisionConflict``.
        """
        data = self._context.data
        with data.transaction():
            found = package_key_of(data, key)
            check_revision(found.revision, revision, _target(found))
            data.package_keys.delete(found.fingerprint)
            data.record(self._context.actor, "package_keys.remove", _target(found), before=found)
        return evolve(found, secrets={})

    def _added(self, name: str, public: bytes, *, own: bool, secrets: dict[str, Secret], verb: str) -> PackageKey:
        data = self._context.data
        text = self._context.parts.signature_scheme().public_text(public)
        with data.transaction():
            now, fingerprint = data.now(), fingerprint_of(public)
            known = data.package_keys.get(fingerprint)
            if known is not None:
                raise DuplicateKey(f"that key is known here already, as {known.name}", collection="package_keys")
            key = PackageKey(
                fingerprint=fingerprint,
                name=name,
                algorithm=_ALGORITHM,
                public=text,
                own=own,
                secrets=secrets,
                created_ts=now,
                updated_ts=now,
            )
            try:
                key = data.package_keys.insert(key)
            except DuplicateKey as exc:
                raise DuplicateKey(f"there is a package key {name!r} already", collection="package_keys") from exc
            data.record(self._context.actor, f"package_keys.{verb}", _target(key), after=key)
        return key


def _target(key: PackageKey) -> str:
    return f"package_keys/{key.fingerprint}"


def _name_faults(name: str) -> list[Fault]:
    if not LOGIN_NAME.match(name) or FINGERPRINT.match(name):
        return [Fault("name", f"{name[:80]!r} is no key's name", "letters, digits and ._@+- between, no fingerprint")]
    return []
