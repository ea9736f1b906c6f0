"""Logging in: who gets in, who does not, and what that tells."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from one_time import code_at

from zona_core import InvalidInput, PermissionDenied, TenantUnavailable, Zona
from zona_core.domain.identity import User, UserStatus
from zona_core.errors import RateLimited, Unauthenticated
from zona_core.plugins import Plugins

AddUser = Callable[..., User]


def refusal(action: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """The code with which ``action`` refuses."""
    with pytest.raises(Unauthenticated) as caught:
        action(*arguments, **options)
    return caught.value.code


def test_a_user_of_the_platform_gets_in(gated: Zona, add_user: AddUser, password: str) -> None:
    """Name and password give tokens; the access token proves who it is and what it may do."""
    user = add_user(gated, roles=["operator"])
    tokens = gated.gate.login(name="ann", password=password, address="192.0.2.1", user_agent="curl")
    assert (tokens.expires_in, tokens.tenant) == (900, "")
    identity = gated.gate.bearer(tokens.access_token.reveal())
    assert (identity.actor.name, identity.actor.user_id) == ("ann", user.id)
    assert (identity.realm, identity.tenant, identity.method) == ("core", "", "bearer")
    assert identity.session_id == tokens.session_id
    assert identity.actor.may("runs:run")
    assert identity.actor.may("apps:read")
    assert not identity.actor.may("apps:write")
    [session] = gated.system().sessions.list().items
    assert (session.address, session.user_agent) == ("192.0.2.1", "curl")


def test_a_login_is_kept_in_mind(gated: Zona, add_user: AddUser, password: str, clock: Any) -> None:
    """The user has the time of the last login, the audit trail who came from where."""
    user = add_user(gated)
    gated.gate.login(name="ann", password=password, address="192.0.2.1", correlation_id="c-9")
    assert gated.system().users.get(user.id).last_login_ts == clock.now()
    [record] = gated.system().core_audit.search(action="gate.login").items
    assert (record.actor, record.correlation_id) == ("ann", "c-9")
    assert record.after is not None
    assert record.after["address"] == "192.0.2.1"


def test_a_tenants_user_works_in_its_tenant(gated: Zona, add_user: AddUser, password: str) -> None:
    """Its realm is its tenant, and the only one that it may enter; others' names are not mixed up with its own."""
    add_user(gated, realm="acme", roles=["admin"])
    tokens = gated.gate.login(name="ann", password=password, realm="acme")
    identity = gated.gate.bearer(tokens.access_token.reveal())
    assert (identity.realm, identity.tenant) == ("acme", "acme")
    assert identity.actor.tenants == frozenset({"acme"})
    assert gated.tenant("acme", actor=identity.actor).apps.list().items == []
    with pytest.raises(PermissionDenied) as caught:
        gated.system(identity.actor).tenants.list()
    assert caught.value.code == "platform_only"
    assert refusal(gated.gate.login, name="ann", password=password) == "invalid_login"


def test_a_user_of_the_platform_works_where_it_says(gated: Zona, add_user: AddUser, password: str) -> None:
    """The tenant must be there, and be one that the user may enter; without a word it is the first of its own."""
    gated.system().tenants.add("zeta")
    add_user(gated, "all")
    add_user(gated, "some", tenants=["acme"])
    login = gated.gate.login
    assert login(name="all", password=password, tenant="zeta").tenant == "zeta"
    assert login(name="some", password=password).tenant == "acme"
    tokens = login(name="some", password=password, tenant="acme")
    assert gated.gate.bearer(tokens.access_token.reveal()).actor.tenants == frozenset({"acme"})
    with pytest.raises(PermissionDenied) as caught:
        login(name="some", password=password, tenant="zeta")
    assert caught.value.code == "wrong_tenant"
    for unknown in ("nowhere", "../x", "a\0b"):
        with pytest.raises(TenantUnavailable) as unavailable:
            login(name="all", password=password, tenant=unknown)
        assert unavailable.value.code == "tenant_unknown"


def test_a_suspended_tenant_is_told_to_its_users_only(gated: Zona, add_user: AddUser, password: str) -> None:
    """Who knows a password hears that the tenant is suspended, who does not hears what everybody hears."""
    add_user(gated, realm="acme")
    gated.system().tenants.suspend("acme")
    assert refusal(gated.gate.login, name="ann", password="wrong", realm="acme") == "invalid_login"
    with pytest.raises(TenantUnavailable) as caught:
        gated.gate.login(name="ann", password=password, realm="acme")
    assert caught.value.code == "tenant_suspended"


