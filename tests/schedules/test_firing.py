"""Schedules fire: each firing starts its run once, whoever looks, whoever dies, whatever is wrong with others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from zona_core import AppStatus, Execution, RunStatus, TenantStatus, Zona
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.schedules import MissedRuns, Overlap, Schedule, ScheduleDefinition
from zona_core.usecases._engine.firing import Firing

Make = Callable[..., Any]

LONG = PlaybookDefinition(title="Long", steps=(Step(name="long", wait=3_600),))
ALL: dict[str, Any] = {"missed": MissedRuns.ALL, "overlap": Overlap.ALLOW}


def data_of(zona: Zona, tenant: str = "localhost") -> Any:
    """The tenant's data, past the use-cases."""
    return zona._parts.database.tenant(tenant)


def look(zona: Zona) -> list[str]:
    """One worker's look at what is due; gives the tenants that have new runs."""
    told: list[str] = []
    firing = Firing(zona._parts, told.append)
    firing.look()
    while firing._under_way is not None:
        firing.look()
    return told


def passed(zona: Zona, title: str = "Daily", by: timedelta = timedelta(), tenant: str = "localhost") -> Schedule:
    """Has the next firing's time come: it is as if it had been made so much earlier."""
    data = data_of(zona, tenant)
    schedule = zona.tenant(tenant).schedules.get(title)
    at = data.now().replace(second=0, microsecond=0) - by
    changed: Schedule = data.schedules.modify({"_id": str(schedule.id)}, next_at=at, due_at=at)
    return changed


def runs_of(zona: Zona, tenant: str = "localhost") -> list[Execution]:
    """The runs of the schedule 1, earliest first."""
    found: list[Execution] = data_of(zona, tenant).runs.all({"trigger": "schedules/1"}, sort=[("created_at", 1)])
    return found


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What ``condition`` gives once that is true."""
    ends_at = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends_at
        time.sleep(0.02)
    return found


@pytest.fixture
def minutely(daily: Make) -> Callable[..., ScheduleDefinition]:
    """Makes a schedule of each minute."""

    def made(**given: Any) -> ScheduleDefinition:
        found: ScheduleDefinition = daily(**{"cron": "* * * * *", **given})
        return found

    return made


def test_a_firing_starts_its_run_once(zona: Zona, minutely: Make) -> None:
    """The run is in the name of whoever saved the schedule, and waits for whoever is free; the next firing is planned."""
    work = zona.tenant()
    work.schedules.save(minutely(inputs={"days": 3, "token": "t"}))
    assert look(zona) == []
    waiting = passed(zona)
    assert look(zona) == ["localhost"]
    assert look(zona) == []
    [run] = runs_of(zona)
    assert (run.actor, run.trigger, run.status) == ("library", "schedules/1", RunStatus.QUEUED)
    assert (run.inputs, run.idempotency_key) == ({"days": 3, "token": "********"}, run.id)
    after = work.schedules.get("Daily")
    assert (after.last_at, after.last_run_id, after.status_reason) == (waiting.next_at, run.id, "")
    assert after.next_at > waiting.next_at
    job = data_of(zona).jobs.get(run.id)
    assert (job.worker, job.due_at) == ("", job.created_at)


def test_a_worker_fires_and_carries_out(plugin: Any, furnish: Make, daily: Make) -> None:
    """End to end: a schedule of each second, and a process that works; a task gets its inputs."""
    with Zona(store="memory://", plugins={"function": plugin}, workers=2) as zona:
        furnish(zona)
        echo = {"playbook": "", "app": "Demo", "task": "echo", "inputs": {"text": "tick"}}
        zona.tenant().schedules.save(daily(cron="", every=1.0, **echo))
        zona.work()
        until(lambda: sum(run.status is RunStatus.SUCCESS for run in runs_of(zona)) >= 2)
        zona.tenant().schedules.pause("Daily")
        runs = runs_of(zona)
    assert len({run.id for run in runs}) == len(runs)
    assert [run.results for run in runs[:2]] == [{"text": "tick"}] * 2


def test_a_process_that_only_begins_runs_fires_nothing(zona: Zona, minutely: Make) -> None:
    """Firing is for those that work."""
    work = zona.tenant()
    work.schedules.save(minutely())
    passed(zona)
    assert work.playbooks.run("Report").status is RunStatus.SUCCESS
    assert not zona._parts.engine.working
    assert runs_of(zona) == []


@pytest.mark.parametrize(("given", "started"), [({}, 1), ({"missed": MissedRuns.SKIP}, 0), (ALL, 6)])
def test_missed_firings_follow_the_policy(zona: Zona, minutely: Make, given: dict[str, Any], started: int) -> None:
    """One for all, none, or each; why nothing was started is told."""
    work = zona.tenant()
    made = work.schedules.save(minutely(starts_at=datetime(2020, 1, 1, tzinfo=UTC), **given))
    passed(zona, by=timedelta(minutes=5))
    # The newest may have passed just now, and then is not missed.
    data_of(zona).schedules.modify({"_id": "1"}, ends_at=data_of(zona).now() - timedelta(seconds=61 + 60))
    look(zona)
    runs = runs_of(zona)
    after = work.schedules.get(made.id)
    assert len(runs) == (started if started < 2 else len(runs)) and (started < 2 or 3 <= len(runs) <= 5)
    assert len({run.id for run in runs}) == len(runs)
    if started:
        assert (after.last_run_id, after.status_reason) == (runs[-1].id, "")
    else:
        assert after.status_reason.endswith("firings passed while nothing was there to fire")
        assert after.last_at is None


def test_overlap_is_left_out_or_allowed(zona: Zona, minutely: Make) -> None:
    """While the run before is going the next firing starts nothing, and says so; once it has ended, or if allowed, it does."""
    work = zona.tenant()
    work.playbooks.save(LONG)
    work.schedules.save(minutely(playbook="Long"))
    passed(zona)
    look(zona)
    [first] = runs_of(zona)
    passed(zona, by=timedelta(minutes=-1) if False else timedelta())
    data_of(zona).schedules.modify({"_id": "1"}, last_at=None)
    look(zona)
    after = work.schedules.get("Daily")
    assert after.status_reason == f"the run before, {first.id}, was still going"
    assert (after.last_run_id, len(runs_of(zona))) == (first.id, 1)
    assert after.next_at > data_of(zona).now()
    run = data_of(zona).runs.get(first.id)
    data_of(zona).runs.replace(evolve(run, status=RunStatus.SUCCESS))
