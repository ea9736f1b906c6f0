"""Playbooks follow cases: they enrich new ones, answer changes, and are stopped where they go round in circles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from zona_core import AppDefinition, Field, FieldKind, RunStatus, TaskCall, Workspace, Zona
from zona_core.domain.alerts import Resolution
from zona_core.domain.cases import CaseStatus, EntryKind, TaskStatus
from zona_core.domain.playbooks import PlaybookDefinition, Step, StepTask
from zona_core.domain.policies import CaseOption, PlaybookCall
from zona_core.usecases._intake.responding import MOST_STARTS


def calling(title: str, *inputs: Field, **given: Any) -> PlaybookDefinition:
    """A playbook of one step that calls the test's function with a text."""
    step = Step(name="call", task=StepTask(app="Demo", task="echo"), inputs=given)
    return PlaybookDefinition(title=title, inputs=inputs, steps=(step,))


@pytest.fixture(params=["memory", "sqlite"])
def zona(
    request: pytest.FixtureRequest, tmp_path: Path, plugin: Any, app_factory: Callable[..., AppDefinition]
) -> Iterator[Zona]:
    """A Zona that works, with an app whose task calls the function of the test."""
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/zona.db"
    with Zona(store=url, plugins={"function": plugin}, workers=4) as made:
        work = made.tenant()
        work.apps.upsert(app_factory())
        work.instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        made.work()
        yield made


def ended(here: Workspace, case: int, count: int) -> list[Any]:
    """The runs that were started for a case, once there are so many that have ended, the oldest first."""

    def done() -> list[Any]:
        runs = [run for run in here.runs.list(limit=100).items if run.trigger == f"cases/{case}"]
        return runs if len(runs) == count and all(run.status.ended for run in runs) else []

    found: list[Any] = until(done)
    return found[::-1]


def kinds(here: Workspace, case: int) -> list[str]:
    """What the timeline tells of, in its order."""
    return [entry.kind.value for entry in here.cases.timeline(case).items]


def test_a_new_case_is_enriched(here: Workspace, send: Any, line: Any, policy: Any, plugin: Any) -> None:
    """A worker runs the policy's playbook with what it asks for of alert, case and event; it writes into the case."""

    def look_up(call: TaskCall) -> dict[str, Any]:
        address, _, case = str(call.inputs["text"]).partition(" ")
        here.cases.annotate(int(case), address, type_id=2, note="a proxy", malicious=True)
        here.cases.comment(int(case), f"{address} is a proxy.")
        return {"known": True}

    plugin.handler.functions["echo"] = look_up
    here.playbooks.save(calling("Enrich", Field(name="what"), text="{{ inputs.what }}"))
    call = PlaybookCall(playbook="Enrich", inputs={"what": "{{ event.src_ip }} {{ case.id }}"})
    policy(case=CaseOption(playbooks=(call,)))
    report = send(line(1, ip="192.0.2.7"), line(2, "odd"))
    assert (report.new_cases, report.runs) == (1, 1)
    [run] = ended(here, 1, 1)
    assert (run.status, run.inputs) == (RunStatus.SUCCESS, {"what": "192.0.2.7 1"})
    assert [each.note for each in here.cases.observables(1, type_id=2).items] == ["a proxy"]
    assert kinds(here, 1) == ["created", "alert", "alert", "run", "observable", "comment"]
    [told] = here.cases.timeline(1, kind=EntryKind.RUN).items
    assert told.details == {"playbook": "Enrich", "run": run.id}
    assert send(line(3)).runs == 0  # it was made once


def test_a_change_is_answered(here: Workspace, send: Any, line: Any, policy: Any) -> None:
    """The playbook sees the case as it is, as it was, and what was done by whom; a condition leaves others out."""
    seen = PlaybookDefinition(
        title="Seen",
        inputs=tuple(Field(name=name, kind=FieldKind.JSON) for name in ("case", "before", "change")),
        steps=(Step(name="note", set={"status": "{{ inputs.case.status }}"}),),
        outputs={
            "status": "{{ inputs.case.status }}", "before": "{{ inputs.before.status }}",
            "action": "{{ inputs.change.action }}", "actor": "{{ inputs.change.actor }}",
        },
    )  # fmt: skip
    here.playbooks.save(seen)
    call = PlaybookCall(playbook="Seen", when="case.status != before.status")
    policy(case=CaseOption(on_change=(call,)))
    send(line(1))
    here.cases.update(1, owner="ann")
    here.cases.comment(1, "Nothing of the case itself.")
    here.cases.update(1, status=CaseStatus.IN_PROGRESS)
    here.cases.close(1, Resolution.BENIGN)
    runs = ended(here, 1, 2)
    assert [run.results for run in runs] == [
        {"status": "in_progress", "before": "open", "action": "cases.update", "actor": "library"},
        {"status": "closed", "before": "in_progress", "action": "cases.close", "actor": "library"},
    ]


