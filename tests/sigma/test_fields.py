"""An event's fields are the same, whatever shape it comes in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zona_sigma._fields import fields_of

SYSTEM = {
    "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon", "Guid": "{5770385F}"}},
    "EventID": 1,
    "TimeCreated": {"#attributes": {"SystemTime": "2026-04-17T05:24:53.092051Z"}},
    "Execution": {"#attributes": {"ProcessID": 3208, "ThreadID": 1724}},
    "Channel": "Microsoft-Windows-Sysmon/Operational",
    "Computer": "host",
    "Correlation": None,
}
DATA = {"Image": "C:\\a.exe", "CommandLine": "a.exe -x", "ProcessId": 15596}
SAME = {
    "EventID": 1,
    "Channel": SYSTEM["Channel"],
    "Computer": "host",
    "Provider_Name": "Microsoft-Windows-Sysmon",
    **DATA,
}
SHAPES: dict[str, dict[str, Any]] = {
    "record": {"Event": {"System": SYSTEM, "EventData": DATA}},
    "record with named data": {
        "Event": {
            "System": SYSTEM,
            "EventData": {"Data": [{"#attributes": {"Name": name}, "#text": text} for name, text in DATA.items()]},
        }
    },
    "record with @": {
        "Event": {
            "System": {
                **SYSTEM,
                "Provider": {"@Name": "Microsoft-Windows-Sysmon"},
                "EventID": {"@Qualifiers": 0, "#text": 1},
            },
            "EventData": {"Data": [{"@Name": name, "#text": text} for name, text in DATA.items()]},
        }
    },
    "flat": {
        "EventID": 1,
        "Channel": SYSTEM["Channel"],
        "Hostname": "host",
        "SourceName": "Microsoft-Windows-Sysmon",
        "tags": ["recorded"],
        **DATA,
    },
    "Winlogbeat": {
        "winlog": {
            "event_id": 1,
            "channel": SYSTEM["Channel"],
            "computer_name": "host",
            "provider_name": "Microsoft-Windows-Sysmon",
            "event_data": DATA,
        },
        "host": {"name": "host"},
    },
}


@pytest.mark.parametrize("event", SHAPES.values(), ids=SHAPES)
def test_all_shapes_yield_the_same_fields(event: dict[str, Any]) -> None:
    """A record, its flat form and Winlogbeat's tell the same under the same names."""
    before = repr(event)
    fields = fields_of(event)
    assert {name: fields[name] for name in SAME} == SAME
    assert repr(event) == before


def test_attributes_of_the_system_part_are_joined_by_an_underscore() -> None:
    """``<Execution ProcessID=…>`` is ``Execution_ProcessID``."""
    fields = fields_of(SHAPES["record"])
    assert fields["Execution_ProcessID"] == 3208
    assert fields["TimeCreated_SystemTime"] == "2026-04-17T05:24:53.092051Z"
    assert fields["Correlation"] is None


def test_data_without_names_is_one_field_of_several_values() -> None:
    """Classic records have a list of texts."""
    fields = fields_of({"Event": {"System": SYSTEM, "EventData": {"Data": ["a", "b"]}}})
    assert fields["Data"] == ["a", "b"]
    assert fields.lists == {"Data"}


def test_user_data_is_opened() -> None:
    """What ``UserData`` holds within an element of its own are fields."""
    fields = fields_of(
        {"Event": {"System": SYSTEM, "UserData": {"EventXML": {"User": "x", "#attributes": {"a": "b"}}}}}
    )
    assert fields["User"] == "x"


def test_4688_has_the_names_of_process_creations() -> None:
    """Security's own record of a new process answers to rules of the category."""
    event = {"EventID": 4688, "Channel": "Security", "NewProcessName": "C:\\a.exe", "ParentProcessName": "C:\\b.exe"}
    fields = fields_of({**event, "NewProcessId": "0x2", "ProcessId": "0x1"})
    assert (fields["Image"], fields["ParentImage"]) == ("C:\\a.exe", "C:\\b.exe")
    assert (fields["ProcessId"], fields["ParentProcessId"]) == ("0x2", "0x1")


def test_nested_fields_have_dotted_names() -> None:
    """Objects and lists of objects are opened, and stay as they are beside their fields."""
    event = {"a": {"b": {"c": 1}, "d": [{"e": 1}, {"e": 2, "f": []}]}, "g": [1, "x"], "h": []}
    fields = fields_of(event)
    assert (fields["a.b.c"], fields["a.d.e"], fields["g"]) == (1, [1, 2], [1, "x"])
    assert (fields["a.d.f"], fields["h"]) == ([], [])
    assert fields["a"] == event["a"]
    assert fields.lists == {"a.d.e", "a.d.f", "g", "h"}


def test_depth_has_a_bound() -> None:
    """An event nested without end is read as far as events are."""
    event: dict[str, Any] = {}
    for _ in range(2_000):
        event = {"a": event}
    assert len(fields_of(event)) < 100


def test_records_of_the_regression_data_have_their_fields(sigma_dir: Path) -> None:
    """Records as they were exported yield what rules ask for."""
    import orjson

    folder = sigma_dir / "regression_data" / "rules" / "windows" / "process_creation"
    (path,) = (folder / "proc_creation_win_findstr_recon_everyone").glob("*.json")
    for part in path.read_text("utf-8").replace("\n}\n{", "\n}\x00{").split("\x00"):
        fields = fields_of(orjson.loads(part))
        assert {"Image", "CommandLine", "EventID", "Channel", "Provider_Name", "Computer"} <= fields.keys()
