"""API keys: shown once, rotated with overlap, and never stronger than who makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zona_core import Actor, Conflict, InvalidInput, NotFound, PermissionDenied, Zona, as_data
from zona_core.domain.identity import User, UserStatus
from zona_core.usecases._key_texts import (
    cookie_text,
    digest,
    key_text,
    new_key_id,
    new_secret,
    parse_cookie,
    parse_key,
    parse_refresh,
    refresh_secret,
    refresh_text,
)

SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture
def ann(zona: Zona) -> User:
    return zona.tenant().users.add("ann", "correct horse battery", roles=["admin"])


def as_user(user: User, *permissions: str) -> Actor:
    return Actor(name=user.name, permissions=frozenset(permissions or {"*"}), user_id=user.id)


def test_a_key_is_made_and_its_text_shown_once(zona: Zona, ann: User) -> None:
    """The text names realm and key; only the digest of its secret is kept."""
    issued = zona.tenant(actor=as_user(ann)).api_keys.create("ci", scopes=["apps:read", "apps:read"], rate_limit=60)
    parts = parse_key(issued.text.reveal())
    assert parts is not None
    assert (parts.realm, parts.id) == ("localhost", issued.key.id)
    kept = zona._parts.database.tenant("localhost").api_keys.need(issued.key.id)
    assert kept.secrets["digest"].reveal() == digest(parts.secret)
    assert (kept.user_id, kept.scopes, kept.rate_limit) == (ann.id, ("apps:read",), 60)


def test_no_secret_of_a_key_is_shown(zona: Zona, ann: User) -> None:
    """Not in what is given back, nor in the audit trail."""
    keys = zona.tenant(actor=as_user(ann)).api_keys
    issued = keys.create("ci", scopes=["apps:read"])
    again = keys.rotate(issued.key.id)
    shown = [issued, again, *keys.list().items, keys.revoke(issued.key.id), *zona.tenant().audit.search().items]
    text = "".join(f"{each!r}{as_data(each)}" for each in shown)
    for each in (issued, again):
        secret = each.text.reveal().rpartition(".")[2]
        assert secret not in text
        assert digest(secret) not in text


def test_the_platforms_keys_say_so(zona: Zona) -> None:
    """A key of the system door is of the realm core."""
    root = zona.system().users.add("root", "correct horse battery", roles=["admin"])
    text = zona.system().api_keys.create("ci", scopes=["tenants:read"], user=root.id).text.reveal()
    assert text.startswith("zk.core.")


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("name", {"name": "a b"}),
        ("scopes", {"scopes": []}),
        ("scopes[0]", {"scopes": ["apps"]}),
        ("expires_at", {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}),
        ("expires_at", {"expires_at": datetime(2999, 1, 1)}),  # noqa: DTZ001  # a time without zone is the point
        ("expires_at", {"expires_at": datetime.fromisoformat("9999-12-31T23:59:59-12:00")}),
        ("expires_at", {"expires_at": datetime.fromisoformat("0001-01-01T00:00:00+12:00")}),
        ("rate_limit", {"rate_limit": -1}),
        ("user", {"user": None}),
    ],
)
def test_what_is_wrong_is_named(zona: Zona, ann: User, path: str, arguments: dict[str, Any]) -> None:
    """Each fault has its path, and no key is made."""
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().api_keys.create(**{"name": "ci", "scopes": ["apps:read"], "user": ann.id, **arguments})
    assert [fault.path for fault in caught.value.faults] == [path]
    assert zona.tenant().api_keys.list().items == []


def test_only_an_active_user_has_keys(zona: Zona, ann: User) -> None:
    """For a disabled or unknown one none is made."""
    zona.tenant().users.update("ann", status=UserStatus.DISABLED)
    with pytest.raises(InvalidInput):
        zona.tenant().api_keys.create("ci", scopes=["apps:read"], user=ann.id)
    with pytest.raises(NotFound):
        zona.tenant().api_keys.create("ci", scopes=["apps:read"], user="bob")


def test_nobody_rises_by_way_of_keys(zona: Zona, ann: User) -> None:
    """No scope beyond the actor's own permissions, not even for a stronger user, and no new secret for such a key."""
    strong = zona.tenant().api_keys.create("strong", scopes=["*"], user=ann.id).key
    actor = Actor(name="eve", permissions=frozenset({"api_keys:*", "apps:read"}))
    keys = zona.tenant(actor=actor).api_keys
    for attempt in (
        lambda: keys.create("x", scopes=["apps:write"], user=ann.id),
        lambda: keys.create("x", scopes=["*"], user=ann.id),
        lambda: keys.create("x", scopes=["apps:*"], user=ann.id),
        lambda: keys.rotate(strong.id),
    ):
        with pytest.raises(PermissionDenied) as caught:
            attempt()
        assert caught.value.code == "escalation"
    assert keys.create("x", scopes=["apps:read@apps/1"], user=ann.id).key.scopes == ("apps:read@apps/1",)
    of_key = Actor(name="key", permissions=frozenset({"*"}), scopes=frozenset({"api_keys:*"}), user_id=ann.id)
    with pytest.raises(PermissionDenied):
        zona.tenant(actor=of_key).api_keys.create("x", scopes=["apps:read"])


