"""What the operations of cases have in common: parameters, and examples of what they give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from attrs import define
from msgspec import Meta

from zona_http.operation import Problem

from ._common import Cursor, Id, OptionalTenant, PageSize

__all__ = [
    "CASE",
    "CASES",
    "CLOSED",
    "ENTRY",
    "NO_CASE",
    "ONE",
    "SIGHTING",
    "AlertIds",
    "CaseId",
    "EventIds",
    "Moment",
    "Name",
    "OfCase",
    "Prose",
    "Severity",
    "Tags",
]

Moment: TypeAlias = Annotated[datetime, Meta(tz=True, examples=["2030-01-31T08:00:00Z"])]
Name: TypeAlias = Annotated[str, Meta(max_length=200)]
Prose: TypeAlias = Annotated[str, Meta(max_length=20_000)]
Severity: TypeAlias = Literal["informational", "low", "medium", "high", "critical"]
Tags: TypeAlias = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=200)]
AlertIds: TypeAlias = Annotated[tuple[Id, ...], Meta(max_length=1_000)]
EventIds: TypeAlias = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...], Meta(max_length=1_000)]


@define(frozen=True, kw_only=True)
class CaseId(OptionalTenant):
    """Which case; the number of one that was merged into another leads to that one."""

    case_id: Id


@define(frozen=True, kw_only=True)
class OfCase(CaseId):
    """A page of what belongs to a case."""

    after: Cursor | None = None
    limit: PageSize = 100


#: one case
ONE: Final = "/api/v1/cases/{case_id}"
CASES: Final[dict[str, Any]] = {"tag": "cases"}
NO_CASE: Final = Problem(status=404, codes=("not_found",))
#: what is not done to a case that is not worked on
CLOSED: Final = Problem(status=409, codes=("case_closed",))

_TASK: Final = {
    "id": 1, "title": "Ask the user", "status": "open", "owner": "", "due_at": None,
    "created_at": "2030-01-31T12:05:00Z", "done_at": None,
}  # fmt: skip
#: an example of a case
CASE: Final[dict[str, Any]] = {
    "id": 3, "title": "Encoded PowerShell (host ws-7)", "description": "", "severity": "high", "status": "in_progress",
    "resolution": "", "summary": "", "owner": "ann", "tags": ["attack.execution"], "entity": "host:ws-7",
    "group": {"entity": "host:ws-7"}, "group_key": "cb2a5264c0385f263b3230d408c81176",
    "rules": ["ca2092a1-c273-4878-9b4b-0d60115bf5ea"], "alerts": 1, "first_at": "2030-01-31T12:00:00Z",
    "last_at": "2030-01-31T12:04:00Z", "tasks": [_TASK], "policy_id": 2, "respond_by": "2030-01-31T13:05:00Z",
    "resolve_by": "2030-02-01T12:05:00Z", "responded_at": "2030-01-31T12:20:00Z", "breaches": [],
    "breach_at": "2030-02-01T12:05:00Z", "merged_into": 0, "user_id": "policies", "created_at": "2030-01-31T12:05:00Z",
    "updated_at": "2030-01-31T12:20:00Z", "closed_at": None, "revision": 3,
}  # fmt: skip
ENTRY: Final[dict[str, Any]] = {
    "id": "3-00000004", "case_id": 3, "at": "2030-01-31T12:20:00Z", "kind": "comment", "actor": "ann",
    "text": "The user says that it was not him.", "details": {}, "revision": 1,
}  # fmt: skip
SIGHTING: Final[dict[str, Any]] = {
    "type_id": 1, "type": "Hostname", "value": "ws-7", "case_id": 3, "first_at": "2030-01-31T12:00:00Z",
    "last_at": "2030-01-31T12:04:00Z", "count": 3, "note": "the laptop of the board", "malicious": None, "revision": 1,
}  # fmt: skip
