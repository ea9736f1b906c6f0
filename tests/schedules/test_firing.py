"""Schedules fire by the store's clock: by their policies, in their tenants, whatever is wrong with others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from waiting import until

from zona_core import AppStatus, Execution, Field, RunStatus, Zona
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.schedules import MissedRuns, Overlap
from zona_core.persistence.collections import SCHEDULES
from zona_core.persistence.tenancy import tenant_spec
from zona_core.plugins import Plugins
from zona_core.usecases._engine import firing
from zona_core.usecases._engine.firing import Firing

Make = Callable[..., Any]

MINUTE, HOUR = 60.0, 3_600.0
LONG = PlaybookDefinition(title="Long", steps=(Step(name="long", wait=3_600),))


def data_of(zona: Zona, tenant: str = "localhost") -> Any:
    """The tenant's data, past the use-cases."""
    return zona._parts.database.tenant(tenant)


def look(zona: Zona) -> list[str]:
    """One worker's look at what is due, to its end; gives the tenants that have new runs."""
    told: list[str] = []
    looking = Firing(zona._parts, told.append)
    looking.look()
    while looking._under_way is not None:
        looking.look()
    return told


def runs_of(zona: Zona, schedule: int = 1, tenant: str = "localhost") -> list[Execution]:
    """The runs of a schedule."""
    found: list[Execution] = data_of(zona, tenant).runs.all({"trigger": f"schedules/{schedule}"})
    return found


