"""Whoever waits for a run, and whoever looks after runs, bears that a store is away for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from waiting import until

from zona_core import RunStatus, StoreUnavailable, TaskCall, Zona
from zona_core.domain.jobs import Job, JobKind
from zona_core.usecases._engine.beginning import Beginning
from zona_core.usecases._engine.drive import Drive

Make = Callable[..., Any]


class Away:
    """A look at a run's record that fails as long as the store is away."""

    def __init__(self, look: Callable[[], Any], times: int, code: str = "store_unavailable") -> None:
        self.looks = 0
        self._look = look
        self._times = times
        self._code = code

    def __call__(self) -> Any:
        self.looks += 1
        if self.looks <= self._times:
            raise StoreUnavailable("the store is away", code=self._code)
        return self._look()


@pytest.fixture
def ended(clocked: Zona, plugin: Any) -> Any:
    """A run that has ended."""
    plugin.handler.functions["echo"] = lambda call: {}
    return clocked.tenant().runs.run("Demo", "echo", inputs={"text": "x"})


def test_waiting_outlasts_a_store_that_is_away_for_less_than_a_lease(clocked: Zona, ended: Any) -> None:
    """The run goes on meanwhile, and its record is given in the end."""
    away = Away(lambda: ended, times=30_000)
    assert Beginning(clocked.tenant()._context).awaited(ended.id, 10_000, away) == ended
    assert away.looks == 30_001


@pytest.mark.parametrize(("seconds", "lasted"), [(0, 0), (60, 60), (10_000, 3_600)])
def test_waiting_ends_with_its_time_and_with_the_lease(
    clocked: Zona, ended: Any, clock: Any, seconds: float, lasted: float
) -> None:
    """Whichever is over first: then the outage is told."""
    began, away = clock.monotonic(), Away(lambda: ended, times=1_000_000)
    with pytest.raises(StoreUnavailable):
        Beginning(clocked.tenant()._context).awaited(ended.id, seconds, away)
    assert clock.monotonic() - began == pytest.approx(lasted, abs=0.2)


@pytest.mark.parametrize("code", ["document_damaged", "store_closed"])
def test_what_does_not_pass_is_told_at_once(clocked: Zona, ended: Any, code: str) -> None:
    """A record that is damaged stays so, and a store that was closed."""
    away = Away(lambda: ended, times=1_000_000, code=code)
    with pytest.raises(StoreUnavailable):
        Beginning(clocked.tenant()._context).awaited(ended.id, 10_000, away)
    assert away.looks == 1


def test_one_run_that_cannot_be_looked_at_keeps_no_other_waiting(
    zona: Zona, plugin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tenant's database is away: what is due elsewhere is claimed all the same."""
    begun, go, checked = threading.Event(), threading.Event(), threading.Event()

    def function(call: TaskCall) -> dict[str, Any]:
        if call.inputs["text"] == "held":
            begun.set()
            assert go.wait(60)
        return {}

    def away(self: Drive) -> None:
        checked.set()
        raise StoreUnavailable("the store is away")

    plugin.handler.functions["echo"] = function
    monkeypatch.setattr(Drive, "check", away)
    work, data = zona.tenant(), zona.tenant()._context.data
    first = work.runs.run("Demo", "echo", inputs={"text": "x"})
    held = work.runs.start("Demo", "echo", inputs={"text": "held"})
    try:
        assert begun.wait(20)
        assert checked.wait(20)
        left = evolve(first, id="left", status=RunStatus.QUEUED, ended_at=None, results=None, revision=0)
        now = data.now()
        with data.transaction():  # by another process, which has no thread to spare
            data.runs.insert(left)
            data.jobs.insert(Job(id="left", kind=JobKind.TASK, due_at=now, created_at=now))
        until(lambda: work.runs.get("left").status is RunStatus.SUCCESS)
    finally:
        go.set()
    assert work.runs.wait(held.id, seconds=20).status is RunStatus.SUCCESS