class CountingHasher:
    """Counts the checks of a real hasher."""

    def __init__(self, hasher: Any) -> None:
        self.hasher = hasher
        self.checks = 0

    def verify(self, password: str, encoded: str) -> bool:
        self.checks += 1
        assert encoded.startswith("$argon2id$")
        result: bool = self.hasher.verify(password, encoded)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.hasher, name)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "ann", "password": "wrong password"},
        {"name": "nobody"},
        {"name": "disabled"},
        {"name": "deleted"},
        {"name": "ann", "realm": "nowhere"},
        {"name": "ann", "realm": "acme"},
        {"name": "ann", "realm": "$ne/..\0"},
        {"name": ""},
        {"name": "a\0n"},
        {"name": "ann", "password": ""},
    ],
    ids=str,
)
def test_every_failure_looks_the_same(
    gated: Zona, add_user: AddUser, password: str, monkeypatch: pytest.MonkeyPatch, options: dict[str, str]
) -> None:
    """Wrong password, unknown user, realm or name, disabled or deleted: one answer after one check of a password."""
    users = gated.system().users
    add_user(gated)
    add_user(gated, "disabled")
    add_user(gated, "deleted")
    users.update("disabled", status=UserStatus.DISABLED)
    users.delete("deleted")
    hasher = CountingHasher(gated.plugins.password_hasher())
    monkeypatch.setattr(gated._parts, "password_hasher", lambda: hasher)
    with pytest.raises(Unauthenticated) as caught:
        gated.gate.login(**{"password": password, **options})
    assert (caught.value.code, caught.value.message) == ("invalid_login", "the name or the password is wrong")
    assert hasher.checks == 1


def test_failures_are_recorded_without_what_was_typed(gated: Zona, add_user: AddUser) -> None:
    """The trail names the user if there is one; an unknown name may be a password in the wrong place."""
    user = add_user(gated, realm="acme")
    for name, realm in (("ann", "acme"), ("my-secret-pass", "acme"), ("my-secret-pass", "nowhere")):
        refusal(gated.gate.login, name=name, password="my-secret-pass", realm=realm, address="192.0.2.7")
    found = gated.tenant("acme").audit.search(action="gate.login_failed").items
    assert [record.target for record in found] == ["users/unknown", f"users/{user.id}"]
    assert {record.actor for record in found} == {"anonymous"}
    assert found[1].after == {"code": "invalid_login", "name": "ann", "address": "192.0.2.7"}
    core = gated.system().core_audit.search(action="gate.login_failed").items
    assert [record.target for record in core] == ["users/unknown"]
    assert "my-secret-pass" not in str([*found, *core])


def test_guesses_at_a_name_are_bounded(gated: Zona, add_user: AddUser, password: str, clock: Any) -> None:
    """After ten failures nobody gets in by that name for a while, with the right password either; others do."""
    add_user(gated)
    add_user(gated, "bob")
    for _ in range(10):
        refusal(gated.gate.login, name="ann", password="wrong")
    with pytest.raises(RateLimited) as caught:
        gated.gate.login(name="ann", password=password)
    assert caught.value.code == "too_many_logins"
    assert 0 < caught.value.retry_after <= 900
    assert gated.gate.login(name="bob", password=password).session_id
    clock.move(caught.value.retry_after + 1)
    assert gated.gate.login(name="ann", password=password).session_id


def test_getting_in_forgives_failures(gated: Zona, add_user: AddUser, password: str) -> None:
    """Nine failures, a login, nine failures: still nobody is shut out."""
    add_user(gated)
    for _ in range(2):
        for _ in range(9):
            refusal(gated.gate.login, name="ann", password="wrong")
        gated.gate.login(name="ann", password=password)


def test_guesses_from_an_address_are_bounded(gated: Zona, add_user: AddUser, password: str, clock: Any) -> None:
    """After thirty failures nobody gets in from that address for a while; logins that succeed do not count."""
    add_user(gated)
    for number in range(30):
        gated.gate.login(name="ann", password=password, address="192.0.2.1")
        refusal(gated.gate.login, name=f"user{number}", password="wrong", address="192.0.2.1")
    with pytest.raises(RateLimited) as caught:
        gated.gate.login(name="ann", password=password, address="192.0.2.1")
    assert gated.gate.login(name="ann", password=password, address="192.0.2.2").session_id
    clock.move(caught.value.retry_after + 1)
    assert gated.gate.login(name="ann", password=password, address="192.0.2.1").session_id


def test_a_barred_address_shuts_nobody_out(gated: Zona, add_user: AddUser, password: str) -> None:
    """What it goes on to try counts for none of the names that it gives."""
    add_user(gated)
    for number in range(30):
        refusal(gated.gate.login, name=f"user{number}", password="wrong", address="192.0.2.1")
    for _ in range(10):
        with pytest.raises(RateLimited):
            gated.gate.login(name="ann", password="wrong", address="192.0.2.1")
    assert gated.gate.login(name="ann", password=password, address="192.0.2.2").session_id


