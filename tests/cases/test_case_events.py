"""The events of a case: in the order of time, page by page and from the n-th on, with what they are asked for."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zona_core import InvalidInput, Workspace, Zona
from zona_core.domain.alerts import EventLink
from zona_core.domain.cases import Case
from zona_core.domain.events import Event, event_type, made_event
from zona_core.domain.events import MappedEvent as Mapped
from zona_core.usecases import _case_events
from zona_core.usecases._case_events import CaseEvents
from zona_core.usecases._event_search import EventFilter

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


def event_at(number: int, at: datetime, **more: Any) -> Event:
    """An event that is known by its number."""
    mapped = Mapped(type=event_type(0, 0), occurred_at=at, data={}, raw={"n": number}, **more)
    return made_event(mapped, source="test", mapper="test", received_at=BEGIN, key=str(number))


def fill(zona: Zona, case_id: int, events: list[Event], rules: tuple[str, ...] = ("",)) -> None:
    """Puts events into a case, past the use-cases."""
    data = zona._parts.database.tenant("localhost")
    for begin in range(0, len(events), 5_000):
        part = events[begin : begin + 5_000]
        data.events.insert_many(part)
        data.event_links.insert_many(
            EventLink(
                holder=f"cases/{case_id}", kind="cases", event_id=each.id, at=each.occurred_at,
                rule=rules[each.raw["n"] % len(rules)],
            )
            for each in part
        )  # fmt: skip


def numbers(events: Any) -> list[int]:
    """By what events are known."""
    return [event.raw["n"] for event in events]


@pytest.fixture
def case(here: Workspace) -> Case:
    """A case without anything."""
    return here.cases.create("Case")


@pytest.fixture
def many(zona: Zona, here: Workspace, case: Case) -> list[int]:
    """A case with 120 events of three hosts, in the order of time; gives them by their numbers."""
    shuffled = list(range(120))
    random.Random(1).shuffle(shuffled)
    fill(
        zona,
        case.id,
        [event_at(n, BEGIN + timedelta(seconds=n // 3), host=f"h{n % 3}", severity_id=n % 5) for n in shuffled],
        ("", "r1"),
    )
    found: list[int] = []
    after = None
    while True:
        page = here.cases.events(case.id, after=after, limit=50)
        found += numbers(page.items)
        after = page.next
        if after is None:
            break
    assert sorted(found) == list(range(120))
    assert [n // 3 for n in found] == sorted(n // 3 for n in found)
    return found


def test_offsets_and_pages_give_the_same_order(here: Workspace, case: Case, many: list[int]) -> None:
    """From whichever end; behind the last one there is nothing, and the total is always told."""
    for offset, limit in ((0, 10), (7, 50), (119, 10), (120, 10), (500, 1)):
        page = here.cases.event_page(case.id, offset=offset, limit=limit)
        assert (numbers(page.items), page.total) == (many[offset : offset + limit], 120)
    newest = here.cases.event_page(case.id, newest_first=True, offset=5, limit=20)
    assert numbers(newest.items) == many[::-1][5:25]


def test_events_are_asked_for_what_they_are(here: Workspace, case: Case, many: list[int]) -> None:
    """What fits is counted and paged as if there were nothing else."""
    wanted = EventFilter(host="H1", severity_from=2, since=BEGIN + timedelta(seconds=5))
    fitting = [n for n in many if n % 3 == 1 and n % 5 >= 2 and n >= 15]
    page = here.cases.event_page(case.id, wanted, offset=3, limit=4)
    assert (numbers(page.items), page.total) == (fitting[3:7], len(fitting))
    listed: list[int] = []
    after = None
    while True:
        found = here.cases.events(case.id, wanted, after=after, limit=5)
        listed += numbers(found.items)
        after = found.next
        if after is None:
            break
    assert listed == fitting
    by_rule = here.cases.event_page(case.id, EventFilter(until=BEGIN + timedelta(seconds=10)), rule="r1", limit=100)
    assert numbers(by_rule.items) == [n for n in many if n % 2 and n < 30]
    assert here.cases.event_page(case.id, EventFilter(host="h9")).total == 0
    assert here.cases.event_page(case.id, EventFilter(instance_id=7)).total == 0


def test_pages_and_filters_have_bounds(here: Workspace, case: Case) -> None:
    """What is out of them is refused, each with its path."""
    with pytest.raises(InvalidInput) as caught:
        here.cases.event_page(case.id, offset=100_001, limit=0)
    assert [fault.path for fault in caught.value.faults] == ["offset", "limit"]
    with pytest.raises(InvalidInput):
        here.cases.events(case.id, EventFilter(src_ip="nowhere"))


@settings(max_examples=25, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([0, 0, 1, 7, 1_000, 86_400_000]), min_size=1, max_size=80),
    offset=st.integers(0, 90),
    limit=st.integers(1, 20),
    newest=st.booleans(),
)
def test_whatever_the_times_the_right_events_are_skipped(
    gaps: list[int], offset: int, limit: int, newest: bool
) -> None:
    """Events of one millisecond and years apart: a page is what a list of all has there, though few are read."""
    with Zona(store="memory://") as zona, pytest.MonkeyPatch.context() as patch:
        patch.setattr(_case_events, "_PAGE", 3)
        made = zona.tenant().cases.create("Case")
        at, events = BEGIN, []
        for number, gap in enumerate(gaps):
            at += timedelta(milliseconds=gap, microseconds=number % 3)
            events.append(event_at(number, at))
        fill(zona, made.id, events)
        data = zona._parts.database.tenant("localhost")
        links = data.event_links.all({"holder": f"cases/{made.id}"}, sort=[("at", -1 if newest else 1)])
        expected = [link.event_id for link in links]
        page = CaseEvents(data, made.id, EventFilter(), newest_first=newest).at(offset, limit)
        assert [event.id for event in page.items] == expected[offset : offset + limit]
        assert page.total == len(gaps)


def test_what_is_skipped_is_not_read(zona: Zona, here: Workspace, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """To give ten events behind eight thousand others, fewer than a third of the links are read."""
    fill(zona, case.id, [event_at(n, BEGIN + timedelta(seconds=n)) for n in range(9_000)])
    data = zona._parts.database.tenant("localhost")
    read: list[int] = []
    find = type(data.event_links).find

    def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        listing = find(self, *args, **kwargs)
        read.append(len(listing.items))
        return listing

    monkeypatch.setattr(type(data.event_links), "find", counting)
    page = here.cases.event_page(case.id, offset=8_000, limit=10)
    assert numbers(page.items) == list(range(8_000, 8_010))
    assert sum(read) < 3_000
