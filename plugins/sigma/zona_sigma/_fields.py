"""The fields of an event as Sigma names them, whatever shape the event has.

Three shapes are told apart. Windows records as XML turned into JSON: ``Event`` with ``System`` and ``EventData``, where
attributes stand under ``#attributes`` or behind an ``@``. Winlogbeat's: ``winlog`` with ``event_data``. Anything else
is flat: its keys are its fields, what is nested is joined by dots. Names of attributes in ``System`` are joined to
their tag by an underscore (specification, "Field Usage"): ``Provider_Name``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

__all__ = ["Fields", "fields_of"]

#: what collectors of Windows records call the fields of ``System``, and what Sigma calls them
_WINDOWS_NAMES: Final = (
    ("SourceName", "Provider_Name"),
    ("ProviderName", "Provider_Name"),
    ("ProviderGuid", "Provider_Guid"),
    ("Hostname", "Computer"),
    ("ExecutionProcessID", "Execution_ProcessID"),
    ("ThreadID", "Execution_ThreadID"),
)
_WINLOGBEAT_NAMES: Final = (
    ("event_id", "EventID"),
    ("channel", "Channel"),
    ("provider_name", "Provider_Name"),
    ("provider_guid", "Provider_Guid"),
    ("computer_name", "Computer"),
)
#: Security 4688 tells of the same as Sysmon 1, in other words (Sigma taxonomy, "Process Creation Events")
_PROCESS_NAMES: Final = (
    ("NewProcessName", "Image"),
    ("ParentProcessName", "ParentImage"),
    ("NewProcessId", "ProcessId"),
    ("SubjectLogonId", "LogonId"),
    ("SubjectUserName", "User"),
    ("MandatoryLabel", "IntegrityLevel"),
)
_DEEPEST: Final = 40
_NESTED: Final = frozenset((dict, list))


class Fields(dict[str, Any]):
    """An event's fields: scalars, lists of scalars, and objects, whose own fields are there as well."""

    __slots__ = ("lists",)

    def __init__(self, fields: Mapping[str, Any] = MappingProxyType({})) -> None:
        super().__init__(fields)
        #: the names of those whose values are lists
        self.lists: set[str] = set()


def fields_of(event: Mapping[str, Any]) -> Fields:
    """The event's fields as rules name them. The event is left as it is."""
    record = event.get("Event")
    if isinstance(record, Mapping) and isinstance(record.get("System"), Mapping):
        fields = _record_fields(record)
    elif isinstance(event.get("winlog"), Mapping):
        fields = _winlogbeat_fields(event)
    else:
        fields = _flat_fields(event)
    if "Channel" in fields or "EventID" in fields:
        _add(fields, _WINDOWS_NAMES)
        if fields.get("EventID") in (4688, "4688"):
            _add_process(fields)
    return fields


def _add(fields: Fields, names: Iterable[tuple[str, str]]) -> None:
    for theirs, ours in names:
        if theirs in fields and ours not in fields:
            fields[ours] = fields[theirs]


def _add_process(fields: Fields) -> None:
    created = fields.get("ProcessId")
    for theirs, ours in _PROCESS_NAMES:
        if theirs in fields:
            fields[ours] = fields[theirs]
    if created is not None:  # in 4688 this is the creator
        fields["ParentProcessId"] = created


def _flat_fields(event: Mapping[str, Any]) -> Fields:
    fields = Fields(event)
    for name in [name for name, value in event.items() if value.__class__ in _NESTED]:
        del fields[name]
        _flatten(fields, name, event[name], 0)
    return fields


def _flatten(fields: Fields, name: str, value: Any, depth: int) -> None:
    """Adds what is nested in ``value`` below ``name``; of lists of objects each field gets all values."""
    if value.__class__ is dict:
        fields.setdefault(name, value)
        if depth < _DEEPEST:
            for inner, nested in value.items():
                _flatten(fields, f"{name}.{inner}", nested, depth + 1)
    elif isinstance(value, list):
        for item in value:
            if item.__class__ not in _NESTED:
                _append(fields, name, item)
            elif depth < _DEEPEST:
                _flatten(fields, name, item, depth + 1)
        if not value and name not in fields:
            fields[name] = []
            fields.lists.add(name)
    elif depth and name in fields:
        _append(fields, name, value)
    else:
        fields[name] = value


def _append(fields: Fields, name: str, value: Any) -> None:
    if name in fields.lists:
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value] if name in fields else [value]
        fields.lists.add(name)


def _winlogbeat_fields(event: Mapping[str, Any]) -> Fields:
    winlog = event["winlog"]
    fields = _flat_fields({name: value for name, value in event.items() if name != "winlog"})
    for part in ("user_data", "event_data"):
        if isinstance(winlog.get(part), Mapping):
            data = _flat_fields(winlog[part])
            fields.lists = fields.lists - data.keys() | data.lists
            fields.update(data)
    _flatten(fields, "winlog", {name: value for name, value in winlog.items() if not name.endswith("_data")}, 0)
    fields.update({ours: winlog[theirs] for theirs, ours in _WINLOGBEAT_NAMES if theirs in winlog})
    return fields


def _record_fields(record: Mapping[str, Any]) -> Fields:
    fields = Fields()
    for tag, value in record["System"].items():
        if isinstance(value, Mapping):
            attributes, text = _element(value)
            if text is not None:
                fields[tag] = text
            fields.update({f"{tag}_{name}": each for name, each in attributes.items()})
        else:
            fields[tag] = value
    for part in ("UserData", "EventData"):
        data = record.get(part)
        if isinstance(data, Mapping):
            _add_data(fields, data, 0)
    return fields


def _element(value: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    """Attributes and text of an XML element."""
    attributes = value.get("#attributes")
    if not isinstance(attributes, Mapping):
        attributes = {name[1:]: each for name, each in value.items() if name.startswith("@")}
    return attributes, value.get("#text")


def _add_data(fields: Fields, data: Mapping[str, Any], depth: int) -> None:
    for name, value in data.items():
        if name == "#attributes" or name.startswith("@"):
            continue
        if name == "Data":
            _add_named(fields, value if isinstance(value, list) else [value])
        elif isinstance(value, Mapping) and depth < _DEEPEST:
            text = _element(value)[1]
            if text is None:
                _add_data(fields, value, depth + 1)
            else:
                fields[name] = text
        elif isinstance(value, list):
            _flatten(fields, name, value, depth)
        else:
            fields[name] = value


def _add_named(fields: Fields, items: list[Any]) -> None:
    """``<Data Name="User">…</Data>`` is the field ``User``; without a name it is one of the values of ``Data``."""
    for item in items:
        attributes, text = _element(item) if isinstance(item, Mapping) else ({}, item)
        name = attributes.get("Name")
        if isinstance(name, str):
            fields[name] = text
        else:
            _append(fields, "Data", text)
