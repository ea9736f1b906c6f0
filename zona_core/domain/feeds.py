"""Feeds: where events are fetched from (SPEC §1: EventsApi; §4.5), as authors write them and as they are stored.

A feed of the kind ``poll`` runs a task at intervals and takes the events out of its outputs, page by page. One of the
kind ``stream`` reads what others write into a stream, all the time. Both are at-least-once: how far a feed has come is
stored together with the events up to there, and what is fetched again is known by its key.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import Factory, define, setters

from zona_core.errors import Fault

from .definitions import text_faults
from .item_cases import ItemCase, item_case_faults

__all__ = [
    "Backoff",
    "Feed",
    "FeedDefinition",
    "FeedKind",
    "FeedState",
    "Resume",
    "feed_faults",
]

DAY: Final = 86_400.0
_MOST_INPUTS: Final = 1_000
_LONGEST_SOURCE: Final = 100
_LONGEST_EXPRESSION: Final = 10_000
#: the longest that a remote side is left alone because it asked for it
_LONGEST_WISH: Final = DAY


class FeedKind(StrEnum):
    """How events come."""

    #: a task is run at intervals
    POLL = "poll"
    #: a stream is read all the time
    STREAM = "stream"


class Resume(StrEnum):
    """By what a poll goes on where the one before it ended."""

    #: by time: the next one asks for what happened since; a cursor counts within one poll, to turn its pages
    TIME = "time"
    #: by the cursor that the source gave last
    CURSOR = "cursor"


@define(frozen=True, kw_only=True)
class Backoff:
    """When what failed is tried again.

    After the n-th failure in a row ``initial * factor**(n-1)`` seconds later, at most ``maximum``, less a random part
    of up to ``jitter`` of it; not sooner than the remote side wished (``Retry-After``), which counts for a day at most.
    """

    initial: float = 5.0
    factor: float = 2.0
    maximum: float = 900.0
    jitter: float = 0.5

    def faults(self) -> list[Fault]:
        """What is wrong with the numbers."""
        rows = (
            ("initial", 0.1 <= self.initial <= 3_600, "0.1-3600 s"),
            ("factor", 1 <= self.factor <= 10, "1-10"),
            ("maximum", 1 <= self.maximum <= DAY, "1-86400 s"),
            ("jitter", 0 <= self.jitter <= 1, "0-1"),
        )
        return [Fault(name, f"{getattr(self, name)} is out of range", right) for name, good, right in rows if not good]

    def pause(self, failures: int, chance: float, retry_after: float | None = None) -> float:
        """Seconds to wait after so many failures (≥ 1); ``chance`` is a random number in [0, 1)."""
        # Beyond 64 doublings nothing grows that is bounded by a day.
        longest = min(self.initial * self.factor ** min(failures - 1, 64), self.maximum)
        pause = longest * (1 - self.jitter * chance)
        return max(pause, min(max(0.0, retry_after), _LONGEST_WISH)) if retry_after is not None else pause


@define(kw_only=True, on_setattr=setters.frozen)
class FeedDefinition:
    """A feed before it has an id.

    ``inputs`` are values or templates over ``cursor``, ``since``, ``until``, ``now`` (times as ISO 8601 texts),
    ``epoch`` and ``epoch_ms`` (objects with ``since``, ``until``, ``now`` as numbers), ``page`` (from 1 in each poll)
    and ``offset`` (events fetched before in the poll). The other expressions see these and ``outputs``, the task's.
    """

    title: str
    description: str = ""
    kind: FeedKind = FeedKind.POLL
    enabled: bool = True
    #: by which name its events are known: an event is stored once for each. Empty: the title, when it is first saved
    source: str = ""
    #: how events are read; empty: by the mapper that accepts them
    mapper: str = ""
    mapper_options: dict[str, Any] = Factory(dict)
    #: an expression over ``event``, as it came: those for which it is not true are left out. Empty: none is
    filter: str = ""
    #: how each new event becomes a case; None: cases come of what rules find, and of nothing else
    case: ItemCase | None = None
    backoff: Backoff = Factory(Backoff)

    # polls

    #: title or id
    app: str = ""
    #: tag or id
    task: str = ""
    #: title or id; empty: the app's only one, or none if the app needs none
    instance: str = ""
    inputs: dict[str, Any] = Factory(dict)
    #: an expression that gives the list of events
    events: str = ""
    #: an expression that gives the cursor to go on with; null and empty: there is nothing more
    cursor: str = ""
    #: an expression that says whether there is another page; empty: known by the cursor and by events having come
    more: str = ""
    #: an expression over ``event`` that gives its time; empty: polls go by the time at which they are made
    time: str = ""
    resume: Resume = Resume.TIME
    #: seconds from one poll to the next
    interval: float = 300.0
    #: seconds that are fetched again, for events that come late
    overlap: float = 60.0
    #: seconds that the first poll looks back
    lookback: float = DAY
    #: pages before other feeds have their turn; what is left follows soon
    most_pages: int = 100
    #: seconds that a page may take; None: as the task says
    timeout: float | None = None

    # streams

    #: the kind of stream: ``kafka``
    stream: str = ""
    #: which one, and how it is reached; stored, secrets are sealed
    options: dict[str, Any] = Factory(dict)


@define(kw_only=True, on_setattr=setters.frozen)
class Feed(FeedDefinition):
    """A stored feed."""

    id: int
    #: what the names meant when it was saved, and what is run whatever they mean by now; 0 where nothing is named
    integration_id: int = 0
    task_id: int = 0
    #: also the app's only instance, where none is named
    instance_id: int = 0
    #: name of the actor who saved it last
    user_id: str = ""
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class FeedState:
    """How far a feed has come, and who is at it. All times are the store's."""

    #: the feed's
    id: int
    kind: FeedKind
    #: when a worker is to take it in hand; while one has it, when its lease ends. None: the feed is disabled
    due_at: datetime | None = None
    #: who has it in hand; empty: nobody
    owner: str = ""
    #: how often it changed hands: whoever has an older token can write nothing any more
    token: int = 0

    #: what the source gave to go on with
    cursor: Any = ""
    #: the latest time of an event up to which everything was fetched
    high_water: datetime | None = None
    #: of the poll under way: the times that it asks for, …
    since: datetime | None = None
    until: datetime | None = None
    #: … the latest time of an event so far, and the pages and events taken
    reached: datetime | None = None
    page: int = 0
    offset: int = 0

    #: when the last poll began
    polled_at: datetime | None = None
    #: when the last one succeeded
    succeeded_at: datetime | None = None
    #: a moment at which nothing was left to fetch
    caught_up_at: datetime | None = None
    #: the last poll left pages for the next one
    behind: bool = False
    #: failures in a row
    failures: int = 0
    #: after a failure: the next try
    not_before: datetime | None = None
    error_code: str = ""
    error: str = ""
    error_at: datetime | None = None

    #: since the feed was made
    polls: int = 0
    pages: int = 0
    received: int = 0
    stored: int = 0
    dead: int = 0
    #: events that ``filter`` left out
    skipped: int = 0
    revision: int = 0

    @property
    def duplicates(self) -> int:
        """Events that were there already."""
        return self.received - self.stored - self.dead


