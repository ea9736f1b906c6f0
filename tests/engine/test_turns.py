"""What a call takes of an instance's limits and of its breaker is given back, whatever becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from waiting import until

from zona_core import RunStatus, TaskCall, TaskFailed, TaskTimeout, Zona
from zona_core.domain.jobs import Job, JobKind, Wait, WaitReason
from zona_core.domain.limits import Limits
from zona_core.persistence.database import TenantData
from zona_core.usecases._engine.book import ClaimLost
from zona_core.usecases._engine.breakers import FAILURES, LONGEST_PAUSE, PAUSE, Breakers
from zona_core.usecases._engine.entrance import Entrance
from zona_core.usecases._engine.perform import Performer
from zona_core.usecases._engine.turns import Turns

KEY = "instances/1"
BOTH = Limits(requests=1, seconds=60, concurrent=1)


@pytest.fixture
def data(clocked: Zona) -> TenantData:
    """A tenant's store, which goes by the test's clock."""
    return clocked.tenant()._context.data


def waited(data: TenantData, told: Any) -> Wait:
    """What a unit waits for that was told so."""
    reason, moment, turn = told
    return Wait(reason=reason, until=moment, started_at=data.now(), detail=KEY, turn=turn)


def test_a_turn_is_kept_while_its_holder_waits_for_others_to_end(data: TenantData, clock: Any) -> None:
    """Whoever has waited for its turn, and then finds all places taken, does not wait for another turn."""
    turns = Turns(data)
    assert turns.ask(KEY, BOTH, "a/", "w", None) is None
    turns.give_back(KEY, "a/", "w")
    first = waited(data, turns.ask(KEY, BOTH, "b/", "w", None))
    assert (first.reason, first.until - data.now()) == (WaitReason.RATE, timedelta(seconds=60))
    clock.move(60)
    assert turns.ask(KEY, Limits(concurrent=1), "c/", "w", None) is None
    second = waited(data, turns.ask(KEY, BOTH, "b/", "w", first))
    assert (second.reason, second.turn) == (WaitReason.SLOT, True)
    turns.give_back(KEY, "c/", "w")
    taken = data.permits.need(KEY).taken_until
    assert turns.ask(KEY, BOTH, "b/", "w", second) is None
    assert data.permits.need(KEY).taken_until == taken


def test_places_of_those_that_could_not_give_them_back_are_given_away(data: TenantData) -> None:
    """Whoever looks for the second time finds out which holders have ended, or are in another worker's hands."""
    turns, limits, now = Turns(data), Limits(concurrent=3), data.now()
    for run_id, worker in (("here", "w"), ("moved", "other")):
        data.jobs.insert(Job(id=run_id, kind=JobKind.TASK, worker=worker, created_at=now))
    for run_id in ("here", "moved", "ended"):
        assert turns.ask(KEY, limits, f"{run_id}/", "w", None) is None
    full = waited(data, turns.ask(KEY, limits, "next/", "w", None))
    assert full.reason is WaitReason.SLOT
    assert turns.ask(KEY, limits, "next/", "w", full) is None
    assert set(data.permits.need(KEY).holders) == {"here/", "next/"}


def test_whoever_lost_its_claim_does_not_give_back_anothers_place(data: TenantData) -> None:
    """A unit that is under way on another worker by now keeps its place until that one has done with it."""
    turns = Turns(data)
    assert turns.ask(KEY, BOTH, "a/", "old", None) is None
    turns.clear("old")
    assert turns.ask(KEY, Limits(concurrent=1), "a/", "new", None) is None
    assert not turns.give_back(KEY, "a/", "old")
    assert data.permits.need(KEY).holders == {"a/": "new"}


@pytest.fixture
def open_breakers(clock: Any) -> Breakers:
    """The instance 1 has failed too often, and its pause is over."""
    breakers = Breakers(clock.monotonic)
    for n in range(FAILURES):
        assert breakers.refusal("t", 1, f"early{n}") is None
        breakers.report("t", 1, f"early{n}", TaskTimeout("late", retryable=True))
    clock.move(PAUSE)
    return breakers


def test_one_probe_passes_at_a_time(open_breakers: Breakers, clock: Any) -> None:
    """Until it has ended or was given up; calls that began before say nothing about it."""
    assert open_breakers.refusal("t", 1, "probe") is None
    assert open_breakers.refusal("t", 1, "probe") is None  # it asks again, the store was away
    open_breakers.given_up("t", 1, "early")
    open_breakers.report("t", 1, "early", TaskFailed("reset", retryable=True))
    refusal = open_breakers.refusal("t", 1, "another")
    assert refusal is not None
    assert refusal.code == "circuit_open"
    open_breakers.given_up("t", 1, "probe")
    assert open_breakers.refusal("t", 1, "another") is None
    open_breakers.report("t", 1, "another", None)
    assert [open_breakers.refusal("t", 1, str(n)) for n in range(3)] == [None] * 3


