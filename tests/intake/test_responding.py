"""Alerts start playbooks with the event in hand, once each, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from waiting import until

from zona_core import Execution, Field, FieldKind, PlaybookDefinition, Step, Workspace
from zona_core.domain.policies import PlaybookCall, Policy
from zona_core.usecases._intake.detection import DETECTION
from zona_core.usecases._intake.responding import MOST_STARTS

Started = Callable[..., dict[str, Any]]


@pytest.fixture
def policy(workspace: Workspace) -> Callable[..., None]:
    """Has alerts start playbooks from now on."""

    def made(*calls: PlaybookCall, **more: Any) -> None:
        data = workspace._context.data
        now = data.now()
        given = Policy(id=1, title="Respond", playbooks=calls, case=None, created_ts=now, updated_ts=now, **more)
        with data.transaction():
            data.policies.insert(given)
            data.changed(DETECTION)

    workspace.playbooks.save(
        PlaybookDefinition(
            title="Look into it",
            inputs=(
                Field(name="event", kind=FieldKind.JSON, required=True),
                Field(name="severity", kind=FieldKind.TEXT, required=True),
            ),
            steps=(Step(name="note", set={"host": "{{ inputs.event.host }}", "how": "{{ inputs.severity }}"}),),
            outputs={"host": "{{ steps.note.outputs.host }}", "how": "{{ steps.note.outputs.how }}"},
        )
    )
    return made


def runs(workspace: Workspace) -> list[Execution]:
    """The playbooks' runs, ended."""
    found = workspace._context.data.runs
    where = {"playbook_id": 1, "parent_id": None}
    return until(lambda: list(found.all(where)) if all(r.status.ended for r in found.all(where)) else None)


def test_an_alert_starts_a_playbook_with_the_event_in_hand(
    workspace: Workspace, rule: Callable[..., Any], started: Started, policy: Callable[..., None]
) -> None:
    """Once, when it is made: further hits that join it start nothing."""
    policy(PlaybookCall(playbook="Look into it", inputs={"event": "{{ event }}", "severity": "{{ alert.severity }}"}))
    workspace.rules.add([rule("a", "high")])
    report = workspace.events.ingest([started("a.exe"), started("a.exe", 1)], source="s")
    assert (report.runs, workspace.events.ingest([started("a.exe", 2)], source="s").runs) == (1, 0)
    [run] = runs(workspace)
    assert run.results == {"host": "ws1", "how": "high"}
    [alert] = workspace._context.data.alerts.all()
    assert (alert.runs, run.trigger, run.actor) == ((run.id,), f"alerts/{alert.id}", "policies")


def test_a_playbook_is_given_what_it_takes(
    workspace: Workspace, rule: Callable[..., Any], started: Started, policy: Callable[..., None]
) -> None:
    """Without inputs of its own it has those of alert, event and rule that it has an input for."""
    workspace.playbooks.save(
        PlaybookDefinition(
            title="Names",
            inputs=(Field(name="alert", kind=FieldKind.JSON), Field(name="rule", kind=FieldKind.JSON)),
            steps=(Step(name="s", set={}),),
            outputs={"names": "{{ [inputs.alert.title, inputs.rule.key] }}"},
        )
    )
    policy(PlaybookCall(playbook="Names"))
    workspace.rules.add([rule("a")])
    workspace.events.ingest([started("a.exe")], source="s")
    data = workspace._context.data
    run = until(lambda: next((run for run in data.runs.all({"parent_id": None}) if run.status.ended), None))
    assert run.results == {"names": ["The tool a", "a"]}


def test_a_condition_decides(
    workspace: Workspace, rule: Callable[..., Any], started: Started, policy: Callable[..., None]
) -> None:
    """A playbook whose condition does not hold is not started, and that is no problem."""
    policy(
        PlaybookCall(
            playbook="Look into it",
            inputs={"event": "{{ event }}", "severity": "x"},
            when="alert.severity == 'critical'",
        )
    )
    workspace.rules.add([rule("a", "high"), rule("b", "critical")])
    assert workspace.events.ingest([started("a.exe"), started("b.exe")], source="s").runs == 1
    assert [alert.problems for alert in workspace._context.data.alerts.all()] == [(), ()]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (PlaybookCall(playbook="Nobody"), "not_found: Nobody was not started"),
        (PlaybookCall(playbook="Look into it", inputs={"event": 1}), "invalid_input: Look into it was not started"),
        (PlaybookCall(playbook="Look into it", when="sort(event)"), "expression_failed: Look into it"),
    ],
)
def test_what_cannot_be_started_is_told_and_keeps_nothing_from_being_stored(
    workspace: Workspace,
    rule: Callable[..., Any],
    started: Started,
    policy: Callable[..., None],
    call: PlaybookCall,
    told: str,
) -> None:
    """The event, its alert and the other playbooks are there all the same."""
    policy(call, PlaybookCall(playbook="Look into it", inputs={"event": "{{ event }}", "severity": "x"}))
    workspace.rules.add([rule("a")])
    report = workspace.events.ingest([started("a.exe")], source="s")
    assert (report.stored, report.new_alerts, report.runs) == (1, 1, 1)
    [alert] = workspace._context.data.alerts.all()
    [problem] = alert.problems
    assert problem.startswith(told)


def test_a_playbook_that_goes_round_in_circles_is_stopped(
    workspace: Workspace, rule: Callable[..., Any], started: Started, policy: Callable[..., None]
) -> None:
    """Started over and over for the same group, it is not started for it any more; for others it is."""
    policy(PlaybookCall(playbook="Look into it", inputs={"event": "{{ event }}", "severity": "x"}), window=1.0)
    workspace.rules.add([rule("a")])
    counts = [workspace.events.ingest([started("a.exe", 10.0 * n)], source="s").runs for n in range(MOST_STARTS + 3)]
    assert counts == [1] * MOST_STARTS + [0] * 3
    alerts = {alert.id: alert for alert in workspace._context.data.alerts.all()}
    assert all(alerts[n].problems[0].startswith("response_loop: ") for n in range(MOST_STARTS + 1, MOST_STARTS + 4))
    assert workspace.events.ingest([started("a.exe", 1_000, host="ws2")], source="s").runs == 1
