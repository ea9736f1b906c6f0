"""Calls that carry a key are done once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from zona_core import Conflict, InvalidInput, Zona
from zona_core.domain.secrets import Secret
from zona_core.persistence.collections import KEYED_CALLS
from zona_core.usecases import _replays

CANARY = "canary-9f3b1c7d"


@pytest.fixture
def replayed(zona: Zona) -> Zona:
    """A Zona with the tenants acme and globex."""
    for code in ("acme", "globex"):
        zona.system().tenants.add(code)
    return zona


def answer(zona: Zona, text: str, *, realm: str = "acme", name: str = "call", request: bytes = b"asked") -> Any:
    """The answer to the keyed call; ``text`` if it is the first."""
    with zona.replays.once(realm, name, request) as attempt:
        if attempt.answer is None:
            attempt.keep({"text": text})
            return {"text": text}
        return attempt.answer


def kept(zona: Zona, realm: str = "acme") -> list[Any]:
    return zona._parts.database.tenant(realm).keyed_calls.find().items


def outdate(zona: Zona, *, secrets: bool = True) -> None:
    """Makes the one call of acme as old as it may get."""
    calls = zona._parts.database.tenant("acme").keyed_calls
    (call,) = calls.find().items
    past = zona._parts.database.store.now() - timedelta(seconds=1)
    calls.replace(evolve(call, expires_at=past, secrets=call.secrets if secrets else {}))


def test_a_repeated_call_is_answered_as_the_first(replayed: Zona) -> None:
    """The second block is given the first one's answer."""
    assert answer(replayed, "first") == answer(replayed, "second") == {"text": "first"}


def test_another_request_with_the_same_key_is_refused(replayed: Zona) -> None:
    """A key stands for one request: another one is a mistake, and is told so."""
    answer(replayed, "first")
    with pytest.raises(InvalidInput) as caught:
        answer(replayed, "second", request=b"something else")
    assert caught.value.code == "idempotency_mismatch"


def test_a_call_under_way_is_not_begun_again(replayed: Zona) -> None:
    """Whoever repeats a call that has not ended yet is told to ask again later."""
    with replayed.replays.once("acme", "call", b"asked") as attempt:
        with pytest.raises(Conflict) as caught:
            answer(replayed, "second")
        attempt.keep({"text": "first"})
    assert caught.value.code == "idempotency_in_progress"
    assert answer(replayed, "third") == {"text": "first"}


@pytest.mark.parametrize("error", [InvalidInput("no"), KeyboardInterrupt()], ids=["refusal", "interrupt"])
def test_a_failure_is_not_kept(replayed: Zona, error: BaseException) -> None:
    """A call that raised may be done again at once."""
    with pytest.raises(type(error)), replayed.replays.once("acme", "call", b"asked"):
        raise error
    assert kept(replayed) == []
    assert answer(replayed, "again") == {"text": "again"}


def test_what_is_not_kept_is_done_again(replayed: Zona) -> None:
    """A block that keeps no answer leaves nothing behind."""
    with replayed.replays.once("acme", "call", b"asked") as attempt:
        assert attempt.answer is None
    assert kept(replayed) == []


def test_realms_and_names_are_apart(replayed: Zona) -> None:
    """The same key of another caller, or in another tenant, is another call."""
    for number, place in enumerate([("acme", "ann"), ("acme", "bob"), ("globex", "ann"), ("core", "ann")]):
        realm, name = place
        assert answer(replayed, str(number), realm=realm, name=name) == {"text": str(number)}


def test_an_answer_expires(replayed: Zona) -> None:
    """Once an answer has expired the call is a new one, whatever it asks for."""
    answer(replayed, "first")
    outdate(replayed)
    assert answer(replayed, "second", request=b"something else") == {"text": "second"}
    assert answer(replayed, "third", request=b"something else") == {"text": "second"}


