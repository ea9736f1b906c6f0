"""How far a feed has come with a page, and whether there is another. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from attrs import define

from zona_core.domain.feed_starts import to_millisecond
from zona_core.domain.feeds import FeedDefinition, FeedState, Resume
from zona_core.usecases._feeds.compiled import Moments

__all__ = ["BEGUN_ANEW", "PageSeen", "Progress", "progress_of"]

#: what the state has between two polls
_NOT_UNDER_WAY: Final[dict[str, Any]] = {"since": None, "until": None, "reached": None, "page": 0, "offset": 0}
#: the poll under way is given up: the next one asks again from where this one began
BEGUN_ANEW: Final[dict[str, Any]] = {**_NOT_UNDER_WAY, "cursor": ""}


@define(frozen=True, kw_only=True)
class PageSeen:
    """What a page tells."""

    #: how many events it has
    events: int
    #: to go on with; None: there is none
    cursor: Any = None
    #: what the feed's own expression says; None: it has none
    more: bool | None = None
    #: the latest time of an event
    latest: datetime | None = None
    #: whether the feed's inputs ask for pages by number or offset
    by_number: bool = False


@define(frozen=True, kw_only=True)
class Progress:
    """What follows from it."""

    #: there is another page
    goes_on: bool
    #: the next page would be the same as this one
    stuck: bool = False
    #: attributes of the state
    values: dict[str, Any]


def progress_of(feed: FeedDefinition, state: FeedState, moments: Moments, page: PageSeen) -> Progress:
    """Whether there is another page, and the state as it is once this one is stored."""
    reached = max((at for at in (state.reached, page.latest) if at is not None), default=None)
    if not _goes_on(feed, state, page):
        return Progress(goes_on=False, values=_ended(feed, state, moments, page.cursor, reached))
    values: dict[str, Any] = {
        "page": state.page + 1,
        "offset": state.offset + page.events,
        "reached": reached,
        "since": moments.since,
        "until": moments.until,
    }
    if feed.cursor:
        return Progress(goes_on=True, values={**values, "cursor": page.cursor})
    if page.by_number:
        return Progress(goes_on=True, values=values)
    # By time: pages come in the order of time, and the next one begins where this one ended.
    since = moments.since if reached is None else to_millisecond(max(reached, moments.since))
    return Progress(goes_on=True, stuck=since == moments.since, values={**values, "since": since})


def _goes_on(feed: FeedDefinition, state: FeedState, page: PageSeen) -> bool:
    if feed.cursor:
        if page.cursor is None or page.cursor == state.cursor:
            return False
        if page.more is not None:
            return page.more
        # Where polls go on by the cursor there always is one, also with a page that is empty; else only while there is
        # more, and pages on the way may be empty.
        return feed.resume is Resume.TIME or page.events > 0
    if page.by_number:
        return page.events > 0 and page.more is not False
    return page.events > 0 and bool(page.more) and bool(feed.time)


def _ended(
    feed: FeedDefinition, state: FeedState, moments: Moments, cursor: Any, reached: datetime | None
) -> dict[str, Any]:
    """Everything up to here was fetched. Without events' times the poll's own time counts."""
    water = moments.until
    if feed.time:
        water = max((at for at in (state.high_water, reached) if at is not None), default=None)  # type: ignore[assignment]
    values = {**_NOT_UNDER_WAY, "high_water": water, "caught_up_at": moments.until, "cursor": ""}
    if feed.resume is Resume.CURSOR:
        values["cursor"] = state.cursor if cursor is None else cursor
    return values
