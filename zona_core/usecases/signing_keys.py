"""The keys that sign access tokens: above tenants, through the system door."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from attrs import evolve

from zona_core.domain.identity import KeyStatus, SigningKey
from zona_core.errors import Conflict, NotFound
from zona_core.persistence.database import CORE
from zona_core.persistence.repository import Listing
from zona_core.usecases._area import Area, SystemContext, use_case
from zona_core.usecases._gate_signing import add_key

__all__ = ["SigningKeys"]

#: seconds that an old key verifies beyond the life of its tokens: other processes sign with it for a moment longer
_MARGIN: Final = 60


class SigningKeys(Area):
    """Changing the keys of access tokens. The first one is made when somebody logs in."""

    area = "signing_keys"
    door = "system"
    _context: SystemContext

    @use_case("signing_keys:read")
    def list(
        self, *, status: KeyStatus | None = None, after: str | None = None, limit: int = 100
    ) -> Listing[SigningKey]:
        """Keys, newest first; their private parts stay sealed and masked."""
        where = {"status": status.value} if status else {}
        keys = self._context.parts.database.signing_keys
        return keys.find(where, sort=[("created_ts", -1)], after=after, limit=limit)

    @use_case("signing_keys:write")
    def rotate(self, algorithm: str | None = None) -> SigningKey:
        """A new key (default: of the algorithm that the settings name), which signs from now on.

        Those before it verify until their last tokens have expired. Raises ``NotFound`` for an algorithm that no plugin
        signs with, ``Conflict`` if somebody else rotated at the same moment.
        """
        parts = self._context.parts
        settings, database, now = parts.settings, parts.database, parts.clock.now()
        retire_ts = now + timedelta(seconds=settings.access_token_seconds + _MARGIN)
        with database.transaction():
            for old in database.signing_keys.all({"status": KeyStatus.ACTIVE.value}):
                self._replace(old, evolve(old, status=KeyStatus.VERIFYING, retire_ts=retire_ts), "expire")
            return add_key(parts, self._context.actor, algorithm or settings.token_algorithm)

    @use_case("signing_keys:write")
    def retire(self, kid: str) -> SigningKey:
        """Has nothing that the key signed count any more, and erases its private part; for a key that got out.

        Access tokens made with it are refused within seconds; refresh tokens still count. Raises ``NotFound``,
        ``Conflict`` for a key that is retired already.
        """
        database, now = self._context.parts.database, self._context.parts.clock.now()
        with database.transaction():
            before = database.signing_keys.get(kid)
            if before is None:
                raise NotFound(f"there is no signing key {kid[:64]!r}", collection="signing_keys")
            if before.status is KeyStatus.RETIRED:
                raise Conflict(f"the signing key {kid} is retired already", code="key_retired")
            return self._replace(before, evolve(before, status=KeyStatus.RETIRED, retire_ts=now, secrets={}), "retire")

    def _replace(self, before: SigningKey, after: SigningKey, verb: str) -> SigningKey:
        database = self._context.parts.database
        after = database.signing_keys.replace(after)
        database.tenant(CORE).record(
            self._context.actor, f"signing_keys.{verb}", f"signing_keys/{after.kid}", before=before, after=after
        )
        return after
