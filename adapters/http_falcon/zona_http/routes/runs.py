"""Runs: tasks that are carried out, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from attrs import Factory, define, evolve
from msgspec import Meta

from zona_core.domain.runs import Execution, RunStatus
from zona_core.doors import Workspace
from zona_core.persistence.repository import Listing
from zona_http._streams import EVENT_STREAM, Event
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, OptionalTenant, PageOfTenant
from ._running import RUN, Inputs, Wait, begun, key_for_others

__all__ = ["OPERATIONS"]

Name = Annotated[str, Meta(min_length=1, max_length=200, description="title, tag or id")]
Moment = Annotated[datetime, Meta(tz=True)]
#: the id of the last event of a run
_LAST = "end"


@define(frozen=True, kw_only=True)
class RunPage(PageOfTenant):
    """Which runs; without an app those that are in no other run."""

    app: Annotated[Name, Meta(description="title or id")] | None = None
    task: Annotated[Name, Meta(description="tag or id; goes with an app")] | None = None
    instance: Annotated[Name, Meta(description="title or id; goes with an app")] | None = None
    playbook: Annotated[Name, Meta(description="title or id; also runs that other playbooks began")] | None = None
    status: RunStatus | None = None
    steps: Annotated[bool, Meta(description="what is in other runs, too; goes with no playbook")] = False
    since: Annotated[Moment, Meta(description="those made from then on")] | None = None
    until: Annotated[Moment, Meta(description="those made before then")] | None = None


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
    inputs: Inputs = Factory(dict)
    timeout: Annotated[float, Meta(gt=0, le=86_400, description="seconds an attempt; else the task's")] | None = None
    wait: Wait = True


def list_runs(call: Call) -> Listing[Execution]:
    asked: RunPage = call.params
    return call.workspace.runs.list(
        app=asked.app,
        task=asked.task,
        instance=asked.instance,
        playbook=asked.playbook,
        status=asked.status,
        steps=asked.steps,
        since=asked.since,
        until=asked.until,
        after=asked.after,
        limit=asked.limit,
    )


def get_run(call: Call) -> Execution:
    return call.workspace.runs.get(call.params.run_id)


def run_task(call: Call) -> Answer:
    new: NewRun = call.body

    def start(patience: float) -> Execution:
        return call.workspace.runs.start(
            new.app,
            new.task,
            instance=new.instance,
            inputs=new.inputs,
            timeout=new.timeout,
            idempotency_key=key_for_others(call),
            patience=patience,
        )

    return begun(call, start, wait=new.wait)


def follow_run(call: Call) -> Answer:
    run = call.workspace.runs.get(call.params.run_id)
    last = call.request.get_header("Last-Event-ID") or ""
    if run.status.ended and last == _LAST:
        return Answer(status=204)  # HTML standard §9.2.3: the client does not come back
    return call.streams.answer(call, _Progress(run.id, last))


class _Progress:
    """The states of a run and its steps as they end, from what comes after ``last`` on (an event's id)."""

    def __init__(self, run_id: str, last: str) -> None:
        self._run_id = run_id
        self._mark = last
        self.ended = False

    def news(self, workspace: Workspace, seconds: float) -> Iterator[Event]:
        """See ``Source.news``. The last event of those that come together says up to where they tell."""
        found = workspace.runs.progress(self._run_id, since=self._mark, seconds=seconds)
        run, revision = found.run, self._mark.partition(".")[0]
        events = [Event(name="step", data=step) for step in found.steps]
        if str(run.revision) != revision:
            events.insert(0, Event(name="run", data=run))
        if events:
            self._mark = found.mark
            yield from events[:-1]
            yield evolve(events[-1], id=found.mark)
        if found.ended:
            self.ended = True
            yield Event(name="end", data={"id": run.id, "status": run.status}, id=_LAST)


OPERATIONS = (
    Operation(
        method="GET", path="/api/v1/runs", id="list_runs", tag="runs", summary="Runs, newest first",
        handler=list_runs, use_case="runs.list", params=RunPage, result=list[Execution],
        problems=(Problem(status=404, codes=("not_found",)),), answer_example=[RUN],
    ),
    Operation(
        method="POST", path="/api/v1/runs", id="run_task", tag="runs", summary="Run a task",
        description="A run that failed is a record with an `error`, not a failure of the request. What "
        "takes too long to wait for goes on: the answer is 202 then, too, and the record is where `Location` says. A "
        "digest of the Idempotency-Key and of who sends it is handed on to the remote side.",
        handler=run_task, use_case="runs.run", params=OptionalTenant, body=NewRun, result=Execution, status=201,
        also=(202,), answer_example=RUN,
        example={"app": "VirusTotal", "task": "look_up", "inputs": {"address": "192.0.2.7"}},
    ),
    Operation(
        method="GET", path="/api/v1/runs/{run_id}", id="get_run", tag="runs", summary="One run", handler=get_run,
        use_case="runs.get", params=RunId, result=Execution, answer_example=RUN,
    ),
    Operation(
        method="GET", path="/api/v1/runs/{run_id}/events", id="run_events", tag="runs", summary="Follow a run",
        description="Server-sent events: `run` with the record each time it changes, `step` with the record of each of "
        "a playbook's steps that has ended, `end` when all has, `problem` with a code if it may not be seen any more. "
        "`Last-Event-ID` goes on after an event that was received; after `end` the answer is empty (204), so that an "
        "EventSource stays away.",
        handler=follow_run, use_case="runs.progress", params=RunId, media_type=EVENT_STREAM, also=(204,),
    ),
)  # fmt: skip
