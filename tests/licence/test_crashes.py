"""Whatever happens, and wherever a process dies: once settled, the figures are the truth."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from zona_core import DuplicateKey, LicenceLimit, NotFound, StoreUnavailable, ZonaError
from zona_core.persistence.ledger import ABANDONED, Ledger
from zona_core.usecases import _quota

CODES = ("acme", "rival")
TITLES = "abcd"


class Died(BaseException):
    """The process is no more: nothing that would follow happens."""


@contextmanager
def dying(patch: pytest.MonkeyPatch, home: Any, code: str, where: str) -> Iterator[None]:
    """Within the block a change dies: before its transaction, in it, or between it and the closing of its note."""

    def die(*_: Any, **__: Any) -> None:
        raise Died

    with patch.context() as within:
        if where == "in":
            within.setattr(home.database.tenant(code), "record", die)
        elif where == "after":
            within.setattr(_quota, "_close", die)
        elif where == "closing":
            within.setattr(Ledger, "close", die)
        with suppress(Died):
            yield


def _raising(error: Exception) -> Callable[..., None]:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize("where", ["in", "after", "closing"])
@pytest.mark.parametrize("verb", ["add", "remove"])
def test_a_crash_leaves_nothing_behind(
    home: Any, monkeypatch: pytest.MonkeyPatch, clock: Any, verb: str, where: str
) -> None:
    """What was reserved counts until it is settled, and then what is there counts; the limit is never exceeded."""
    home.furnished("acme")
    home.add("acme", "a")
    with dying(monkeypatch, home, "acme", where):
        home.add("acme", "b") if verb == "add" else home.remove("acme", "a")
    assert home.used() >= home.truth["instances"]
    settled = home.licence.settle(older_than=0)
    assert home.counted == home.truth
    assert (settled.waiting, home.database.quota_notes.all()) == (0, [])


def test_only_what_was_left_behind_is_settled(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    """A note that was just made may be somebody's who is at work; `zona store expire` settles old ones, too."""
    home = opened("mssp", "memory")
    home.furnished("acme")
    now = home.database.store.now()
    monkeypatch.setattr(home.database.store, "now", lambda: now, raising=False)
    with dying(monkeypatch, home, "acme", "in"):
        home.add("acme", "a")
    assert (home.licence.settle().notes, home.used()) == (0, 1)
    now = now.fromtimestamp(now.timestamp() + ABANDONED, now.tzinfo)
    assert home.zona.system().store.expire().documents == 1
    assert home.used() == 0


def test_what_a_crash_left_keeps_nobody_out(
    opened: Callable[..., Any], vendor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who finds no room has what is old enough settled first; no other process is needed for that."""
    home = opened("mssp", "memory")
    home.furnished("acme")
    home.licence.install(vendor.file(max_instances=1))
    now = home.database.store.now()
    monkeypatch.setattr(home.database.store, "now", lambda: now, raising=False)
    with dying(monkeypatch, home, "acme", "in"):
        home.add("acme", "a")
    with pytest.raises(LicenceLimit):
        home.add("acme", "b")
    now = now.fromtimestamp(now.timestamp() + ABANDONED, now.tzinfo)
    home.add("acme", "b")
    assert home.counted == home.truth


def test_who_was_taken_for_dead_and_is_not_does_no_harm(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its note is settled while it is at work: when it is done it has the tenant counted anew."""
    home = opened("mssp", "memory")
    home.furnished("acme")
    home.add("acme", "a")
    data = home.database.tenant("acme")
    record = data.record

    def settled_meanwhile(*arguments: Any, **named: Any) -> None:
        record(*arguments, **named)
        note = home.database.quota_notes.all()[0]
        home.database.quota_notes.delete(note.id)  # as settling does, which finds in the data what was there before
        if "add" in arguments[1]:
            Ledger(home.database).subtract("acme", note.keys)

    with monkeypatch.context() as patch:
        patch.setattr(data, "record", settled_meanwhile)
        home.add("acme", "b")
    assert home.counted == home.truth
    with monkeypatch.context() as patch:
        patch.setattr(data, "record", settled_meanwhile)
        home.remove("acme", "a")
    assert home.counted == home.truth


def test_an_unknown_outcome_is_left_to_be_settled(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    """Where nobody can say whether a change was kept, it counts until its data can tell."""
    home = opened("mssp", "memory")
    home.furnished("acme")
    with monkeypatch.context() as patch:
        error = StoreUnavailable("who knows", code="commit_unknown")
        patch.setattr(home.database.tenant("acme"), "record", _raising(error))
        with pytest.raises(StoreUnavailable):
            home.add("acme", "a")
    assert (home.used(), len(home.database.quota_notes.all())) == (1, 1)
    clock.move(60)  # for so long the tenant's database, which failed, is not asked
    assert home.licence.settle(older_than=0).given_back == 1
    assert home.counted == home.truth


def test_a_count_that_cannot_be_closed_fails_nobody(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was made is made: that the core is away by then is logged, and settled later."""
    home = opened("mssp", "memory")
    home.furnished("acme")
    home.add("acme", "a")
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "close", _raising(StoreUnavailable("the core is away")))
        home.add("acme", "b")
        home.remove("acme", "a")
        with pytest.raises(DuplicateKey):
            home.add("acme", "b")
    assert [record.getMessage() for record in caplog.records if record.name == "zona.licence"] == [
        "the licence's count of acme is settled later: the core is away"
    ] * 3
    assert (home.used(), home.truth["instances"]) == (3, 1)
    assert home.licence.settle(older_than=0).given_back == 2
    assert home.counted == home.truth


def test_one_object_under_several_notes_is_counted_once(opened: Callable[..., Any]) -> None:
    """Whichever is closed first, in whatever order and by whomever, it is subtracted once, and only if it is gone."""
    home = opened("mssp", "memory")
    home.furnished("acme")
    ledger = Ledger(home.database)
    for number, order in enumerate(([0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2])):
        home.add("acme", f"t{number}")
        key = f"instances/{home.zona.tenant('acme').instances.get('Demo', f't{number}').instance_id}"
        notes = [ledger.note("acme", [key]) for _ in range(3)]
        assert home.used() == 1
        first, second, third = (notes[each] for each in order)
        ledger.close(first)
        home.remove("acme", f"t{number}")
        assert home.used() == 1  # an open note names it
        ledger.close(second)  # which knows nothing of it, but was told
        ledger.close(third, [key])
        assert home.used() == 0
    ledger.recount()
    assert home.counted == home.truth


@pytest.mark.parametrize("seed", range(8))
def test_after_any_history_the_figures_are_the_truth(
    home: Any, vendor: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Adding, removing, failing, dying, settling and counting anew in any order: never too little is counted."""
    chance = random.Random(seed)
    home.licence.install(vendor.file(max_instances=5))
    home.furnished(*CODES)
    for _ in range(60):
        code, title = chance.choice(CODES), chance.choice(TITLES)
        act = chance.choice([home.add] * 5 + [home.remove] * 4)
        where = chance.choice(["nowhere"] * 4 + ["in", "after", "closing"])
        with suppress(ZonaError), dying(monkeypatch, home, code, where):
            act(code, title)
        if chance.random() < 0.1:
            home.licence.settle(older_than=0)
        if chance.random() < 0.05:
            home.licence.recount()
        assert home.truth["instances"] <= home.used() <= 5
    home.licence.settle(older_than=0)
    assert home.counted == home.truth
    counted = home.counted
    assert home.licence.recount().left_out == ()
    assert home.counted == counted
    for code in CODES:
        for title in TITLES:
            with suppress(NotFound):
                home.remove(code, title)
    assert home.used() == 0
