"""Playbooks end to end: a graph of steps is kept, run and recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zona_core import InvalidInput, RunStatus, TaskCall, TaskFailed, Zona
from zona_core.domain.playbooks import Join, PlaybookDefinition, Step, StepRetry

Make = Callable[..., Any]


def test_a_playbook_runs_its_steps_with_what_earlier_ones_gave(
    zona: Zona, plugin: Any, echo: Make, playbook: Make
) -> None:
    """Inputs come from the run and from earlier outputs, with their types; every step has a record."""
    plugin.handler.functions["echo"] = lambda call: {"said": call.inputs["text"], "n": 7}
    work = zona.tenant()
    work.playbooks.save(
        playbook(
            echo("first", "{{ inputs.ip }}"),
            Step(name="sum", set={"n": "{{ steps.first.outputs.n }}", "text": "n={{ steps.first.outputs.n }}"}),
            echo("last", "{{ steps.sum.outputs.text }}", when="steps.sum.outputs.n > `5`"),
            outputs={"said": "{{ steps.last.outputs.said }}", "n": "{{ steps.sum.outputs.n }}"},
        )
    )
    run = work.playbooks.run("Enrich", inputs={"ip": "10.0.0.1"})
    assert (run.status, run.results) == (RunStatus.SUCCESS, {"said": "n=7", "n": 7})
    steps = work.runs.steps(run.id).items
    assert [(each.step, each.status, each.parent_id) for each in steps] == [
        (name, RunStatus.SUCCESS, run.id) for name in ("first", "sum", "last")
    ]
    assert steps[0].results == {"said": "10.0.0.1", "n": 7}
    assert (steps[0].task_tag, steps[0].instance_title) == ("echo", "main")


def test_a_condition_that_is_not_true_skips_its_step_and_the_next_goes_on(
    zona: Zona, plugin: Any, echo: Make, playbook: Make
) -> None:
    """Skipping is no failure; what is skipped is told."""
    calls: list[str] = []
    plugin.handler.functions["echo"] = lambda call: calls.append(call.inputs["text"]) or {}
    work = zona.tenant()
    work.playbooks.save(playbook(echo("maybe", "a", when="inputs.ip"), echo("then", "b")))
    run = work.playbooks.run("Enrich")
    assert (run.status, run.skipped, calls) == (RunStatus.SUCCESS, ("maybe",), ["b"])


def test_what_is_skipped_with_another_step_is_seen_as_skipped(zona: Zona, playbook: Make) -> None:
    """Expressions see the status of every step that is over, whether its own condition skipped it or an edge did."""
    seen = {"a": "{{ steps.a.status }}", "b": "{{ steps.b.status }}"}
    work = zona.tenant()
    work.playbooks.save(
        playbook(
            Step(name="a", when="inputs.ip"),
            Step(name="b", after=("a",)),
            Step(name="c", after=("b:end",), set=seen),
            outputs={"seen": "{{ steps.c.outputs }}"},
        )
    )
    assert work.playbooks.run("Enrich").results == {"seen": {"a": "skipped", "b": "skipped"}}


def test_a_failure_fails_the_run_and_names_the_step(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """What comes after is left out, but for what cleans up."""
    calls: list[str] = []

    def function(call: TaskCall) -> dict[str, Any]:
        calls.append(call.inputs["text"])
        if call.inputs["text"] == "bad":
            raise TaskFailed("no such host", code="host_unknown")
        return {}

    plugin.handler.functions["echo"] = function
    work = zona.tenant()
    work.playbooks.save(playbook(echo("try", "bad"), echo("next", "x"), echo("clean", "clean", after=("try:end",))))
    run = work.playbooks.run("Enrich")
    assert run.status is RunStatus.FAILURE
    assert run.error == {"code": "host_unknown", "message": "the step try failed: no such host", "step": "try"}
    assert (calls, run.skipped) == (["bad", "clean"], ("next",))


def test_a_failure_may_have_a_branch_of_its_own(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """The branch sees the error; the run succeeds, and the join takes whichever branch came."""

    def function(call: TaskCall) -> dict[str, Any]:
        if call.inputs["text"] == "bad":
            raise TaskFailed("busy", code="busy")
        return {"said": call.inputs["text"]}

    plugin.handler.functions["echo"] = function
    work = zona.tenant()
    work.playbooks.save(
        playbook(
            echo("try", "bad", after=()),
            echo("good", "good", after=("try",)),
            echo("other", "after {{ steps.try.error.code }}", after=("try:failure",)),
            Step(name="both", after=("good", "other"), join=Join.ANY, set={"said": "{{ steps.other.outputs.said }}"}),
            outputs={"said": "{{ steps.both.outputs.said }}"},
        )
    )
    run = work.playbooks.run("Enrich")
    assert (run.status, run.results, run.skipped) == (RunStatus.SUCCESS, {"said": "after busy"}, ("good",))


@pytest.mark.parametrize("concurrency", [1, 3, 50])
def test_a_step_is_done_for_each_item_of_a_list(
    zona: Zona, plugin: Any, echo: Make, playbook: Make, concurrency: int
) -> None:
    """Outputs come in the order of the items, whatever the order in which they end."""
    plugin.handler.functions["echo"] = lambda call: {"said": call.inputs["text"]}
    work = zona.tenant()
    work.playbooks.save(
        playbook(
            Step(name="make", set={"list": ["a", "b", "c", "d", "e"]}),
            echo("each", "{{ index }}{{ item }}", for_each="steps.make.outputs.list", concurrency=concurrency),
            outputs={"all": "{{ steps.each.outputs.items[].said }}"},
        )
    )
    run = work.playbooks.run("Enrich")
    assert run.error is None
    assert run.results == {"all": ["0a", "1b", "2c", "3d", "4e"]}
    assert sorted(each.item for each in work.runs.steps(run.id).items if each.item is not None) == [0, 1, 2, 3, 4]


def test_a_step_is_repeated_by_its_own_policy(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """Only for the codes that it names; each attempt is in the step's record."""

    def function(call: TaskCall) -> dict[str, Any]:
        if call.attempt < 3:
            raise TaskFailed("slow down", code="throttled")
        return {}

    plugin.handler.functions["echo"] = function
    work = zona.tenant()
    retry = StepRetry(attempts=5, initial=0.001, on=("throttled",))
    work.playbooks.save(playbook(echo("try", retry=retry)))
    run = work.playbooks.run("Enrich")
    [step] = work.runs.steps(run.id).items
    assert (run.status, [each.status for each in step.attempts]) == (
        RunStatus.SUCCESS,
        [RunStatus.FAILURE, RunStatus.FAILURE, RunStatus.SUCCESS],
    )


