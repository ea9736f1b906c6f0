"""What belongs to cases: their timelines, comments, tasks, alerts and observables."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from attrs import define
from msgspec import Meta

from zona_core.domain.alerts import Alert
from zona_core.domain.cases import Case, EntryKind, Sighting, TaskStatus, TimelineEntry
from zona_core.persistence.repository import Listing
from zona_http.operation import Call, Operation, Problem

from ._alerts import ALERT
from ._cases import (
    CASE,
    CASES,
    CLOSED,
    ENTRY,
    NO_CASE,
    ONE,
    SIGHTING,
    AlertIds,
    CaseId,
    EventIds,
    Moment,
    Name,
    OfCase,
)
from ._common import PageOfTenant

__all__ = ["OPERATIONS"]

TypeId = Annotated[int, Meta(ge=0, le=1_000, description="OCSF's number of the observable's type", examples=[1])]
Value = Annotated[str, Meta(min_length=1, max_length=1_024, examples=["192.0.2.7"])]
TaskTitle = Annotated[str, Meta(min_length=1, max_length=500, examples=["Ask the user"])]


@define(frozen=True, kw_only=True)
class CaseTimeline(OfCase):
    """A page of a case's timeline."""

    kind: EntryKind | None = None
    order: Annotated[Literal["oldest", "newest"], Meta(description="which comes first")] = "oldest"


@define(frozen=True, kw_only=True)
class CaseEntry(CaseId):
    """Which entry of a case's timeline."""

    entry_id: Annotated[str, Meta(min_length=1, max_length=100, examples=["3-00000004"])]


@define(frozen=True, kw_only=True)
class CaseTaskId(CaseId):
    """Which task of a case."""

    task_id: Annotated[int, Meta(ge=1, le=1_000, examples=[1])]


@define(frozen=True, kw_only=True)
class CaseObservables(OfCase):
    """A page of a case's observables."""

    type_id: TypeId | None = None


@define(frozen=True, kw_only=True)
class SightingsOf(PageOfTenant):
    """What was seen."""

    value: Value


@define(frozen=True, kw_only=True)
class CaseComment:
    """What somebody has to say."""

    text: Annotated[str, Meta(min_length=1, max_length=20_000)]


@define(frozen=True, kw_only=True)
class NewCaseTask:
    """Something that somebody has to do."""

    title: TaskTitle
    owner: Name = ""
    due_at: Moment | None = None


@define(frozen=True, kw_only=True)
class CaseTaskChange:
    """What is to be otherwise; what is left out, or null, stays."""

    title: TaskTitle | None = None
    #: empty: nobody
    owner: Name | None = None
    due_at: Moment | None = None
    status: TaskStatus | None = None


@define(frozen=True, kw_only=True)
class CaseContents:
    """Alerts and events by their ids."""

    alerts: AlertIds = ()
    events: EventIds = ()


@define(frozen=True, kw_only=True)
class Annotation:
    """What is said of an observable, in the place of what was said before."""

    type_id: TypeId
    value: Value
    note: Annotated[str, Meta(max_length=2_000)] = ""
    #: null: nobody knows
    malicious: bool | None = None


def list_timeline(call: Call) -> Listing[TimelineEntry]:
    asked: CaseTimeline = call.params
    return call.workspace.cases.timeline(
        asked.case_id, kind=asked.kind, newest_first=asked.order == "newest", after=asked.after, limit=asked.limit
    )


def comment_case(call: Call) -> TimelineEntry:
    return call.workspace.cases.comment(call.params.case_id, call.body.text)


def erase_comment(call: Call) -> TimelineEntry:
    return call.workspace.cases.erase_comment(call.params.case_id, call.params.entry_id)


def add_task(call: Call) -> Case:
    new: NewCaseTask = call.body
    return call.workspace.cases.add_task(
        call.params.case_id, new.title, owner=new.owner, due_at=new.due_at, revision=call.revision
    )


def change_task(call: Call) -> Case:
    asked: CaseTaskId = call.params
    change: CaseTaskChange = call.body
    return call.workspace.cases.change_task(
        asked.case_id, asked.task_id, title=change.title, owner=change.owner, due_at=change.due_at,
        status=change.status, revision=call.revision,
    )  # fmt: skip


def attach(call: Call) -> Case:
    given: CaseContents = call.body
    return call.workspace.cases.attach(
        call.params.case_id, alerts=given.alerts, events=given.events, revision=call.revision
    )


def detach(call: Call) -> Case:
    given: CaseContents = call.body
    return call.workspace.cases.detach(
        call.params.case_id, alerts=given.alerts, events=given.events, revision=call.revision
    )


def list_case_alerts(call: Call) -> Listing[Alert]:
    asked: OfCase = call.params
    return call.workspace.cases.alerts(asked.case_id, after=asked.after, limit=asked.limit)


def list_observables(call: Call) -> Listing[Sighting]:
    asked: CaseObservables = call.params
    return call.workspace.cases.observables(asked.case_id, type_id=asked.type_id, after=asked.after, limit=asked.limit)


