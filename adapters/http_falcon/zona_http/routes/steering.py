"""Runs of playbooks that are under way: their steps, what they wait for, and what changes their course (SPEC §4.4)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import define
from msgspec import Meta

from zona_core.domain.runs import Execution
from zona_core.persistence.repository import Listing
from zona_core.usecases._engine.waits import Waiting
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import OptionalTenant, PageOfTenant
from ._running import RUN, Wait, begun

__all__ = ["OPERATIONS"]

_ID: Final = "5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f"
RunKey = Annotated[str, Meta(min_length=1, max_length=64, examples=[_ID])]
StepName = Annotated[str, Meta(min_length=1, max_length=64, examples=["ask"])]


@define(frozen=True, kw_only=True)
class WhichRun(OptionalTenant):
    """Which run."""

    run_id: RunKey


@define(frozen=True, kw_only=True)
class StepPage(PageOfTenant):
    """Whose steps."""

    run_id: RunKey


@define(frozen=True, kw_only=True)
class Reason:
    """Why."""

    reason: Annotated[str, Meta(max_length=4_000, description="for the audit trail")] = ""


@define(frozen=True, kw_only=True)
class Answered:
    """What a person says to an approval."""

    step: Annotated[StepName, Meta(description="the step that asks")]
    approved: bool
    comment: Annotated[str, Meta(max_length=4_000, description="steps that follow can see it")] = ""


@define(frozen=True, kw_only=True)
class Replay:
    """From where on."""

    step: Annotated[str, Meta(max_length=64, description="empty: from whatever did not end well")] = ""
    wait: Wait = True


def list_steps(call: Call) -> Listing[Execution]:
    asked: StepPage = call.params
    return call.workspace.runs.steps(asked.run_id, after=asked.after, limit=asked.limit)


def list_waiting(call: Call) -> Answer:
    return Answer(data=call.workspace.runs.waiting(call.params.run_id), meta={"next": None})


def cancel_run(call: Call) -> Execution:
    return call.workspace.runs.cancel(call.params.run_id, reason=call.body.reason)


def pause_run(call: Call) -> Execution:
    return call.workspace.runs.pause(call.params.run_id, reason=call.body.reason)


def resume_run(call: Call) -> Execution:
    return call.workspace.runs.resume(call.params.run_id)


def decide(call: Call) -> Execution:
    said: Answered = call.body
    return call.workspace.runs.decide(call.params.run_id, said.step, approved=said.approved, comment=said.comment)


def replay_run(call: Call) -> Answer:
    asked: Replay = call.body
    run_id = call.params.run_id

    def start(patience: float) -> Execution:
        return call.workspace.runs.replay(run_id, step=asked.step, patience=patience)

    return begun(call, start, wait=asked.wait)


_WHOLE: Final = {
    **RUN, "integration_id": 0, "task_id": 0, "app_title": "", "task_tag": "", "playbook_id": 3,
    "playbook_title": "Block an address", "playbook_revision": 1, "instance_id": 0, "instance_title": "",
    "attempts": [], "records_processed": 0, "performance": {}, "results": None, "ended_at": None, "status": "waiting",
}  # fmt: skip
_ENDED: Final = {**_WHOLE, "status": "success", "results": {"blocked": True}, "ended_at": "2030-01-01T00:00:09Z"}
_STEP: Final = {
    **RUN, "id": "0d3b5a0e-9a64-5f0b-8f2e-3b0f1f6f7a11", "parent_id": _ID, "playbook_id": 3,
    "playbook_title": "Block an address", "playbook_revision": 1, "step": "look_up", "step_kind": "task",
}  # fmt: skip
_WAITING: Final = {
    "step": "ask", "reason": "approval", "until": "2030-01-08T00:00:00Z", "detail": "Block 192.0.2.7?", "attempts": 0,
}  # fmt: skip
_ONE: Final = "/api/v1/runs/{run_id}"
_RUNS: Final[dict[str, Any]] = {"tag": "runs"}
_STEERED: Final = "One that has ended stays as it is."

OPERATIONS = (
    Operation(
        **_RUNS, method="GET", path=f"{_ONE}/steps", id="list_steps", summary="A playbook's steps that have ended",
        description="In the order in which they did; of a step that is done for a list, each item has a record, too.",
        handler=list_steps, use_case="runs.steps", params=StepPage, result=list[Execution], answer_example=[_STEP],
    ),
    Operation(
        **_RUNS, method="GET", path=f"{_ONE}/waiting", id="list_waiting", summary="What a run waits for",
        description="By step: a time, another attempt, its turn at an instance, a person, another run. `step` is empty "
        "for the run of a single task.",
        handler=list_waiting, use_case="runs.waiting", params=WhichRun, result=list[Waiting],
        answer_example=[_WAITING],
    ),
    Operation(
        **_RUNS, method="POST", path=f"{_ONE}/cancel", id="cancel_run", summary="End a run that is under way",
        description=f"With all that it is doing, soon: the answer may come before. {_STEERED} What was begun at a "
        "remote side may take effect all the same.",
        handler=cancel_run, use_case="runs.cancel", params=WhichRun, body=Reason, result=Execution,
        example={"reason": "a false alarm"}, answer_example=_WHOLE,
    ),
    Operation(
        **_RUNS, method="POST", path=f"{_ONE}/pause", id="pause_run", summary="Have a run begin nothing more",
        description=f"What is under way ends and counts. {_STEERED}",
        handler=pause_run, use_case="runs.pause", params=WhichRun, body=Reason, result=Execution,
        example={"reason": "maintenance until six"}, answer_example={**_WHOLE, "status": "paused"},
    ),
    Operation(
        **_RUNS, method="POST", path=f"{_ONE}/resume", id="resume_run", summary="Have a paused run go on",
        description=_STEERED, handler=resume_run, use_case="runs.resume", params=WhichRun, result=Execution,
        answer_example=_WHOLE,
    ),
    Operation(
        **_RUNS, method="POST", path=f"{_ONE}/decisions", id="decide", summary="Answer an approval",
        description="The first answer counts; `waiting` tells what is asked.",
        handler=decide, use_case="runs.decide", params=WhichRun, body=Answered, result=Execution,
        example={"step": "ask", "approved": True, "comment": "seen"}, answer_example=_WHOLE,
        problems=(Problem(status=409, codes=("not_waiting",)),),
    ),
    Operation(
        **_RUNS, method="POST", path=f"{_ONE}/replay", id="replay_run", summary="Run a playbook again from a step on",
        description="With the inputs and the playbook of the old run. Steps that ended well and do not come after "
        "`step` are not run again: their outputs count. It is answered as a run is.",
        handler=replay_run, use_case="runs.replay", params=WhichRun, body=Replay, result=Execution, status=201,
        also=(202,), example={"step": "block"}, answer_example={**_ENDED, "replay_of": _ID},
        problems=(Problem(status=409, codes=("run_under_way", "not_a_playbook", "inputs_not_kept")),),
    ),
)  # fmt: skip
