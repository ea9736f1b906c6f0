"""Runs: tasks that are carried out, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Annotated, Any

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.runs import Execution, RunStatus
from zona_core.doors import Workspace
from zona_core.persistence.repository import Listing
from zona_http._streams import EVENT_STREAM, Event
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, OptionalTenant, PageOfTenant
from ._doors import made

__all__ = ["OPERATIONS"]

Name = Annotated[str, Meta(min_length=1, max_length=200, description="title, tag or id")]
#: the id of the last event of a run
_LAST = "end"


@define(frozen=True, kw_only=True)
class RunPage(PageOfTenant):
    """Which runs."""

    app: Annotated[Name, Meta(description="title or id")] | None = None
    task: Annotated[Name, Meta(description="tag or id; goes with an app")] | None = None
    instance: Annotated[Name, Meta(description="title or id; goes with an app")] | None = None
    status: RunStatus | None = None


@define(frozen=True, kw_only=True)
class RunId(OptionalTenant):
    """Which run."""

    run_id: Annotated[str, Meta(min_length=1, max_length=64, examples=["5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f"])]


@define(frozen=True, kw_only=True)
class NewRun:
    """What is to be run."""

    app: Id | Name
    task: Id | Name
    #: may be left out if the app has just one, or needs none
    instance: Id | Name | None = None
    inputs: Annotated[dict[str, Any], Meta(description="by field name; secrets are texts")] = Factory(dict)
    timeout: Annotated[float, Meta(gt=0, le=86_400, description="seconds an attempt; else the task's")] | None = None
    wait: Annotated[
        bool,
        Meta(description="answer when it has ended (201), or goes on too long to wait for it; else at once (202)"),
    ] = True


def list_runs(call: Call) -> Listing[Execution]:
    asked: RunPage = call.params
    return call.workspace.runs.list(
        app=asked.app,
        task=asked.task,
        instance=asked.instance,
        status=asked.status,
        after=asked.after,
        limit=asked.limit,
    )


def get_run(call: Call) -> Execution:
    return call.workspace.runs.get(call.params.run_id)


def run_task(call: Call) -> Answer:
    new: NewRun = call.body
    with call.streams.patience() if new.wait else nullcontext(0.0) as patience:
        run = call.workspace.runs.start(
            new.app,
            new.task,
            instance=new.instance,
            inputs=new.inputs,
            timeout=new.timeout,
            idempotency_key=_key_for_others(call),
            patience=patience,
        )
    answer = made(call, run, run.id)
    answer.status = 201 if run.status.ended else 202
    return answer


def _key_for_others(call: Call) -> str:
    """What stands for the ``Idempotency-Key`` at the remote side, where all tenants and users may be one client."""
    key = call.request.get_header("Idempotency-Key")
    if key is None:
        return ""
    known, tenant = call.known, call.workspace.tenant.tenant_code
    name = f"{tenant}/{known.realm}/{known.actor.user_id}/{known.key_id}/{key.strip()}"
    return hashlib.sha256(name.encode()).hexdigest()


def follow_run(call: Call) -> Answer:
    run = call.workspace.runs.get(call.params.run_id)
    last = call.request.get_header("Last-Event-ID") or ""
    if run.status.ended and last == _LAST:
        return Answer(status=204)  # HTML standard §9.2.3: the client does not come back
    return call.streams.answer(call, _Progress(run.id, last))


class _Progress:
    """The states of a run, from the one after ``last`` on (a revision, as an event's id)."""

    def __init__(self, run_id: str, last: str) -> None:
        self._run_id = run_id
        self._revision = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else 0
        self.ended = False

    def news(self, workspace: Workspace, seconds: float) -> Iterator[Event]:
        """See ``Source.news``."""
        run = workspace.runs.wait(self._run_id, since=self._revision, seconds=seconds)
        if run.revision != self._revision:
            self._revision = run.revision
            yield Event(name="run", data=run, id=str(run.revision))
        if run.status.ended:
            self.ended = True
            yield Event(name="end", data={"id": run.id, "status": run.status}, id=_LAST)


_RUN = {
    "id": "5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f", "integration_id": 1, "task_id": 4, "app_title": "VirusTotal",
    "task_tag": "look_up", "instance_id": 7, "instance_title": "main", "actor": "admin", "status": "success",
    "inputs": {"address": "192.0.2.7"}, "results": {"malicious": 0}, "error": None,
    "attempts": [{"started_at": "2030-01-01T00:00:00Z", "duration_ms": 81.4, "status": "success", "error": None}],
    "records_processed": 1, "performance": {"http_status": 200}, "parent_id": "",
    "idempotency_key": "5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f", "created_at": "2030-01-01T00:00:00Z",
    "started_at": "2030-01-01T00:00:00Z", "ended_at": "2030-01-01T00:00:01Z", "revision": 2,
}  # fmt: skip

OPERATIONS = (
    Operation(
        method="GET", path="/api/v1/runs", id="list_runs", tag="runs", summary="Runs, newest first",
        handler=list_runs, use_case="runs.list", params=RunPage, result=list[Execution],
        problems=(Problem(status=404, codes=("not_found",)),), answer_example=[_RUN],
    ),
    Operation(
        method="POST", path="/api/v1/runs", id="run_task", tag="runs", summary="Run a task",
        description="A run that failed is a record with an `error`, not a failure of the request. What "
        "takes too long to wait for goes on: the answer is 202 then, too, and the record is where `Location` says. A "
        "digest of the Idempotency-Key and of who sends it is handed on to the remote side.",
        handler=run_task, use_case="runs.run", params=OptionalTenant, body=NewRun, result=Execution, status=201,
        also=(202,), answer_example=_RUN,
        example={"app": "VirusTotal", "task": "look_up", "inputs": {"address": "192.0.2.7"}},
    ),
    Operation(
        method="GET", path="/api/v1/runs/{run_id}", id="get_run", tag="runs", summary="One run", handler=get_run,
        use_case="runs.get", params=RunId, result=Execution, answer_example=_RUN,
    ),
    Operation(
        method="GET", path="/api/v1/runs/{run_id}/events", id="run_events", tag="runs", summary="Follow a run",
        description="Server-sent events: `run` with the record each time it changes (the id is its revision), `end` "
        "when it has ended, `problem` with a code if it may not be seen any more. `Last-Event-ID` goes on after an "
        "event that was received; after `end` the answer is empty (204), so that an EventSource stays away.",
        handler=follow_run, use_case="runs.wait", params=RunId, media_type=EVENT_STREAM, also=(204,),
    ),
)  # fmt: skip
