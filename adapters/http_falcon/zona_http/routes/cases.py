"""Cases: made, found, changed, closed, merged; and as a whole, for programs and for people."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from attrs import define
from msgspec import Meta

from zona_core.domain.alerts import Resolution
from zona_core.domain.cases import Case, CaseStatus
from zona_core.persistence.repository import Listing
from zona_http.operation import Answer, Call, Operation, Problem

from ._cases import (
    CASE,
    CASES,
    NO_CASE,
    ONE,
    AlertIds,
    CaseId,
    EventIds,
    Moment,
    Name,
    Prose,
    Severity,
    Tags,
)
from ._common import Id, OptionalTenant, PageOfTenant, PageSize
from ._doors import made

__all__ = ["OPERATIONS"]

_YEAR: Final = 366 * 86_400
CaseTitle = Annotated[str, Meta(min_length=1, max_length=500, examples=["Stolen access keys"])]
Seconds = Annotated[float, Meta(ge=0, le=_YEAR, description="seconds; 0: there is no such clock")]


@define(frozen=True, kw_only=True)
class CasePage(PageOfTenant):
    """A page of those cases."""

    status: Annotated[CaseStatus, Meta(description="without it all but those merged into others")] | None = None
    severity: Severity | None = None
    owner: Name = ""
    rule: Annotated[str, Meta(max_length=256, description="id of a rule that has alerts in them")] = ""
    since: Annotated[Moment, Meta(description="made at this moment or later")] | None = None
    until: Annotated[Moment, Meta(description="made before this moment")] | None = None


@define(frozen=True, kw_only=True)
class CaseSearch(OptionalTenant):
    """Words, and among which cases."""

    q: Annotated[str, Meta(min_length=1, max_length=1_000, description="words, all of which", examples=["powershell"])]
    status: CaseStatus | None = None
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class NewCase:
    """A case that somebody makes."""

    title: CaseTitle
    description: Prose = ""
    severity: Severity = "medium"
    owner: Name = ""
    tags: Tags = ()
    #: that it has from the beginning
    alerts: AlertIds = ()
    events: EventIds = ()
    respond_within: Seconds = 0.0
    resolve_within: Seconds = 0.0


@define(frozen=True, kw_only=True)
class CaseChange:
    """What is to be otherwise; what is left out, or null, stays."""

    title: CaseTitle | None = None
    description: Prose | None = None
    severity: Severity | None = None
    #: empty: nobody
    owner: Name | None = None
    tags: Tags | None = None
    #: a case is closed, reopened and merged by operations of their own
    status: Literal["open", "in_progress", "on_hold"] | None = None


@define(frozen=True, kw_only=True)
class CaseEnd:
    """How a case ended."""

    resolution: Literal["true_positive", "benign", "false_positive", "duplicate", "other"]
    summary: Prose = ""
    #: with the same resolution; else they go on to count hits, of which no case comes
    close_alerts: bool = True
    #: those that are open; else they keep the case from being closed
    cancel_tasks: bool = False


@define(frozen=True, kw_only=True)
class CaseReason:
    """Why."""

    reason: Prose = ""


@define(frozen=True, kw_only=True)
class CaseSources:
    """Which cases become parts of this one."""

    sources: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=100)]


def list_cases(call: Call) -> Listing[Case]:
    asked: CasePage = call.params
    return call.workspace.cases.list(
        status=asked.status, severity=asked.severity or "", owner=asked.owner, rule=asked.rule, since=asked.since,
        until=asked.until, after=asked.after, limit=asked.limit,
    )  # fmt: skip


def search_cases(call: Call) -> list[Case]:
    asked: CaseSearch = call.params
    return list(call.workspace.cases.search(asked.q, status=asked.status, limit=asked.limit))


def create_case(call: Call) -> Answer:
    new: NewCase = call.body
    case = call.workspace.cases.create(
        new.title, description=new.description, severity=new.severity, owner=new.owner, tags=new.tags,
        alerts=new.alerts, events=new.events, respond_within=new.respond_within, resolve_within=new.resolve_within,
    )  # fmt: skip
    return made(call, case, str(case.id))


def get_case(call: Call) -> Case:
    return call.workspace.cases.get(call.params.case_id)


def update_case(call: Call) -> Case:
    change: CaseChange = call.body
    return call.workspace.cases.update(
        call.params.case_id, title=change.title, description=change.description, severity=change.severity,
        owner=change.owner, tags=change.tags, status=None if change.status is None else CaseStatus(change.status),
        revision=call.revision,
    )  # fmt: skip


def close_case(call: Call) -> Case:
    end: CaseEnd = call.body
    return call.workspace.cases.close(
        call.params.case_id, Resolution(end.resolution), summary=end.summary, close_alerts=end.close_alerts,
        cancel_tasks=end.cancel_tasks, revision=call.revision,
    )  # fmt: skip


def reopen_case(call: Call) -> Case:
    return call.workspace.cases.reopen(call.params.case_id, reason=call.body.reason, revision=call.revision)


def merge_cases(call: Call) -> Case:
    return call.workspace.cases.merge(call.params.case_id, call.body.sources, revision=call.revision)


def export_case(call: Call) -> Answer:
    case_id: int = call.params.case_id
    headers = {"Content-Disposition": f'attachment; filename="case-{case_id}.json"'}
    return Answer(stream=call.workspace.cases.export(case_id), media_type=_JSON, headers=headers)


def report_case(call: Call) -> Answer:
    page = call.workspace.cases.report(call.params.case_id).encode()
    return Answer(body=page, media_type=f"{_HTML}; charset=utf-8", headers={"Content-Security-Policy": _PAGE_POLICY})


_JSON: Final = "application/json"
_HTML: Final = "text/html"
#: the page has a style of its own, whose digest it names in a policy that holds besides this one
_PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_NEW: Final[dict[str, Any]] = {
    "title": "Stolen access keys", "description": "Found in a public repository.", "severity": "high", "owner": "ann",
    "tags": ["cloud"], "alerts": [12], "events": [], "respond_within": 3_600.0, "resolve_within": 86_400.0,
}  # fmt: skip
_BY_HAND: Final = Problem(status=409, codes=("alert_in_case",))

OPERATIONS = (
    Operation(
        **CASES, method="GET", path="/api/v1/cases", id="list_cases", summary="Cases, the latest first",
        handler=list_cases, use_case="cases.list", params=CasePage, result=list[Case], answer_example=[CASE],
    ),
    Operation(
        **CASES, method="POST", path="/api/v1/cases", id="create_case", summary="Make a case by hand",
        description="Alerts join it only by hand.", handler=create_case, use_case="cases.create",
        params=OptionalTenant, body=NewCase, result=Case, status=201, example=_NEW, answer_example=CASE,
        problems=(NO_CASE, _BY_HAND),
    ),
    Operation(
        **CASES, method="GET", path="/api/v1/cases/search", id="search_cases", summary="Search cases for words",
        description="In title, entity, description and summary; the most relevant first.", handler=search_cases,
        use_case="cases.search", params=CaseSearch, result=list[Case], answer_example=[CASE],
        problems=(Problem(status=422, codes=("invalid_query",)),),
    ),
    Operation(
        **CASES, method="GET", path=ONE, id="get_case", summary="One case", handler=get_case, use_case="cases.get",
        params=CaseId, result=Case, answer_example=CASE,
    ),
    Operation(
        **CASES, method="PATCH", path=ONE, id="update_case", summary="Change a case",
        description="From `open`, `in_progress` and `on_hold` to one another; a closed case keeps its status.",
        handler=update_case, use_case="cases.update", params=CaseId, body=CaseChange, result=Case, locks=True,
        example={"status": "in_progress", "owner": "ann"}, answer_example=CASE,
        problems=(Problem(status=409, codes=("case_transition",)),),
    ),
    Operation(
        **CASES, method="POST", path=f"{ONE}/close", id="close_case", summary="Close a case",
        handler=close_case, use_case="cases.close", params=CaseId, body=CaseEnd, result=Case, conditional=True,
        example={"resolution": "true_positive", "summary": "The laptop was set up anew."},
        answer_example={**CASE, "status": "closed", "resolution": "true_positive", "closed_at": "2030-01-31T16:00:00Z"},
        problems=(NO_CASE, Problem(status=409, codes=("case_closed", "tasks_open"))),
    ),
    Operation(
        **CASES, method="POST", path=f"{ONE}/reopen", id="reopen_case", summary="Reopen a closed case",
        description="It has as long until it has to be closed as it had left; its alerts stay closed.",
        handler=reopen_case, use_case="cases.reopen", params=CaseId, body=CaseReason, result=Case, conditional=True,
        example={"reason": "It happened again."}, answer_example={**CASE, "status": "open"},
        problems=(NO_CASE, Problem(status=409, codes=("case_not_closed",))),
    ),
    Operation(
        **CASES, method="POST", path=f"{ONE}/merge", id="merge_cases", summary="Make other cases parts of this one",
        description="All or none: alerts, events, observables, evidence, tasks and timelines. Their numbers lead to "
        "this case from then on, and what would have joined them joins it.",
        handler=merge_cases, use_case="cases.merge", params=CaseId, body=CaseSources, result=Case, conditional=True,
        example={"sources": [5, 8]}, answer_example=CASE,
        problems=(
            NO_CASE, Problem(status=409, codes=("merge_with_itself", "case_merged", "case_closed", "too_many_tasks")),
        ),
    ),
    Operation(
        **CASES, method="GET", path=f"{ONE}/export", id="export_case", summary="A case with all that belongs to it",
        description="A JSON document (`zona-case`, version 1): the same bytes for the same case. Of evidence it has "
        "names and digests.",
        handler=export_case, use_case="cases.export", params=CaseId, media_type=_JSON,
        headers={"Content-Disposition": "a name for the file"},
    ),
    Operation(
        **CASES, method="GET", path=f"{ONE}/report", id="report_case", summary="A case as a page for people",
        description="It needs nothing from elsewhere, runs no script, and can be printed. Of a large case it has the "
        "most important part.",
        handler=report_case, use_case="cases.report", params=CaseId, media_type=_HTML,
    ),
)  # fmt: skip