def test_a_playbook_that_starts_itself_is_stopped(
    here: Workspace, send: Any, line: Any, policy: Any, plugin: Any
) -> None:
    """One that changes the case that it was started for is started so many times, and then no more; that is told."""
    plugin.handler.functions["echo"] = lambda call: {
        "tasks": len(here.cases.add_task(int(call.inputs["text"].split()[1]), "Again").tasks)
    }
    here.playbooks.save(calling("Round", Field(name="case", kind=FieldKind.JSON), text="case {{ inputs.case.id }}"))
    here.playbooks.save(PlaybookDefinition(title="Calm", steps=(Step(name="note", set={"x": 1}),)))
    policy(case=CaseOption(on_change=(PlaybookCall(playbook="Round"),)))
    send(line(1))
    here.cases.update(1, severity="critical")
    runs = ended(here, 1, MOST_STARTS)
    assert {run.status for run in runs} == {RunStatus.SUCCESS}
    [told] = until(lambda: here.cases.timeline(1, kind=EntryKind.LOOP).items)
    assert told.text.startswith(f"Round goes round in circles: it was started {MOST_STARTS} times")
    assert len(here.cases.get(1).tasks) == MOST_STARTS
    assert kinds(here, 1)[-1] == "loop"
    # People still change the case, and another playbook still answers.
    policy(case=CaseOption(on_change=(PlaybookCall(playbook="Round"), PlaybookCall(playbook="Calm"))))
    here.cases.change_task(1, 1, status=TaskStatus.DONE)
    assert kinds(here, 1)[-3:] == ["task", "loop", "run"]
    assert len(ended(here, 1, MOST_STARTS + 1)) == MOST_STARTS + 1


def test_a_playbook_that_cannot_be_started_is_told(here: Workspace, send: Any, line: Any, policy: Any) -> None:
    """The change is done all the same."""
    here.playbooks.save(calling("Strict", Field(name="must", required=True), text="{{ inputs.must }}"))
    here.playbooks.save(PlaybookDefinition(title="Gone", steps=(Step(name="note", set={"x": 1}),)))
    strict = PlaybookCall(playbook="Strict", inputs={"must": "{{ case.group.none }}"})
    policy(case=CaseOption(on_change=(strict, PlaybookCall(playbook="Gone"))))
    send(line(1))
    here.playbooks.remove("Gone")
    assert here.cases.update(1, owner="ann").owner == "ann"
    told = here.cases.timeline(1, kind=EntryKind.RUN).items
    assert [(entry.details["playbook"], entry.details["error"]) for entry in told] == [
        ("Strict", "invalid_input"), ("Gone", "not_found"),
    ]  # fmt: skip


def test_what_is_undone_starts_nothing(here: Workspace, send: Any, line: Any, policy: Any) -> None:
    """A run is stored with the change, or not at all; within a caller's transaction it begins after that."""
    here.playbooks.save(PlaybookDefinition(title="Calm", steps=(Step(name="note", set={"x": 1}),)))
    policy(case=CaseOption(on_change=(PlaybookCall(playbook="Calm"),)))
    send(line(1))

    def change(fail: bool) -> None:
        with here.transaction():
            here.cases.update(1, owner="ann")
            if fail:
                raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        change(True)
    assert here.runs.list().items == []
    change(False)
    [run] = ended(here, 1, 1)
    assert run.status is RunStatus.SUCCESS


def test_a_policy_that_is_switched_off_starts_nothing(here: Workspace, send: Any, line: Any, policy: Any) -> None:
    """Nor does one that is gone, or a case that was made by hand."""
    here.playbooks.save(PlaybookDefinition(title="Calm", steps=(Step(name="note", set={"x": 1}),)))
    option = CaseOption(on_change=(PlaybookCall(playbook="Calm"),))
    policy(case=option)
    send(line(1))
    made = here.cases.create("By hand")
    here.cases.update(made.id, owner="ann")
    policy(case=option, enabled=False)
    here.cases.update(1, owner="ann")
    here.policies.remove("All")
    here.cases.update(1, owner="bob")
    assert here.runs.list().items == []
