"""Schedules are kept: saved, checked, shown, paused, and started by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from zona_core import (
    Actor,
    Conflict,
    DuplicateKey,
    InvalidInput,
    NotFound,
    PermissionDenied,
    RevisionConflict,
    RunStatus,
    Secret,
    Zona,
    as_data,
)
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.schedules import MissedRuns, Overlap, ScheduleDefinition, ScheduleStatus
from zona_core.persistence.collections import SCHEDULES
from zona_core.persistence.tenancy import tenant_spec

Make = Callable[..., Any]

TASK: dict[str, Any] = {"playbook": "", "app": "Demo", "task": "echo", "inputs": {"text": "hello"}}


def data_of(zona: Zona) -> Any:
    """The tenant's data, past the use-cases."""
    return zona._parts.database.tenant("localhost")


def test_a_saved_schedule_waits_for_its_first_firing(zona: Zona, daily: Make) -> None:
    """It has an id, says who saved it and when it fires next, and is found by title and id."""
    work = zona.tenant(actor=Actor.trusted("ann"))
    before = data_of(zona).now()
    made = work.schedules.save(daily())
    assert (made.id, made.revision, made.user_id, made.playbook_id) == (1, 1, "ann", 1)
    assert made.next_at is not None
    assert before < made.next_at <= before + timedelta(hours=25)
    assert made.next_at.hour in (4, 5)  # six in Berlin
    assert made.due_at == made.next_at
    assert work.schedules.get("Daily") == work.schedules.get(1) == made
    assert work.schedules.list().items == [made]
    assert [record.action for record in work.audit.search().items][:1] == ["schedules.add"]


def test_saving_again_replaces_by_title_and_keeps_the_next_firing(zona: Zona, daily: Make) -> None:
    """As long as its times are the same it fires when it would have fired; with others anew."""
    work = zona.tenant()
    made = work.schedules.save(daily(jitter=3_600.0))
    same = work.schedules.save(daily(jitter=3_600.0, description="x"), revision=made.revision)
    assert (same.id, same.revision, same.description) == (made.id, 2, "x")
    assert (same.next_at, same.due_at) == (made.next_at, made.due_at)
    hourly = work.schedules.save(daily(cron="0 * * * *"))
    assert hourly.next_at is not None
    assert hourly.next_at - data_of(zona).now() <= timedelta(hours=1)
    with pytest.raises(RevisionConflict):
        work.schedules.save(daily(), revision=made.revision)
    with pytest.raises(DuplicateKey):
        work.schedules.save(daily(), revision=0)


def test_a_named_schedule_is_replaced_with_its_title(zona: Zona, daily: Make) -> None:
    """It keeps its id; a title that another one has is refused."""
    work = zona.tenant()
    made = work.schedules.save(daily())
    work.schedules.save(daily(title="Other"))
    assert work.schedules.save(daily(title="Mornings"), schedule_id=made.id).id == made.id
    with pytest.raises(DuplicateKey) as caught:
        work.schedules.save(daily(title="Other"), schedule_id=made.id)
    assert caught.value.message == "there is a schedule 'Other' already"
    with pytest.raises(NotFound):
        work.schedules.save(daily(), schedule_id=99)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"inputs": {"days": "many"}}, "inputs.days"),
        ({"inputs": {"nights": 1}}, "inputs.nights"),
        ({"inputs": {"token": "********"}}, "inputs.token"),
        ({**TASK, "inputs": {}}, "inputs.text"),
        ({"missed": MissedRuns.ALL}, "overlap"),
    ],
)
def test_what_is_wrong_is_told_when_it_is_saved(zona: Zona, daily: Make, given: dict[str, Any], path: str) -> None:
    """Times, and the inputs of what is run, with their paths; nothing is kept."""
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().schedules.save(daily(**given))
    assert [fault.path for fault in caught.value.faults] == [path]
    assert zona.tenant().schedules.list().items == []


@pytest.mark.parametrize(
    "given",
    [{"playbook": "nothing"}, {**TASK, "app": "nothing"}, {**TASK, "task": "nothing"}, {**TASK, "instance": "no"}],
)
def test_what_is_not_there_is_not_scheduled(zona: Zona, daily: Make, given: dict[str, Any]) -> None:
    """The error names what is missing."""
    with pytest.raises(NotFound):
        zona.tenant().schedules.save(daily(**given))


