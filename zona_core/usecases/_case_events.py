"""The events of one case, in the order of time: page by page, or from the n-th on, with how many there are.

A case has links to its events, which say when each happened. Without conditions on the events themselves only the links
are counted and skipped, and the events of the page alone are read. To skip many links, counting halves the stretch of
time in which the n-th one lies: none of those before it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import define

from zona_core.domain.alerts import EventLink
from zona_core.domain.events import Event
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.database import TenantData
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Condition, In, Range, Where
from zona_core.usecases._event_search import EventFilter, where_of

__all__ = ["MOST_OFFSET", "CaseEvents", "EventPage"]

#: events that may be skipped: a case takes in no more by itself
MOST_OFFSET: Final = 100_000
MOST_EVENTS: Final = 1_000
#: links that are looked at together
_PAGE: Final = 1_000
#: pages of links that one page of events looks through, if few of them fit
_MOST_PAGES: Final = 20
_TICK: Final = timedelta(milliseconds=1)
_COUNTED: Final = 1_000_000


@define(frozen=True, kw_only=True)
class EventPage:
    """Some of a case's events."""

    items: list[Event]
    #: how many there are that fit
    total: int


class CaseEvents:
    """The events of a case that ``wanted`` fits and, if it is given, that ``rule`` brought."""

    def __init__(
        self, data: TenantData, case_id: int, wanted: EventFilter, *, rule: str = "", newest_first: bool = False
    ) -> None:
        """Raises ``InvalidInput`` for the filter."""
        self._data = data
        self._way = -1 if newest_first else 1
        self._of_event = where_of(wanted)
        self._of_event.pop("occurred_at", None)
        self._since, self._until = wanted.since, wanted.until
        self._of_link: dict[str, Condition] = {"holder": f"cases/{case_id}"}
        if rule:
            self._of_link["rule"] = rule

    def page(self, after: str | None, limit: int) -> Listing[Event]:
        """A page; it may have less than ``limit`` although there are more, if few of the events fit."""
        found: list[Event] = []
        for _ in range(_MOST_PAGES):
            wanted = max(limit - len(found), 1)
            links = self._data.event_links.find(
                self._where(), sort=[("at", self._way)], after=after, limit=min(wanted, _PAGE)
            )
            found += self._events(links.items)
            after = links.next
            if after is None or len(found) >= limit:
                break
        return Listing(items=found, next=after)

    def at(self, offset: int, limit: int) -> EventPage:
        """Those from the ``offset``-th on (0: the first), and how many there are. Raises ``InvalidInput``."""
        faults = [
            Fault(name, f"{value} is out of range", f"{least}-{most}")
            for name, value, least, most in (("offset", offset, 0, MOST_OFFSET), ("limit", limit, 1, MOST_EVENTS))
            if not least <= value <= most
        ]
        if faults:
            raise InvalidInput.of(faults, "The page")
        if self._of_event:
            return self._at_filtered(offset, limit)
        total = self._data.event_links.count(self._where(), limit=_COUNTED)
        if offset >= total:
            return EventPage(items=[], total=total)
        return EventPage(items=self._events(self._links_at(offset, limit)), total=total)

    def _at_filtered(self, offset: int, limit: int) -> EventPage:
        """Where events are asked, each page of links tells how many of its events fit; those wanted are read."""
        items: list[Event] = []
        seen = 0
        for links in self._all_links():
            ids: Where = {**self._of_event, "_id": In([link.event_id for link in links])}
            fitting = self._data.events.count(ids, limit=_PAGE)
            if fitting and seen + fitting > offset and len(items) < limit:
                items += self._events(links)[max(offset - seen, 0) :]
            seen += fitting
        return EventPage(items=items[:limit], total=seen)

    def _links_at(self, offset: int, limit: int) -> list[EventLink]:
        ahead = self._where()
        if offset > _PAGE:
            ahead, offset = self._halved(offset)
        found: list[EventLink] = []
        after, wanted = None, offset + limit
        while len(found) < wanted:
            page = self._data.event_links.find(
                ahead, sort=[("at", self._way)], after=after, limit=min(wanted - len(found), 2 * _PAGE)
            )
            found += page.items
            after = page.next
            if after is None:
                break
        return found[offset:wanted]

    def _halved(self, skip: int) -> tuple[Where, int]:
        """A query for links that begin not far before the ``skip``-th, and how many of them still are to be skipped."""
        low, high = self._ends()
        while skip > _PAGE and high - low > _TICK:
            middle = low + _whole((high - low) / 2)
            nearer, farther = ((low, middle), (middle, high))[:: self._way]
            count = self._data.event_links.count(self._where(*nearer), limit=_COUNTED)
            low, high = farther if count <= skip else nearer
            skip -= count if count <= skip else 0
        return (self._where(since=low) if self._way > 0 else self._where(until=high)), skip

    def _ends(self) -> tuple[datetime, datetime]:
        """Whole milliseconds between which all links are: from the first one on, and before the second one."""
        links = self._data.event_links
        first, last = (
            links.find(self._where(), sort=[("at", way)], limit=1).items[0].at for way in (1, -1)
        )  # there are some
        return _floor(first), _floor(last) + _TICK

    def _all_links(self) -> Iterator[Sequence[EventLink]]:
        after = None
        while True:
            page = self._data.event_links.find(self._where(), sort=[("at", self._way)], after=after, limit=_PAGE)
            yield page.items
            after = page.next
            if after is None:
                return

    def _events(self, links: Sequence[EventLink]) -> list[Event]:
        """The events of links, in their order, as far as they fit and are there."""
        if not links:
            return []
        ids: Where = {**self._of_event, "_id": In([link.event_id for link in links])}
        found = {event.id: event for event in self._data.events.find(ids, limit=len(links)).items}
        return [found[link.event_id] for link in links if link.event_id in found]

    def _where(self, since: datetime | None = None, until: datetime | None = None) -> Where:
        begins = [each for each in (since, self._since) if each is not None]
        ends = [each for each in (until, self._until) if each is not None]
        if not begins and not ends:
            return self._of_link
        return {**self._of_link, "at": Range(gte=max(begins, default=None), lt=min(ends, default=None))}


def _floor(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1_000 * 1_000)


def _whole(span: timedelta) -> timedelta:
    """So many whole milliseconds, at least one."""
    return max(span // _TICK, 1) * _TICK
