"""When a feed's next poll is best begun, and from where. Pure: the caller has the clock (SPEC §3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from attrs import define

from .feeds import DAY, Feed, FeedState

__all__ = ["IngestionStart", "Load", "StartReason", "next_start", "since_of", "to_millisecond", "without_feed"]

#: runs that wait for a worker at which a poll is put off as long as it may be
_FULL: Final = 1_000
#: seconds that a poll is put off at most because much is waiting
_LONGEST_PUT_OFF: Final = 60.0
#: with it a time that is cut to milliseconds is never earlier than it was
_ALMOST: Final = timedelta(microseconds=999)
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class StartReason(StrEnum):
    """What decides when the next poll begins."""

    #: nothing was fetched yet, or its time has come
    DUE = "due"
    #: the interval
    SCHEDULE = "schedule"
    #: the last poll left pages
    BEHIND = "behind"
    #: the last one failed
    BACKOFF = "backoff"
    #: one is under way: this is the one after it
    UNDER_WAY = "under_way"
    #: many runs wait for workers
    LOAD = "load"
    #: the feed is disabled: there is none
    DISABLED = "disabled"
    #: the instance has no feed
    NO_FEED = "no_feed"


@define(frozen=True, kw_only=True)
class Load:
    """What a tenant has under way."""

    #: runs that are due and in no worker's hands; counted up to 1,000
    waiting: int = 0
    #: runs in workers' hands, likewise
    running: int = 0
    #: feeds that are being fetched
    ingesting: int = 0


@define(frozen=True, kw_only=True)
class IngestionStart:
    """The next start."""

    #: when; None if there is none
    start_time: datetime | None
    #: from which event time on it fetches, as far as it goes by time
    since: datetime | None
    #: the source's cursor that it goes on with; empty: none
    cursor: Any = ""
    reason: StartReason
    #: seconds by which it is put off because of the load
    put_off: float = 0.0


def next_start(feed: Feed, state: FeedState, load: Load, now: datetime) -> IngestionStart:
    """The next start of a poll.

    Never before ``now`` or before the end of a pause after failures, and put off a little, at most a minute and at most
    the feed's interval, the more runs wait.
    """
    since = since_of(feed, state, now)
    if not feed.enabled:
        return IngestionStart(start_time=None, since=since, cursor=state.cursor, reason=StartReason.DISABLED)
    base, reason = _base(feed, state, now)
    put_off = round(min(1.0, load.waiting / _FULL) * min(feed.interval, _LONGEST_PUT_OFF), 3)
    start = base + timedelta(seconds=put_off)
    if start <= now:
        start, put_off = now, 0.0
        reason = StartReason.DUE if reason in (StartReason.SCHEDULE, StartReason.BACKOFF) else reason
    elif base <= now:
        reason = StartReason.LOAD
    return IngestionStart(
        start_time=to_millisecond(start + _ALMOST), since=since, cursor=state.cursor, reason=reason, put_off=put_off
    )


def without_feed(now: datetime) -> IngestionStart:
    """For an instance that nothing is fetched from: whoever does that begins now, a day back."""
    return IngestionStart(start_time=now, since=now - timedelta(seconds=DAY), reason=StartReason.NO_FEED)


def since_of(feed: Feed, state: FeedState, now: datetime) -> datetime:
    """From which time on a poll asks for events: that of the poll under way, or what was reached less the overlap."""
    if state.since is not None:
        return state.since
    # A time that no calendar has is as early as can be.
    if state.high_water is not None:
        return to_millisecond(max(_EARLIEST, state.high_water - timedelta(seconds=feed.overlap)))
    return to_millisecond(max(_EARLIEST, now - timedelta(seconds=feed.lookback)))


def to_millisecond(at: datetime) -> datetime:
    """``at`` as every database can keep it, never later."""
    return at.replace(microsecond=at.microsecond // 1_000 * 1_000)


def _base(feed: Feed, state: FeedState, now: datetime) -> tuple[datetime, StartReason]:
    """The next start if there were no load."""
    under_way = bool(state.owner) and state.due_at is not None and state.due_at > now
    if state.failures and state.not_before is not None:
        base, reason = state.not_before, StartReason.BACKOFF
    elif state.polled_at is None:
        base, reason = now, StartReason.DUE
    elif state.behind and not under_way:
        base, reason = now, StartReason.BEHIND
    else:
        base, reason = state.polled_at + timedelta(seconds=feed.interval), StartReason.SCHEDULE
    return base, StartReason.UNDER_WAY if under_way else reason