def test_secrets_among_the_inputs_are_sealed_and_masked(zona: Zona, daily: Make) -> None:
    """A mask leaves the secret as it is, unless something else is run with it."""
    work = zona.tenant()
    made = work.schedules.save(daily(inputs={"token": "canary-77", "days": 2}))
    [stored] = data_of(zona).store.collection(tenant_spec(SCHEDULES.spec)).find().items
    shown = [repr(made), str(as_data(made)), str(stored), str(as_data(work.audit.search().items))]
    assert "canary-77" not in "".join(shown)
    assert as_data(made)["inputs"] == {"token": "********", "days": 2}
    again = work.schedules.save(daily(inputs={"token": "********", "days": 3}))
    assert again.inputs["token"].reveal() == "canary-77"
    assert work.schedules.save(daily(inputs={"token": Secret("new")})).inputs["token"].reveal() == "new"
    for other in (
        {**TASK, "inputs": {"text": "x", "token": "********"}},
        {"playbook": "Copy", "inputs": {"token": "********"}},
    ):
        work.playbooks.save(evolve(work.playbooks.get("Report"), title="Copy"))
        with pytest.raises(InvalidInput) as caught:
            work.schedules.save(daily(**other))
        assert [fault.path for fault in caught.value.faults] == ["inputs.token"]


@pytest.mark.parametrize(
    ("held", "given", "lacks"),
    [
        ({"schedules:write", "playbooks:run"}, {}, ""),
        ({"schedules:write", "playbooks:run@playbooks/1"}, {}, ""),
        ({"schedules:write@playbooks/1", "playbooks:run@playbooks/1"}, {}, ""),
        ({"schedules:write", "runs:run@apps/1"}, TASK, ""),
        ({"schedules:write@apps/1", "runs:run@apps/1"}, TASK, ""),
        ({"schedules:write", "playbooks:read"}, {}, "playbooks:run"),
        ({"schedules:write@apps/1", "playbooks:run"}, {}, "schedules:write"),
        ({"schedules:write@schedules/1", "playbooks:run"}, {}, "schedules:write"),
        ({"playbooks:run"}, {}, "schedules:write"),
        ({"schedules:write", "tasks:read", "apps:read", "playbooks:run"}, TASK, "runs:run"),
    ],
)
def test_whoever_saves_a_schedule_may_run_what_it_runs(
    zona: Zona, daily: Make, held: set[str], given: dict[str, Any], lacks: str
) -> None:
    """At large, or for the object; and may write schedules there."""
    work = zona.tenant(actor=Actor(name="bob", permissions=frozenset(held)))
    if not lacks:
        assert work.schedules.save(daily(**given)).user_id == "bob"
        return
    with pytest.raises(PermissionDenied) as caught:
        work.schedules.save(daily(**given))
    assert caught.value.details["permission"] == lacks


def test_a_schedule_is_seen_by_whoever_may_see_those_of_its_place(zona: Zona, daily: Make) -> None:
    """A permission for an app or a playbook holds for their schedules; others are as if they were not there."""
    zona.tenant().schedules.save(daily())
    zona.tenant().schedules.save(daily(title="Echo", **TASK))
    work = zona.tenant(actor=Actor(name="bob", permissions=frozenset({"schedules:*@apps/1"})))
    assert [each.title for each in work.schedules.list().items] == ["Echo"]
    assert work.schedules.get("Echo").instance_id == 1
    for call in (work.schedules.get, work.schedules.remove, work.schedules.fire, work.schedules.upcoming):
        with pytest.raises(NotFound):
            call("Daily")
    with pytest.raises(PermissionDenied):  # it would leave what bob may write
        zona.tenant(
            actor=Actor(name="bob", permissions=frozenset({"schedules:write@apps/1", "playbooks:run"}))
        ).schedules.save(daily(title="Echo"))


def test_upcoming_firings_follow_the_clocks_of_the_zone(zona: Zona, daily: Make) -> None:
    """Six in Berlin, in summer and winter, as many as are asked for; none while it is paused."""
    work = zona.tenant()
    work.schedules.save(daily(starts_at=datetime(2035, 3, 23, tzinfo=UTC), ends_at=datetime(2035, 3, 27, tzinfo=UTC)))
    found = work.schedules.upcoming("Daily")
    assert [each.at.isoformat() for each in found] == [
        f"2035-03-{day}T0{hour}:00:00+00:00" for day, hour in ((23, 5), (24, 5), (25, 4), (26, 4))
    ]
    assert found[:2] == work.schedules.upcoming("Daily", count=2)
    work.schedules.pause("Daily")
    assert work.schedules.upcoming("Daily") == []
    for count in (0, 101):
        with pytest.raises(InvalidInput):
            work.schedules.upcoming("Daily", count=count)


def test_jitter_puts_off_firings_that_are_foretold(zona: Zona, daily: Make) -> None:
    """What is foretold is what comes."""
    work = zona.tenant()
    made = work.schedules.save(daily(jitter=600.0))
    found = work.schedules.upcoming("Daily", count=5)
    assert (found[0].at, found[0].due_at) == (made.next_at, made.due_at)
    delays = [each.due_at - each.at for each in found]
    assert all(timedelta() <= delay < timedelta(minutes=10) for delay in delays)
    assert len(set(delays)) == 5


