"""Schedules: when playbooks and tasks run by themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.runs import Execution
from zona_core.domain.schedules import Schedule, ScheduleDefinition, ScheduleStatus
from zona_core.persistence.repository import Listing
from zona_core.usecases.schedules import Upcoming
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, OptionalTenant, PageOfTenant, Title
from ._definitions import defined
from ._doors import made
from ._running import RUN, Inputs, Wait, begun, key_for_others

__all__ = ["OPERATIONS"]

_DAY: Final = 86_400
_LONGEST: Final = 366 * _DAY
Name = Annotated[str, Meta(max_length=200)]
Moment = Annotated[datetime, Meta(tz=True)]


@define(frozen=True, kw_only=True)
class ScheduleBody(ScheduleDefinition):
    """What runs and when: a playbook or a task, by a cron expression or at even intervals."""

    title: Title
    playbook: Annotated[Name, Meta(description="title or id, unless it is a task")] = ""
    app: Annotated[Name, Meta(description="title or id; goes with a task")] = ""
    task: Annotated[Name, Meta(description="tag or id")] = ""
    instance: Annotated[Name, Meta(description="title or id; empty: the app's only one, or none if it needs none")] = ""
    inputs: Inputs = Factory(dict)
    cron: Annotated[str, Meta(max_length=200, examples=["30 2 * * MON-FRI"])] = ""
    every: Annotated[float, Meta(ge=1, le=_LONGEST, description="seconds, in the place of `cron`")] | None = None
    time_zone: Annotated[str, Meta(max_length=64, examples=["Europe/Berlin"])] = "UTC"
    jitter: Annotated[float, Meta(ge=0, le=_DAY, description="seconds by which a firing is put off at most")] = 0.0
    starts_at: Annotated[Moment, Meta(description="the first moment at which it may fire")] | None = None
    ends_at: Annotated[Moment, Meta(description="the first moment at which it may no more")] | None = None
    #: ``DELETE`` deletes
    status: Literal["active", "inactive"] = "active"  # type: ignore[assignment]  # as a request may say it


@define(frozen=True, kw_only=True)
class SchedulePage(PageOfTenant):
    """Which schedules."""

    status: Annotated[ScheduleStatus, Meta(description="without it all that are not deleted")] | None = None


@define(frozen=True, kw_only=True)
class ScheduleId(OptionalTenant):
    """Which schedule."""

    schedule_id: Id


@define(frozen=True, kw_only=True)
class UpcomingFirings(ScheduleId):
    """Whose firings, and how many."""

    count: Annotated[int, Meta(ge=1, le=100, description="how many at most")] = 10


@define(frozen=True, kw_only=True)
class FiredByHand:
    """How it is to be started."""

    wait: Wait = True


def list_schedules(call: Call) -> Listing[Schedule]:
    asked: SchedulePage = call.params
    return call.workspace.schedules.list(status=asked.status, after=asked.after, limit=asked.limit)


def get_schedule(call: Call) -> Schedule:
    return call.workspace.schedules.get(call.params.schedule_id)


def create_schedule(call: Call) -> Answer:
    schedule = call.workspace.schedules.save(defined(call.body, ScheduleDefinition), revision=0)
    return made(call, schedule, str(schedule.id))


def replace_schedule(call: Call) -> Schedule:
    definition, schedule_id = defined(call.body, ScheduleDefinition), call.params.schedule_id
    return call.workspace.schedules.save(definition, schedule_id=schedule_id, revision=call.revision)


def remove_schedule(call: Call) -> None:
    call.workspace.schedules.remove(call.params.schedule_id, revision=call.revision)


def pause_schedule(call: Call) -> Schedule:
    return call.workspace.schedules.pause(call.params.schedule_id, revision=call.revision)


def resume_schedule(call: Call) -> Schedule:
    return call.workspace.schedules.resume(call.params.schedule_id, revision=call.revision)


def list_upcoming(call: Call) -> list[Upcoming]:
    return call.workspace.schedules.upcoming(call.params.schedule_id, count=call.params.count)


def fire_schedule(call: Call) -> Answer:
    schedule_id, key = call.params.schedule_id, key_for_others(call)

    def start(patience: float) -> Execution:
        return call.workspace.schedules.fire(schedule_id, idempotency_key=key, patience=patience)

    return begun(call, start, wait=call.body.wait)


_DEFINITION: Final[dict[str, Any]] = {
    "title": "Morning report", "description": "", "playbook": "Report", "app": "", "task": "", "instance": "",
    "inputs": {"days": 1}, "cron": "0 6 * * MON-FRI", "every": None, "time_zone": "Europe/Berlin", "jitter": 60.0,
    "missed": "once", "overlap": "skip", "starts_at": None, "ends_at": None, "status": "active",
}  # fmt: skip
_SCHEDULE: Final = {
    **_DEFINITION, "id": 2, "next_at": "2030-01-02T05:00:00Z", "due_at": "2030-01-02T05:00:31.250Z",
    "last_at": "2030-01-01T05:00:00Z", "last_run_id": RUN["id"], "status_reason": "", "playbook_id": 3,
    "integration_id": 0, "task_id": 0, "instance_id": 0, "user_id": "admin", "created_ts": "2029-12-01T00:00:00Z",
    "updated_ts": "2029-12-01T00:00:00Z", "revision": 23,
}  # fmt: skip
_RUN: Final = {
    **RUN, "integration_id": 0, "task_id": 0, "app_title": "", "task_tag": "", "playbook_id": 3,
    "playbook_title": "Report", "playbook_revision": 1, "instance_id": 0, "instance_title": "",
    "inputs": {"days": 1}, "results": {"pages": 4}, "attempts": [], "records_processed": 0, "performance": {},
    "trigger": "schedules/2",
}  # fmt: skip
_ONE: Final = "/api/v1/schedules/{schedule_id}"
_SCHEDULES: Final[dict[str, Any]] = {"tag": "schedules"}
_RIGHTS: Final = (
    "Whoever keeps one needs `playbooks:run` on the playbook or `runs:run` on the task, and its runs are in their name "
    "from then on. What the names mean now is what runs, whatever they mean later."
)
_NAMED: Final = Problem(status=404, codes=("not_found",))
_TAKEN: Final = Problem(status=409, codes=("duplicate",))
_UNFIT: Final = Problem(status=422, codes=("invalid_input", "not_active", "instance_needed", "instance_not_active"))

OPERATIONS = (
    Operation(
        **_SCHEDULES, method="GET", path="/api/v1/schedules", id="list_schedules", summary="Schedules by title",
        handler=list_schedules, use_case="schedules.list", params=SchedulePage, result=list[Schedule],
        answer_example=[_SCHEDULE],
    ),
    Operation(
        **_SCHEDULES, method="POST", path="/api/v1/schedules", id="create_schedule", summary="Make a schedule",
        description=_RIGHTS, handler=create_schedule, use_case="schedules.save", params=OptionalTenant,
        body=ScheduleBody, result=Schedule, status=201, example=_DEFINITION, answer_example=_SCHEDULE,
        problems=(_NAMED, _TAKEN, _UNFIT),
    ),
    Operation(
        **_SCHEDULES, method="GET", path=_ONE, id="get_schedule", summary="One schedule", handler=get_schedule,
        use_case="schedules.get", params=ScheduleId, result=Schedule, answer_example=_SCHEDULE,
    ),
    Operation(
        **_SCHEDULES, method="PUT", path=_ONE, id="replace_schedule", summary="Replace a schedule",
        description=f"Each firing changes the ETag. A secret input given as `********` stays as it is. {_RIGHTS}",
        handler=replace_schedule, use_case="schedules.save", params=ScheduleId, body=ScheduleBody, result=Schedule,
        locks=True, example=_DEFINITION, answer_example={**_SCHEDULE, "revision": 24}, problems=(_TAKEN, _UNFIT),
    ),
    Operation(
        **_SCHEDULES, method="DELETE", path=_ONE, id="remove_schedule", summary="Delete a schedule",
        description="Its runs that are under way go on.", handler=remove_schedule, use_case="schedules.remove",
        params=ScheduleId, status=204, conditional=True,
    ),
    Operation(
        **_SCHEDULES, method="POST", path=f"{_ONE}/pause", id="pause_schedule", summary="Pause a schedule",
        description="It fires no more, until it is resumed; its runs that are under way go on.",
        handler=pause_schedule, use_case="schedules.pause", params=ScheduleId, result=Schedule, conditional=True,
        answer_example={**_SCHEDULE, "status": "inactive", "next_at": None, "due_at": None},
    ),
    Operation(
        **_SCHEDULES, method="POST", path=f"{_ONE}/resume", id="resume_schedule", summary="Resume a schedule",
        description="It fires from now on; what passed meanwhile is not made up for.", handler=resume_schedule,
        use_case="schedules.resume", params=ScheduleId, result=Schedule, conditional=True, answer_example=_SCHEDULE,
    ),
    Operation(
        **_SCHEDULES, method="GET", path=f"{_ONE}/upcoming", id="list_upcoming_firings", summary="The next firings",
        description="`at` is a firing's nominal time, `due_at` when it starts a run: a little later, with jitter.",
        handler=list_upcoming, use_case="schedules.upcoming", params=UpcomingFirings, result=list[Upcoming],
        answer_example=[{"at": "2030-01-02T05:00:00Z", "due_at": "2030-01-02T05:00:31.250Z"}],
    ),
    Operation(
        **_SCHEDULES, method="POST", path=f"{_ONE}/runs", id="fire_schedule", summary="Start a schedule's run now",
        description="In the caller's name, also while it is paused. What takes too long to wait for goes on: the "
        "answer is 202 then, and the record is where `Location` says.",
        handler=fire_schedule, use_case="schedules.fire", params=ScheduleId, body=FiredByHand, result=Execution,
        status=201, also=(202,), example={"wait": False}, answer_example=_RUN,
        problems=(Problem(status=409, codes=("run_under_way",)), _UNFIT),
    ),
)  # fmt: skip
