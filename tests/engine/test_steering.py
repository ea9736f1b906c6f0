"""Runs under way are cancelled, paused, answered and repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from waiting import until

from zona_core import Conflict, RunStatus, TaskCall, TaskFailed, Zona
from zona_core.domain.jobs import WaitReason
from zona_core.domain.playbooks import Approval, Step

Make = Callable[..., Any]


def test_cancelling_ends_a_run_whose_handler_hangs(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """The run ends at once; the handler is told, and what came next never begins."""
    begun, told = threading.Event(), threading.Event()

    def hangs(call: TaskCall) -> dict[str, Any]:
        begun.set()
        until(call.abandoned)
        told.set()
        return {}

    plugin.handler.functions["echo"] = hangs
    work = zona.tenant()
    work.playbooks.save(playbook(echo("hang"), echo("never")))
    run = work.playbooks.start("Enrich")
    assert begun.wait(20)
    work.runs.cancel(run.id, reason="enough")
    ended = work.runs.wait(run.id, seconds=20)
    assert (ended.status, ended.error, ended.skipped) == (
        RunStatus.CANCELLED, {"code": "cancelled", "message": "the run was cancelled"}, ("never",),
    )  # fmt: skip
    assert told.wait(20)
    assert work.runs.cancel(run.id) == ended


def test_a_run_that_waits_is_cancelled_too(zona: Zona, playbook: Make) -> None:
    """Nobody has it in hand: it is ended by whoever hears of it."""
    work = zona.tenant()
    work.playbooks.save(playbook(Step(name="long", wait=3600)))
    run = work.playbooks.start("Enrich")
    until(lambda: work.runs.get(run.id).status is RunStatus.WAITING)
    work.runs.cancel(run.id)
    assert work.runs.wait(run.id, seconds=20).status is RunStatus.CANCELLED


def test_cancelling_reaches_the_playbooks_that_a_run_runs(zona: Zona, playbook: Make) -> None:
    """What a run has begun ends with it."""
    work = zona.tenant()
    work.playbooks.save(playbook(Step(name="long", wait=3600), title="Inner"))
    work.playbooks.save(playbook(Step(name="sub", playbook="Inner")))
    run = work.playbooks.start("Enrich")
    [waiting] = until(lambda: work.runs.waiting(run.id))
    until(lambda: work.runs.get(waiting.detail).status is RunStatus.WAITING)
    work.runs.cancel(run.id)
    assert work.runs.wait(run.id, seconds=20).status is RunStatus.CANCELLED
    assert work.runs.wait(waiting.detail, seconds=20).status is RunStatus.CANCELLED


def test_a_paused_run_begins_nothing_until_it_is_resumed(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """The step that is under way ends and counts; the next one begins after ``resume``."""
    begun, go, calls = threading.Event(), threading.Event(), []

    def function(call: TaskCall) -> dict[str, Any]:
        calls.append(call.inputs["text"])
        begun.set()
        assert go.wait(20)
        return {}

    plugin.handler.functions["echo"] = function
    work = zona.tenant()
    work.playbooks.save(playbook(echo("one", "1"), echo("two", "2")))
    run = work.playbooks.start("Enrich")
    assert begun.wait(20)
    work.runs.pause(run.id)
    go.set()
    until(lambda: work.runs.get(run.id).status is RunStatus.PAUSED)
    assert calls == ["1"]
    work.runs.resume(run.id)
    assert work.runs.wait(run.id, seconds=20).status is RunStatus.SUCCESS
    assert calls == ["1", "2"]


@pytest.mark.parametrize("approved", [True, False])
def test_an_approval_waits_for_a_person(zona: Zona, plugin: Any, echo: Make, playbook: Make, approved: bool) -> None:
    """It tells what is asked, takes one answer, and goes on or fails by it; meanwhile no thread is held."""
    plugin.handler.functions["echo"] = lambda call: {}
    work = zona.tenant()
    work.playbooks.save(
        playbook(
            Step(name="ask", approval=Approval(message="Block {{ inputs.ip }}?")),
            echo("block"),
            outputs={"by": "{{ steps.ask.outputs.by }}"},
        )
    )
    run = work.playbooks.start("Enrich", inputs={"ip": "10.1.1.1"})
    until(lambda: work.runs.get(run.id).status is RunStatus.WAITING)
    [waiting] = work.runs.waiting(run.id)
    assert (waiting.step, waiting.reason, waiting.detail) == ("ask", WaitReason.APPROVAL, "Block 10.1.1.1?")
    with pytest.raises(Conflict):
        work.runs.decide(run.id, "block", approved=True)
    work.runs.decide(run.id, "ask", approved=approved, comment="seen")
    ended = work.runs.wait(run.id, seconds=20)
    if approved:
        assert (ended.status, ended.results) == (RunStatus.SUCCESS, {"by": "library"})
    else:
        assert (ended.status, ended.error["code"]) == (RunStatus.FAILURE, "rejected")
    with pytest.raises(Conflict):
        work.runs.decide(run.id, "ask", approved=True)


def test_a_run_is_repeated_from_a_step(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """What ended well before that step is not run again, also when the repetition is repeated."""
    calls: list[str] = []
    broken = True

    def function(call: TaskCall) -> dict[str, Any]:
        calls.append(call.inputs["text"])
        if call.inputs["text"].startswith("2") and broken:
            raise TaskFailed("broken")
        return {"said": call.inputs["text"]}

    plugin.handler.functions["echo"] = function
    work = zona.tenant()
    work.playbooks.save(
        playbook(
            echo("one", "1"), echo("two", "2{{ steps.one.outputs.said }}"), echo("three", "3"),
            outputs={"said": "{{ steps.two.outputs.said }}"},
        )
    )  # fmt: skip
    failed = work.playbooks.run("Enrich")
    assert failed.status is RunStatus.FAILURE
    assert work.runs.replay(failed.id, patience=20).status is RunStatus.FAILURE
    broken = False
    repeated = work.runs.replay(failed.id, patience=20)
    assert (repeated.status, repeated.results, repeated.replay_of) == (RunStatus.SUCCESS, {"said": "21"}, failed.id)
    assert calls == ["1", "21", "21", "21", "3"]
    calls.clear()
    assert work.runs.replay(repeated.id, step="three", patience=20).status is RunStatus.SUCCESS
    assert calls == ["3"]
    calls.clear()
    assert work.runs.replay(repeated.id, step="one", patience=20).status is RunStatus.SUCCESS
    assert calls == ["1", "21", "3"]


def test_what_a_run_began_ends_with_it_when_its_time_is_up(zona: Zona, playbook: Make) -> None:
    """A playbook that is run by another one does not outlive it."""
    work = zona.tenant()
    work.playbooks.save(playbook(Step(name="long", wait=3600), title="Inner"))
    work.playbooks.save(playbook(Step(name="sub", playbook="Inner"), timeout=1))
    run = work.playbooks.start("Enrich")
    [waiting] = until(lambda: work.runs.waiting(run.id))
    ended = work.runs.wait(run.id, seconds=20)
    assert (ended.status, ended.error["code"]) == (RunStatus.TIMEOUT, "run_timeout")
    assert work.runs.wait(waiting.detail, seconds=20).status is RunStatus.CANCELLED
