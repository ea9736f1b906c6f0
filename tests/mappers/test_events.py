"""Times, keys and what is the same for all mappers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core import NotFound
from zona_core.domain.events import CLASSES, MappedEvent, address, event_key, event_type, made_event, read_time
from zona_core.errors import UnmappableEvent
from zona_core.plugins import Plugins

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
SECONDS = 1_896_091_200


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2030-01-31T12:00:00Z", NOON),
        ("2030-01-31T12:00:00.0000000Z", NOON),
        ("2030-01-31T12:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2030-01-31 13:00:00+01:00", NOON),
        ("2030-01-31T12:00:00.000000+0000", NOON),
        (SECONDS, NOON),
        (SECONDS + 0.5, NOON + timedelta(milliseconds=500)),
        (SECONDS * 1_000, NOON),
        (SECONDS * 1_000_000, NOON),
        (SECONDS * 1_000_000_000 + 1_999, NOON + timedelta(microseconds=1)),
        (str(SECONDS), NOON),
        (f"{SECONDS}.25", NOON + timedelta(milliseconds=250)),
        (f"/Date({SECONDS * 1_000})/", NOON),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_they_are_written(value: Any, expected: datetime) -> None:
    """RFC 3339, ISO 8601 with any offset, and numbers since 1970 in units told by their size."""
    found = read_time(value, "at")
    assert (found, found.tzinfo) == (expected, UTC)


def test_a_time_without_a_zone_needs_one() -> None:
    """It could be any."""
    with pytest.raises(UnmappableEvent):
        read_time("2030-01-31 13:00:00", "at")
    assert read_time("2030-01-31 13:00:00", "at", timezone(timedelta(hours=1))) == NOON
    assert read_time("2030-01-31 12:00:00.000", "at", UTC) == NOON


@pytest.mark.parametrize(
    "value",
    [None, "", "-", "soon", True, [], {}, float("nan"), float("inf"), 10**40, "9" * 5000, "2030-13-01T00:00:00Z"],
)
def test_what_is_no_time_is_refused(value: Any) -> None:
    """With a code and the path; never is it taken for now."""
    with pytest.raises(UnmappableEvent) as refused:
        read_time(value, "at.time")
    assert refused.value.code == "event_time_invalid"
    assert refused.value.faults[0].path == "at.time"
    assert len(str(refused.value.as_dict())) < 500


def shuffled(value: Any, order: random.Random) -> Any:
    """The same JSON data, the members of its objects in another order."""
    if isinstance(value, dict):
        members = [(name, shuffled(each, order)) for name, each in value.items()]
        order.shuffle(members)
        return dict(members)
    return [shuffled(each, order) for each in value] if isinstance(value, list) else value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(st.text(max_size=8), json_values, max_size=6)


@given(json_objects, st.randoms(use_true_random=False))
def test_keys_do_not_depend_on_the_order_of_members(raw: dict[str, Any], order: random.Random) -> None:
    """Equal JSON has one key, with each source its own."""
    assert event_key("a", raw) == event_key("a", shuffled(raw, order))
    assert event_key("a", raw) != event_key("b", raw)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4), st.lists(st.text(max_size=5), min_size=1, max_size=4))
def test_natural_names_are_not_confused(one: list[str], other: list[str]) -> None:
    """Two names are one only if all their parts are the same."""
    assert (event_key("s", {}, one) == event_key("s", {}, other)) == (one == other)


def test_the_callers_key_counts_before_the_natural_one() -> None:
    """For those who know better what one event is."""
    mapped = MappedEvent(type=event_type(0), occurred_at=NOON, data={}, raw={"a": 1}, natural=("n",))
    made = [
        made_event(mapped, source="s", mapper="m", received_at=NOON, key=key).id for key in ("", "mine", "mine", "n")
    ]
    assert made[1] == made[2] != made[0] == made[3]


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": [value]}
    return value


def test_raw_data_that_is_no_json_has_no_key() -> None:
    """Too deep, or of no JSON type: told, not raised as it comes."""
    for raw in ({"a": deep(50_000)}, {"a": object()}):
        with pytest.raises(UnmappableEvent):
            event_key("s", raw)


def test_what_is_indexed_holds_no_nul_and_is_bounded() -> None:
    """Stores refuse a NUL in an index; data and observables keep what came."""
    mapped = MappedEvent(
        type=event_type(0),
        occurred_at=NOON,
        host="A\0B" * 500,
        user="Ann",
        src_ip="x",
        dst_ip="::0001",
        data={},
        raw={},
    )
    event = made_event(mapped, source="s", mapper="m", received_at=NOON)
    assert event.host.startswith("abab")
    assert len(event.host) <= 256
    assert (event.user, event.src_ip, event.dst_ip) == ("ann", "", "::1")


def test_addresses_have_one_form() -> None:
    """RFC 5952; without a zone, and empty for anything else."""
    assert [address(text) for text in ("2001:DB8:0::1", "fe80::1%eth0", "192.0.2.1", "192.0.2.01", "host")] == [
        "2001:db8::1",
        "fe80::1",
        "192.0.2.1",
        "",
        "",
    ]


def test_types_follow_from_classes() -> None:
    """``type_uid`` and category are computed; extensions' classes belong to the categories of the core."""
    assert {uid: event_type(uid).category_uid for uid in (0, 1007, 201001, 3002, 6003)} == {
        0: 0,
        1007: 1,
        201001: 1,
        3002: 3,
        6003: 6,
    }
    for uid, known in CLASSES.items():
        for activity, caption in known.activities.items():
            made = event_type(uid, activity)
            assert (made.type_uid, made.activity_name) == (uid * 100 + activity, caption)
    assert event_type(3002, 99, activity="Kerberoast").activity_name == "Kerberoast"
    assert event_type(9001).class_name == "Other"


def test_unknown_mappers_are_not_found(plugins: Plugins) -> None:
    """With the names of those that are there."""
    assert plugins.event_mappers() == ["cloudtrail", "generic", "suricata", "windows"]
    with pytest.raises(NotFound) as missing:
        plugins.event_mapper("syslog")
    assert "windows" in missing.value.hint