def test_a_second_factor_is_asked_for(gated: Zona, add_user: AddUser, password: str, clock: Any) -> None:
    """Without the code, with a wrong one and with one that was used nobody gets in; each has its code."""
    codes = gated.plugins.one_time_codes()
    add_user(gated)
    gate = gated.gate
    identity = gate.bearer(gate.login(name="ann", password=password).access_token.reveal())
    secret, uri = (each.reveal() for each in gate.totp_begin(identity, password))
    assert uri.startswith("otpauth://totp/")
    assert gate.login(name="ann", password=password).session_id, "not in use before it is confirmed"
    with pytest.raises(InvalidInput) as caught:
        gate.totp_confirm(identity, wrong_code(codes, secret, clock))
    assert caught.value.code == "otp_invalid"
    gate.totp_confirm(identity, code_at(codes, secret, clock))
    assert refusal(gate.login, name="ann", password=password) == "otp_required"
    assert refusal(gate.login, name="ann", password="wrong") == "invalid_login"
    used = code_at(codes, secret, clock)
    assert refusal(gate.login, name="ann", password=password, code=used) == "otp_invalid"
    clock.move(30)
    code = code_at(codes, secret, clock)
    assert gate.login(name="ann", password=password, code=code).session_id
    assert refusal(gate.login, name="ann", password=password, code=code) == "otp_invalid"
    with pytest.raises(PermissionDenied) as wrong:
        gate.totp_disable(identity, "wrong")
    assert wrong.value.code == "wrong_password"
    gate.totp_disable(identity, password)
    assert gate.login(name="ann", password=password).session_id


def test_one_code_lets_one_in(gated: Zona, add_user: AddUser, password: str, clock: Any) -> None:
    """Of two simultaneous logins with one code exactly one succeeds."""
    codes = gated.plugins.one_time_codes()
    add_user(gated)
    identity = gated.gate.bearer(gated.gate.login(name="ann", password=password).access_token.reveal())
    secret = gated.gate.totp_begin(identity, password)[0].reveal()
    gated.gate.totp_confirm(identity, code_at(codes, secret, clock))
    clock.move(30)
    code = code_at(codes, secret, clock)
    outcomes = at_once(2, lambda: gated.gate.login(name="ann", password=password, code=code).session_id)
    assert sorted(outcomes)[1:] == ["otp_invalid"]


def wrong_code(codes: Any, secret: str, clock: Any) -> str:
    """A code that does not count."""
    return next(code for code in ("000000", "111111", "222222", "333333") if not codes.step(secret, code, clock.now()))


def at_once(count: int, action: Callable[[], str]) -> list[str]:
    """What ``count`` simultaneous calls give, a refusal as its code."""
    barrier = threading.Barrier(count)
    outcomes: list[str] = []

    def run() -> None:
        barrier.wait()
        try:
            outcomes.append(action())
        except Unauthenticated as exc:
            outcomes.append(exc.code)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_an_outdated_hash_is_renewed(
    gated: Zona, add_user: AddUser, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login is the moment to hash the password with today's parameters."""
    user = add_user(gated)
    users = gated._parts.database.tenant("core").users
    before = users.need(user.id).secrets["password"].reveal()
    hasher = gated.plugins.password_hasher()
    monkeypatch.setattr(type(hasher), "outdated", lambda self, encoded: encoded == before)
    gated.gate.login(name="ann", password=password)
    after = users.need(user.id).secrets["password"].reveal()
    assert after != before
    gated.gate.login(name="ann", password=password)
    assert users.need(user.id).secrets["password"].reveal() == after


def test_the_oldest_session_makes_room(clock: Any, add_user: AddUser, password: str) -> None:
    """More logins than are allowed at a time end the oldest ones; those of others stay, expired ones do not count."""
    with Zona(store="memory://", clock=clock, max_sessions=2) as zona:
        add_user(zona)
        add_user(zona, "bob")
        bob = zona.gate.login(name="bob", password=password)
        first, second, third = ([zona.gate.login(name="ann", password=password), clock.move(1)][0] for _ in range(3))
        assert refusal(zona.gate.bearer, first.access_token.reveal()) == "token_revoked"
        for tokens in (second, third, bob):
            assert zona.gate.bearer(tokens.access_token.reveal()).session_id == tokens.session_id
        ended = [session for session in zona.system().sessions.list(ended=True).items if session.ended_at]
        assert [(session.id, session.end_reason) for session in ended] == [(first.session_id, "replaced")]


def test_plugins_bring_what_the_gate_needs() -> None:
    """Hasher, signers and codes come by the road that third-party ones take."""
    plugins = Plugins()
    assert {"EdDSA", "HS256"} <= set(plugins.offers["token signers"])
    assert "argon2id" in plugins.offers["password hashers"]