def test_a_paused_schedule_waits_for_nothing_until_it_is_resumed(zona: Zona, daily: Make) -> None:
    """Doing it twice changes nothing; a revision that is over is refused."""
    work = zona.tenant()
    made = work.schedules.save(daily())
    paused = work.schedules.pause("Daily", revision=made.revision)
    assert (paused.status, paused.next_at, paused.due_at) == (ScheduleStatus.INACTIVE, None, None)
    assert work.schedules.pause("Daily") == paused
    assert work.schedules.list(status=ScheduleStatus.INACTIVE).items == [paused]
    with pytest.raises(RevisionConflict):
        work.schedules.resume("Daily", revision=made.revision)
    resumed = work.schedules.resume("Daily")
    assert (resumed.status, resumed.next_at) == (ScheduleStatus.ACTIVE, made.next_at)
    actions = [record.action for record in work.audit.search().items]
    assert actions[:3] == ["schedules.resume", "schedules.pause", "schedules.add"]


def test_a_removed_schedule_is_gone_with_its_inputs(zona: Zona, daily: Make) -> None:
    """Its title is free again."""
    work = zona.tenant()
    made = work.schedules.save(daily(inputs={"token": "t"}))
    gone = work.schedules.remove("Daily", revision=made.revision)
    assert (gone.status, gone.inputs, gone.due_at) == (ScheduleStatus.DELETED, {}, None)
    for ref in ("Daily", made.id):
        with pytest.raises(NotFound):
            work.schedules.get(ref)
    assert work.schedules.save(daily()).id == made.id + 1


@pytest.mark.parametrize(("given", "results"), [({"inputs": {"days": 7}}, {"days": 7}), (TASK, {"text": "hello"})])
def test_a_schedule_is_fired_by_hand(zona: Zona, daily: Make, given: dict[str, Any], results: dict[str, Any]) -> None:
    """The run is in the name of whoever does it, who need not be allowed to run that otherwise."""
    zona.tenant().schedules.save(daily(status=ScheduleStatus.INACTIVE, **given))
    work = zona.tenant(actor=Actor(name="bob", permissions=frozenset({"schedules:run"})))
    run = work.schedules.fire("Daily", patience=20.0)
    assert (run.status, run.results) == (RunStatus.SUCCESS, results)
    assert (run.actor, run.trigger) == ("bob", "schedules/1")
    after = zona.tenant().schedules.get("Daily")
    assert (after.last_run_id, after.last_at, after.status) == (run.id, None, ScheduleStatus.INACTIVE)
    [record] = [each for each in zona.tenant().audit.search().items if each.action == "schedules.fire"]
    assert (record.actor, record.after) == ("bob", {"run": run.id})


def test_secret_inputs_reach_the_run(zona: Zona, plugin: Any, daily: Make) -> None:
    """They are opened where the task is called, and masked in the record."""
    seen: list[str] = []
    plugin.handler.functions["echo"] = lambda call: seen.append(call.inputs["token"].reveal()) or {}
    given = {**TASK, "inputs": {"text": "x", "token": "canary-5"}}
    zona.tenant().schedules.save(daily(**given))
    run = zona.tenant().schedules.fire("Daily", patience=20.0)
    assert (run.status, seen, run.inputs["token"]) == (RunStatus.SUCCESS, ["canary-5"], "********")


def test_a_run_that_is_going_keeps_another_from_being_started(zona: Zona, daily: Make) -> None:
    """Unless the schedule allows both."""
    work = zona.tenant()
    work.playbooks.save(PlaybookDefinition(title="Long", steps=(Step(name="long", wait=3_600),)))
    work.schedules.save(daily(playbook="Long"))
    first = work.schedules.fire("Daily")
    with pytest.raises(Conflict) as caught:
        work.schedules.fire("Daily")
    assert caught.value.code == "run_under_way"
    work.runs.cancel(first.id)
    assert work.runs.wait(first.id, seconds=20).status is RunStatus.CANCELLED
    second = work.schedules.fire("Daily")
    work.schedules.save(daily(playbook="Long", overlap=Overlap.ALLOW))
    third = work.schedules.fire("Daily")
    assert len({first.id, second.id, third.id}) == 3
    assert all(not work.runs.get(each.id).status.ended for each in (second, third))


def test_what_a_schedule_runs_is_what_was_meant_when_it_was_saved(zona: Zona, daily: Make) -> None:
    """Another playbook that gets the title of the one it ran is not run in its stead."""
    work = zona.tenant()
    work.schedules.save(daily())
    definition: ScheduleDefinition = daily()
    work.playbooks.remove("Report")
    work.playbooks.save(PlaybookDefinition(title="Report", steps=(Step(name="evil", set={"x": 1}),)))
    with pytest.raises(NotFound):
        work.schedules.fire("Daily")
    work.schedules.save(definition)
    assert work.schedules.fire("Daily", patience=20.0).status is RunStatus.SUCCESS
