"""Times of runs go by the store's clock alone: those of workers may be wrong, and it may itself be put back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from zona_core import AppDefinition, RunStatus, Zona, hookimpl
from zona_core.domain.jobs import WaitReason
from zona_core.domain.playbooks import Approval, PlaybookDefinition, Step
from zona_core.testing.memory_store import MemoryStore


class Shifted:
    """The machine's clock with a time of day that is wrong by so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._by = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.mark.parametrize("seconds", [60.0, -60.0])
def test_a_worker_with_a_wrong_clock_keeps_leases_and_times(
    tmp_path: Path, plugin: Any, app_factory: Callable[..., AppDefinition], until: Callable[..., Any], seconds: float
) -> None:
    """Of two workers a minute apart neither takes the other's runs, and waits last as long as they should."""
    plugins, store = {"function": plugin}, f"sqlite:///{tmp_path}/zona.db"
    with (
        Zona(store=store, plugins=plugins, lease_seconds=1) as right,
        Zona(store=store, plugins=plugins, lease_seconds=1, clock=Shifted(seconds)) as wrong,
    ):
        work = right.tenant()
        ask = Step(name="ask", approval=Approval(message="Well?", expires=3_600))
        work.playbooks.save(PlaybookDefinition(title="Wait", steps=(Step(name="rest", wait=2.5),)))
        work.playbooks.save(PlaybookDefinition(title="Ask", steps=(ask,)))
        data = work._context.data
        for zona in (right, wrong):
            zona.work()
        workers = {zona._parts.engine.worker for zona in (right, wrong)}
        before = data.now()
        waiting = [zona.tenant().playbooks.start("Wait") for zona in (right, wrong)]
        asking = [zona.tenant().playbooks.start("Ask") for zona in (right, wrong)]
        until(lambda: all(work.runs.get(run.id).status is RunStatus.WAITING for run in asking))
        for run in asking:
            [wait] = work.runs.waiting(run.id)
            assert wait.reason is WaitReason.APPROVAL
            assert timedelta(seconds=3_599) < wait.until - before < timedelta(seconds=3_660 - 30)
            job = data.jobs.need(run.id)
            assert job.due_at == wait.until
        for run in waiting:
            ended = until(lambda run=run: (found := work.runs.get(run.id)).status.ended and found)
            assert ended.status is RunStatus.SUCCESS
            [step] = work.runs.steps(run.id).items
            assert timedelta(seconds=2.5) <= step.ended_at - step.started_at < timedelta(seconds=30)
        # Several leases have passed: nobody was taken for dead, whoever looked at whom.
        for zona in (right, wrong):
            zona._parts.engine.reap()
        assert {zona._parts.engine.worker for zona in (right, wrong)} == workers
        living = {worker.id for worker in right._parts.database.workers.all() if worker.until > data.now()}
        assert living == workers


class OwnClock:
    """A store in memory whose clock a test can change, and that goes in steps of so many microseconds."""

    def __init__(self, step: int = 1) -> None:
        self.ahead = timedelta()
        self._step = step

    def now(self) -> datetime:
        now = datetime.now(UTC) + self.ahead
        return now.replace(microsecond=now.microsecond // self._step * self._step)

    @hookimpl
    def zona_store_adapters(self, details: Any) -> dict[str, Callable[[str], Any]]:
        return {"shifting": lambda url: MemoryStore("memory://", clock=self.now)}


def test_a_wait_goes_on_though_the_clock_was_put_back(plugin: Any, until: Callable[..., Any]) -> None:
    """A step is not forgotten if it is still too early, by the store's clock, when its timer fires."""
    clock = OwnClock()
    with Zona(store="shifting://", plugins={"function": plugin, "clock": clock}) as zona:
        work = zona.tenant()
        work.playbooks.save(PlaybookDefinition(title="Wait", steps=(Step(name="rest", wait=0.4),)))
        run = work.playbooks.start("Wait")
        until(lambda: work.runs.waiting(run.id))
        clock.ahead -= timedelta(seconds=0.5)
        assert work.runs.wait(run.id, seconds=30).status is RunStatus.SUCCESS


def test_a_run_that_waits_ends_with_its_own_time(plugin: Any) -> None:
    """The bound of a run counts while it waits, however long a step would."""
    with Zona(store="memory://", plugins={"function": plugin}) as zona:
        work = zona.tenant()
        work.playbooks.save(PlaybookDefinition(title="Wait", steps=(Step(name="rest", wait=3_600),), timeout=3))
        ended = work.runs.wait(work.playbooks.start("Wait").id, seconds=30)
        assert (ended.status, ended.error["code"]) == (RunStatus.TIMEOUT, "run_timeout")


def test_no_wait_is_lost_by_a_clock_that_goes_in_steps(plugin: Any) -> None:
    """A store may tell whole milliseconds, or stand still for some: a timer that fires meanwhile fires again."""
    clock = OwnClock(50_000)
    steps = tuple(Step(name=f"rest{at}", wait=0.013) for at in range(20))
    with Zona(store="shifting://", plugins={"function": plugin, "clock": clock}) as zona:
        work = zona.tenant()
        work.playbooks.save(PlaybookDefinition(title="Wait", steps=steps))
        assert work.runs.wait(work.playbooks.start("Wait").id, seconds=60).status is RunStatus.SUCCESS