def test_a_call_whose_process_died_does_not_block_for_ever(replayed: Zona) -> None:
    """A call that has been under way for too long is begun anew; the late one's end takes nothing away from it."""
    with replayed.replays.once("acme", "call", b"asked") as late:
        outdate(replayed)
        assert answer(replayed, "second") == {"text": "second"}
        late.keep({"text": "late"})
    assert answer(replayed, "third") == {"text": "second"}


@pytest.fixture
def renewals(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has marks renewed every hundredth of a second; waits until one more was, or could not be."""
    monkeypatch.setattr(_replays, "_RENEWALS", _replays._UNDER_WAY.total_seconds() * 100)
    happened, renew = threading.Semaphore(0), _replays._Lease.renew

    def renewed(lease: Any) -> None:
        renew(lease)
        happened.release()

    def awaited() -> None:
        while happened.acquire(blocking=False):  # one that began earlier
            pass
        for _ in range(2):
            assert happened.acquire(timeout=30)

    monkeypatch.setattr(_replays._Lease, "renew", renewed)
    return awaited


def test_a_call_that_goes_on_keeps_its_mark(replayed: Zona, renewals: Callable[[], None]) -> None:
    """However long it lasts it is not begun again, and its answer is kept."""
    with replayed.replays.once("acme", "call", b"asked") as attempt:
        (begun,) = kept(replayed)
        renewals()
        (later,) = kept(replayed)
        assert later.expires_at > begun.expires_at
        with pytest.raises(Conflict):
            answer(replayed, "second")
        attempt.keep({"text": "first"})
    assert answer(replayed, "third") == {"text": "first"}


def test_a_mark_that_another_call_took_over_is_left_alone(replayed: Zona, renewals: Callable[[], None]) -> None:
    """A call that comes back from the dead does not prolong what has become another's."""
    with replayed.replays.once("acme", "call", b"asked") as late:
        outdate(replayed)
        assert answer(replayed, "second") == {"text": "second"}
        before = kept(replayed)
        renewals()
        assert kept(replayed) == before
        late.keep({"text": "late"})
    assert answer(replayed, "third") == {"text": "second"}


def test_a_call_that_went_on_and_failed_may_be_repeated(replayed: Zona, renewals: Callable[[], None]) -> None:
    """Its mark goes with it, renewed as it was."""

    def failing() -> None:
        with replayed.replays.once("acme", "call", b"asked"):
            renewals()
            raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        failing()
    assert kept(replayed) == []


def test_a_late_failure_takes_no_answer_away(replayed: Zona) -> None:
    """A call that fails after another one was begun in its place leaves that one's answer."""

    def late() -> None:
        with replayed.replays.once("acme", "call", b"asked"):
            outdate(replayed)
            answer(replayed, "second")
            raise InvalidInput("too late")

    with pytest.raises(InvalidInput):
        late()
    assert answer(replayed, "third") == {"text": "second"}


def test_expired_calls_leave_the_store(replayed: Zona) -> None:
    """The store removes what has expired by itself."""
    answer(replayed, "first")
    outdate(replayed)
    assert replayed._parts.database.store.expire() >= 1
    assert kept(replayed) == []


@pytest.fixture
def on_disk(plugin: Any, tmp_path: Path) -> Iterator[Callable[[], Zona]]:
    """Opens a Zona on one SQLite file."""
    made: list[Zona] = []

    def open_one() -> Zona:
        made.append(Zona(store=f"sqlite:///{tmp_path / 'zona.db'}", plugins={"function": plugin}))
        return made[-1]

    yield open_one
    for zona in made:
        zona.close()


def test_another_process_answers_from_what_was_kept(on_disk: Callable[[], Zona], tmp_path: Path) -> None:
    """An answer is kept sealed: another process opens it, and the files do not show it."""
    here, there = on_disk(), on_disk()
    here.system().tenants.add("acme")
    assert answer(here, CANARY) == answer(there, "second") == {"text": CANARY}
    document = here._parts.database.store.collection(KEYED_CALLS.spec).find().items[0]
    assert CANARY not in str(document)
    assert isinstance(kept(here)[0].secrets["answer"], Secret)
    for file in tmp_path.iterdir():
        assert CANARY.encode() not in file.read_bytes()
