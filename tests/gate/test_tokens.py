"""Access tokens, refresh tokens and cookies: what counts, until when, and what refuses them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from zona_core import InvalidInput, PermissionDenied, TenantUnavailable, Zona
from zona_core.domain.identity import User, UserStatus
from zona_core.errors import Unauthenticated
from zona_core.usecases._key_texts import digest, refresh_text
from zona_core.usecases.gate import Identity, Tokens

AddUser = Callable[..., User]


def refusal(action: Callable[..., Any], *arguments: Any) -> str:
    """The code with which ``action`` refuses."""
    with pytest.raises(Unauthenticated) as caught:
        action(*arguments)
    return caught.value.code


@pytest.fixture
def ann(gated: Zona, add_user: AddUser, password: str) -> Tokens:
    """The tokens of a user who has just logged in."""
    add_user(gated)
    return gated.gate.login(name="ann", password=password)


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def test_an_access_token_names_a_session_and_no_permission(gated: Zona, ann: Tokens, clock: Any) -> None:
    """Its claims are those of RFC 7519, the session's and the realm's; what it may do is looked up."""
    claims = claims_of(ann.access_token.reveal())
    at = int(clock.now().timestamp())
    assert {name: claims[name] for name in ("iss", "realm", "sid", "iat", "nbf", "exp")} == {
        "iss": "zona",
        "realm": "core",
        "sid": ann.session_id,
        "iat": at,
        "nbf": at,
        "exp": at + 900,
    }
    assert set(claims) == {"iss", "sub", "realm", "sid", "iat", "nbf", "exp", "jti"}
    there = gated.tenant("acme").users.add("bob", "canary correct horse")
    token = gated.gate.login(name="bob", password="canary correct horse", realm="acme").access_token.reveal()
    assert (claims_of(token)["tid"], claims_of(token)["sub"]) == ("acme", there.id)


@pytest.mark.parametrize(
    "text", ["", "x", "a.b.c", "....", "e30.e30.x", "bnVsbA.e30.x", "x" * 5_000, "é.ü.\udc80", "[].[]."]
)
def test_what_is_no_token_is_malformed(gated: Zona, text: str) -> None:
    """Anything may come in a header."""
    assert refusal(gated.gate.bearer, text) == "token_malformed"
    assert refusal(gated.gate.cookie, text) == "token_malformed"
    assert refusal(gated.gate.refresh, text) == "refresh_unknown"


def test_strangers_tokens_are_unknown(gated: Zona, ann: Tokens, add_user: AddUser, clock: Any) -> None:
    """A changed claim, no signature at all, another installation's key, another issuer, a time to come: unknown."""
    header, payload, signature = ann.access_token.reveal().split(".")
    other = (
        base64.urlsafe_b64encode(json.dumps({**claims_of(f".{payload}."), "sid": "x"}).encode()).decode().rstrip("=")
    )
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"eddsa-1"}').decode().rstrip("=")
    assert refusal(gated.gate.bearer, f"{header}.{other}.{signature}") == "token_unknown"
    assert refusal(gated.gate.bearer, f"{none}.{payload}.") in ("token_unknown", "token_malformed")
    with Zona(store="memory://", clock=clock) as stranger:
        add_user(stranger)
        theirs = stranger.gate.login(name="ann", password="canary correct horse").access_token.reveal()
    assert refusal(gated.gate.bearer, theirs) == "token_unknown"
    sign = gated.gate._ring.sign
    claims = claims_of(ann.access_token.reveal())
    wrong: list[dict[str, Any]] = [
        {"iss": "other"},
        {"sid": "no-such-session"},
        {"sub": "another-user"},
        {"realm": 5},
        {"exp": "soon"},
        {"nbf": claims["nbf"] + 60},
    ]
    for changes in wrong:
        assert refusal(gated.gate.bearer, sign({**claims, **changes})) == "token_unknown", changes


def test_a_token_expires(gated: Zona, ann: Tokens, clock: Any) -> None:
    """Known or not, it counts until its time and no longer, to the second."""
    token = ann.access_token.reveal()
    clock.move(899)
    assert gated.gate.bearer(token).actor.name == "ann"
    clock.move(1)
    assert refusal(gated.gate.bearer, token) == "token_expired"
    gated.gate.forget()
    assert refusal(gated.gate.bearer, token) == "token_expired"


