"""The mapper for AWS CloudTrail, on the log of an attack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zona_core.domain.events import Event
from zona_core.errors import UnmappableEvent
from zona_core.ports.events import EventMapper
from zona_mappers._cloudtrail import records

Made = Callable[..., Event]


def test_every_record_is_mapped(cloudtrail: EventMapper, trail: list[dict[str, Any]], made: Made) -> None:
    """None is refused; the key is that of ``eventID``."""
    events = [made(cloudtrail, raw) for raw in trail]
    assert all(cloudtrail.accepts(raw) for raw in trail)
    assert len({event.id for event in events}) == len({raw["eventID"] for raw in trail})
    assert {event.class_uid for event in events} >= {3001, 3002, 6003}
    assert all(event.status_id == (2 if "errorCode" in raw else 1) for event, raw in zip(events, trail, strict=True))


def test_a_call(cloudtrail: EventMapper, trail: list[dict[str, Any]], made: Made) -> None:
    """Who called what, from where, with which key."""
    raw = next(
        each for each in trail if each["eventName"].startswith("Describe") and "userName" in each["userIdentity"]
    )
    event = made(cloudtrail, raw)
    assert (event.type_uid, event.class_name, event.activity_name) == (600302, "API Activity", "Read")
    assert event.user == raw["userIdentity"]["userName"]
    assert event.data["api"]["operation"] == raw["eventName"]
    assert event.data["api"]["service"] == {"name": raw["eventSource"]}
    assert event.data["cloud"] == {
        "provider": "AWS",
        "region": raw["awsRegion"],
        "account": {"uid": raw["recipientAccountId"]},
    }
    assert raw["userIdentity"]["accessKeyId"] in event.values
    assert event.occurred_at.strftime("%Y-%m-%dT%H:%M:%SZ") == raw["eventTime"]


def test_logons_and_accounts(cloudtrail: EventMapper, trail: list[dict[str, Any]], made: Made) -> None:
    """Have classes of their own."""
    logon = made(cloudtrail, next(each for each in trail if each["eventName"] == "ConsoleLogin"))
    assert (logon.type_uid, logon.status_id, logon.data["service"]["name"]) == (300201, 1, "AWS Management Console")
    raw = next(each for each in trail if each["eventName"] == "CreateUser")
    created = made(cloudtrail, raw)
    assert created.type_uid == 300101
    assert created.data["user"]["name"] == raw["requestParameters"]["userName"]
    assert created.data["actor"]["user"]["name"] == raw["userIdentity"]["userName"]


def test_services_are_named_where_addresses_stand(cloudtrail: EventMapper, made: Made) -> None:
    """A call by a service of AWS has its name in the place of an address."""
    raw = {
        "eventName": "AssumeRole",
        "eventSource": "sts.amazonaws.com",
        "eventTime": "2030-01-31T12:00:00Z",
        "sourceIPAddress": "config.amazonaws.com",
        "userIdentity": {"type": "AWSService", "invokedBy": "config.amazonaws.com"},
    }
    event = made(cloudtrail, raw)
    assert (event.src_ip, event.data["src_endpoint"]) == ("", {"hostname": "config.amazonaws.com"})
    assert (event.activity_id, event.activity_name) == (99, "AssumeRole")
    assert event.data["actor"] == {"user": {"type": "AWSService"}, "invoked_by": "config.amazonaws.com"}


def test_records_by_another_way(
    cloudtrail: EventMapper, unzipped: Callable[..., list[dict[str, Any]]], made: Made
) -> None:
    """Logstash renames the time."""
    events = [made(cloudtrail, raw) for raw in unzipped("ec2_proxy_s3_exfiltration")]
    assert {event.occurred_at.year for event in events} == {2020}


def test_documents_are_taken_apart() -> None:
    """A whole file, a list, and one record."""
    assert list(records({"Records": [{"a": 1}, {"b": 2}]})) == [{"a": 1}, {"b": 2}]
    assert list(records([{"a": 1}])) == [{"a": 1}]
    assert list(records({"a": 1})) == [{"a": 1}]


def test_what_is_no_record_is_refused(cloudtrail: EventMapper) -> None:
    """A document with records is no record."""
    with pytest.raises(UnmappableEvent) as refused:
        cloudtrail.map({"Records": []})
    assert refused.value.faults[0].path == "eventName"