def feed_faults(feed: FeedDefinition) -> list[Fault]:
    """What is wrong with a feed, apart from whether what it names is there and its expressions can be read."""
    found = text_faults("title", feed.title, 200)
    if feed.source:
        found += text_faults("source", feed.source, _LONGEST_SOURCE)
    elif len(feed.title) > _LONGEST_SOURCE:
        found.append(Fault("source", "is empty, and the title is too long for it", f"1-{_LONGEST_SOURCE} characters"))
    found += [fault.under("backoff") for fault in feed.backoff.faults()]
    if feed.case is not None:
        found += [fault.under("case") for fault in item_case_faults(feed.case)]
    if feed.mapper_options and not feed.mapper:
        found.append(Fault("mapper_options", "go with a mapper", "the mapper's name next to them"))
    return found + (_poll_faults(feed) if feed.kind is FeedKind.POLL else _stream_faults(feed))


def _poll_faults(feed: FeedDefinition) -> list[Fault]:
    named = {name: getattr(feed, name) for name in ("app", "task", "instance")}
    found = [fault for name, text in named.items() if text for fault in text_faults(name, text, 200)]
    needed = {**{name: named[name] for name in ("app", "task")}, "events": feed.events}
    found += [Fault(name, "is missing", "app, task and events") for name, text in needed.items() if not text.strip()]
    found += [Fault(name, "goes with the kind stream", "nothing") for name in ("stream", "options") if _has(feed, name)]
    for name in ("events", "cursor", "more", "time", "filter"):
        if len(getattr(feed, name)) > _LONGEST_EXPRESSION:
            found.append(Fault(name, "is too long", f"at most {_LONGEST_EXPRESSION:,} characters"))
    if feed.resume is Resume.CURSOR and not feed.cursor:
        found.append(Fault("cursor", "is missing", "where the cursor is that polls go on by, or resume: time"))
    if len(feed.inputs) > _MOST_INPUTS:
        found.append(Fault("inputs", f"there are {len(feed.inputs)}", f"at most {_MOST_INPUTS}"))
    for name, value, least, most in (
        ("interval", feed.interval, 1, 31 * DAY),
        ("overlap", feed.overlap, 0, 31 * DAY),
        ("lookback", feed.lookback, 0, 3_660 * DAY),
        ("timeout", feed.timeout or 60, 1, 3_600),
    ):
        if not least <= value <= most:
            found.append(Fault(name, f"{value:g} s is out of range", f"{least:g}-{most:g} s"))
    if not 1 <= feed.most_pages <= 10_000:
        found.append(Fault("most_pages", f"{feed.most_pages} is out of range", "1-10000"))
    return found


def _stream_faults(feed: FeedDefinition) -> list[Fault]:
    found = [] if feed.stream else [Fault("stream", "is missing", "the kind of stream, as kafka")]
    of_polls = ("app", "task", "instance", "inputs", "events", "cursor", "more", "time")
    return found + [Fault(name, "goes with the kind poll", "nothing") for name in of_polls if _has(feed, name)]


def _has(feed: FeedDefinition, name: str) -> bool:
    return bool(getattr(feed, name))