def test_no_token_outlives_its_session(clock: Any, add_user: AddUser, password: str) -> None:
    """The access token made shortly before the session's end counts until that, and then nothing does."""
    with Zona(store="memory://", clock=clock, session_seconds=1_000) as zona:
        add_user(zona)
        tokens = zona.gate.login(name="ann", password=password)
        clock.move(600)
        late = zona.gate.refresh(tokens.refresh_token.reveal())
        assert late.expires_in == 400
        cookie = zona.gate.login(name="ann", password=password, cookie=True)
        clock.move(400)
        assert refusal(zona.gate.bearer, late.access_token.reveal()) == "token_expired"
        assert refusal(zona.gate.refresh, late.refresh_token.reveal()) == "refresh_expired"
        clock.move(600)
        assert refusal(zona.gate.cookie, cookie.cookie.reveal()) == "token_expired"


def test_a_known_token_needs_no_look_at_the_store(
    gated: Zona, ann: Tokens, password: str, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For two seconds a token, a cookie and a key are answered from memory; then the store is asked once."""
    gate = gated.gate
    cookie = gate.login(name="ann", password=password, cookie=True).cookie.reveal()
    key = gated.system().api_keys.create("k", scopes=["apps:read"], user="ann").text.reveal()
    checks: list[tuple[Callable[[str], Identity], str]] = [
        (gate.bearer, ann.access_token.reveal()),
        (gate.cookie, cookie),
        (gate.key, key),
    ]
    for check, text in checks:
        check(text)
    looks: list[str] = []
    collection = type(gated._parts.database.store.collection(_any_spec()))
    for name in ("get", "find"):
        original = getattr(collection, name)
        monkeypatch.setattr(collection, name, _counted(looks, original))
    clock.move(1.9)
    for check, text in checks:
        assert check(text) is check(text)
    assert looks == []
    clock.move(0.2)
    for check, text in checks:
        check(text)
    asked = len(looks)
    assert asked > 0
    for check, text in checks:
        check(text)
    assert len(looks) == asked


def _any_spec() -> Any:
    from zona_core.persistence.collections import TENANTS

    return TENANTS.spec


def _counted(looks: list[str], original: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*arguments: Any, **options: Any) -> Any:
        looks.append(original.__name__)
        return original(*arguments, **options)

    return counted


def test_a_logout_counts_here_at_once(gated: Zona, ann: Tokens) -> None:
    """Access and refresh token are refused from then on; logging out twice changes nothing."""
    identity = gated.gate.bearer(ann.access_token.reveal())
    gated.gate.logout(identity)
    assert refusal(gated.gate.bearer, ann.access_token.reveal()) == "token_revoked"
    assert refusal(gated.gate.refresh, ann.refresh_token.reveal()) == "refresh_revoked"
    gated.gate.logout(identity)
    assert [record.actor for record in gated.system().core_audit.search(action="gate.logout").items] == ["ann"]


def test_a_revocation_counts_everywhere_within_two_seconds(
    opened: Callable[..., Zona], add_user: AddUser, password: str, clock: Any
) -> None:
    """Another process believes what it saw for two seconds and no longer."""
    here, there = opened(), opened()
    add_user(here)
    token = here.gate.login(name="ann", password=password).access_token.reveal()
    assert there.gate.bearer(token).actor.name == "ann"
    here.gate.logout(here.gate.bearer(token))
    clock.move(1.9)
    assert there.gate.bearer(token).actor.name == "ann"
    clock.move(0.1)
    assert refusal(there.gate.bearer, token) == "token_revoked"


def test_changed_roles_count_within_two_seconds(gated: Zona, ann: Tokens, clock: Any) -> None:
    """Permissions are the user's of the moment, own roles of the realm included."""
    token = ann.access_token.reveal()
    assert not gated.gate.bearer(token).actor.may("runs:run")
    gated.system().roles.put("runner", permissions=["runs:run@apps/1"], inherits=["auditor"])
    gated.system().users.update("ann", roles=["runner"])
    clock.move(2)
    actor = gated.gate.bearer(token).actor
    assert actor.may("runs:run", ["apps/1"])
    assert not actor.may("runs:run")
    assert actor.may("audit:read")


@pytest.mark.parametrize("verb", ["disable", "delete"])
def test_a_disabled_users_tokens_do_not_count(gated: Zona, ann: Tokens, clock: Any, verb: str) -> None:
    """Disabled or deleted: neither token counts any more."""
    users = gated.system().users
    gated.gate.bearer(ann.access_token.reveal())
    if verb == "disable":
        users.update("ann", status=UserStatus.DISABLED)
    else:
        users.delete("ann")
    clock.move(2)
    told = {
        refusal(gated.gate.bearer, ann.access_token.reveal()),
        refusal(gated.gate.refresh, ann.refresh_token.reveal()),
    }
    assert told == ({"user_disabled"} if verb == "disable" else {"token_revoked", "refresh_revoked"})


def test_what_was_read_before_a_logout_is_not_believed_after(
    gated: Zona, ann: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that overlaps with the logout may pass, but it leaves nothing behind."""
    gate, token = gated.gate, ann.access_token.reveal()
    identity = gate.bearer(token)
    gate.forget()
    read = gate._sessions.standing

    def slow(*arguments: Any, **options: Any) -> Any:
        found = read(*arguments, **options)
        monkeypatch.setattr(gate._sessions, "standing", read)
        gate.logout(identity)
        return found

    monkeypatch.setattr(gate._sessions, "standing", slow)
    assert gate.bearer(token).session_id == ann.session_id
    assert refusal(gate.bearer, token) == "token_revoked"


def test_a_refresh_gives_new_tokens(gated: Zona, ann: Tokens, clock: Any) -> None:
    """Both are new, the session and its end are the same."""
    clock.move(60)
    before = gated.system().sessions.list().items[0]
    fresh = gated.gate.refresh(ann.refresh_token.reveal(), address="192.0.2.9")
    assert fresh.session_id == ann.session_id
    assert fresh.refresh_token != ann.refresh_token
    assert gated.gate.bearer(fresh.access_token.reveal()).session_id == ann.session_id
    after = gated.system().sessions.list().items[0]
    assert (after.generation, after.expires_at, after.last_seen_at) == (1, before.expires_at, clock.now())
    assert after.address == "192.0.2.9"
    assert gated.gate.refresh(fresh.refresh_token.reveal()).session_id == ann.session_id


def test_a_refresh_token_that_is_used_twice_ends_the_session(gated: Zona, ann: Tokens) -> None:
    """One of the two who have it is a thief: neither may go on, and the trail says why."""
    fresh = gated.gate.refresh(ann.refresh_token.reveal())
    gated.gate.bearer(fresh.access_token.reveal())
    assert refusal(gated.gate.refresh, ann.refresh_token.reveal()) == "refresh_reused"
    assert refusal(gated.gate.bearer, fresh.access_token.reveal()) == "token_revoked"
    assert refusal(gated.gate.refresh, fresh.refresh_token.reveal()) == "refresh_revoked"
    [session] = gated.system().sessions.list(ended=True).items
    assert session.end_reason == "reuse"
    [record] = gated.system().core_audit.search(action="gate.refresh_reused").items
    assert record.target == f"sessions/{ann.session_id}"


def test_a_token_of_any_generation_before_is_a_reuse(gated: Zona, ann: Tokens) -> None:
    """However long ago it was used, and though nothing of it is kept."""
    tokens = ann
    for _ in range(4):
        tokens = gated.gate.refresh(tokens.refresh_token.reveal())
    assert refusal(gated.gate.refresh, ann.refresh_token.reveal()) == "refresh_reused"
    assert refusal(gated.gate.refresh, tokens.refresh_token.reveal()) == "refresh_revoked"


def test_a_made_up_token_of_an_old_generation_ends_nothing(gated: Zona, ann: Tokens) -> None:
    """Who knows a session's id alone, from the audit trail for example, cannot end it."""
    fresh = gated.gate.refresh(ann.refresh_token.reveal())
    genuine = ann.refresh_token.reveal().rpartition(".")[2]
    for text in (refresh_text("core", ann.session_id, 0, "A" * 43), refresh_text("core", ann.session_id, 1, genuine)):
        assert refusal(gated.gate.refresh, text) == "refresh_unknown"
    assert gated.gate.bearer(fresh.access_token.reveal()).session_id == ann.session_id
    assert gated.system().core_audit.search(action="gate.refresh_reused").items == []
    assert gated.gate.refresh(fresh.refresh_token.reveal()).session_id == ann.session_id


def test_a_guessed_refresh_token_changes_nothing(gated: Zona, ann: Tokens) -> None:
    """A wrong secret, a generation to come, another realm, an unknown session: unknown, and the session lives."""
    secret = "A" * 43
    for text in (
        refresh_text("core", ann.session_id, 0, secret),
        refresh_text("core", ann.session_id, 1, secret),
        refresh_text("acme", ann.session_id, 0, secret),
        refresh_text("core", "00000000-0000-4000-8000-000000000000", 0, secret),
        ann.refresh_token.reveal() + "\n",
    ):
        assert refusal(gated.gate.refresh, text) == "refresh_unknown"
    assert gated.gate.refresh(ann.refresh_token.reveal()).session_id == ann.session_id


def test_of_simultaneous_refreshes_one_wins(opened: Callable[..., Zona], add_user: AddUser, password: str) -> None:
    """The others are reuses, which end the session, whichever process they came to."""
    zonas = [opened(), opened()]
    add_user(zonas[0])
    tokens = zonas[0].gate.login(name="ann", password=password)
    barrier = threading.Barrier(6)
    outcomes: list[str] = []

    def refresh(zona: Zona) -> None:
        barrier.wait()
        try:
            zona.gate.refresh(tokens.refresh_token.reveal())
            outcomes.append("won")
        except Unauthenticated as exc:
            outcomes.append(exc.code)

    threads = [threading.Thread(target=refresh, args=(zonas[number % 2],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refresh_reused", *4 * ["refresh_revoked"], "won"]
    [session] = zonas[1].system().sessions.list(ended=True).items
    assert session.end_reason == "reuse"


def test_a_refresh_needs_the_tenant(gated: Zona, add_user: AddUser, password: str) -> None:
    """While the tenant is suspended there are no new tokens; the refresh token is not used up by asking."""
    add_user(gated, realm="acme")
    tokens = gated.gate.login(name="ann", password=password, realm="acme")
    gated.system().tenants.suspend("acme")
    with pytest.raises(TenantUnavailable):
        gated.gate.refresh(tokens.refresh_token.reveal())
    gated.system().tenants.activate("acme")
    assert gated.gate.refresh(tokens.refresh_token.reveal()).tenant == "acme"


def test_a_cookie_session(gated: Zona, ann: Tokens, password: str) -> None:
    """It gives a cookie and a CSRF token whose digest the identity has; its texts count as nothing else."""
    tokens = gated.gate.login(name="ann", password=password, cookie=True)
    assert (tokens.access_token.reveal(), tokens.refresh_token.reveal()) == ("", "")
    assert tokens.expires_in == 43_200
    cookie = tokens.cookie.reveal()
    identity = gated.gate.cookie(cookie)
    assert (identity.method, identity.csrf) == ("cookie", digest(tokens.csrf_token.reveal()))
    assert gated.gate.bearer(ann.access_token.reveal()).csrf == ""
    assert refusal(gated.gate.bearer, cookie) == "token_malformed"
    assert refusal(gated.gate.cookie, cookie[:-43] + "A" * 43) == "token_unknown"
    as_refresh = cookie.replace("zs.", "zr.").replace(f"{tokens.session_id}.", f"{tokens.session_id}.0.")
    assert refusal(gated.gate.refresh, as_refresh) == "refresh_unknown"
    gated.gate.logout(identity)
    assert refusal(gated.gate.cookie, cookie) == "token_revoked"


def test_when_a_session_was_last_seen_is_noted_now_and_then(gated: Zona, ann: Tokens, clock: Any) -> None:
    """At most once a minute."""
    start = clock.now()
    for seconds in (30, 31, 30):
        clock.move(seconds)
        gated.gate.bearer(ann.access_token.reveal())
    [session] = gated.system().sessions.list().items
    assert session.last_seen_at == start + timedelta(seconds=61)


def test_a_session_is_extended_by_its_user(gated: Zona, ann: Tokens, clock: Any) -> None:
    """Sooner or later, but never further from now than a login lasts; it counts at once."""
    gate, token = gated.gate, ann.access_token.reveal()
    identity = gate.bearer(token)
    clock.move(600)
    assert gate.extend(token, clock.now() + timedelta(hours=1), identity).expires_at == clock.now() + timedelta(hours=1)
    moved = gate.extend(token, clock.now() + timedelta(days=365), identity)
    assert moved.expires_at == clock.now() + timedelta(seconds=43_200)
    gate.extend(token, clock.now() + timedelta(seconds=10), identity)
    clock.move(10)
    assert refusal(gate.bearer, token) == "token_expired"
    assert len(gated.system().core_audit.search(action="gate.extend").items) == 3


def test_a_session_is_not_extended_by_others(
    gated: Zona, ann: Tokens, add_user: AddUser, password: str, clock: Any
) -> None:
    """Only by who may; not into the past, not without a zone, not once it has ended."""
    gate, token, later = gated.gate, ann.access_token.reveal(), clock.now() + timedelta(hours=1)
    add_user(gated, "bob")
    add_user(gated, "root", roles=["admin"])
    add_user(gated, "boss", realm="acme", roles=["admin"])
    bob, root = (
        gate.bearer(gate.login(name=name, password=password).access_token.reveal()) for name in ("bob", "root")
    )
    boss = gate.bearer(gate.login(name="boss", password=password, realm="acme").access_token.reveal())
    key = gate.key(gated.system().api_keys.create("k", scopes=["apps:read"], user="ann").text.reveal())
    for stranger in (bob, boss, key):
        with pytest.raises(PermissionDenied):
            gate.extend(token, later, stranger)
    assert gate.extend(token, later, root).expires_at == later
    for wrong in (clock.now(), later.replace(tzinfo=None), datetime.fromisoformat("9999-12-31T23:59:59-12:00")):
        with pytest.raises(InvalidInput):
            gate.extend(token, wrong, root)
    gate.logout(gate.bearer(token))
    assert refusal(gate.extend, token, later, root) == "token_revoked"