def test_each_probe_that_fails_makes_the_pause_longer(open_breakers: Breakers, clock: Any) -> None:
    """Twice as long as the one before, up to the longest."""
    pauses = []
    for _ in range(7):
        assert open_breakers.refusal("t", 1, "probe") is None
        open_breakers.report("t", 1, "probe", TaskFailed("reset", retryable=True))
        refusal = open_breakers.refusal("t", 1, "another")
        assert refusal is not None
        pauses.append(refusal.retry_after)
        clock.move(refusal.retry_after)
    assert pauses == [20, 40, 80, 160, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


@pytest.fixture
def half_open(zona: Zona, plugin: Any) -> list[str]:
    """The instance takes one call at a time and has failed too often; the next call is the probe. Texts of calls."""
    calls: list[str] = []
    plugin.handler.functions["echo"] = lambda call: calls.append(call.inputs["text"]) or {}
    zona.tenant().instances.update("Demo", "main", rate_limiting={"concurrent": 1})
    breakers = zona._parts.engine.breakers = Breakers(lambda: 0.0)
    for n in range(FAILURES):
        breakers.report("localhost", 1, str(n), TaskFailed("reset", retryable=True))
    breakers._states["localhost", 1].opens_at = 0.0
    return calls


def test_a_claim_that_is_lost_before_the_call_leaves_nothing_taken(
    zona: Zona, half_open: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Place and probe are given back, so that whoever takes the run over can make the call."""
    lost = threading.Event()
    confirm = Performer._confirm_claim

    def loses(self: Performer) -> None:
        if not lost.is_set():
            lost.set()
            raise ClaimLost("the lease ran out")
        confirm(self)

    monkeypatch.setattr(Performer, "_confirm_claim", loses)
    engine, work = zona._parts.engine, zona.tenant()
    run = work.runs.start("Demo", "echo", inputs={"text": "x"})
    assert lost.wait(20)
    until(lambda: not engine.drives)
    assert engine.breakers._states["localhost", 1].probe == ""
    assert work._context.data.permits.need(KEY).holders == {}
    assert half_open == []

    def ended() -> bool:
        engine.reap()  # as it does now and then by itself
        engine.pick()
        return work.runs.get(run.id).status.ended

    until(ended)
    assert (half_open, work.runs.get(run.id).status) == (["x"], RunStatus.SUCCESS)


def test_a_run_that_is_cancelled_before_the_call_makes_none(
    zona: Zona, half_open: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its turn already: the handler is not called, and what was taken is there for others."""
    enter, first = Entrance.enter, threading.Event()
    work, engine = zona.tenant(), zona._parts.engine

    def cancelled(self: Entrance, *args: Any) -> Any:
        found = enter(self, *args)
        if not first.is_set():
            first.set()
            [drive] = engine.drives
            drive.cancel(RunStatus.CANCELLED, "cancelled", "the run was cancelled")
        return found

    monkeypatch.setattr(Entrance, "enter", cancelled)
    run = work.runs.start("Demo", "echo", inputs={"text": "x"})
    assert work.runs.wait(run.id, seconds=20).status is RunStatus.CANCELLED
    until(lambda: engine.breakers._states["localhost", 1].probe == "")
    assert work._context.data.permits.need(KEY).holders == {}
    assert work.runs.run("Demo", "echo", inputs={"text": "y"}).status is RunStatus.SUCCESS
    assert half_open == ["y"]


def test_a_probe_that_nobody_waits_for_any_more_is_given_back(
    zona: Zona, half_open: list[str], plugin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is cancelled while its handler hangs keeps nobody else from trying, nor from the place."""
    begun, go = threading.Event(), threading.Event()
    well: Callable[[TaskCall], Any] = plugin.handler.functions["echo"]

    def hangs(call: TaskCall) -> dict[str, Any]:
        begun.set()
        assert go.wait(60)
        return {}

    plugin.handler.functions["echo"] = hangs
    work = zona.tenant()
    run = work.runs.start("Demo", "echo", inputs={"text": "x"})
    assert begun.wait(20)
    work.runs.cancel(run.id)
    assert work.runs.wait(run.id, seconds=20).status is RunStatus.CANCELLED
    plugin.handler.functions["echo"] = well
    try:
        assert work.runs.run("Demo", "echo", inputs={"text": "y"}).status is RunStatus.SUCCESS
    finally:
        go.set()
    assert half_open == ["y"]
