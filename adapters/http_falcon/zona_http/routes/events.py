"""Events: sent in bulk, found again and counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from attrs import define
from msgspec import Meta

from zona_core.domain.events import Event
from zona_core.errors import Fault, InvalidInput, ZonaError
from zona_core.persistence.repository import Listing
from zona_core.usecases._event_search import EventFigures, EventFilter, Histogram
from zona_core.usecases._intake.intake import IngestReport
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Cursor, OptionalTenant, PageSize
from ._definitions import defined

__all__ = ["OPERATIONS"]

Moment = Annotated[datetime, Meta(tz=True, examples=["2030-01-31T08:00:00Z"])]
Name = Annotated[str, Meta(max_length=256)]
Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]

_AGAIN: Final = "Send all of it again: what is stored already is not stored twice."


@define(frozen=True, kw_only=True)
class SentEvents(OptionalTenant):
    """By what raw events come, and how they are read."""

    source: Annotated[
        str,
        Meta(
            min_length=1, max_length=100, description="the stream: an event comes by it once", examples=["cloudtrail"]
        ),
    ]
    mapper: Annotated[str, Meta(max_length=100, description="without it the one that takes an event")] = ""
    options: Annotated[
        str,
        Meta(max_length=6_000, description='of the mapper, as a JSON object: `{"time":"received"}`'),
    ] = ""


@define(frozen=True, kw_only=True)
class WhichEvents(OptionalTenant):
    """Which events; what is not said does not matter."""

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
    instance_id: Annotated[Number, Meta(description="polled from that instance; 0: from none")] | None = None

    def filter(self) -> EventFilter:
        """The same without what only the request has."""
        return defined(self, EventFilter)


@define(frozen=True, kw_only=True)
class EventPage(WhichEvents):
    """A page of those events."""

    after: Cursor | None = None
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class EventSearch(WhichEvents):
    """Words, and among which events."""

    q: Annotated[str, Meta(min_length=1, max_length=1_000, description="words, all of which", examples=["192.0.2.7"])]
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class EventCounts(WhichEvents):
    """By what events are counted, and which."""

    by: Annotated[
        Literal["severity", "class", "source", "host", "user", "src_ip", "dst_ip", "rule"],
        Meta(description="`rule` goes with `since` and `until` alone", examples=["severity"]),
    ]
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class EventTimes(WhichEvents):
    """Which events, and in how long intervals."""

    since: Moment
    until: Annotated[Moment, Meta(examples=["2030-01-31T20:00:00Z"])]
    seconds: Annotated[float, Meta(ge=1, le=31_622_400, description="of an interval")] = 3_600.0


@define(frozen=True, kw_only=True)
class EventKey(OptionalTenant):
    """Which event."""

    event_id: Annotated[str, Meta(min_length=1, max_length=100, examples=["9f86d081884c7d659a2feaa0c55ad015"])]


def ingest_events(call: Call) -> Answer:
    asked: SentEvents = call.params
    done = IngestReport()

    def note(report: IngestReport) -> None:
        nonlocal done
        done = report

    try:
        report = call.workspace.events.ingest_stream(
            call.body, source=asked.source, mapper=asked.mapper, options=_options(asked.options), progress=note
        )
    except ZonaError as exc:
        if done.received:
            exc.hint = exc.hint or _AGAIN
            exc.details["ingested"] = {"received": done.received, "stored": done.stored, "dead": done.dead}
        raise
    return Answer(data=report, meta={"duplicates": report.duplicates})


def _options(text: str) -> Mapping[str, Any] | None:
    if not text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput.of([Fault("query.options", "is no JSON object", '{"time":"received"}')], "The request")
    return found


def list_events(call: Call) -> Listing[Event]:
    asked: EventPage = call.params
    return call.workspace.events.list(asked.filter(), after=asked.after, limit=asked.limit)


def search_events(call: Call) -> list[Event]:
    asked: EventSearch = call.params
    return list(call.workspace.events.search(asked.q, asked.filter(), limit=asked.limit))


def count_events(call: Call) -> list[EventFigures]:
    asked: EventCounts = call.params
    return list(call.workspace.events.figures(asked.by, asked.filter(), limit=asked.limit))


def show_histogram(call: Call) -> Histogram:
    asked: EventTimes = call.params
    return call.workspace.events.histogram(asked.filter(), seconds=asked.seconds)


def get_event(call: Call) -> Event:
    return call.workspace.events.get(call.params.event_id)


_RAW: Final = {
    "eventVersion": "1.08", "eventID": "3038ebd2-c98a-4c65-9b6e-e22506292313", "eventTime": "2030-01-31T12:00:00Z",
    "eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "awsRegion": "us-east-1",
    "sourceIPAddress": "192.0.2.7", "userIdentity": {"type": "IAMUser", "userName": "ann"},
}  # fmt: skip
_EVENT: Final[dict[str, Any]] = {
    "id": "9f86d081884c7d659a2feaa0c55ad015", "source": "cloudtrail", "instance_id": 0, "mapper": "cloudtrail",
    "occurred_at": "2030-01-31T12:00:00Z", "received_at": "2030-01-31T12:05:00Z", "class_uid": 6003,
    "class_name": "API Activity", "category_uid": 6, "activity_id": 3, "activity_name": "Update",
    "type_uid": 600303, "severity_id": 1, "status_id": 1, "message": "StopLogging by ann", "host": "", "user": "ann",
    "src_ip": "192.0.2.7", "dst_ip": "", "values": ["ann", "192.0.2.7"],
    "observables": [{"name": "src_endpoint.ip", "type_id": 2, "type": "IP Address", "value": "192.0.2.7"}],
    "data": {"api": {"operation": "StopLogging"}}, "raw": _RAW, "revision": 1,
}  # fmt: skip
_REPORT: Final = {
    "received": 394, "stored": 392, "dead": 1, "hits": 36, "new_alerts": 5, "new_cases": 1,
    "alerts": [2, 3, 4, 5, 6], "cases": [1], "runs": 0,
}  # fmt: skip
_EVENTS: Final[dict[str, Any]] = {"tag": "events"}
_FILTERED: Final = (Problem(status=422, codes=("invalid_input",)),)
_SEARCHED: Final = (Problem(status=422, codes=("invalid_input", "invalid_query")),)

OPERATIONS = (
    Operation(
        **_EVENTS, method="POST", path="/api/v1/events", id="ingest_events", summary="Take events in",
        description="The body is raw events: one JSON object a line (NDJSON), a JSON array, CloudTrail's `Records`, or "
        "JSON documents one after another; compressed with gzip or not, with `Content-Encoding` or without. It is "
        "stored while it comes, batch by batch, each with all that rules find in it: alerts, cases, playbooks. "
        "An event that came by the same source already is left out, so that all may be sent again at any time; "
        "therefore no `Idempotency-Key` is needed, and none is looked at. What cannot be taken becomes a dead letter "
        "and is counted as `dead`; `meta.duplicates` are those that were there. The answer is 200 when all is stored. "
        "If it fails midway, `details.ingested` of the problem says how far it came.",
        handler=ingest_events, use_case="events.ingest_stream", params=SentEvents, repeatable=True,
        stream=("application/x-ndjson", "application/json", "application/gzip"), result=IngestReport,
        example=[_RAW], answer_example=_REPORT,
        problems=(
            Problem(status=400, codes=("body_missing", "body_incomplete", "body_damaged")),
            Problem(status=404, codes=("not_found",)),
            Problem(status=415, codes=("unsupported_media_type", "unsupported_encoding")),
        ),
    ),
    Operation(
        **_EVENTS, method="GET", path="/api/v1/events", id="list_events", summary="Events, the latest first",
        handler=list_events, use_case="events.list", params=EventPage, result=list[Event], answer_example=[_EVENT],
        problems=_FILTERED,
    ),
    Operation(
        **_EVENTS, method="GET", path="/api/v1/events/search", id="search_events",
        summary="Events by words, the most relevant first",
        description="Those that have every word of `q` in their message or their observables' values. Case and "
        "diacritics do not count, of the last word the beginning is enough, and nothing in `q` is an operator.",
        handler=search_events, use_case="events.search", params=EventSearch, result=list[Event],
        answer_example=[_EVENT], problems=_SEARCHED,
    ),
    Operation(
        **_EVENTS, method="GET", path="/api/v1/events/figures", id="count_events",
        summary="How many events have which value, the most frequent first", handler=count_events,
        use_case="events.figures", params=EventCounts, result=list[EventFigures],
        answer_example=[{"value": 1, "caption": "Informational", "count": 1_325}], problems=_FILTERED,
    ),
    Operation(
        **_EVENTS, method="GET", path="/api/v1/events/histogram", id="show_event_histogram",
        summary="How many events happened when", description="1,000 intervals at most; the last may be shorter.",
        handler=show_histogram, use_case="events.histogram", params=EventTimes, result=Histogram,
        answer_example={"seconds": 3_600.0, "bars": [{"at": "2030-01-31T08:00:00Z", "count": 17}]},
        problems=_FILTERED,
    ),
    Operation(
        **_EVENTS, method="GET", path="/api/v1/events/{event_id}", id="get_event", summary="One event, and as it came",
        handler=get_event, use_case="events.get", params=EventKey, result=Event, answer_example=_EVENT,
    ),
)  # fmt: skip
