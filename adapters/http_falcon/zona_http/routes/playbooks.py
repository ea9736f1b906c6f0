"""Playbooks: keeping them, trying them, running them (SPEC §4.4)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.apps import AppStatus
from zona_core.domain.playbooks import Playbook, PlaybookDefinition
from zona_core.domain.runs import Execution
from zona_core.persistence.repository import Listing
from zona_core.usecases._engine.rehearsal import Rehearsal
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, OptionalTenant, PageOfTenant
from ._definitions import defined
from ._doors import made
from ._playbooks import DEFINITION, PLAYBOOK, PlaybookBody
from ._running import RUN, Inputs, Wait, begun, key_for_others

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class PlaybookPage(PageOfTenant):
    """Which playbooks."""

    status: Annotated[AppStatus, Meta(description="without it all that are not deleted")] | None = None


@define(frozen=True, kw_only=True)
class PlaybookId(OptionalTenant):
    """Which playbook."""

    playbook_id: Id


@define(frozen=True, kw_only=True)
class NewPlaybookRun:
    """What a playbook is to be run with."""

    inputs: Inputs = Factory(dict)
    wait: Wait = True


@define(frozen=True, kw_only=True)
class PlaybookTrial:
    """What a playbook is to be tried with."""

    inputs: Inputs = Factory(dict)
    samples: Annotated[
        dict[str, dict[str, Any]], Meta(description="by step: its outputs, where they are not to be made up")
    ] = Factory(dict)


def list_playbooks(call: Call) -> Listing[Playbook]:
    asked: PlaybookPage = call.params
    return call.workspace.playbooks.list(status=asked.status, after=asked.after, limit=asked.limit)


def get_playbook(call: Call) -> Playbook:
    return call.workspace.playbooks.get(call.params.playbook_id)


def create_playbook(call: Call) -> Answer:
    playbook = call.workspace.playbooks.save(defined(call.body, PlaybookDefinition), revision=0)
    return made(call, playbook, str(playbook.id))


def replace_playbook(call: Call) -> Playbook:
    definition, playbook_id = defined(call.body, PlaybookDefinition), call.params.playbook_id
    return call.workspace.playbooks.save(definition, playbook_id=playbook_id, revision=call.revision)


def check_playbook(call: Call) -> None:
    call.workspace.playbooks.check(defined(call.body, PlaybookDefinition))


def remove_playbook(call: Call) -> None:
    call.workspace.playbooks.remove(call.params.playbook_id, revision=call.revision)


def run_playbook(call: Call) -> Answer:
    new: NewPlaybookRun = call.body
    playbook_id, key = call.params.playbook_id, key_for_others(call)

    def start(patience: float) -> Execution:
        return call.workspace.playbooks.start(playbook_id, inputs=new.inputs, idempotency_key=key, patience=patience)

    return begun(call, start, wait=new.wait)


def rehearse_playbook(call: Call) -> Rehearsal:
    asked: PlaybookTrial = call.body
    return call.workspace.playbooks.rehearse(call.params.playbook_id, inputs=asked.inputs, samples=asked.samples)


_RUN: Final = {
    **RUN, "integration_id": 0, "task_id": 0, "app_title": "", "task_tag": "", "playbook_id": 3,
    "playbook_title": "Block an address", "playbook_revision": 1, "instance_id": 0, "instance_title": "",
    "inputs": {"ip": "192.0.2.7"}, "results": {"blocked": False}, "skipped": ["ask", "block"], "attempts": [],
    "records_processed": 0, "performance": {},
}  # fmt: skip
_REHEARSAL: Final = {
    "status": "success", "results": {"blocked": False}, "error": None, "skipped": ["ask", "block"],
    "steps": [{
        "step": "look_up", "kind": "task", "item": None, "status": "success", "task": "VirusTotal/look_up",
        "instance": "main", "inputs": {"address": "192.0.2.7"}, "outputs": {"malicious": 1}, "error": None,
    }],
}  # fmt: skip
_TAKEN: Final = Problem(status=409, codes=("duplicate",))
_UNFIT: Final = Problem(status=422, codes=("invalid_input", "not_active"))
_ONE: Final = "/api/v1/playbooks/{playbook_id}"
_PLAYBOOKS: Final[dict[str, Any]] = {"tag": "playbooks"}
_RIGHTS: Final = (
    "Whoever keeps one needs `runs:run` for each task that a step runs, and `playbooks:run` for each playbook."
)

OPERATIONS = (
    Operation(
        **_PLAYBOOKS, method="GET", path="/api/v1/playbooks", id="list_playbooks", summary="Playbooks by title",
        handler=list_playbooks, use_case="playbooks.list", params=PlaybookPage, result=list[Playbook],
        answer_example=[PLAYBOOK],
    ),
    Operation(
        **_PLAYBOOKS, method="POST", path="/api/v1/playbooks", id="create_playbook", summary="Make a playbook",
        description=_RIGHTS, handler=create_playbook, use_case="playbooks.save", params=OptionalTenant,
        body=PlaybookBody, result=Playbook, status=201, example=DEFINITION, answer_example=PLAYBOOK, problems=(_TAKEN,),
    ),
    Operation(
        **_PLAYBOOKS, method="POST", path="/api/v1/playbooks/check", id="check_playbook",
        summary="Check a playbook without keeping it",
        description="204 if it could be kept; otherwise every fault, as keeping it would tell.",
        handler=check_playbook, use_case="playbooks.check", params=OptionalTenant, body=PlaybookBody, status=204,
        example=DEFINITION,
    ),
    Operation(
        **_PLAYBOOKS, method="GET", path=_ONE, id="get_playbook", summary="One playbook", handler=get_playbook,
        use_case="playbooks.get", params=PlaybookId, result=Playbook, answer_example=PLAYBOOK,
    ),
    Operation(
        **_PLAYBOOKS, method="PUT", path=_ONE, id="replace_playbook", summary="Replace a playbook",
        description=f"Runs that are under way go by the playbook as it was. {_RIGHTS}", handler=replace_playbook,
        use_case="playbooks.save", params=PlaybookId, body=PlaybookBody, result=Playbook, locks=True,
        example=DEFINITION, answer_example={**PLAYBOOK, "revision": 2}, problems=(_TAKEN,),
    ),
    Operation(
        **_PLAYBOOKS, method="DELETE", path=_ONE, id="remove_playbook", summary="Delete a playbook",
        description="Runs that are under way go on.", handler=remove_playbook, use_case="playbooks.remove",
        params=PlaybookId, status=204, conditional=True,
    ),
    Operation(
        **_PLAYBOOKS, method="POST", path=f"{_ONE}/runs", id="run_playbook", summary="Run a playbook",
        description="A run that failed is a record with an `error`, not a failure of the request. What takes too long "
        "to wait for goes on: the answer is 202 then, too, and the record is where `Location` says.",
        handler=run_playbook, use_case="playbooks.run", params=PlaybookId, body=NewPlaybookRun, result=Execution,
        status=201, also=(202,), example={"inputs": {"ip": "192.0.2.7"}}, answer_example=_RUN, problems=(_UNFIT,),
    ),
    Operation(
        **_PLAYBOOKS, method="POST", path=f"{_ONE}/rehearsal", id="rehearse_playbook", summary="Try a playbook",
        description="Which steps would run with what, and how it would end. Nothing is called, waited for or written: "
        "tasks give `samples`, or what is made up by the types of their outputs.",
        handler=rehearse_playbook, use_case="playbooks.rehearse", params=PlaybookId, body=PlaybookTrial,
        result=Rehearsal, example={"inputs": {"ip": "192.0.2.7"}, "samples": {"look_up": {"malicious": 1}}},
        answer_example=_REHEARSAL, problems=(_UNFIT,),
    ),
)  # fmt: skip