@pytest.mark.parametrize("overlap", [0, 3600, 7 * 86_400])
def test_a_rotated_key_keeps_its_old_secret_for_a_while(zona: Zona, ann: User, overlap: int) -> None:
    """The id stays, the secret is new, and the old one counts until the overlap is over."""
    keys = zona.tenant(actor=as_user(ann)).api_keys
    first = keys.create("ci", scopes=["apps:read"])
    second = keys.rotate(first.key.id, overlap=overlap)
    assert second.key.id == first.key.id
    assert second.text.reveal() != first.text.reveal()
    old = digest(first.text.reveal().rpartition(".")[2])
    if overlap:
        kept = zona._parts.database.tenant("localhost").api_keys.need(first.key.id)
        assert kept.secrets["previous"].reveal() == old
        assert second.key.previous_until == second.key.updated_ts + timedelta(seconds=overlap)
    else:
        assert "previous" not in second.key.secrets
        assert second.key.previous_until is None


@pytest.mark.parametrize("overlap", [-1, 7 * 86_400 + 1, float("nan")])
def test_an_overlap_has_bounds(zona: Zona, ann: User, overlap: float) -> None:
    """From nothing to seven days."""
    keys = zona.tenant(actor=as_user(ann)).api_keys
    issued = keys.create("ci", scopes=["apps:read"])
    with pytest.raises(InvalidInput):
        keys.rotate(issued.key.id, overlap=overlap)


def test_a_revoked_key_is_revoked_for_good(zona: Zona, ann: User) -> None:
    """Revoking it again changes nothing; rotating it is refused."""
    keys = zona.tenant(actor=as_user(ann)).api_keys
    issued = keys.create("ci", scopes=["apps:read"])
    revoked = keys.revoke(issued.key.id)
    assert revoked.revoked_at is not None
    assert keys.revoke(issued.key.id) == revoked
    with pytest.raises(Conflict) as caught:
        keys.rotate(issued.key.id)
    assert caught.value.code == "key_revoked"
    with pytest.raises(NotFound):
        keys.revoke("nothing")


def test_keys_are_listed_by_user(zona: Zona, ann: User) -> None:
    """Of one user or of all, by name."""
    bob = zona.tenant().users.add("bob", "correct horse battery")
    keys = zona.tenant().api_keys
    for name, user in (("z", ann), ("b", ann), ("m", bob)):
        keys.create(name, scopes=["apps:read"], user=user.id)
    assert [key.name for key in keys.list(user="ann").items] == ["b", "z"]
    first = keys.list(limit=2)
    assert [key.name for key in (*first.items, *keys.list(after=first.next).items)] == ["b", "m", "z"]


def test_texts_are_read_as_they_are_written() -> None:
    """Keys, refresh tokens and cookies come apart into what they were made of."""
    secret, key_id = new_secret(), new_key_id()
    assert len(secret) == 43
    assert parse_key(key_text("acme-2", key_id, secret)) == ("acme-2", key_id, secret)
    assert parse_refresh(refresh_text("core", SESSION, 12, secret)) == ("core", SESSION, 12, secret)
    assert parse_cookie(cookie_text("core", SESSION, secret)) == ("core", SESSION, secret)


def test_a_refresh_secret_is_told_by_key_and_generation() -> None:
    """The same for the same, another for any other, and of the form of a secret that was drawn."""
    secrets = {refresh_secret(key, generation) for key in ("a", "b") for generation in range(3)}
    assert len(secrets) == 6
    assert secrets == {refresh_secret(key, generation) for key in ("a", "b") for generation in range(3)}
    for secret in secrets:
        assert parse_refresh(refresh_text("core", SESSION, 0, secret)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "zk",
        "zk.core..",
        f"zk.core.{'a' * 11}.{'x' * 43}",
        f"zk.core.{'A' * 12}.{'x' * 43}",
        f"zk.core.{'a' * 12}.{'x' * 42}",
        f"zk.core.{'a' * 12}.{'x' * 43}\n",
        f"zk.CORE.{'a' * 12}.{'x' * 43}",
        f"zk.co.re.{'a' * 12}.{'x' * 43}",
        f"zk.../x.{'a' * 12}.{'x' * 43}",
        f"zr.core.{SESSION}.01.{'x' * 43}",
        f"zr.core.{SESSION}.-1.{'x' * 43}",
        f"zr.core.{SESSION}.{'9' * 40}.{'x' * 43}",
        f"zr.core.{SESSION}.{'x' * 43}",
        f"zs.core.{SESSION}.1.{'x' * 43}",
        f"zs.core.{SESSION.upper()}.{'x' * 43}",
        f"zs.core.{SESSION}.{'é' * 43}",
    ],
)
def test_anything_else_is_no_text_of_ours(text: str) -> None:
    """Malformed texts are told apart before anything is looked up."""
    assert parse_key(text) is None
    assert parse_refresh(text) is None
    assert parse_cookie(text) is None
