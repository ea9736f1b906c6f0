"""API keys at the gate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from zona_core import Conflict, InvalidInput, PermissionDenied, StoreUnavailable, Zona
from zona_core.domain.identity import User, UserStatus
from zona_core.errors import Unauthenticated

AddUser = Callable[..., User]


def refusal(action: Callable[..., Any], *arguments: Any) -> str:
    """The code with which ``action`` refuses."""
    with pytest.raises(Unauthenticated) as caught:
        action(*arguments)
    return caught.value.code


def test_a_key_may_what_its_scopes_and_its_user_may(gated: Zona, add_user: AddUser) -> None:
    """Both are needed; the name says that it was a key, and the limit is the key's own."""
    user = add_user(gated, realm="acme", roles=["operator"])
    keys = gated.tenant("acme").api_keys
    text = keys.create("ci", scopes=["runs:*", "users:read"], user="ann", rate_limit=7).text.reveal()
    identity = gated.gate.key(text)
    assert (identity.actor.name, identity.actor.user_id) == ("key:ci", user.id)
    assert (identity.realm, identity.tenant, identity.method, identity.rate_limit) == ("acme", "acme", "key", 7)
    assert identity.actor.may("runs:run")
    assert not identity.actor.may("users:read"), "its user may not"
    assert not identity.actor.may("apps:read"), "it is not for that"
    assert identity.actor.tenants == frozenset({"acme"})


@pytest.mark.parametrize("text", ["", "zk", "zk.core.short.x", "zs.core.aaaaaaaaaaaa." + "A" * 43, "\udc80"])
def test_what_is_no_key_is_malformed(gated: Zona, text: str) -> None:
    """Anything may come in a header."""
    assert refusal(gated.gate.key, text) == "key_malformed"


def test_a_wrong_key_is_unknown(gated: Zona, add_user: AddUser) -> None:
    """No such id, another secret, another realm: all the same."""
    add_user(gated)
    text = gated.system().api_keys.create("ci", scopes=["runs:run"], user="ann").text.reveal()
    for wrong in (text[:-43] + "A" * 43, f"zk.core.aaaaaaaaaaaa.{text[-43:]}", text.replace("zk.core", "zk.acme")):
        assert refusal(gated.gate.key, wrong) == "key_unknown"


def test_a_key_expires(gated: Zona, add_user: AddUser, clock: Any) -> None:
    """At its time, though it was seen a moment before."""
    add_user(gated)
    ends = clock.now() + timedelta(seconds=60)
    text = gated.system().api_keys.create("ci", scopes=["runs:run"], user="ann", expires_at=ends).text.reveal()
    clock.move(59)
    gated.gate.key(text)
    clock.move(1)
    assert refusal(gated.gate.key, text) == "key_expired"


def test_a_revoked_key_does_not_count(gated: Zona, add_user: AddUser, clock: Any) -> None:
    """Within two seconds, or at once where the gate is told to forget."""
    add_user(gated)
    keys = gated.system().api_keys
    first, second = (keys.create(name, scopes=["runs:run"], user="ann") for name in ("a", "b"))
    for issued in (first, second):
        gated.gate.key(issued.text.reveal())
        keys.revoke(issued.key.id)
    clock.move(2)
    assert refusal(gated.gate.key, first.text.reveal()) == "key_revoked"
    third = keys.create("c", scopes=["runs:run"], user="ann")
    gated.gate.key(third.text.reveal())
    keys.revoke(third.key.id)
    gated.gate.forget()
    assert refusal(gated.gate.key, third.text.reveal()) == "key_revoked"


def test_a_disabled_users_keys_do_not_count(gated: Zona, add_user: AddUser, clock: Any) -> None:
    """They count again when the user does."""
    add_user(gated)
    text = gated.system().api_keys.create("ci", scopes=["runs:run"], user="ann").text.reveal()
    gated.gate.key(text)
    gated.system().users.update("ann", status=UserStatus.DISABLED)
    clock.move(2)
    assert refusal(gated.gate.key, text) == "user_disabled"
    gated.system().users.update("ann", status=UserStatus.ACTIVE)
    assert gated.gate.key(text).actor.name == "key:ci"


