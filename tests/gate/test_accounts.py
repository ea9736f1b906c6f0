"""What users do for themselves, and that no secret of the gate is seen anywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from one_time import code_at

from zona_core import Conflict, InvalidInput, NotFound, PermissionDenied, Zona, ZonaError, as_data
from zona_core.domain.identity import User
from zona_core.errors import RateLimited, Unauthenticated

AddUser = Callable[..., User]

NEW = "canary another phrase"


def test_a_new_password_ends_other_sessions(gated: Zona, add_user: AddUser, password: str) -> None:
    """The session that changed it goes on, keys do, others are ended; the old password is one no more."""
    add_user(gated)
    gate = gated.gate
    mine, other = (gate.login(name="ann", password=password).access_token.reveal() for _ in range(2))
    key = gated.system().api_keys.create("k", scopes=["apps:read"], user="ann").text.reveal()
    gate.bearer(other)
    gate.change_password(gate.bearer(mine), password, NEW)
    assert gate.bearer(mine).actor.name == "ann"
    assert gate.key(key).actor.name == "key:k"
    with pytest.raises(Unauthenticated) as caught:
        gate.bearer(other)
    assert caught.value.code == "token_revoked"
    with pytest.raises(Unauthenticated):
        gate.login(name="ann", password=password)
    assert gate.login(name="ann", password=NEW).session_id
    reasons = {session.end_reason for session in gated.system().sessions.list(ended=True).items}
    assert reasons == {"", "password"}


def test_a_new_password_needs_the_old_one(gated: Zona, add_user: AddUser, password: str) -> None:
    """A wrong one is refused, ten of them shut the door as they do at the login; a poor new one is told as a fault."""
    add_user(gated)
    gate = gated.gate
    identity = gate.bearer(gate.login(name="ann", password=password).access_token.reveal())
    with pytest.raises(InvalidInput) as poor:
        gate.change_password(identity, password, "short")
    assert poor.value.faults[0].path == "password"
    for _ in range(10):
        with pytest.raises(PermissionDenied) as caught:
            gate.change_password(identity, "wrong", NEW)
        assert caught.value.code == "wrong_password"
    with pytest.raises(RateLimited):
        gate.change_password(identity, password, NEW)


def test_a_second_factor_is_begun_before_it_is_confirmed(gated: Zona, add_user: AddUser, password: str) -> None:
    """Confirming what was not begun is refused, and so is beginning what is there."""
    add_user(gated)
    gate = gated.gate
    identity = gate.bearer(gate.login(name="ann", password=password).access_token.reveal())
    with pytest.raises(Conflict) as caught:
        gate.totp_confirm(identity, "123456")
    assert caught.value.code == "totp_not_begun"
    codes = gated.plugins.one_time_codes()
    secret = gate.totp_begin(identity, password)[0].reveal()
    gate.totp_confirm(identity, code_at(codes, secret, gated._parts.clock))
    with pytest.raises(Conflict) as again:
        gate.totp_begin(identity, password)
    assert again.value.code == "totp_enabled"


def test_a_second_factor_needs_the_password(gated: Zona, add_user: AddUser, password: str) -> None:
    """Whoever has got hold of a token alone cannot lock its user out by a device of its own."""
    add_user(gated)
    gate = gated.gate
    identity = gate.bearer(gate.login(name="ann", password=password).access_token.reveal())
    for _ in range(10):
        with pytest.raises(PermissionDenied) as caught:
            gate.totp_begin(identity, "wrong")
        assert caught.value.code == "wrong_password"
    with pytest.raises(RateLimited):
        gate.totp_begin(identity, password)
    assert "totp_pending" not in gated._parts.database.tenant("core").users.need(identity.actor.user_id).secrets


def test_guesses_at_the_first_code_are_bounded(gated: Zona, add_user: AddUser, password: str, clock: Any) -> None:
    """After ten wrong ones the right one is refused as well, for a while; it forgives those before it."""
    add_user(gated)
    gate, codes = gated.gate, gated.plugins.one_time_codes()
    identity = gate.bearer(gate.login(name="ann", password=password).access_token.reveal())
    secret = gate.totp_begin(identity, password)[0].reveal()
    texts = [f"{number:06d}" for number in range(40)]
    wrong = [text for text in texts if codes.step(secret, text, clock.now()) is None]
    for text in wrong[:10]:
        with pytest.raises(InvalidInput):
            gate.totp_confirm(identity, text)
    with pytest.raises(RateLimited) as caught:
        gate.totp_confirm(identity, wrong[10])
    clock.move(caught.value.retry_after + 1)
    gate.totp_confirm(identity, code_at(codes, secret, clock))
    assert gated.system().users.get("ann").totp_enabled


def test_a_user_sees_and_ends_its_own_sessions(gated: Zona, add_user: AddUser, password: str, clock: Any) -> None:
    """One of the platform, bound to a tenant, without a permission: what still counts, newest first, and its own."""
    add_user(gated, roles=[], tenants=["acme"])
    add_user(gated, "bob")
    gate = gated.gate
    first, second, third = ([gate.login(name="ann", password=password), clock.move(1)][0] for _ in range(3))
    others = gate.login(name="bob", password=password)
    identity = gate.bearer(third.access_token.reveal())
    own = [tokens.session_id for tokens in (third, second, first)]
    assert [session.id for session in gate.own_sessions(identity).items] == own
    gate.bearer(first.access_token.reveal())
    ended = gate.end_own_session(identity, first.session_id)
    assert (ended.end_reason, gate.end_own_session(identity, first.session_id)) == ("revoked", ended)
    with pytest.raises(Unauthenticated) as caught:
        gate.bearer(first.access_token.reveal())
    assert caught.value.code == "token_revoked"
    assert [session.id for session in gate.own_sessions(identity).items] == own[:2]
    [record] = gated.system().core_audit.search(action="gate.end_session").items
    assert (record.actor, record.target) == ("ann", f"sessions/{first.session_id}")
    for strange in (others.session_id, "nothing", ""):
        with pytest.raises(NotFound):
            gate.end_own_session(identity, strange)
    assert gate.bearer(others.access_token.reveal()).actor.name == "bob"
    clock.move(gated.settings.session_seconds - 2)
    assert [session.id for session in gate.own_sessions(identity).items] == [third.session_id]


def test_no_secret_is_seen_anywhere(
    opened: Callable[..., Zona],
    add_user: AddUser,
    password: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Passwords, tokens, keys and codes are not in the store's files, the trail, the log, errors or any repr."""
    caplog.set_level(logging.DEBUG)
    zona = opened()
    add_user(zona, roles=["admin"])
    gate, shown = zona.gate, []
    tokens = gate.login(name="ann", password=password, user_agent="agent")
    fresh = gate.refresh(tokens.refresh_token.reveal())
    cookie = gate.login(name="ann", password=password, cookie=True)
    issued = zona.system().api_keys.create("k", scopes=["apps:read"], user="ann")
    identity = gate.bearer(fresh.access_token.reveal())
    begun = gate.totp_begin(identity, password)
    shown += [repr(each) for each in (tokens, fresh, cookie, issued, identity, begun, gate)]
    shown.append(repr(gate.cookie(cookie.cookie.reveal())))
    gate.key(issued.text.reveal())
    gate.change_password(identity, password, NEW)
    canaries = [password, NEW, begun[0].reveal(), cookie.cookie.reveal(), cookie.csrf_token.reveal()]
    canaries += [issued.text.reveal(), *(each.access_token.reveal() for each in (tokens, fresh))]
    canaries += [each.refresh_token.reveal() for each in (tokens, fresh)]
    canaries += [text.rpartition(".")[2] for text in canaries if text.count(".") >= 2]
    wrong: list[Callable[[str], object]] = [gate.bearer, gate.cookie, gate.key, gate.refresh]
    wrong.append(lambda text: gate.login(name=text, password=text))
    for text in canaries:
        for action in wrong:
            try:
                action(text)
            except ZonaError as exc:
                shown.append(f"{exc} {exc.as_dict()} {exc.__cause__!r}")
    system = zona.system()
    for page in (system.core_audit.search(limit=1_000), system.sessions.list(ended=True), system.api_keys.list()):
        shown += [repr(page), str(as_data(page.items))]
    shown += [str(as_data(system.users.list().items)), str(as_data(system.signing_keys.list().items)), caplog.text]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"gate.login" in kept
    for canary in canaries:
        assert canary.encode() not in kept
        assert not [text for text in shown if canary in text]
    assert system.core_audit.verify().intact


def test_nothing_of_a_text_stays_in_memory(gated: Zona, add_user: AddUser, password: str) -> None:
    """Known texts are remembered by a digest, and no more of them than there is room for."""
    from zona_core.usecases import _gate_beliefs

    add_user(gated)
    token = gated.gate.login(name="ann", password=password).access_token.reveal()
    gated.gate.bearer(token)
    remembered: Any = gated.gate._beliefs._proofs._items
    assert [len(mark) for mark in remembered] == [32]
    recent: Any = _gate_beliefs._Recent()
    for number in range(_gate_beliefs.CAPACITY + 5):
        recent.put(number, number)
        recent.get(0)
    assert len(recent._items) == _gate_beliefs.CAPACITY
    assert recent.get(0) == 0
    assert recent.get(1) is None