def annotate(call: Call) -> Sighting:
    said: Annotation = call.body
    return call.workspace.cases.annotate(
        call.params.case_id, said.value, type_id=said.type_id, note=said.note, malicious=said.malicious
    )


def list_sightings(call: Call) -> Listing[Sighting]:
    asked: SightingsOf = call.params
    return call.workspace.cases.sightings(asked.value, after=asked.after, limit=asked.limit)


_CONTENTS: Final = {"alerts": [12], "events": ["9f86d081884c7d659a2feaa0c55ad015"]}
_CHANGES: Final[dict[str, Any]] = {**CASES, "result": Case, "conditional": True, "answer_example": CASE}

OPERATIONS = (
    Operation(
        **CASES, method="GET", path=f"{ONE}/timeline", id="list_case_timeline", summary="What happened to a case",
        handler=list_timeline, use_case="cases.timeline", params=CaseTimeline, result=list[TimelineEntry],
        answer_example=[ENTRY],
    ),
    Operation(
        **CASES, method="POST", path=f"{ONE}/comments", id="comment_case", summary="Comment on a case",
        description="The first comment by a person stops the clock until which somebody has to have begun.",
        handler=comment_case, use_case="cases.comment", params=CaseId, body=CaseComment, result=TimelineEntry,
        status=201, example={"text": "The user says that it was not him."}, answer_example=ENTRY, problems=(NO_CASE,),
    ),
    Operation(
        **CASES, method="POST", path=f"{ONE}/comments/{{entry_id}}/erase", id="erase_comment",
        summary="Erase the text of a comment",
        description="That there was one, by whom and when stays. Another's takes `cases:delete`. Not to be undone.",
        handler=erase_comment, use_case="cases.erase_comment", params=CaseEntry, result=TimelineEntry,
        answer_example={**ENTRY, "text": "", "details": {"erased": True, "erased_by": "ann"}},
        problems=(
            NO_CASE, Problem(status=403, codes=("not_own_comment",)), Problem(status=409, codes=("not_a_comment",)),
        ),
    ),
    Operation(
        **_CHANGES, method="POST", path=f"{ONE}/tasks", id="add_case_task", summary="Add a task to a case",
        description="It has the next number in the case.", handler=add_task, use_case="cases.add_task", params=CaseId,
        body=NewCaseTask, status=201, example={"title": "Ask the user"}, problems=(NO_CASE, CLOSED),
    ),
    Operation(
        **_CHANGES, method="PATCH", path=f"{ONE}/tasks/{{task_id}}", id="change_case_task",
        summary="Change a task of a case", handler=change_task, use_case="cases.change_task", params=CaseTaskId,
        body=CaseTaskChange, example={"status": "done"}, problems=(CLOSED,),
    ),
    Operation(
        **_CHANGES, method="POST", path=f"{ONE}/attach", id="attach_to_case",
        summary="Put alerts and events into a case",
        description="Alerts bring their events, and further hits of them.", handler=attach, use_case="cases.attach",
        params=CaseId, body=CaseContents, example=_CONTENTS,
        problems=(NO_CASE, Problem(status=409, codes=("case_closed", "alert_in_case"))),
    ),
    Operation(
        **_CHANGES, method="POST", path=f"{ONE}/detach", id="detach_from_case",
        summary="Take alerts and events out of a case",
        description="The events of such an alert go with it, unless another alert of the case has them or somebody put "
        "them there. It joins no case by itself any more.",
        handler=detach, use_case="cases.detach", params=CaseId, body=CaseContents, example=_CONTENTS,
        problems=(NO_CASE, CLOSED),
    ),
    Operation(
        **CASES, method="GET", path=f"{ONE}/alerts", id="list_case_alerts", summary="The alerts of a case",
        description="By the time of their last events.", handler=list_case_alerts, use_case="cases.alerts",
        params=OfCase, result=list[Alert], answer_example=[ALERT],
    ),
    Operation(
        **CASES, method="GET", path=f"{ONE}/observables", id="list_case_observables",
        summary="The observables of a case", description="By type and value.", handler=list_observables,
        use_case="cases.observables", params=CaseObservables, result=list[Sighting], answer_example=[SIGHTING],
    ),
    Operation(
        **CASES, method="PUT", path=f"{ONE}/observables", id="annotate_observable",
        summary="Say something of an observable of a case", handler=annotate, use_case="cases.annotate", params=CaseId,
        body=Annotation, result=Sighting, answer_example={**SIGHTING, "malicious": True},
        example={"type_id": 1, "value": "ws-7", "note": "the laptop of the board", "malicious": True},
    ),
    Operation(
        **CASES, method="GET", path="/api/v1/sightings", id="list_sightings",
        summary="In which cases something was seen",
        description="The latest first: an address in whichever form, a name or a digest in whichever case.",
        handler=list_sightings, use_case="cases.sightings", params=SightingsOf, result=list[Sighting],
        answer_example=[SIGHTING],
    ),
)  # fmt: skip