def test_a_rotated_keys_old_secret_counts_for_a_while(gated: Zona, add_user: AddUser, clock: Any) -> None:
    """Old and new count side by side, then the new one alone."""
    add_user(gated)
    keys = gated.system().api_keys
    old = keys.create("ci", scopes=["runs:run"], user="ann")
    gated.gate.key(old.text.reveal())
    new = keys.rotate(old.key.id, overlap=30)
    clock.move(29)
    assert gated.gate.key(old.text.reveal()).key_id == gated.gate.key(new.text.reveal()).key_id
    clock.move(1)
    assert refusal(gated.gate.key, old.text.reveal()) == "key_expired"
    assert gated.gate.key(new.text.reveal()).key_id == new.key.id
    newest = keys.rotate(old.key.id, overlap=0)
    clock.move(2)
    assert refusal(gated.gate.key, new.text.reveal()) == "key_unknown"
    assert gated.gate.key(newest.text.reveal()).key_id == new.key.id


def test_an_expired_key_is_not_rotated(gated: Zona, add_user: AddUser, clock: Any) -> None:
    """Its new secret would count no more than the old one."""
    add_user(gated)
    keys, ends = gated.system().api_keys, clock.now() + timedelta(seconds=60)
    issued = keys.create("ci", scopes=["runs:run"], user="ann", expires_at=ends)
    clock.move(59)
    assert keys.rotate(issued.key.id).key.expires_at == ends
    clock.move(1)
    with pytest.raises(Conflict) as caught:
        keys.rotate(issued.key.id)
    assert caught.value.code == "key_expired"


def test_uses_are_counted_and_written_now_and_then(opened: Callable[..., Zona], add_user: AddUser, clock: Any) -> None:
    """The first use at once, then a minute's worth at a time; what is left is written at the end."""
    zona, other = opened(), opened()
    add_user(zona)
    issued = zona.system().api_keys.create("ci", scopes=["runs:run"], user="ann")

    def uses() -> tuple[int, Any]:
        key = other.system().api_keys.get(issued.key.id)
        return key.uses, key.last_used_ts

    start = clock.now()
    for _ in range(5):
        zona.gate.key(issued.text.reveal())
    assert uses() == (1, start)
    clock.move(60)
    zona.gate.key(issued.text.reveal())
    assert uses() == (6, clock.now())
    for _ in range(3):
        zona.gate.key(issued.text.reveal())
    zona.close()
    assert uses()[0] == 9


def test_figures_that_cannot_be_written_refuse_nobody(
    gated: Zona, add_user: AddUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that reads and does not write lets keys in."""
    add_user(gated)
    text = gated.system().api_keys.create("ci", scopes=["runs:run"], user="ann").text.reveal()

    def refuse(*_: Any) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(gated.gate._keys, "_add", refuse)
    assert gated.gate.key(text).actor.name == "key:ci"


def test_a_key_is_no_session(gated: Zona, add_user: AddUser, password: str) -> None:
    """It cannot log out, nor change its owner's account, and its text is no token, though it is known."""
    add_user(gated, roles=["admin"])
    text = gated.system().api_keys.create("k", scopes=["*"], user="ann").text.reveal()
    identity = gated.gate.key(text)
    assert refusal(gated.gate.bearer, text) == refusal(gated.gate.cookie, text) == "token_malformed"
    with pytest.raises(InvalidInput) as caught:
        gated.gate.logout(identity)
    assert caught.value.code == "no_session"
    for action in (
        lambda: gated.gate.change_password(identity, password, "another long phrase"),
        lambda: gated.gate.totp_begin(identity, password),
        lambda: gated.gate.totp_confirm(identity, "123456"),
        lambda: gated.gate.totp_disable(identity, password),
        lambda: gated.gate.own_sessions(identity),
        lambda: gated.gate.end_own_session(identity, "any"),
    ):
        with pytest.raises(PermissionDenied) as refused:
            action()
        assert refused.value.code == "session_required"
