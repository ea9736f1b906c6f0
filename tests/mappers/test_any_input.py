"""No input makes a mapper raise anything but ``UnmappableEvent``, and mapping depends on nothing but the input."""

from __future__ import annotations

import copy
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zona_core.domain.events import Event, made_event
from zona_core.errors import UnmappableEvent
from zona_core.plugins import Plugins

PLUGINS = Plugins()
MAPPERS = {
    "cloudtrail": {},
    "suricata": {},
    "windows": {"zone": "UTC"},
    "generic": {
        "time": "timestamp || eventTime",
        "class_uid": "EventID",
        "activity_id": "dns.type",
        "user": "userIdentity.userName",
        "data": {"a.b": "http.url", "c": "alert"},
        "observables": [{"name": "x", "type_id": 2, "value": "dns.answers[].rdata"}],
    },
}
RECEIVED = datetime(2030, 1, 1, tzinfo=UTC)

CODES = ("unmappable_event", "event_time_invalid", "event_too_deep")

#: what the mappers look for, so that random objects get somewhere
_NAMES = """
    Event System EventData UserData Data #attributes #text Name EventID Channel Provider Computer TimeCreated
    SystemTime Keywords Level winlog event_data event_id keywords user log event EventType Hostname SourceName UtcTime
    Message Image ProcessId Hashes TargetObject QueryResults ObjectType ObjectName AccessMask IpAddress IpPort
    LogonType Status PrivilegeList GroupMembership ContextInfo Payload SeverityValue @timestamp RecordNumber MemberName
    eventName eventSource eventTime userIdentity sessionContext sessionIssuer attributes requestParameters resources
    responseElements additionalEventData sourceIPAddress errorCode readOnly eventID
    event_type timestamp flow_id src_ip src_port dest_ip alert severity dns answers queries rcode type http status url
    http_method tls ja3 fingerprint flow fileinfo filename ssh client hassh smb ntlmssp
"""
NAMES = st.sampled_from(_NAMES.split())
VALUES = st.sampled_from(
    [
        "2030-01-31T12:00:00Z",
        "Security",
        "Microsoft-Windows-Sysmon",
        "Microsoft-Windows-Sysmon/Operational",
        "PowerShell",
        "192.0.2.1",
        "-",
        "0x10",
        "Key",
        "File",
        "Process",
        "A\\B",
        "MD5=12,SHA1=",
        "alert",
        "dns",
        "http",
        "tls",
        "flow",
        "fileinfo",
        "ssh",
        "smb",
        "iam.amazonaws.com",
        "signin.amazonaws.com",
        "CreateUser",
        "ConsoleLogin",
        "\0",
        "\ud800",
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [1, 3, 5, 7, 10, 11, 12, 13, 22, 400, 800, 1102, 4103, 4624, 4656, 4663, 4688, 4698, 4732, 5156, 10**30]
    )
    | st.floats(allow_nan=False)
    | st.text(max_size=10)
    | VALUES
)
inner = st.recursive(
    scalars,
    lambda nested: st.lists(nested, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), nested, max_size=5),
    max_leaves=10,
)
#: half of them begin as an event of some mapper does
BEGINNINGS: list[dict[str, Any]] = [
    {},
    {"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "UtcTime": "2030-01-31 12:00:00"},
    {"EventID": 4624, "Channel": "Security", "@timestamp": "2030-01-31T12:00:00Z"},
    {"eventName": "CreateUser", "eventSource": "iam.amazonaws.com", "eventTime": "2030-01-31T12:00:00Z"},
    {"event_type": "alert", "timestamp": "2030-01-31T12:00:00.000000+0000"},
]
objects = st.builds(
    lambda begin, more: {**begin, **more},
    st.sampled_from(BEGINNINGS),
    st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=9),
)


def outcome(name: str, raw: dict[str, Any]) -> Event | str:
    """The event, or the code of the refusal. Nothing else may come of it."""
    mapper = PLUGINS.event_mapper(name, MAPPERS[name])
    mapper.accepts(raw)
    try:
        return made_event(mapper.map(raw), source="s", mapper=name, received_at=RECEIVED)
    except UnmappableEvent as refused:
        return refused.code if refused.faults else "without a fault"


def shuffled(raw: dict[str, Any]) -> dict[str, Any]:
    members = list(raw.items())
    random.Random(7).shuffle(members)
    return dict(members)


@pytest.mark.parametrize("name", sorted(MAPPERS))
def test_any_object_is_mapped_or_refused(name: str) -> None:
    """Twice the same, whatever the order of its members; what was given is left as it was."""

    @settings(max_examples=120)
    @given(objects)
    @example({"EventID": 10**5000, "Channel": "Security"})
    def holds(raw: dict[str, Any]) -> None:
        before = copy.deepcopy(raw)
        first = outcome(name, raw)
        assert isinstance(first, Event) or first in CODES
        assert outcome(name, shuffled(raw)) == first
        assert raw == before

    holds()


@pytest.mark.parametrize("name", sorted(MAPPERS))
def test_any_value_at_any_place_is_mapped_or_refused(name: str) -> None:
    """An event that is right but for one member."""

    @settings(max_examples=120)
    @given(
        st.sampled_from(BEGINNINGS[1:]), NAMES, inner, st.sampled_from([1, 3, 7, 10, 12, 13, 22, 800, 4624, 4663, 4672])
    )
    def holds(begin: dict[str, Any], member: str, value: Any, code: int) -> None:
        found = outcome(name, {**begin, **({"EventID": code} if "EventID" in begin else {}), member: value})
        assert isinstance(found, Event) or found in CODES

    holds()


@pytest.mark.parametrize("name", sorted(MAPPERS))
def test_what_is_nested_too_deeply_is_refused(name: str) -> None:
    """However deep: by its code, not by the end of the stack."""
    for levels in (70, 100_000):
        nested: Any = 1
        for _ in range(levels):
            nested = [nested]
        begun = {key: value for begin in BEGINNINGS for key, value in begin.items()}
        assert outcome(name, {**begun, "EventID": 1, "deep": nested}) == "event_too_deep"
