"""A dry run shows the way a playbook would go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zona_core import RunStatus, Zona
from zona_core.domain.playbooks import Approval, Step

Make = Callable[..., Any]


def test_a_rehearsal_calls_nothing_and_writes_nothing(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """It resolves inputs, follows conditions and lists, and tells how the run would end."""
    work = zona.tenant()
    work.playbooks.save(
        playbook(
            echo("look", "{{ inputs.ip }}"),
            Step(name="ask", approval=Approval(message="Block {{ inputs.ip }}?")),
            Step(name="long", wait=86_400),
            echo("each", "{{ item }}", for_each="steps.look.outputs.hosts", when="steps.ask.outputs.approved"),
            echo("never", when="steps.look.outputs.nothing"),
            outputs={"first": "{{ steps.look.outputs.hosts[0] }}"},
        )
    )
    audited = len(work.audit.search().items)
    told = work.playbooks.rehearse("Enrich", inputs={"ip": "10.0.0.1"}, samples={"look": {"hosts": ["a", "b"]}})
    assert (told.status, told.results, told.skipped) == (RunStatus.SUCCESS, {"first": "a"}, ("never",))
    assert [(each.step, each.item) for each in told.steps] == [
        ("look", None), ("ask", None), ("long", None), ("each", 0), ("each", 1),
    ]  # fmt: skip
    assert told.steps[0].inputs == {"text": "10.0.0.1", "count": 1}
    assert (told.steps[0].task, told.steps[0].instance) == ("Demo/echo", "main")
    assert work.runs.list().items == []
    assert len(work.audit.search().items) == audited


def test_a_rehearsal_tells_what_would_fail(zona: Zona, echo: Make, playbook: Make) -> None:
    """An input that would not fit fails the step, with its path."""
    work = zona.tenant()
    work.playbooks.save(playbook(echo("look", "{{ inputs.ip }}")))
    told = work.playbooks.rehearse("Enrich")
    assert told.status is RunStatus.FAILURE
    [step] = told.steps
    assert (step.status, step.error["code"]) == (RunStatus.FAILURE, "invalid_input")