def test_a_playbook_may_run_another(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """The step's outputs are the other's; its run is recorded below."""
    plugin.handler.functions["echo"] = lambda call: {"said": call.inputs["text"]}
    work = zona.tenant()
    inner = playbook(echo("say", "{{ inputs.ip }}!"), title="Inner", outputs={"said": "{{ steps.say.outputs.said }}"})
    work.playbooks.save(inner)
    work.playbooks.save(
        playbook(
            Step(name="sub", playbook="Inner", inputs={"ip": "{{ inputs.ip }}"}),
            outputs={"said": "{{ steps.sub.outputs.said }}"},
        )
    )
    run = work.playbooks.run("Enrich", inputs={"ip": "1"})
    assert (run.error, run.results) == (None, {"said": "1!"})


def test_faults_are_told_all_at_once_with_their_paths(zona: Zona, echo: Make, playbook: Make) -> None:
    """A playbook that could not run is not kept."""
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().playbooks.save(
            playbook(
                echo("a", "{{ steps.later.outputs.x }}"),
                echo("later", "{{ inputs.ghost }} {{ item }}"),
                Step(name="gone", playbook="Nothing"),
            )
        )
    assert [fault.path for fault in caught.value.faults] == ["steps[0]", "steps[1]", "steps[1]"]
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().playbooks.save(playbook(echo("a", after=("b",)), echo("b", after=("a",))))
    assert "a → b → a" in caught.value.faults[0].message
    assert zona.tenant().playbooks.list().items == []


def test_a_run_goes_by_the_playbook_as_it_was(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """A change while a run waits does not reach it."""
    plugin.handler.functions["echo"] = lambda call: {"said": call.inputs["text"]}
    work = zona.tenant()

    def saved(text: str) -> PlaybookDefinition:
        return work.playbooks.save(
            playbook(Step(name="rest", wait=0.2), echo("say", text), outputs={"said": "{{ steps.say.outputs.said }}"})
        )

    saved("old")
    run = work.playbooks.start("Enrich")
    saved("new")
    assert work.runs.wait(run.id, seconds=20).results == {"said": "old"}
    assert work.playbooks.run("Enrich").results == {"said": "new"}
