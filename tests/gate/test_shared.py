"""What processes share by the cache: standings, for no longer than one would believe them, and news of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from zona_core import Actor, Identity, Tokens, Unauthenticated, UserStatus, Zona
from zona_core.memory_cache import MemoryCache
from zona_core.usecases._gate_beliefs import BELIEF, Holder, Proof, Standing
from zona_core.usecases._gate_shared import SharedStandings

PROOF = Proof(Holder("core", "s-1"), "u-1")


def standing_of(**changes: Any) -> Standing:
    """What a store could say of the session."""
    actor = Actor(
        name="ann", permissions=frozenset({"apps:read@apps/1", "*:read"}), tenants=frozenset({"acme"}), user_id="u-1",
        realm="core",
    )  # fmt: skip
    identity = Identity(actor=actor, realm="core", tenant="acme", method="bearer", session_id="s-1")
    return Standing(identity, changes.get("ends_at", datetime(2030, 1, 2, tzinfo=UTC)))


class Store:
    """Counts how often it is asked."""

    def __init__(self, standing: Standing) -> None:
        self.said = standing
        self.asked = 0

    def __call__(self, _: Proof) -> Standing:
        self.asked += 1
        return self.said


@pytest.fixture
def shared(clock: Any) -> Iterator[SharedStandings]:
    cache = MemoryCache(100_000, now=clock.monotonic)
    yield SharedStandings(cache, clock)
    cache.close()


@pytest.mark.parametrize("ends_at", [None, datetime(2030, 1, 2, tzinfo=UTC)])
def test_what_one_asked_others_find(shared: SharedStandings, clock: Any, ends_at: datetime | None) -> None:
    """The second one to ask is given the same without the store, for the rest of the time."""
    store = Store(standing_of(ends_at=ends_at))
    assert shared.standing(PROOF, store) == (store.said, BELIEF)
    clock.move(0.5)
    found, seconds = shared.standing(PROOF, store)
    assert (found, store.asked) == (store.said, 1)
    assert found.identity.actor.may("apps:write", ["apps/1"]) is False
    assert found.identity.actor.may("apps:read")
    assert seconds == pytest.approx(BELIEF - 0.5)


def test_it_is_believed_no_longer_than_by_one(shared: SharedStandings, clock: Any) -> None:
    """Two seconds after the store said it, it is asked again."""
    store = Store(standing_of())
    shared.standing(PROOF, store)
    clock.move(BELIEF)
    shared.standing(PROOF, store)
    assert store.asked == 2


@pytest.mark.parametrize("proof", [PROOF._replace(user_id="u-2"), Proof(Holder("acme", "s-1"), "u-1")])
def test_another_s_standing_is_nobody_s(shared: SharedStandings, proof: Proof) -> None:
    """What was kept for one session and user serves no other."""
    store = Store(standing_of())
    shared.standing(PROOF, store)
    shared.standing(proof, store)
    assert store.asked == 2


@pytest.mark.parametrize("kept", [b"", b"{}", b"[]", b'{"said": "x"}', b"\xff"])
def test_what_is_no_standing_is_not_there(shared: SharedStandings, kept: bytes) -> None:
    """Something else in the cache is passed over."""
    shared._cache.put("standing/core/s-1", kept, ttl=60)
    assert shared.standing(PROOF, Store(standing_of()))[1] == BELIEF


@pytest.fixture
def two(tmp_path: Path, clock: Any) -> Iterator[tuple[Zona, Zona]]:
    """Two Zonas on one store and one cache, as two workers have them."""
    cache = MemoryCache(1_000_000, now=clock.monotonic)
    store = f"sqlite:///{tmp_path}/zona.db"
    with Zona(store=store, clock=clock) as here, Zona(store=store, clock=clock) as there:
        here._parts._cache = there._parts._cache = cache
        for name in ("ann", "root"):
            here.system().users.add(name, "correct horse battery", roles=["admin"])
        yield here, there


def change_role(zona: Zona) -> None:
    zona.system().users.update("ann", roles=[])


def disable(zona: Zona) -> None:
    zona.system().users.update("ann", status=UserStatus.DISABLED)


def end(zona: Zona) -> None:
    zona.system().sessions.end_all("ann")


@pytest.mark.parametrize("change", [disable, end])
def test_a_revocation_counts_everywhere_at_once(two: tuple[Zona, Zona], change: Callable[[Zona], None]) -> None:
    """Where the cache is shared nobody waits two seconds: what one process changes another refuses."""
    here, there = two
    tokens: Tokens = here.gate.login(name="ann", password="correct horse battery")
    token = tokens.access_token.reveal()
    assert there.gate.bearer(token).actor.may("apps:write")
    change(here)
    with pytest.raises(Unauthenticated):
        there.gate.bearer(token)


def test_other_permissions_count_everywhere_at_once(two: tuple[Zona, Zona]) -> None:
    """Likewise roles that are taken away."""
    here, there = two
    token = here.gate.login(name="ann", password="correct horse battery").access_token.reveal()
    assert there.gate.bearer(token).actor.may("apps:write")
    change_role(here)
    assert not there.gate.bearer(token).actor.may("apps:write")


def test_what_is_undone_is_told_to_nobody(two: tuple[Zona, Zona]) -> None:
    """A change that was rolled back makes nobody ask again."""
    here, _ = two
    told: list[str | None] = []
    here.cache.watch(told.append)

    def undone() -> None:
        with here._parts.database.tenant("core").transaction():
            change_role(here)
            raise KeyError

    with pytest.raises(KeyError):
        undone()
    assert told == []
    change_role(here)
    assert told == ["identity/core"]
