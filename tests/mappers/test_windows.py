"""The mapper for Windows event logs, on recordings of attacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from zona_core.domain.event_streams import read_event_file
from zona_core.domain.events import CLASSES, Event
from zona_core.errors import InvalidInput, UnmappableEvent
from zona_core.plugins import Plugins
from zona_core.ports.events import EventMapper

Made = Callable[..., Event]


def first(events: list[dict[str, Any]], channel: str, code: int, **more: str) -> dict[str, Any]:
    """The first record with that number in a channel that ends so."""
    return next(
        each
        for each in events
        if each["EventID"] == code and channel in each["Channel"] and more.items() <= each.items()
    )


def test_every_event_of_a_recording_is_mapped(windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """None is refused; each has a known class, its own key, a host, a time near that of its collection."""
    events = [made(windows, raw) for raw in mimikatz]
    assert all(windows.accepts(raw) for raw in mimikatz)
    assert len({event.id for event in events}) == len(events) > 30
    assert all(event.class_uid in CLASSES and event.host and event.severity_id for event in events)
    assert {event.occurred_at.date().isoformat() for event in events} == {"2020-08-07"}
    by_class = {event.class_uid for event in events}
    assert by_class >= {1001, 1005, 1007, 1009, 201001, 201002, 201003, 3002, 3003, 3005, 4001, 4003, 4006}


def test_what_sysmon_says_of_a_new_process(windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """The process, its parent, user, hashes and the time at which it happened."""
    event = made(windows, first(mimikatz, "Sysmon", 1))
    assert (event.class_uid, event.class_name, event.activity_name) == (1007, "Process Activity", "Launch")
    assert (event.category_uid, event.type_uid, event.severity_id) == (1, 100701, 1)
    assert event.occurred_at == datetime(2020, 8, 7, 14, 32, 45, 881000, tzinfo=UTC)
    assert (event.host, event.user) == ("workstation5.theshire.local", "pgustavo")
    process = event.data["process"]
    assert process["name"] == "whoami.exe"
    assert process["cmd_line"] == '"C:\\windows\\system32\\whoami.exe" /user'
    assert (process["pid"], process["integrity"]) == (6504, "High")
    assert [each["algorithm"] for each in process["file"]["hashes"][:2]] == ["SHA-1", "MD5"]
    assert event.data["actor"]["process"]["name"] == "powershell.exe"
    assert event.data["actor"]["user"] == {"name": "pgustavo", "domain": "THESHIRE"}
    assert event.data["metadata"]["log_name"] == "Microsoft-Windows-Sysmon/Operational"
    seen = {(each.name, each.type): each.value for each in event.observables}
    assert seen["process.cmd_line", "Command Line"] == process["cmd_line"]
    assert seen["process.file.hashes", "Hash"]
    assert "whoami.exe" in event.values


def test_what_the_security_log_says_of_the_same_process(
    windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made
) -> None:
    """In other words, but the same objects: 4688's ``ProcessId`` is the parent's."""
    event = made(windows, first(mimikatz, "Security", 4688))
    assert (event.type_uid, event.status_id, event.user) == (100701, 1, "pgustavo")
    assert (event.data["process"]["name"], event.data["process"]["pid"]) == ("whoami.exe", 0x1968)
    assert (event.data["actor"]["process"]["name"], event.data["actor"]["process"]["pid"]) == ("powershell.exe", 0x670)


def test_a_logon(windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """Who logged on, from where and how; a dash is nothing."""
    event = made(windows, first(mimikatz, "Security", 4624))
    assert (event.type_uid, event.status_id, event.user) == (300201, 1, "mordordc$")
    assert event.src_ip == "::1"
    assert event.data["src_endpoint"] == {"ip": "::1", "port": 54212}
    assert event.data["user"] == {"name": "MORDORDC$", "domain": "THESHIRE.LOCAL", "uid": "S-1-5-18"}
    assert (event.data["logon_type_id"], event.data["logon_type"], event.data["is_remote"]) == (3, "Network", True)
    assert (event.data["auth_protocol"], event.data["auth_protocol_id"]) == ("Kerberos", 2)
    assert event.data["session"]["uid"] == "0x2b6b6c5"
    assert "process" not in event.data.get("actor", {})


def test_sessions_and_privileges(windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """Special privileges, groups, the end of a session, and an adjusted token."""
    special = made(windows, first(mimikatz, "Security", 4672))
    assert (special.type_uid, special.data["privileges"][0]) == (300301, "SeSecurityPrivilege")
    groups = made(windows, first(mimikatz, "Security", 4627))
    assert (groups.type_uid, groups.data["groups"][0]) == (300302, {"uid": "S-1-5-32-544"})
    assert made(windows, first(mimikatz, "Security", 4634)).type_uid == 300202
    adjusted = made(windows, first(mimikatz, "Security", 4703))
    assert (adjusted.type_uid, adjusted.data["privileges"]) == (300501, ["SeTakeOwnershipPrivilege"])


def test_connections(windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """Sysmon's and the filtering platform's: both ends, the protocol and who opened it."""
    sysmon = made(windows, first(mimikatz, "Sysmon", 3))
    assert (sysmon.type_uid, sysmon.src_ip, sysmon.dst_ip) == (400101, "172.18.39.5", "10.10.10.5")
    assert sysmon.data["dst_endpoint"] == {"ip": "10.10.10.5", "port": 80}
    assert sysmon.data["connection_info"]["protocol_num"] == 6
    assert sysmon.data["connection_info"]["direction"] == "Outbound"
    platform = made(windows, first(mimikatz, "Security", 5156))
    assert (platform.type_uid, platform.status_id, platform.dst_ip) == (400101, 1, "10.10.10.5")
    assert platform.data["actor"]["process"]["name"] == "powershell.exe"
    bound = made(windows, first(mimikatz, "Security", 5158))
    assert (bound.activity_id, bound.activity_name) == (99, "Bind")


def test_registry_files_modules_and_names(windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """What Sysmon says of them; what was done to a key is in the message where the collector took its field."""
    key = made(windows, first(mimikatz, "Sysmon", 12))
    assert (key.type_uid, key.activity_name) == (20100101, "Create")
    assert key.data["reg_key"]["path"].startswith("HKU\\")
    value = made(windows, first(mimikatz, "Sysmon", 13))
    assert (value.type_uid, value.data["reg_value"]["data"]) == (20100202, "HAM")
    file = made(windows, first(mimikatz, "Sysmon", 11))
    assert (file.type_uid, file.data["file"]["name"]) == (100101, "lastalive0.dat")
    module = made(windows, first(mimikatz, "Sysmon", 7))
    assert (module.type_uid, module.data["module"]["file"]["name"]) == (100501, "wmidcom.dll")
    lookup = made(windows, first(mimikatz, "Sysmon", 22))
    assert (lookup.type_uid, lookup.data["query"]) == (400306, {"hostname": "WORKSTATION5"})
    assert lookup.data["answers"] == [{"rdata": "172.18.39.5"}]
    opened = made(windows, first(mimikatz, "Sysmon", 10))
    assert (opened.type_uid, opened.data["actual_permissions"]) == (100703, 0x1000)


def test_objects_and_shares(windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """The kind of object decides the class, the rights that were used decide the activity."""
    used = made(windows, first(mimikatz, "Security", 4663, ObjectType="Key"))
    assert (used.class_uid, used.activity_name, used.data["access_mask"]) == (201001, "Read", 1)
    asked = made(windows, first(mimikatz, "Security", 4656, ObjectType="Key"))
    assert (asked.class_uid, asked.activity_id, asked.activity_name) == (201001, 99, "Open")
    share = made(windows, first(mimikatz, "Security", 5145))
    assert (share.type_uid, share.data["share"], share.data["file"]["name"]) == (400602, "\\\\*\\SYSVOL", "gpt.ini")


def test_powershell(windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """What was run, by which process and by whom."""
    module = made(windows, first(mimikatz, "PowerShell/Operational", 4103))
    assert (module.type_uid, module.user) == (100901, "pgustavo")
    assert module.data["script"]["script_content"]["value"].startswith("CommandInvocation(Start-Sleep)")
    assert "powershell.exe" in module.data["actor"]["process"]["cmd_line"]
    classic = made(windows, first(mimikatz, "Windows PowerShell", 800))
    assert classic.class_uid == 1009
    assert "powershell.exe" in classic.data["actor"]["process"]["cmd_line"]


def test_what_has_no_class_is_a_base_event(windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """With what all records have, and its outcome and severity."""
    event = made(windows, first(mimikatz, "Security", 4673, EventType="AUDIT_FAILURE"))
    assert (event.class_uid, event.class_name, event.status_id, event.severity_id) == (0, "Base Event", 2, 4)
    assert event.data["actor"]["user"]["name"] == "pgustavo"
    assert event.message == "A privileged service was called."


def test_records_as_xml(windows: EventMapper, data_dir: Path, made: Made) -> None:
    """The regression data of Sigma's rules: ``Event`` with ``System`` and ``EventData``."""
    files = sorted((data_dir / "sigma" / "regression_data").rglob("*.json"))
    events = []
    for path in files:
        with path.open("rb") as file:
            for read in read_event_file(file):
                assert read.fault is None
                assert windows.accepts(read.raw or {})
                events.append(made(windows, read.raw))
    assert events
    assert {event.class_uid for event in events} <= {1001, 1005, 1007, 201001, 201002, 3002, 4001, 4003, 1009}
    assert all(event.host and event.data["metadata"]["uid"] for event in events)
    launch = next(event for event in events if event.type_uid == 100701)
    assert launch.data["process"]["cmd_line"]
    assert launch.severity_id == 1


