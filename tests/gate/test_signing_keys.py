"""The keys that sign access tokens: made, rotated, retired."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from zona_core import Conflict, NotFound, Zona
from zona_core.domain.identity import KeyStatus, User
from zona_core.errors import Unauthenticated

AddUser = Callable[..., User]
Opened = Callable[..., Zona]


def header_of(token: str) -> dict[str, Any]:
    part = token.split(".", maxsplit=1)[0]
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return header


def refusal(zona: Zona, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        zona.gate.bearer(token)
    return caught.value.code


def log_in(zona: Zona) -> str:
    return zona.gate.login(name="ann", password="canary correct horse").access_token.reveal()


@pytest.mark.parametrize("algorithm", ["EdDSA", "HS256"])
def test_the_first_key_is_made_at_the_first_login(clock: Any, add_user: AddUser, algorithm: str) -> None:
    """Of the algorithm that the settings name; its private part is masked, its making in the trail."""
    with Zona(store="memory://", clock=clock, token_algorithm=algorithm) as zona:
        add_user(zona)
        assert zona.system().signing_keys.list().items == []
        token = log_in(zona)
        [key] = zona.system().signing_keys.list().items
        assert (key.algorithm, key.status) == (algorithm, KeyStatus.ACTIVE)
        assert header_of(token)["kid"] == key.kid
        assert header_of(token)["alg"] == algorithm
        assert zona.gate.bearer(token).actor.name == "ann"
        assert key.secrets["private"].reveal() not in repr(key)
        [record] = zona.system().core_audit.search(action="signing_keys.add").items
        assert key.secrets["private"].reveal() not in str(record)


def test_processes_that_start_at_once_make_one_key(opened: Opened, add_user: AddUser) -> None:
    """All sign with the same one."""
    zonas = [opened() for _ in range(4)]
    add_user(zonas[0])
    barrier = threading.Barrier(4)
    tokens: list[str] = []

    def run(zona: Zona) -> None:
        barrier.wait()
        tokens.append(log_in(zona))

    threads = [threading.Thread(target=run, args=(zona,)) for zona in zonas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {header_of(token)["kid"] for token in tokens} == {"eddsa-1"}
    for zona in zonas:
        assert [zona.gate.bearer(token).actor.name for token in tokens] == 4 * ["ann"]


def test_a_rotated_key_verifies_until_its_tokens_have_expired(gated: Zona, add_user: AddUser, clock: Any) -> None:
    """New tokens have the new key, old ones count for the rest of their time."""
    add_user(gated)
    old = log_in(gated)
    made = gated.system().signing_keys.rotate()
    clock.move(2)
    new = log_in(gated)
    assert header_of(new)["kid"] == made.kid != header_of(old)["kid"]
    assert gated.gate.bearer(old).actor.name == gated.gate.bearer(new).actor.name == "ann"
    [former] = gated.system().signing_keys.list(status=KeyStatus.VERIFYING).items
    assert former.retire_ts is not None
    assert (former.retire_ts - clock.now()).total_seconds() >= 900
    clock.move(897)
    assert gated.gate.bearer(old).actor.name == "ann"
    clock.move(1)
    assert refusal(gated, old) == "token_expired"
    clock.move(120)
    assert refusal(gated, old) == "token_unknown"


def test_a_key_of_another_algorithm(gated: Zona, add_user: AddUser, clock: Any) -> None:
    """Rotation may change the algorithm; an unknown one is told, and changes nothing."""
    add_user(gated)
    old = log_in(gated)
    gated.system().signing_keys.rotate("HS256")
    clock.move(2)
    new = log_in(gated)
    assert header_of(new)["alg"] == "HS256"
    assert gated.gate.bearer(old).session_id != gated.gate.bearer(new).session_id
    with pytest.raises(NotFound):
        gated.system().signing_keys.rotate("none")
    assert [key.status for key in gated.system().signing_keys.list().items] == [KeyStatus.ACTIVE, KeyStatus.VERIFYING]


def test_other_processes_learn_of_a_new_key_at_once(opened: Opened, add_user: AddUser) -> None:
    """A token with an unknown key is reason to look, though the keys were looked at a moment ago."""
    here, there = opened(), opened()
    add_user(here)
    assert there.gate.bearer(log_in(here)).actor.name == "ann"
    here.system().signing_keys.rotate()
    here.gate.forget()
    token = log_in(here)
    assert header_of(token)["kid"] == "eddsa-2"
    assert there.gate.bearer(token).actor.name == "ann"


def test_unknown_keys_make_few_looks(
    gated: Zona, add_user: AddUser, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens with invented keys have the store asked once a second, not once each."""
    add_user(gated)
    log_in(gated)
    ring = gated.gate._ring
    looks = []
    load = ring._load
    monkeypatch.setattr(ring, "_load", lambda: (looks.append(1), load()))
    header = base64.urlsafe_b64encode(b'{"alg":"EdDSA","kid":"invented"}').decode().rstrip("=")
    for _ in range(20):
        assert refusal(gated, f"{header}.e30.AAAA") == "token_unknown"
    assert len(looks) == 1
    clock.move(1)
    refusal(gated, f"{header}.e30.AAAA")
    assert len(looks) == 2


def test_a_retired_key_counts_no_more(opened: Opened, add_user: AddUser, clock: Any) -> None:
    """Known tokens made with it are refused within two seconds in every process; sessions live on with a new key."""
    here, there = opened(), opened()
    add_user(here)
    tokens = here.gate.login(name="ann", password="canary correct horse")
    token = tokens.access_token.reveal()
    there.gate.bearer(token)
    retired = here.system().signing_keys.retire("eddsa-1")
    assert (retired.status, retired.secrets) == (KeyStatus.RETIRED, {})
    clock.move(2)
    assert refusal(here, token) == refusal(there, token) == "token_unknown"
    fresh = there.gate.refresh(tokens.refresh_token.reveal())
    assert header_of(fresh.access_token.reveal())["kid"] == "eddsa-2"
    assert here.gate.bearer(fresh.access_token.reveal()).actor.name == "ann"
    with pytest.raises(Conflict):
        here.system().signing_keys.retire("eddsa-1")
    with pytest.raises(NotFound):
        here.system().signing_keys.retire("nonsense")
