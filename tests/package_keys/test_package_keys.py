"""The keys of packages: made, trusted, retired, removed; and that no way leads to a private one."""

from __future__ import annotations

from typing import Any

import pytest

from zona_core import Actor, Conflict, DuplicateKey, InvalidInput, NotFound, Zona, as_data
from zona_core.domain.package_keys import fingerprint_of
from zona_signing._ed25519 import Ed25519

SCHEME = Ed25519()
FOREIGN = SCHEME.new_pair()
PUBLIC = SCHEME.public_text(FOREIGN.public)


@pytest.fixture
def keys(zona: Zona) -> Any:
    """The keys of the default tenant."""
    return zona.tenant().package_keys


def test_an_own_key_has_a_public_part_that_others_can_trust(keys: Any, zona: Zona) -> None:
    """What ``public`` holds is a key by the fingerprint that it is known by, here and in another tenant."""
    made = keys.create("releases")
    assert made.fingerprint == fingerprint_of(SCHEME.public_of_text(made.public))
    assert (made.name, made.algorithm, made.own, made.revision) == ("releases", "ed25519", True, 1)
    assert made.retired_ts is None
    assert keys.get("releases") == keys.get(made.fingerprint) == made
    zona.system().tenants.add("acme")
    trusted = zona.tenant("acme").package_keys.trust("localhost", made.public)
    assert (trusted.fingerprint, trusted.public) == (made.fingerprint, made.public)
    assert (trusted.own, trusted.secrets) == (False, {})


def test_trusted_keys_are_listed_with_own_ones(keys: Any) -> None:
    """By name, in pages."""
    keys.create("releases")
    assert keys.trust("partner", PUBLIC).fingerprint == fingerprint_of(FOREIGN.public)
    keys.create("alpha")
    first = keys.list(limit=2)
    rest = keys.list(limit=2, after=first.next)
    assert [(key.name, key.own) for key in [*first.items, *rest.items]] == [
        ("alpha", True), ("partner", False), ("releases", True),
    ]  # fmt: skip
    assert rest.next is None


def test_the_public_text_is_kept_as_the_scheme_writes_it(keys: Any) -> None:
    """What stood around the key is not kept."""
    assert keys.trust("partner", f"remark\r\n{PUBLIC}").public == PUBLIC


@pytest.mark.parametrize("name", ["", " ", "a b", "../x", "x" * 129, "é", "a\n", "0" * 64, "deadbeef" * 8])
def test_a_name_is_one(keys: Any, name: str) -> None:
    """Nothing that could be taken for a path or a fingerprint."""
    for attempt in (lambda: keys.create(name), lambda: keys.trust(name, PUBLIC)):
        with pytest.raises(InvalidInput) as caught:
            attempt()
        assert [fault.path for fault in caught.value.faults] == ["name"]
    assert keys.list().items == []


def test_every_fault_is_told_at_once(keys: Any) -> None:
    """A bad name and a text that is no public key."""
    with pytest.raises(InvalidInput) as caught:
        keys.trust("", SCHEME.private_text(FOREIGN.private))
    assert [fault.path for fault in caught.value.faults] == ["name", "public"]
    assert SCHEME.private_text(FOREIGN.private).splitlines()[1] not in str(caught.value.as_dict())


def test_names_and_keys_are_there_once(keys: Any) -> None:
    """A name that is taken, and a key that is known under another one, the tenant's own included."""
    made = keys.create("releases")
    keys.trust("partner", PUBLIC)
    for attempt, told in (
        (lambda: keys.create("partner"), "'partner'"),
        (lambda: keys.trust("releases", SCHEME.public_text(SCHEME.new_pair().public)), "'releases'"),
        (lambda: keys.trust("again", PUBLIC), "as partner"),
        (lambda: keys.trust("mine", made.public), "as releases"),
    ):
        with pytest.raises(DuplicateKey, match=told) as caught:
            attempt()
        assert caught.value.details["collection"] == "package_keys"
    assert [key.name for key in keys.list().items] == ["partner", "releases"]


def test_a_retired_key_has_no_private_part(keys: Any, zona: Zona) -> None:
    """It is erased; retiring again changes nothing; somebody else's key cannot be retired."""
    keys.create("releases")
    keys.trust("partner", PUBLIC)
    retired = keys.retire("releases")
    assert retired.retired_ts is not None
    assert retired.secrets == {}
    assert zona._parts.database.tenant("localhost").package_keys.need(retired.fingerprint).secrets == {}
    assert keys.retire("releases") == retired
    with pytest.raises(Conflict) as caught:
        keys.retire("partner")
    assert caught.value.code == "key_not_own"


def test_a_removed_key_is_gone(keys: Any, zona: Zona) -> None:
    """Nothing of it is in the store; its name is free, and the same key may be trusted anew."""
    made = keys.create("releases")
    assert keys.remove("releases").secrets == {}
    assert zona._parts.database.tenant("localhost").package_keys.all() == []
    for attempt in (keys.get, keys.remove, keys.retire):
        with pytest.raises(NotFound):
            attempt("releases")
        with pytest.raises(NotFound):
            attempt(made.fingerprint)
    assert keys.trust("releases", made.public).own is False


def test_every_change_is_in_the_trail(zona: Zona) -> None:
    """Who made, trusted, retired and removed which key, without its private part."""
    keys = zona.tenant(actor=Actor(name="ann", permissions=frozenset({"package_keys:*"}))).package_keys
    made, trusted = keys.create("releases"), keys.trust("partner", PUBLIC)
    keys.retire("releases")
    keys.remove("partner")
    records = zona.tenant().audit.search(actor="ann").items[::-1]
    assert [(record.action, record.target) for record in records] == [
        ("package_keys.create", f"package_keys/{made.fingerprint}"),
        ("package_keys.trust", f"package_keys/{trusted.fingerprint}"),
        ("package_keys.retire", f"package_keys/{made.fingerprint}"),
        ("package_keys.remove", f"package_keys/{trusted.fingerprint}"),
    ]
    assert records[0].after is not None
    assert records[0].after["secrets"] == {"private": "********"}
    assert records[3].after is None
    assert zona.tenant().audit.verify().intact


def test_no_way_leads_to_the_private_key(keys: Any, zona: Zona) -> None:
    """Not by what a use-case gives, in whatever form it is shown, nor by the trail."""
    shown: list[Any] = [keys.create("releases"), keys.get("releases"), keys.list()]
    [stored] = zona._parts.database.tenant("localhost").package_keys.all()
    pair = SCHEME.pair_of_text(stored.secrets["private"].reveal())
    shown += [keys.retire("releases"), keys.remove("releases"), *zona.tenant().audit.search().items]
    text = "".join(f"{each!r} {each} {as_data(each)}" for each in shown)
    seed = SCHEME.private_text(pair.private).splitlines()[1]
    for form in (seed, seed[-40:], pair.private.hex(), repr(pair.private)[2:-1]):
        assert form not in text