@pytest.fixture
def hands(zona: Zona, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The clock of the store: it is the first of January 2030, until the test moves it."""
    monkeypatch.setattr(zona._parts.database.store, "now", clock.now)
    return clock


@pytest.fixture
def hourly(daily: Make) -> Make:
    """Makes a schedule of each hour."""
    return lambda **given: daily(**{"cron": "0 * * * *", **given})


def test_a_firing_starts_its_run_once(zona: Zona, hands: Any, hourly: Make) -> None:
    """It is in the name of whoever saved the schedule, and waits for whoever is free; the next firing is planned."""
    work = zona.tenant()
    made = work.schedules.save(hourly(inputs={"days": 3, "token": "t"}))
    hands.move(HOUR - 0.001)
    assert look(zona) == []
    hands.move(0.001)
    assert look(zona) == ["localhost"]
    assert look(zona) == []
    [run] = runs_of(zona)
    assert (run.actor, run.status, run.started_at) == ("library", RunStatus.QUEUED, None)
    assert (run.inputs, run.idempotency_key) == ({"days": 3, "token": "********"}, run.id)
    after = work.schedules.get("Daily")
    assert (after.last_at, after.last_run_id, after.status_reason) == (made.next_at, run.id, "")
    assert after.next_at == hands.now() + timedelta(hours=1)
    job = data_of(zona).jobs.get(run.id)
    assert (job.worker, job.due_at) == ("", hands.now())


def test_a_worker_fires_and_carries_out(plugin: Any, furnish: Make, daily: Make) -> None:
    """End to end: a schedule of each second, and a process that works; a task gets its inputs."""
    with Zona(store="memory://", plugins={"function": plugin}, workers=2) as zona:
        furnish(zona)
        echo = {"playbook": "", "app": "Demo", "task": "echo", "inputs": {"text": "tick"}}
        zona.tenant().schedules.save(daily(cron="", every=1.0, **echo))
        zona.work()
        until(lambda: sum(run.status is RunStatus.SUCCESS for run in runs_of(zona)) >= 2)
        assert {str(run.results) for run in runs_of(zona) if run.status is RunStatus.SUCCESS} == {"{'text': 'tick'}"}


def test_a_process_that_only_begins_runs_fires_nothing(zona: Zona, hands: Any, hourly: Make) -> None:
    """Its rounds pass schedules by: firing is for those that work."""
    work = zona.tenant()
    work.schedules.save(hourly())
    hands.move(HOUR)
    assert work.playbooks.run("Report").status is RunStatus.SUCCESS
    rounds = zona._parts.engine._rounds
    assert rounds._thread is not None
    assert not zona._parts.engine.working
    assert runs_of(zona) == []


@pytest.mark.parametrize(
    ("missed", "overlap", "late", "started"),
    [
        (MissedRuns.ONCE, Overlap.SKIP, 61, 1),
        (MissedRuns.SKIP, Overlap.SKIP, 60, 1),
        (MissedRuns.SKIP, Overlap.SKIP, 61, 0),
        (MissedRuns.ALL, Overlap.ALLOW, 61, 3),
    ],
)
def test_missed_firings_follow_the_policy(
    zona: Zona, hands: Any, hourly: Make, missed: MissedRuns, overlap: Overlap, late: float, started: int
) -> None:
    """One for all, none, or each; that nothing was started is told, and goes with the next that does."""
    work = zona.tenant()
    work.schedules.save(hourly(missed=missed, overlap=overlap))
    hands.move(3 * HOUR + late)
    look(zona)
    after = work.schedules.get("Daily")
    assert len(runs_of(zona)) == started
    reason = "" if started else "3 firings passed while nobody was there to fire"
    assert (after.status_reason, bool(after.last_run_id)) == (reason, bool(started))
    assert after.last_at == (hands.now() - timedelta(seconds=late) if started else None)
    for run in runs_of(zona):
        data_of(zona).runs.delete(run.id)  # as if long over
    hands.move(HOUR - late)
    look(zona)
    assert work.schedules.get("Daily").status_reason == ""
    assert len(runs_of(zona)) == 1


def test_a_firing_starts_nothing_while_the_run_before_is_going(zona: Zona, hands: Any, hourly: Make) -> None:
    """It says so, and does not fire later; the first firing after the end of that run starts one."""
    work = zona.tenant()
    work.playbooks.save(LONG)
    work.schedules.save(hourly(playbook="Long"))
    hands.move(HOUR)
    look(zona)
    [first] = runs_of(zona)
    hands.move(HOUR)
    assert look(zona) == []
    after = work.schedules.get("Daily")
    assert after.status_reason == f"the run before, {first.id}, was still going"
    assert (after.last_run_id, after.next_at) == (first.id, hands.now() + timedelta(hours=1))
    data_of(zona).runs.replace(evolve(first, status=RunStatus.SUCCESS))
    assert look(zona) == []
    hands.move(HOUR)
    assert look(zona) == ["localhost"]
    assert work.schedules.get("Daily").last_run_id != first.id


def test_runs_may_overlap_if_the_schedule_allows_it(zona: Zona, hands: Any, hourly: Make) -> None:
    """Each firing starts its own."""
    zona.tenant().schedules.save(hourly(overlap=Overlap.ALLOW))
    for _ in range(3):
        hands.move(HOUR)
        assert look(zona) == ["localhost"]
    assert len({run.id for run in runs_of(zona)}) == 3


def test_a_firing_comes_when_jitter_says(zona: Zona, hands: Any, hourly: Make) -> None:
    """Not at its nominal time, by which it is known all the same."""
    work = zona.tenant()
    made = work.schedules.save(hourly(jitter=1_800.0))
    assert made.due_at > made.next_at
    hands.move((made.due_at - hands.now()).total_seconds() - 0.001)
    assert look(zona) == []
    hands.move(0.001)
    assert look(zona) == ["localhost"]
    assert work.schedules.get("Daily").last_at == made.next_at


def test_a_firing_is_never_repeated_when_the_clock_goes_back(zona: Zona, hands: Any, hourly: Make) -> None:
    """Not even if the schedule is paused and resumed meanwhile."""
    work = zona.tenant()
    work.schedules.save(hourly(overlap=Overlap.ALLOW))
    hands.move(2 * HOUR)
    look(zona)
    hands.move(-HOUR)
    work.schedules.pause("Daily")
    assert work.schedules.resume("Daily").next_at == datetime(2030, 1, 1, 3, tzinfo=UTC)
    hands.move(HOUR)
    assert look(zona) == []
    assert len(runs_of(zona)) == 1


def test_a_schedule_whose_last_firing_is_past_waits_for_nothing(zona: Zona, hands: Any, hourly: Make) -> None:
    """It stays active, and there is nothing to come."""
    work = zona.tenant()
    work.schedules.save(hourly(ends_at=hands.now() + timedelta(hours=1, seconds=1)))
    hands.move(HOUR)
    look(zona)
    after = work.schedules.get("Daily")
    assert (after.next_at, after.due_at, len(runs_of(zona))) == (None, None, 1)
    assert work.schedules.upcoming("Daily") == []


def test_what_cannot_be_run_is_told_and_stops_no_other(
    zona: Zona, hands: Any, hourly: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """A playbook that is gone or inactive, inputs that fit no more, a damaged document: each tries again next time."""
    work = zona.tenant()
    for title in ("Gone", "Off", "Stricter", "Damaged", "Odd"):
        work.playbooks.save(PlaybookDefinition(title=title, steps=(Step(name="set", set={"x": 1}),)))
        work.schedules.save(hourly(title=title, playbook=title))
    good = work.schedules.save(hourly(title="Good"))
    work.playbooks.remove("Gone")
    work.playbooks.save(_changed(work, "Off", status="inactive"))
    work.playbooks.save(_changed(work, "Stricter", required=True))
    documents = data_of(zona).store.collection(tenant_spec(SCHEDULES.spec))
    documents.replace({**documents.get("localhost/4"), "jitter": "much", "overlap": "sometimes"})
    work.playbooks.save(_changed(work, "Odd"))
    hands.move(HOUR)
    with caplog.at_level(logging.WARNING, "zona.schedules"):
        assert look(zona) == ["localhost", "localhost"]
    assert len(runs_of(zona, good.id)) == len(runs_of(zona, 5)) == 1
    assert {each.title: each.status_reason for each in (work.schedules.get(key) for key in (1, 2, 3))} == {
        "Gone": "what Gone was when the schedule was saved is there no more: there is no playbook 2",
        "Off": "Off is inactive, so it is not run",
        "Stricter": "The input of 'Stricter' is not valid: ip: a value is required (expected a text)",
    }
    assert "the schedule 4 of the tenant localhost cannot be read" in caplog.text
    work.playbooks.save(PlaybookDefinition(title="Stricter", steps=(Step(name="set", set={"x": 1}),)))
    hands.move(HOUR)
    look(zona)
    assert len(runs_of(zona, 3)) == 1
    assert work.schedules.get("Stricter").status_reason == ""


def _changed(work: Any, title: str, *, status: str = "active", required: bool = False) -> Any:
    found = work.playbooks.get(title)
    inputs = (Field(name="ip", required=True),) if required else ()
    return evolve(found, status=AppStatus(status), inputs=inputs)


def test_what_breaks_off_is_told_without_its_words(
    zona: Zona, hands: Any, hourly: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw may hold anything: its type is recorded, and the schedule goes on."""
    work = zona.tenant()
    work.schedules.save(hourly())

    def broken(*_: Any) -> Any:
        raise ValueError("canary")

    with monkeypatch.context() as patched:
        patched.setattr(firing, "target_of_schedule", broken)
        hands.move(HOUR)
        assert look(zona) == []
    assert work.schedules.get("Daily").status_reason == "its run could not be begun: ValueError"
    hands.move(HOUR)
    assert look(zona) == ["localhost"]


def test_a_schedule_whose_zone_this_machine_lacks_is_looked_at_again(
    zona: Zona, hands: Any, hourly: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps the firing that it waits for, which another machine may know."""
    work = zona.tenant()
    made = work.schedules.save(hourly())
    calendar = Plugins().calendar()
    with monkeypatch.context() as patched:
        patched.setattr(type(calendar), "zone_problem", lambda *_: "there is no such time zone")
        hands.move(HOUR)
        look(zona)
        look(zona)
    after = work.schedules.get("Daily")
    assert (after.next_at, after.due_at) == (made.next_at, hands.now() + timedelta(hours=1))
    assert "there is no such time zone" in after.status_reason
    hands.move(HOUR)
    assert look(zona) == ["localhost"]


@pytest.mark.parametrize("tenancy", ["shared", "mssp"])
def test_tenants_fire_apart(
    tmp_path: Any, plugin: Any, furnish: Make, hourly: Make, tenancy: str, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    """A tenant that is suspended fires nothing until it is active again, and keeps no other one waiting."""
    url, plugins = f"sqlite:///{tmp_path / 'zona.db'}", {"function": plugin}
    with Zona(store=url, plugins=plugins, tenancy=tenancy) as zona:
        for code in ("acme", "zeta"):
            zona.system().tenants.add(code)
            furnish(zona, code)
        monkeypatch.setattr(type(zona._parts.database.store), "now", lambda _: clock.now())
        for code in ("acme", "zeta"):
            zona.tenant(code).schedules.save(hourly(overlap=Overlap.ALLOW))
        zona.system().tenants.suspend("acme")
        clock.move(HOUR)
        assert look(zona) == ["zeta"]
        zona.system().tenants.activate("acme")
        clock.move(HOUR)
        assert sorted(look(zona)) == ["acme", "zeta"]
        runs = [*runs_of(zona, tenant="acme"), *runs_of(zona, tenant="zeta")]
        assert len({run.id for run in runs}) == len(runs) == 3


def test_one_look_takes_no_longer_than_its_slice(
    zona: Zona, hands: Any, hourly: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is gone on with at the next, at once; and nobody looks more than once a second."""
    work = zona.tenant()
    for number in range(4):
        work.schedules.save(hourly(title=f"S{number}"))
    hands.move(HOUR)
    told: list[str] = []
    looking = Firing(zona._parts, told.append)
    monkeypatch.setattr(firing, "_SLICE", 0.0)
    for number in range(1, 5):
        looking.look()
        assert len(told) == number
    looking.look()
    hands.move(HOUR)
    monkeypatch.setattr(firing.time, "monotonic", lambda: looking._looked_at + 0.999)
    looking.look()
    assert len(told) == 4
