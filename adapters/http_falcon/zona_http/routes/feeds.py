"""Feeds: where events are fetched from, and when ingestion from an instance is best begun."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.feeds import Backoff, Feed, FeedDefinition, FeedKind, FeedState, Resume
from zona_core.persistence.repository import Listing
from zona_core.usecases._feeds.reports import PollReport
from zona_core.usecases.feeds import FeedStatus, InstanceStart
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, InTenant, OptionalTenant, PageOfTenant, Title
from ._definitions import defined
from ._doors import made

__all__ = ["OPERATIONS"]

_DAY: Final = 86_400
Name = Annotated[str, Meta(max_length=200)]
Expression = Annotated[str, Meta(max_length=10_000)]
Moment = Annotated[datetime, Meta(tz=True)]


@define(frozen=True, kw_only=True)
class BackoffBody(Backoff):
    """When what failed is tried again; times in seconds."""

    initial: Annotated[float, Meta(ge=0.1, le=3_600)] = 5.0
    factor: Annotated[float, Meta(ge=1, le=10)] = 2.0
    maximum: Annotated[float, Meta(ge=1, le=_DAY)] = 900.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.5


@define(frozen=True, kw_only=True)
class FeedBody(FeedDefinition):
    """Where events come from: a task that is polled, or a stream."""

    title: Title
    kind: FeedKind = FeedKind.POLL
    source: Annotated[str, Meta(max_length=100, description="empty: the title, when it is first saved")] = ""
    backoff: BackoffBody = Factory(BackoffBody)
    app: Annotated[Name, Meta(description="title or id; goes with a task")] = ""
    task: Annotated[Name, Meta(description="tag or id")] = ""
    instance: Annotated[Name, Meta(description="title or id; empty: the app's only one, or none if it needs none")] = ""
    inputs: Annotated[dict[str, Any], Meta(description="values or templates; secrets are texts")] = Factory(dict)
    events: Annotated[Expression, Meta(description="gives the list of events", examples=["outputs.items"])] = ""
    cursor: Annotated[Expression, Meta(description="gives the cursor to go on with")] = ""
    more: Annotated[Expression, Meta(description="whether there is another page")] = ""
    time: Annotated[Expression, Meta(description="an event's time", examples=["event.published"])] = ""
    filter: Annotated[Expression, Meta(description="events for which it is not true are left out")] = ""
    resume: Resume = Resume.TIME
    interval: Annotated[float, Meta(ge=1, le=31 * _DAY, description="seconds")] = 300.0
    overlap: Annotated[float, Meta(ge=0, le=31 * _DAY, description="seconds that are fetched again")] = 60.0
    lookback: Annotated[float, Meta(ge=0, le=3_660 * _DAY, description="seconds, of the first poll")] = float(_DAY)
    most_pages: Annotated[int, Meta(ge=1, le=10_000)] = 100
    timeout: Annotated[float, Meta(ge=1, le=3_600, description="seconds a page; null: the task's")] | None = None
    stream: Annotated[Name, Meta(description="the kind of stream", examples=["kafka"])] = ""
    options: Annotated[dict[str, Any], Meta(description="of the stream, by name; secrets are texts")] = Factory(dict)


@define(frozen=True, kw_only=True)
class FeedId(OptionalTenant):
    """Which feed."""

    feed_id: Id


@define(frozen=True, kw_only=True)
class FeedOfTask:
    """The task whose configuration describes the feed."""

    app: Annotated[Name, Meta(min_length=1, description="title or id")]
    task: Annotated[Name, Meta(min_length=1, description="tag or id")]
    instance: Name = ""
    title: Annotated[Name, Meta(description="empty: made of the app's and the task's")] = ""
    enabled: bool = True


@define(frozen=True, kw_only=True)
class Reset:
    """Where it goes on; without either, from its beginning."""

    to: Annotated[Moment, Meta(description="from this moment")] | None = None
    cursor: Annotated[str, Meta(max_length=4_000, description="from this cursor of the source")] | None = None


@define(frozen=True, kw_only=True)
class OfInstance(InTenant):
    """From which instance."""

    instance_id: Id


def list_feeds(call: Call) -> Listing[Feed]:
    return call.workspace.feeds.list(after=call.params.after, limit=call.params.limit)


def get_feed(call: Call) -> Feed:
    return call.workspace.feeds.get(call.params.feed_id)


def create_feed(call: Call) -> Answer:
    feed = call.workspace.feeds.save(defined(call.body, FeedDefinition), revision=0)
    return made(call, feed, str(feed.id))


def create_feed_of_task(call: Call) -> Answer:
    asked: FeedOfTask = call.body
    feed = call.workspace.feeds.from_task(
        asked.app, asked.task, instance=asked.instance, title=asked.title, enabled=asked.enabled
    )
    return Answer(data=feed, status=201)


def replace_feed(call: Call) -> Feed:
    definition = defined(call.body, FeedDefinition)
    return call.workspace.feeds.save(definition, feed_id=call.params.feed_id, revision=call.revision)


def remove_feed(call: Call) -> None:
    call.workspace.feeds.remove(call.params.feed_id, revision=call.revision)


def enable_feed(call: Call) -> Feed:
    return call.workspace.feeds.enable(call.params.feed_id, revision=call.revision)


def disable_feed(call: Call) -> Feed:
    return call.workspace.feeds.disable(call.params.feed_id, revision=call.revision)


def feed_state(call: Call) -> FeedStatus:
    return call.workspace.feeds.state(call.params.feed_id)


def poll_feed(call: Call) -> PollReport:
    return call.workspace.feeds.poll(call.params.feed_id)


def reset_feed(call: Call) -> FeedState:
    return call.workspace.feeds.reset(call.params.feed_id, to=call.body.to, cursor=call.body.cursor)


def ingestion_start_time(call: Call) -> InstanceStart:
    return call.workspace.feeds.start_time(call.params.instance_id)


_DEFINITION: Final[dict[str, Any]] = {
    "title": "Okta", "description": "", "kind": "poll", "enabled": True, "source": "okta", "mapper": "generic",
    "mapper_options": {"time": "published", "key": ["uuid"], "user": "actor.alternateId"}, "filter": "",
    "backoff": {"initial": 5.0, "factor": 2.0, "maximum": 900.0, "jitter": 0.5}, "app": "Okta", "task": "list_logs",
    "instance": "main", "inputs": {"since": "{{ since }}", "until": "{{ until }}", "after": "{{ cursor }}"},
    "events": "outputs.logs", "cursor": "outputs.after", "more": "", "time": "event.published", "resume": "time",
    "interval": 60.0, "overlap": 120.0, "lookback": 86_400.0, "most_pages": 100, "timeout": None, "stream": "",
    "options": {},
}  # fmt: skip
_FEED: Final = {
    **_DEFINITION, "id": 3, "integration_id": 12, "task_id": 40, "instance_id": 7, "user_id": "admin",
    "created_ts": "2029-12-01T00:00:00Z", "updated_ts": "2029-12-01T00:00:00Z", "revision": 1,
}  # fmt: skip
_STATE: Final = {
    "id": 3, "kind": "poll", "due_at": "2030-01-01T00:01:00Z", "owner": "", "token": 12, "cursor": "",
    "high_water": "2029-12-31T23:59:58Z", "since": None, "until": None, "reached": None, "page": 0, "offset": 0,
    "polled_at": "2030-01-01T00:00:00Z", "succeeded_at": "2030-01-01T00:00:01Z",
    "caught_up_at": "2030-01-01T00:00:00Z", "behind": False, "failures": 0, "not_before": None, "error_code": "",
    "error": "", "error_at": None, "polls": 12, "pages": 15, "received": 4_210, "stored": 3_907, "dead": 0,
    "skipped": 0, "revision": 40,
}  # fmt: skip
_START: Final = {
    "start_time": "2030-01-01T00:01:00Z", "since": "2029-12-31T23:57:58Z", "cursor": "", "reason": "schedule",
    "put_off": 0.0,
}  # fmt: skip
_REPORT: Final = {
    "feed_id": 3, "pages": 2,
    "events": {
        "received": 140, "stored": 131, "dead": 0, "hits": 2, "new_alerts": 1, "new_cases": 0, "alerts": [17],
        "cases": [], "runs": 0,
    },
    "skipped": 0, "complete": True, "error": None, "next_at": "2030-01-01T00:01:00Z", "duration_ms": 812.4,
}  # fmt: skip
_ONE: Final = "/api/v1/feeds/{feed_id}"
_FEEDS: Final[dict[str, Any]] = {"tag": "feeds"}
_RIGHTS: Final = (
    "Whoever keeps a poll needs `runs:run` on its task. What the names mean now is what is run, whatever they mean "
    "later."
)
_NAMED: Final = Problem(status=404, codes=("not_found",))
_TAKEN: Final = Problem(status=409, codes=("duplicate",))
_UNFIT: Final = Problem(status=422, codes=("invalid_input", "instance_needed", "instance_not_active"))

OPERATIONS = (
    Operation(
        **_FEEDS, method="GET", path="/api/v1/feeds", id="list_feeds", summary="Feeds by title", handler=list_feeds,
        use_case="feeds.list", params=PageOfTenant, result=list[Feed], answer_example=[_FEED],
    ),
    Operation(
        **_FEEDS, method="POST", path="/api/v1/feeds", id="create_feed", summary="Make a feed", description=_RIGHTS,
        handler=create_feed, use_case="feeds.save", params=OptionalTenant, body=FeedBody, result=Feed, status=201,
        example=_DEFINITION, answer_example=_FEED, problems=(_NAMED, _TAKEN, _UNFIT),
    ),
    Operation(
        **_FEEDS, method="POST", path="/api/v1/feeds/of-task", id="create_feed_of_task",
        summary="Make the feed that a task's configuration describes",
        description=f"Its `events_api_config`, or that which its `case_ingestion_config` refers to. {_RIGHTS}",
        handler=create_feed_of_task, use_case="feeds.from_task", params=OptionalTenant, body=FeedOfTask, result=Feed,
        status=201, example={"app": "Okta", "task": "list_logs"}, answer_example=_FEED,
        problems=(_NAMED, _TAKEN, _UNFIT),
    ),
    Operation(
        **_FEEDS, method="GET", path=_ONE, id="get_feed", summary="One feed", handler=get_feed, use_case="feeds.get",
        params=FeedId, result=Feed, answer_example=_FEED,
    ),
    Operation(
        **_FEEDS, method="PUT", path=_ONE, id="replace_feed", summary="Replace a feed",
        description="A poll that is under way is broken off; one that goes elsewhere from now on begins anew. A secret "
        f"given as `********` stays as it is, if it goes to where it went. {_RIGHTS}",
        handler=replace_feed, use_case="feeds.save", params=FeedId, body=FeedBody, result=Feed, locks=True,
        example=_DEFINITION, answer_example={**_FEED, "revision": 2}, problems=(_TAKEN, _UNFIT),
    ),
    Operation(
        **_FEEDS, method="DELETE", path=_ONE, id="remove_feed", summary="Delete a feed",
        description="Its events stay.", handler=remove_feed, use_case="feeds.remove", params=FeedId, status=204,
        conditional=True,
    ),
    Operation(
        **_FEEDS, method="POST", path=f"{_ONE}/enable", id="enable_feed", summary="Have a feed be fetched",
        handler=enable_feed, use_case="feeds.enable", params=FeedId, result=Feed, conditional=True,
        answer_example=_FEED,
    ),
    Operation(
        **_FEEDS, method="POST", path=f"{_ONE}/disable", id="disable_feed", summary="Have a feed be fetched no more",
        description="What is under way ends soon.", handler=disable_feed, use_case="feeds.disable", params=FeedId,
        result=Feed, conditional=True, answer_example={**_FEED, "enabled": False},
    ),
    Operation(
        **_FEEDS, method="GET", path=f"{_ONE}/state", id="feed_state", summary="How far a feed has come",
        handler=feed_state, use_case="feeds.state", params=FeedId, result=FeedStatus,
        answer_example={"state": _STATE, "start": _START, "lag": 12.5},
    ),
    Operation(
        **_FEEDS, method="POST", path=f"{_ONE}/poll", id="poll_feed", summary="Fetch what there is now",
        description="Also while it is disabled. The answer comes when that is done; a failure stands in it.",
        handler=poll_feed, use_case="feeds.poll", params=FeedId, result=PollReport, answer_example=_REPORT,
        problems=(_NAMED, Problem(status=409, codes=("feed_busy",))),
    ),
    Operation(
        **_FEEDS, method="POST", path=f"{_ONE}/reset", id="reset_feed", summary="Go on from another place",
        description="What is fetched again is not stored twice.", handler=reset_feed, use_case="feeds.reset",
        params=FeedId, body=Reset, result=FeedState, example={"to": "2029-12-31T00:00:00Z"}, answer_example=_STATE,
        problems=(_NAMED, Problem(status=422, codes=("no_poll",))),
    ),
    Operation(
        **_FEEDS, method="GET", path="/apps/v1/case-ingestion-start-time/{tenant_code}/{instance_id}",
        id="case_ingestion_start_time", summary="When ingestion from an instance is best begun next",
        description="Computed from how far its feeds have come, their intervals, the load, and pauses after failures. "
        "`since` is the time from which to fetch, `due_at` when a worker does so by itself.",
        handler=ingestion_start_time, use_case="feeds.start_time", params=OfInstance, result=InstanceStart,
        answer_example={
            **_START, "feed_id": 3, "due_at": "2030-01-01T00:01:00Z",
            "load": {"waiting": 2, "running": 5, "ingesting": 1}, "failures": 0, "backoff_until": None,
        },
    ),
)  # fmt: skip
