"""API keys at the gate: what a key's text proves, and how often keys are used."""

from __future__ import annotations

import threading
from typing import Final

from attrs import define, evolve

from zona_core.domain.identity import ApiKey
from zona_core.errors import Conflict, NotFound, StoreUnavailable, Unauthenticated
from zona_core.usecases._gate_base import GateBase
from zona_core.usecases._gate_beliefs import Holder, Proof, Standing
from zona_core.usecases._gate_sessions import same
from zona_core.usecases._gate_types import KEY, Identity
from zona_core.usecases._key_texts import digest, parse_key

__all__ = ["Keys"]

#: seconds between two notes of a key's use, in each process
_NOTED: Final = 60.0


@define
class _Use:
    """Uses of a key that are not written yet, and when (monotonic) the last ones were."""

    count: int = 0
    written_at: float = float("-inf")


class Keys:
    """Checks API keys and counts their use. Safe to use from several threads."""

    def __init__(self, base: GateBase) -> None:
        self._base = base
        self._lock = threading.Lock()
        self._uses: dict[tuple[str, str], _Use] = {}

    def read(self, text: str) -> tuple[Proof, Standing]:
        """What a key's text proves and who it stands for.

        Raises ``Unauthenticated``: ``key_malformed``, ``key_unknown``, ``key_revoked``, ``key_expired``,
        ``user_disabled``.
        """
        parts = parse_key(text)
        if parts is None:
            raise Unauthenticated("this is no API key", code="key_malformed")
        holder = Holder(parts.realm, parts.id, digest(parts.secret))
        standing = self.standing(holder)
        return Proof(holder, standing.identity.actor.user_id), standing

    def standing(self, holder: Holder) -> Standing:
        """What the store says of a key, for the secret of that digest; raises as ``read`` does."""
        key = self._base.data(holder.realm).api_keys.get(holder.id)
        if key is None:
            raise Unauthenticated("there is no such API key", code="key_unknown")
        if key.revoked_at is not None:  # its digests are erased, so that this is told for any secret
            raise Unauthenticated("the API key was revoked", code="key_revoked")
        now, current = self._base.now(), same(key.secrets.get("digest"), holder.digest)
        if not current and not same(key.secrets.get("previous"), holder.digest):
            raise Unauthenticated("there is no such API key", code="key_unknown")
        ends = [key.expires_at] if current else [key.expires_at, key.previous_until or now]
        ends_at = min((at for at in ends if at is not None), default=None)
        if ends_at is not None and now >= ends_at:
            raise Unauthenticated("the API key has expired", code="key_expired")
        return Standing(self._identity(holder.realm, key), ends_at)

    def count(self, identity: Identity) -> None:
        """Counts a use; the first one and then a minute's worth at a time are written to the store."""
        place = (identity.realm, identity.key_id)
        now = self._base.parts.clock.monotonic()
        with self._lock:
            use = self._uses.setdefault(place, _Use())
            use.count += 1
            if now - use.written_at < _NOTED:
                return
            count, use.count, use.written_at = use.count, 0, now
        self._write(*place, count)

    def close(self) -> None:
        """Writes what was counted."""
        with self._lock:
            waiting = {place: use.count for place, use in self._uses.items() if use.count}
            self._uses.clear()
        for place, count in waiting.items():
            self._write(*place, count)

    def _write(self, realm: str, key_id: str, count: int) -> None:
        """Figures only: that they cannot be written is no reason to refuse anybody.

        What has knocked at a tenant that is shut is not counted: nothing of it is touched.
        """
        try:
            if self._base.active(realm):
                self._base.settled(lambda: self._add(realm, key_id, count))
        except (Conflict, NotFound, StoreUnavailable):
            return

    def _add(self, realm: str, key_id: str, count: int) -> None:
        data = self._base.data(realm)
        with data.transaction():
            key = data.api_keys.need(key_id)
            data.api_keys.replace(evolve(key, uses=key.uses + count, last_used_ts=self._base.now()))

    def _identity(self, realm: str, key: ApiKey) -> Identity:
        user = self._base.active_user(realm, key.user_id)
        return Identity(
            actor=self._base.actor(realm, user, key),
            realm=realm,
            tenant=self._base.home(realm, user),
            method=KEY,
            key_id=key.id,
            rate_limit=key.rate_limit,
        )
