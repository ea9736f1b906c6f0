"""Standings that processes share by the cache: one of them asks the store, the others find the answer (SPEC §4.8).

What is kept says when the store said it. However many caches it passes, it is believed for ``BELIEF`` seconds from then
on; and a change of users, roles or sessions has it forgotten at once, where the cache is shared.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from zona_core.domain.actors import Actor
from zona_core.ports.cache import Cache
from zona_core.ports.clock import Clock
from zona_core.usecases._area import EVERY_REALM, identity_tag
from zona_core.usecases._gate_beliefs import BELIEF, Proof, Standing
from zona_core.usecases._gate_types import BEARER, Identity

__all__ = ["SharedStandings"]


class SharedStandings:
    """What the store said of the holders of access tokens."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock

    def standing(self, proof: Proof, read: Callable[[Proof], Standing]) -> tuple[Standing, float]:
        """The standing of a token's holder, and for how many seconds it may be believed; raises as ``read`` does."""
        key = f"standing/{proof.holder.realm}/{proof.holder.id}"
        now = self._clock.now().timestamp()
        found = _unpacked(self._cache.get(key), proof)
        if found is not None:
            standing, said = found
            left = BELIEF - (now - said)
            if 0 < left <= BELIEF:
                return standing, left
        standing = read(proof)
        tags = (identity_tag(proof.holder.realm), identity_tag(EVERY_REALM))
        self._cache.put(key, _packed(standing, now), ttl=BELIEF, tags=tags)
        return standing, BELIEF

    def forget(self) -> None:
        """Has every process that shares the cache ask anew."""
        self._cache.forget(identity_tag(EVERY_REALM))


def _packed(standing: Standing, said: float) -> bytes:
    identity, ends_at = standing
    actor = identity.actor
    data = {
        "said": said,
        "ends_at": None if ends_at is None else ends_at.isoformat(),
        "name": actor.name,
        "permissions": sorted(actor.permissions),
        "tenants": sorted(actor.tenants),
        "user": actor.user_id,
        "realm": identity.realm,
        "tenant": identity.tenant,
        "session": identity.session_id,
    }
    return json.dumps(data).encode()


def _unpacked(kept: bytes | None, proof: Proof) -> tuple[Standing, float] | None:
    """None for what is not there, or not what a standing of this proof looks like."""
    if kept is None:
        return None
    try:
        data: dict[str, Any] = json.loads(kept)
        ends_at = data["ends_at"]
        actor = Actor(
            name=data["name"],
            permissions=frozenset(data["permissions"]),
            tenants=frozenset(data["tenants"]),
            user_id=data["user"],
            realm=data["realm"],
        )
        identity = Identity(
            actor=actor,
            realm=data["realm"],
            tenant=data["tenant"],
            method=BEARER,
            session_id=data["session"],
        )
        standing = Standing(identity, None if ends_at is None else datetime.fromisoformat(ends_at))
        said = float(data["said"])
    except (KeyError, TypeError, ValueError):
        return None
    fits = (actor.user_id, identity.session_id, identity.realm) == (proof.user_id, proof.holder.id, proof.holder.realm)
    return (standing, said) if fits else None
