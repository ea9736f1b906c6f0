"""The events of cases: by pages, and as the endpoint of SPEC §3 from the n-th on."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from attrs import define
from msgspec import Meta

from zona_core.domain.events import Event
from zona_core.persistence.repository import Listing
from zona_core.usecases._case_events import MOST_EVENTS, MOST_OFFSET
from zona_core.usecases._event_search import EventFilter
from zona_http.operation import Answer, Call, Operation

from ._alerts import EVENT
from ._cases import CASES, ONE, Moment, Name
from ._common import Cursor, Id, InTenant, PageSize
from ._definitions import defined
from .events import WhichEvents

__all__ = ["OPERATIONS"]

Rule = Annotated[Name, Meta(description="id of the rule that brought them")]
Order = Annotated[Literal["oldest", "newest"], Meta(description="which comes first")]
Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]


@define(frozen=True, kw_only=True)
class EventsOfCase(WhichEvents):
    """A page of a case's events."""

    case_id: Id
    rule: Rule = ""
    order: Order = "oldest"
    after: Cursor | None = None
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class CasePanel(InTenant):
    """Which events of a case, from which one on, and how many."""

    instance_id: Annotated[
        Number, Meta(description="polled from that instance; 0: from any, or from none", examples=[0])
    ]
    case_id: Id
    offset: Annotated[int, Meta(ge=0, le=MOST_OFFSET, description="how many are passed over", examples=[0])]
    limit: Annotated[int, Meta(ge=1, le=MOST_EVENTS, description="how many at most", examples=[100])]
    since: Annotated[Moment, Meta(description="happened at this moment or later")] | None = None
    until: Annotated[Moment, Meta(description="happened before this moment")] | None = None
    source: Name = ""
    host: Name = ""
    user: Name = ""
    src_ip: Name = ""
    dst_ip: Name = ""
    class_uid: Annotated[Number, Meta(description="OCSF's number of the class")] | None = None
    severity_id: Annotated[Number, Meta(description="OCSF's number of the severity")] | None = None
    severity_from: Annotated[Number, Meta(description="the least severity")] | None = None
    rule: Rule = ""
    order: Order = "oldest"

    def filter(self) -> EventFilter:
        """The same without what only the request has; an instance is asked for by its id, which is not 0."""
        return EventFilter(
            since=self.since, until=self.until, source=self.source, host=self.host, user=self.user,
            src_ip=self.src_ip, dst_ip=self.dst_ip, class_uid=self.class_uid, severity_id=self.severity_id,
            severity_from=self.severity_from, instance_id=self.instance_id or None,
        )  # fmt: skip


def list_case_events(call: Call) -> Listing[Event]:
    asked: EventsOfCase = call.params
    return call.workspace.cases.events(
        asked.case_id, defined(asked, EventFilter), rule=asked.rule, newest_first=asked.order == "newest",
        after=asked.after, limit=asked.limit,
    )  # fmt: skip


def panel_events(call: Call) -> Answer:
    asked: CasePanel = call.params
    page = call.workspace.cases.event_page(
        asked.case_id, asked.filter(), rule=asked.rule, newest_first=asked.order == "newest", offset=asked.offset,
        limit=asked.limit,
    )  # fmt: skip
    meta = {"total": page.total, "count": len(page.items), "offset": asked.offset, "limit": asked.limit}
    return Answer(data=page.items, meta=meta)


_PANEL: Final = "/casepanel/v1/events/{tenant_code}/{instance_id}/{case_id}/{offset}/{limit}"

OPERATIONS = (
    Operation(
        **CASES, method="GET", path=f"{ONE}/events", id="list_case_events", summary="The events of a case",
        description="In the order of time. A page may have less than `limit` although `meta.next` is there, if few of "
        "the events fit.",
        handler=list_case_events, use_case="cases.events", params=EventsOfCase, result=list[Event],
        answer_example=[EVENT],
    ),
    Operation(
        **CASES, method="GET", path=_PANEL, id="panel_case_events",
        summary="The events of a case from the n-th on, with how many there are",
        description=f"In the order of time. `meta` has how many fit in all (`total`) and how many are here (`count`). "
        f"At most {MOST_OFFSET:,} can be passed over: what is behind comes by the pages of `{ONE}/events`.",
        handler=panel_events, use_case="cases.event_page", params=CasePanel, result=list[Event],
        answer_example=[EVENT],
    ),
)  # fmt: skip
