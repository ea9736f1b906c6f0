"""Limits: reached exactly, refused before anything is written, and given back by whatever removes or fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zona_core import DuplicateKey, LicenceLimit, NotFound, Resource, StoreUnavailable, TenantUnavailable
from zona_core.errors import exit_code_of, status_of
from zona_core.persistence import copying
from zona_core.persistence.collections import KINDS
from zona_core.persistence.ledger import Ledger


def stored(home: Any, code: str) -> list[Any]:
    """All that the core and a tenant's database hold."""
    store = home.database.store_of(code)
    sides = [*copying.core_sides(home.database.store, home.database.store), *copying.tenant_sides(store, store, code)]
    return [side.digest() for side, _ in sides]


def test_a_limit_is_reached_exactly(home: Any, vendor: Any) -> None:
    """The last one allowed is made; the next is refused, and tells what, how many and by which licence."""
    home.licence.install(vendor.file(max_instances=2))
    home.furnished("acme", "rival")
    home.add("acme", "a")
    home.add("rival", "b")
    before = stored(home, "acme")
    with pytest.raises(LicenceLimit) as caught:
        home.add("acme", "c")
    error = caught.value
    assert error.details == {"resource": "instances", "limit": 2, "used": 2, "licence_type": "enterprise"}
    assert (error.code, status_of(error), exit_code_of(error)) == ("licence_limit", 403, 6)
    assert error.message == "there is no room for more instances: 2 in use, 2 allowed by the licence (enterprise)"
    assert "zona licence show" in error.hint
    assert [each for each in stored(home, "acme") if each not in before and each.collection != "counters"] == []
    assert home.counted["instances"] == home.truth["instances"] == 2


def test_what_is_removed_makes_room(home: Any, vendor: Any) -> None:
    """In any tenant."""
    home.licence.install(vendor.file(max_instances=2))
    home.furnished("acme", "rival")
    for round_ in range(3):
        home.add("acme", f"a{round_}")
        home.add("rival", f"b{round_}")
        home.remove("acme", f"a{round_}")
        home.add("rival", f"c{round_}")
        home.remove("rival", f"b{round_}")
        home.remove("rival", f"c{round_}")
    assert home.used() == 0
    assert home.database.quota_notes.all() == []


def test_what_fails_takes_nothing(home: Any, vendor: Any) -> None:
    """Whatever goes wrong after the count was taken, it is given back."""
    home.licence.install(vendor.file(max_instances=2))
    home.furnished("acme")
    home.add("acme", "a")
    for _ in range(5):
        with pytest.raises(DuplicateKey):
            home.add("acme", "a")
    assert home.used() == 1
    assert home.database.quota_notes.all() == []
    home.add("acme", "b")


