"""The mapper by expressions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from zona_core.domain.events import Event
from zona_core.errors import InvalidInput, UnmappableEvent
from zona_core.plugins import Plugins

OPTIONS: dict[str, Any] = {
    "time": "at",
    "class_uid": 3002,
    "activity_id": "what",
    "activities": {"login": 1, "logout": 2},
    "severity_id": "level",
    "severities": {"bad": 4},
    "status_id": "ok && `1` || `2`",
    "user": "who.name",
    "src_ip": "from.ip",
    "message": "join(' ', [who.name, what])",
    "key": ["id"],
    "data": {"user.name": "who.name", "src_endpoint.ip": "from.ip", "http_request.user_agent": "agent"},
    "observables": [
        {"name": "user.name", "type_id": 4, "value": "who.name"},
        {"name": "tags", "type_id": 99, "value": "tags"},
    ],
    "accepts": ["what", "who"],
}
RAW: dict[str, Any] = {
    "at": 1_900_000_000_000,
    "id": "e-1",
    "what": "login",
    "level": "bad",
    "ok": False,
    "who": {"name": "Ann"},
    "from": {"ip": "192.0.2.1"},
    "tags": ["a", "b"],
}


def test_expressions_make_an_event(plugins: Plugins, made: Callable[..., Event]) -> None:
    """What they find is there, what they do not find is left out."""
    mapper = plugins.event_mapper("generic", OPTIONS)
    assert mapper.accepts(RAW)
    assert not mapper.accepts({"what": 1})
    event = made(mapper, RAW)
    assert (event.type_uid, event.class_name, event.activity_name) == (300201, "Authentication", "Logon")
    assert (event.severity_id, event.status_id, event.user, event.src_ip) == (4, 2, "ann", "192.0.2.1")
    assert event.data == {"user": {"name": "Ann"}, "src_endpoint": {"ip": "192.0.2.1"}}
    assert event.values == ("Ann", "a", "b")
    assert (event.message, event.raw) == ("Ann login", RAW)
    assert event.occurred_at == datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC)
    assert event.id == made(mapper, {**RAW, "tags": []}).id
    assert event.id != made(mapper, {**RAW, "id": "e-2"}).id


def test_the_time_may_be_that_of_receipt(plugins: Plugins, made: Callable[..., Event]) -> None:
    """Only if the mapper is told so: otherwise an event without a time is refused."""
    event = made(plugins.event_mapper("generic", {"time": "received"}), {"a": 1})
    assert event.occurred_at == event.received_at
    with pytest.raises(UnmappableEvent) as refused:
        plugins.event_mapper("generic", {"time": "at"}).map({"a": 1})
    assert (refused.value.code, refused.value.faults[0].path) == ("event_time_invalid", "time")


def test_an_expression_that_does_not_fit_is_told(plugins: Plugins) -> None:
    """With its place in the options, and without the event's values."""
    mapper = plugins.event_mapper("generic", {"time": "received", "message": "length(a)"})
    with pytest.raises(UnmappableEvent) as refused:
        mapper.map({"a": 4711})
    assert refused.value.faults[0].path == "message"
    assert "4711" not in str(refused.value.as_dict())


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({}, "time"),
        ({"time": "a["}, "time"),
        ({"time": 3}, "time"),
        ({"time": "a", "colour": "b"}, "colour"),
        ({"time": "a", "data": {"x": "b", "x.y": "c"}}, "data.x"),
        ({"time": "a", "data": {"x..y": "c"}}, "data.x..y"),
        ({"time": "a", "data": []}, "data"),
        ({"time": "a", "observables": [{"name": "x"}]}, "observables[0]"),
        ({"time": "a", "observables": [{"name": "x", "value": "a", "type_id": 1234}]}, "observables[0].type_id"),
        ({"time": "a", "severities": {"bad": "x"}}, "severities.bad"),
        ({"time": "a", "key": "id"}, "key"),
        ({"time": "a", "class_uid": True}, "class_uid"),
    ],
)
def test_faulty_options_are_told(plugins: Plugins, options: dict[str, Any], path: str) -> None:
    """By their path."""
    with pytest.raises(InvalidInput) as refused:
        plugins.event_mapper("generic", options)
    assert [fault.path for fault in refused.value.faults] == [path]