def test_records_of_azure(windows: EventMapper, unzipped: Callable[..., list[dict[str, Any]]], made: Made) -> None:
    """Where ``EventData`` is a text of XML."""
    raw = next(
        each
        for each in unzipped("securityauditing_log4shell_cve2021_44228_java_serialized_object")
        if each.get("EventID") == 5156 and "DestPort" in each.get("EventData", "")
    )
    event = made(windows, raw)
    assert event.type_uid == 400101
    assert event.data["dst_endpoint"]["port"]
    assert event.data["actor"]["process"]["name"] == "tomcat9.exe"


def test_winlogbeat_and_flat_records_become_the_same(windows: EventMapper, made: Made) -> None:
    """The objects do not depend on the collector."""
    fields = {"TargetUserName": "Ann", "TargetDomainName": "ACME", "LogonType": "10", "IpAddress": "192.0.2.7"}
    winlogbeat = {
        "@timestamp": "2030-01-31T12:00:00Z",
        "event": {"outcome": "failure"},
        "log": {"level": "information"},
        "winlog": {
            "provider_name": "Microsoft-Windows-Security-Auditing",
            "channel": "Security",
            "event_id": "4625",
            "computer_name": "DC1.acme.example",
            "record_id": 7,
            "event_data": {**fields, "SubStatus": "0xc000006a"},
        },
    }
    flat = {
        "EventID": 4625,
        "Channel": "Security",
        "SourceName": "Microsoft-Windows-Security-Auditing",
        "Hostname": "DC1.acme.example",
        "Keywords": -9218868437227405312,
        "Level": 0,
        "RecordNumber": 7,
        "SystemTime": "2030-01-31T12:00:00.0000000Z",
        **fields,
        "SubStatus": "0xc000006a",
    }
    one, other = made(windows, winlogbeat), made(windows, flat)
    assert one.data == other.data
    assert one.observables == other.observables
    for event in (one, other):
        assert (event.type_uid, event.status_id, event.severity_id) == (300201, 2, 1)
        assert event.data["status_detail"] == "INVALID_CREDENTIALS"
        assert event.occurred_at == datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "type_uid"),
    [
        (4698, 100601),
        (4720, 300101),
        (4725, 300105),
        (4726, 300106),
        (4732, 300603),
        (4740, 300109),
        (4768, 300203),
        (4769, 300204),
        (4697, 20100401),
        (1102, 100801),
    ],
)
def test_numbers_of_the_security_log(windows: EventMapper, made: Made, code: int, type_uid: int) -> None:
    """What is not in the recordings has the class that its documentation says."""
    raw = {
        "EventID": code,
        "Channel": "Security",
        "Hostname": "dc1",
        "@timestamp": "2030-01-31T12:00:00Z",
        "TargetUserName": "Ann",
    }
    assert made(windows, raw).type_uid == type_uid


