"""Events are found by what they have and by words, counted, and laid out in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zona_core import EventFilter, InvalidInput, NotFound, Workspace

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)

Ids = Callable[..., list[int]]


@pytest.fixture
def ids(here: Workspace, send: Any, line: Any) -> Ids:
    """Sends some events; gives the ids of those that fit a filter, the latest first."""
    send(
        line(1, user="CORP\\Ann", ip="192.0.2.7", text="sign-in refused"),
        line(2, user="bob", host="DB1", ip="2001:DB8::1", text="sign-in"),
        line(3, user="ann@corp.example", host="db1", text="disk full"),
    )
    send(line(60, ip="192.0.2.7", text="late"), source="other")

    def found(**wanted: Any) -> list[int]:
        return [each.raw["id"] for each in here.events.list(EventFilter(**wanted)).items]

    return found


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [60, 3, 2, 1]),
        ({"source": "other"}, [60]),
        ({"host": "DB1"}, [3, 2]),
        ({"user": "BOB"}, [2]),
        ({"src_ip": "192.0.2.7"}, [60, 1]),
        ({"src_ip": "2001:0db8:0:0::1"}, [2]),
        ({"src_ip": "192.0.2.7", "source": "log"}, [1]),
        ({"since": BEGIN + timedelta(seconds=2)}, [60, 3, 2]),
        ({"until": BEGIN + timedelta(seconds=2)}, [1]),
        ({"since": BEGIN + timedelta(seconds=2), "until": BEGIN + timedelta(seconds=4)}, [3, 2]),
        ({"class_uid": 0}, [60, 3, 2, 1]),
        ({"class_uid": 3002}, []),
        ({"severity_from": 5}, []),
        ({"instance_id": 0}, [60, 3, 2, 1]),
        ({"instance_id": 9}, []),
    ],
)
def test_what_is_asked_for_is_found(ids: Ids, wanted: dict[str, Any], expected: list[int]) -> None:
    """Names in any case, addresses in any form, times with their beginning and without their end, all together."""
    assert ids(**wanted) == expected


def test_lists_come_in_pages(here: Workspace, ids: Ids) -> None:
    """One after the other, none twice."""
    first = here.events.list(limit=3)
    second = here.events.list(after=first.next, limit=3)
    assert [each.raw["id"] for each in (*first.items, *second.items)] == [60, 3, 2, 1]
    assert second.next is None


@pytest.mark.parametrize(
    "wanted",
    [
        {"since": datetime(2030, 1, 1)},  # noqa: DTZ001  # that is what is refused
        {"src_ip": "nowhere"},
        {"severity_id": 3, "severity_from": 2},
    ],
)
def test_filters_that_mean_nothing_are_refused(here: Workspace, wanted: dict[str, Any]) -> None:
    """A time without a zone, what is no address, two severities."""
    with pytest.raises(InvalidInput) as caught:
        here.events.list(EventFilter(**wanted))
    assert caught.value.faults


def test_words_find_events(here: Workspace, ids: Ids) -> None:
    """In message and observables, the beginning of the last one is enough; together with a filter."""

    def found(words: str, **wanted: Any) -> list[int]:
        return sorted(each.raw["id"] for each in here.events.search(words, EventFilter(**wanted)))

    assert found("SIGN") == [1, 2]
    assert found("refused sign") == [1]
    assert found("sign", host="db1") == [2]
    assert found("nothing") == []
    with pytest.raises(InvalidInput):
        here.events.search("  ")


def test_an_event_is_shown_whole(here: Workspace, ids: Ids) -> None:
    """As it came, and what was made of it; another id is none."""
    event = here.events.list(limit=1).items[0]
    assert here.events.get(event.id) == event
    for other in ("", "0" * 32):
        with pytest.raises(NotFound):
            here.events.get(other)


def test_events_are_counted_by_what_they_have(here: Workspace, ids: Ids, send: Any, line: Any, rule: Any) -> None:
    """The most frequent first; of rules, how many events their alerts have."""

    def figures(by: str, **wanted: Any) -> list[tuple[Any, int]]:
        return [(each.value, each.count) for each in here.events.figures(by, EventFilter(**wanted))]

    assert figures("source") == [("log", 3), ("other", 1)]
    assert sorted(figures("host")) == [("db1", 2), ("web1", 2)]
    assert figures("src_ip", source="other") == [("192.0.2.7", 1)]
    assert [each.caption for each in here.events.figures("severity")] == ["Unknown"]
    assert [each.caption for each in here.events.figures("class")] == ["Base Event"]
    here.rules.add([("bad.yml", rule())])
    send(line(70, word="bad"), line(80, word="bad"))
    (found,) = here.events.figures("rule")
    assert (found.value, found.caption, found.count) == ("bad", "Bad", 2)
    assert figures("rule", since=BEGIN + timedelta(seconds=75)) == [("bad", 1)]
    with pytest.raises(InvalidInput, match="time alone"):
        figures("rule", host="db1")
    with pytest.raises(InvalidInput, match="not counted by"):
        figures("colour")


def test_events_are_laid_out_in_time(here: Workspace, ids: Ids) -> None:
    """In even intervals, of which the last may be shorter; both ends are needed, and there is a bound."""
    wanted = EventFilter(since=BEGIN, until=BEGIN + timedelta(seconds=75))
    shown = here.events.histogram(wanted, seconds=30)
    assert [(each.at - BEGIN, each.count) for each in shown.bars] == [
        (timedelta(seconds=seconds), count) for seconds, count in ((0, 3), (30, 0), (60, 1))
    ]
    with pytest.raises(InvalidInput, match="too many"):
        here.events.histogram(EventFilter(since=BEGIN, until=BEGIN + timedelta(days=1)), seconds=1)
    with pytest.raises(InvalidInput, match="two ends"):
        here.events.histogram(EventFilter(since=BEGIN))
    with pytest.raises(InvalidInput, match="seconds"):
        here.events.histogram(wanted, seconds=0)