def test_a_failed_removal_gives_nothing_back(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is still there still counts."""
    home.furnished("acme")
    home.add("acme", "a")
    data = home.database.tenant("acme")

    def fail(*_: Any, **__: Any) -> None:
        raise NotFound("what is needed")

    with monkeypatch.context() as patch:
        patch.setattr(data, "record", fail)
        with pytest.raises(NotFound):
            home.remove("acme", "a")
    assert home.used() == 1
    home.licence.settle(older_than=0)
    assert home.used() == 1
    home.remove("acme", "a")
    home.licence.settle(older_than=0)
    assert home.used() == 0


def test_tenants_are_limited(home: Any, vendor: Any) -> None:
    """A tenant more than allowed is not made; one that is removed makes room, with all that it had."""
    home.licence.install(vendor.file(max_tenants=2, max_instances=3))
    home.furnished("acme", "rival")
    for title in "abc":
        home.add("acme", title)
    with pytest.raises(LicenceLimit) as caught:
        home.zona.system().tenants.add("third")
    assert caught.value.details["resource"] == "tenants"
    assert [each.tenant_code for each in home.zona.system().tenants.list().items] == ["acme", "rival"]
    with pytest.raises(DuplicateKey):
        home.zona.system().tenants.add("acme")
    home.zona.system().tenants.suspend("acme")
    assert home.used() == 3
    home.zona.system().tenants.remove("acme")
    assert (home.used(), home.used(Resource.TENANTS)) == (0, 1)
    home.furnished("third")
    home.add("third", "a")
    home.licence.recount()
    assert home.counted == home.truth


def test_a_tenant_of_the_same_code_begins_anew(home: Any) -> None:
    """It has nothing of what the one before it had."""
    home.furnished("acme")
    home.add("acme", "a")
    home.zona.system().tenants.suspend("acme")
    home.zona.system().tenants.remove("acme")
    home.furnished("acme")
    assert home.counted["acme"][1] == 0
    home.add("acme", "a")
    assert home.counted["acme"][1] == 1


def test_no_count_changes_when_a_tenant_moves(home: Any, tmp_path: Path) -> None:
    """Wherever its data is, it holds what it held; what it makes there counts on."""
    home.furnished("acme", "rival")
    home.add("acme", "a")
    before = home.counted
    here = home.zona.system().tenants.get("acme").placement.value
    for place in (f"sqlite:///{tmp_path}/elsewhere.db", "shared") if here == "shared" else ("shared", "own"):
        home.zona.system().tenants.migrate("acme", place)
        assert home.counted == before
    home.add("acme", "b")
    assert home.counted["acme"][1] == home.truth["acme"][1] == 2


def test_a_copied_store_has_the_licence_and_the_counts(home: Any, vendor: Any, opened: Any, tmp_path: Path) -> None:
    """Copying an installation keeps what it may and what it holds."""
    home.licence.install(vendor.file(max_instances=5))
    home.furnished("acme")
    home.add("acme", "a")
    Ledger(home.database).note("acme", ["instances/1"])
    done = {each.collection: each.documents for each in home.zona.system().store.copy(f"sqlite:///{tmp_path}/copy.db")}
    assert (done["licences"], done["licence_usage"], done["quota_notes"]) == (1, 2, 1)
    copy = home.zona._parts.open_store(f"sqlite:///{tmp_path}/copy.db")
    names = ("licences", "licence_usage", "quota_notes")
    kinds = [kind for kind in KINDS if kind.spec.name in names]
    assert len(kinds) == 3
    for kind in kinds:
        here, there = (store.collection(kind.spec).find().items for store in (home.database.store, copy))
        assert [document["_id"] for document in here] == [document["_id"] for document in there]
    copy.close()


def test_an_installation_from_before_is_counted_at_first_use(home: Any, vendor: Any) -> None:
    """Limits hold from the first thing that is added, deleted objects not counted, in all tenants."""
    home.furnished("acme", "rival")
    for code, title in (("acme", "a"), ("acme", "b"), ("rival", "c")):
        home.add(code, title)
    home.remove("acme", "b")
    home.uncounted()
    home.licence.install(vendor.file(max_instances=3, max_tenants=3))
    home.add("acme", "d")
    with pytest.raises(LicenceLimit):
        home.add("rival", "e")
    assert home.counted == home.truth
    home.uncounted()
    home.remove("acme", "d")
    assert home.counted == home.truth
    home.uncounted()
    home.zona.system().tenants.add("third")
    assert home.counted == home.truth
    with pytest.raises(LicenceLimit):
        home.zona.system().tenants.add("fourth")


def test_doubted_figures_are_put_right(home: Any) -> None:
    """Whatever they were: counting anew gives what there is."""
    home.furnished("acme", "rival")
    home.add("acme", "a")
    ledger = Ledger(home.database)
    with home.database.transaction():
        ledger._figures.put("acme", {Resource.INTEGRATIONS: 70, Resource.INSTANCES: 700})
        ledger._figures.put("nobody", {Resource.INTEGRATIONS: 5, Resource.INSTANCES: 5})
    found = home.licence.recount()
    assert (found.before[1].used, found.after[1].used, found.left_out) == (705, 1, ())
    assert home.counted == home.truth


def test_one_that_is_away_stops_nobody(
    opened: Callable[..., Any], vendor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant whose database cannot be reached is counted when it is back and something is added in it."""
    home = opened("mssp", "memory")
    home.furnished("acme", "rival")
    home.add("acme", "a")
    home.licence.install(vendor.file(max_instances=2))
    home.uncounted()
    store_of = home.database.store_of
    away = StoreUnavailable("away", code="tenant_database_away")

    def without_acme(code: str) -> Any:
        if code == "acme":
            raise away
        return store_of(code)

    with monkeypatch.context() as patch:
        patch.setattr(home.database, "store_of", without_acme)
        home.add("rival", "b")
        assert home.used() == 1
        assert home.licence.recount().left_out == ("acme",)
        ledger = Ledger(home.database)
        ledger.note("acme", ["instances/1"])
        assert ledger.settle(0).waiting == 1
    with pytest.raises(LicenceLimit):
        home.add("acme", "c")
    assert home.used() == 2
    assert home.licence.settle(older_than=0).notes == 1
    assert home.counted == home.truth


def test_within_a_larger_transaction_its_end_decides(home: Any) -> None:
    """Removals through a door's transaction count when it ends, and not at all if it is undone."""
    home.furnished("acme")
    home.add("acme", "a")
    workspace = home.zona.tenant("acme")

    def undone() -> None:
        with workspace.transaction():
            workspace.instances.remove("Demo", "a")
            raise KeyError

    with pytest.raises(KeyError):
        undone()
    home.licence.settle(older_than=0)
    assert home.used() == 1
    with workspace.transaction():
        workspace.instances.remove("Demo", "a")
    assert home.used() == 0


def test_a_tenant_that_is_gone_takes_nothing(home: Any) -> None:
    """Whoever still works in it is refused, and no figure of it comes back."""
    home.furnished("acme", "rival")
    ledger = Ledger(home.database)
    note = ledger.note("acme", ["instances/1"])
    home.zona.system().tenants.suspend("acme")
    home.zona.system().tenants.remove("acme")
    assert home.database.quota_notes.all() == []
    assert ledger.close(note) == 0
    for asking in (lambda: ledger.recount_tenant("acme"), lambda: ledger.prepare("acme"), lambda: ledger.gone(note)):
        with pytest.raises(TenantUnavailable):
            asking()
    ledger.recount()
    assert home.counted == home.truth
