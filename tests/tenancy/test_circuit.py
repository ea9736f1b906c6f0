"""A database that fails is asked less and less often, and keeps few waiting."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from zona_core.errors import InvalidInput, StoreUnavailable
from zona_core.persistence.circuit import FIRST_PAUSE, LONGEST_PAUSE, MOST_HANGING, PATIENCE, Circuit


class Calls:
    """Counts the calls that get through a circuit, and fails as it is told."""

    def __init__(self, clock: Any) -> None:
        self.circuit = Circuit("acme", clock)
        self.error: Exception | None = None
        self.made = 0

    def __call__(self) -> str:
        try:
            with self.circuit:
                self.made += 1
                if self.error is not None:
                    raise self.error
        except StoreUnavailable as exc:
            return exc.code
        return "answered"


@pytest.fixture
def calls(clock: Any) -> Calls:
    return Calls(clock)


def test_after_a_failure_nobody_asks_for_a_while(calls: Calls, clock: Any) -> None:
    """The database is not asked before the pause is over; then one call finds out that it is back."""
    calls.error = StoreUnavailable("away")
    assert [calls(), calls(), calls()] == ["store_unavailable", "tenant_database_away", "tenant_database_away"]
    assert calls.made == 1
    assert not calls.circuit.healthy
    calls.error = None
    clock.move(FIRST_PAUSE)
    assert [calls(), calls()] == ["answered", "answered"]
    assert calls.circuit.healthy


def test_pauses_grow_up_to_a_bound(calls: Calls, clock: Any) -> None:
    """Each failure in a row doubles the pause, of which jitter leaves at least half, up to the longest."""
    calls.error, pauses = StoreUnavailable("away"), []
    for _ in range(12):
        calls()
        waited = 0.0
        made = calls.made
        while calls.made == made:
            clock.move(0.05)
            waited += 0.05
            calls()
        pauses.append(waited)
        clock.move(LONGEST_PAUSE)
    assert pauses[0] <= FIRST_PAUSE * 2 + 0.1
    assert LONGEST_PAUSE / 2 - 0.1 <= pauses[-1] <= LONGEST_PAUSE + 0.1
    assert all(pause >= FIRST_PAUSE / 2 - 0.1 for pause in pauses)


def test_a_refusal_says_when_to_try_again(calls: Calls) -> None:
    """It names the tenant and the seconds to wait."""
    calls.error = StoreUnavailable("away")
    calls()
    with pytest.raises(StoreUnavailable) as caught, calls.circuit:
        pytest.fail("nobody gets here")
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= FIRST_PAUSE
    assert caught.value.details["tenant_code"] == "acme"


@pytest.mark.parametrize("error", [InvalidInput("no"), StoreUnavailable("torn", code="document_damaged"), KeyError()])
def test_other_errors_say_nothing_of_the_database(calls: Calls, error: Exception) -> None:
    """What is wrong with a call or with one document leaves the circuit closed."""
    with pytest.raises(type(error)), calls.circuit:
        raise error
    assert calls() == "answered"


def test_only_one_tries(calls: Calls, clock: Any) -> None:
    """While one call finds out whether the database is back, others are refused."""
    calls.error = StoreUnavailable("away")
    calls()
    clock.move(FIRST_PAUSE)
    told: list[str] = []
    with calls.circuit:
        thread = threading.Thread(target=lambda: told.append(calls()))
        thread.start()
        thread.join(10)
    assert told == ["tenant_database_away"]


def test_a_call_within_a_call_is_one(calls: Calls) -> None:
    """A transaction and what is done in it count once, and only the outer one judges."""
    with calls.circuit, calls.circuit:
        assert calls() == "answered"
    assert calls.circuit.healthy
    assert not calls.circuit._calls


def test_few_wait_for_a_database_that_hangs(calls: Calls, clock: Any) -> None:
    """Once so many calls have hung for a while, further ones are refused at once, until one of those ends."""
    release, entered = threading.Event(), threading.Semaphore(0)

    def hang() -> None:
        with calls.circuit:
            entered.release()
            release.wait(10)

    threads = [threading.Thread(target=hang) for _ in range(MOST_HANGING)]
    for thread in threads:
        thread.start()
        entered.acquire(timeout=10)
    assert calls() == "answered"
    clock.move(PATIENCE + 0.1)
    assert calls() == "tenant_database_away"
    release.set()
    for thread in threads:
        thread.join(10)
    assert calls() == "answered"