def test_levels_are_severities(windows: EventMapper, made: Made) -> None:
    """Critical, error, warning, information and verbose; without a level it is not known."""
    raw = {"EventID": 1, "Channel": "Application", "@timestamp": "2030-01-31T12:00:00Z"}
    found = [made(windows, {**raw, "Level": level}).severity_id for level in (1, 2, 3, 4, 5)]
    assert found == [5, 4, 3, 1, 1]
    assert made(windows, raw).severity_id == 0


def test_local_times_need_a_zone(plugins: Plugins, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """NXLog's ``EventTime`` counts where its zone is told; else the collector's time is taken."""
    raw = first(mimikatz, "Security", 4624)
    there = plugins.event_mapper("windows", {"zone": "America/New_York"})
    assert made(there, raw).occurred_at == datetime(2020, 8, 7, 14, 32, 26, tzinfo=UTC)
    assert made(plugins.event_mapper("windows"), raw).occurred_at.isoformat() == "2020-08-07T14:32:29.369000+00:00"
    with pytest.raises(UnmappableEvent) as refused:
        plugins.event_mapper("windows").map({**raw, "@timestamp": "2020-08-07 14:32:29"})
    assert refused.value.code == "event_time_invalid"
    assert refused.value.faults[0].path == "@timestamp"


def test_the_key_is_the_records_name(windows: EventMapper, mimikatz: list[dict[str, Any]], made: Made) -> None:
    """A record that is collected again, and rendered otherwise, is the same; another record is not."""
    raw = first(mimikatz, "Sysmon", 1)
    again = {**raw, "Message": "Prozess erzeugt", "EventReceivedTime": "later"}
    assert made(windows, raw).id == made(windows, again).id
    assert made(windows, raw).id != made(windows, {**raw, "RecordNumber": raw["RecordNumber"] + 1}).id
    assert made(windows, raw).id != made(windows, raw, source="other").id


@pytest.mark.parametrize("raw", [{}, {"EventID": "x"}, {"Event": {"System": {}}}, {"winlog": {}}, {"Event": 3}])
def test_what_is_no_record_is_refused(windows: EventMapper, raw: dict[str, Any]) -> None:
    """With what would be right, and without the event."""
    with pytest.raises(UnmappableEvent) as refused:
        windows.map({**raw, "secret": "hunter2"})
    assert refused.value.code == "unmappable_event"
    assert refused.value.faults[0].expected
    assert "hunter2" not in json.dumps(refused.value.as_dict())


def test_options_are_checked(plugins: Plugins) -> None:
    """Every fault is told at once."""
    with pytest.raises(InvalidInput) as refused:
        plugins.event_mapper("windows", {"time": "now", "speed": 1})
    assert sorted(fault.path for fault in refused.value.faults) == ["speed", "time"]
    with pytest.raises(InvalidInput):
        plugins.event_mapper("windows", {"zone": "Atlantis"})
