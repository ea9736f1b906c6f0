"""Windows event records in the shapes that collectors give them, read into one.

* ``Event`` with ``System`` and ``EventData`` (or ``UserData``): the XML as JSON, whose attributes stand under
  ``#attributes``, behind an ``@`` or, named, in a list of ``Data``.
* Winlogbeat: ``winlog`` with ``event_data``.
* Flat: the members of both beside each other, as NXLog, Logstash or Azure write them. Azure's has ``EventData`` as XML.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from zona_core.domain.events import read_time
from zona_mappers._draft import integer, text

__all__ = ["Record", "looks_like_windows", "read_record"]

_DATA: Final = re.compile(r'<Data Name="([^"<>]{1,200})">([^<]*)</Data>')
_NOTHING: Final[Mapping[str, Any]] = {}
_DEEPEST: Final = 8

#: names of audit success and failure in ``Keywords`` (winmeta.h), whose number may be signed
_SUCCESS: Final = 0x20_0000_0000_0000
_FAILURE: Final = 0x10_0000_0000_0000
_OUTCOMES: Final = {
    "AUDIT_SUCCESS": 1,
    "AUDIT_FAILURE": 2,
    "Audit Success": 1,
    "Audit Failure": 2,
    "success": 1,
    "failure": 2,
}
#: ``Level`` of a record → ``severity_id``; 0 is LogAlways, which audits have
_LEVELS: Final = {0: 1, 1: 5, 2: 4, 3: 3, 4: 1, 5: 1}
#: NXLog's ``SeverityValue``: debug, info, warning, error, critical
_NXLOG_LEVELS: Final = {1: 1, 2: 1, 3: 3, 4: 4, 5: 5}
_LEVEL_NAMES: Final = {"information": 1, "info": 1, "verbose": 1, "warning": 3, "error": 4, "critical": 5}

#: of the flat shape: names of times that are in UTC by definition
_UTC_TIMES: Final = ("SystemTime", "TimeCreated", "TimeGenerated")


class Record:
    """A record of whatever shape. ``time`` and ``path`` are what it says of when, and where that stands."""

    __slots__ = (
        "channel",
        "code",
        "computer",
        "fields",
        "message",
        "number",
        "path",
        "provider",
        "severity_id",
        "sid",
        "status_id",
        "time",
        "written",
        "zone",
    )

    def __init__(self) -> None:
        self.provider = ""
        self.channel = ""
        self.code: int | None = None
        self.computer = ""
        #: what tells it from others of its channel, as text
        self.number = ""
        self.sid = ""
        self.severity_id = 0
        self.status_id = 0
        self.message: Any = ""
        #: what the event itself says, by name
        self.fields: Mapping[str, Any] = _NOTHING
        self.time: Any = None
        self.path = ""
        self.zone: tzinfo | None = None
        #: its own time as it is written, for its key
        self.written = ""

    def occurred_at(self) -> datetime:
        """When it happened; raises ``UnmappableEvent``."""
        return read_time(self.time, self.path, self.zone)


def looks_like_windows(raw: Mapping[str, Any]) -> bool:
    """Whether it has one of the shapes."""
    event, winlog = raw.get("Event"), raw.get("winlog")
    if isinstance(event, dict):
        return isinstance(event.get("System"), dict)
    return isinstance(winlog, dict) or ("EventID" in raw and ("Channel" in raw or "SourceName" in raw))


def read_record(raw: Mapping[str, Any], zone: tzinfo | None) -> Record | None:
    """The record in ``raw``, or None if it has none of the shapes. ``zone`` is that of times without one."""
    event = raw.get("Event")
    if event.__class__ is dict:
        system = event.get("System")
        return _from_xml(event, system) if isinstance(system, dict) else None
    winlog = raw.get("winlog")
    if winlog.__class__ is dict:
        return _from_winlogbeat(raw, winlog)
    return _from_flat(raw, zone) if "EventID" in raw else None


def _from_flat(raw: Mapping[str, Any], zone: tzinfo | None) -> Record:
    get = raw.get
    record = Record()
    record.fields = raw
    data = get("EventData")
    if data.__class__ is str:
        found: Any = {name: html.unescape(value) for name, value in _DATA.findall(data)}
        record.fields = {**raw, **found}
    elif isinstance(data, dict):
        record.fields = {**raw, **data}
    record.provider = text(
        get("SourceName") or get("ProviderName") or get("Provider_Name") or get("Provider") or get("EventSourceName")
    )
    record.channel = text(get("Channel"))
    record.code = integer(get("EventID"))
    record.computer = text(get("Hostname") or get("Computer") or get("ComputerName"))
    record.number = text(get("RecordNumber") or get("EventRecordID") or get("EventRecordId"))
    record.sid = text(get("UserID"))
    record.severity_id = _flat_severity(raw)
    record.status_id = _OUTCOMES.get(text(get("EventType")), 0) or _outcome(get("Keywords"))
    record.message = get("Message")
    record.written = text(
        get("SystemTime") or get("TimeCreated") or get("EventTime") or get("TimeGenerated") or get("@timestamp")
    )
    _set_flat_time(record, raw, zone)
    return record


def _flat_severity(raw: Mapping[str, Any]) -> int:
    value = raw.get("SeverityValue")
    if value is not None:
        return _NXLOG_LEVELS.get(integer(value) or 0, 0)
    level = integer(raw.get("Level"))
    return 0 if level is None else _LEVELS.get(level, 0)


def _set_flat_time(record: Record, raw: Mapping[str, Any], zone: tzinfo | None) -> None:
    get = record.fields.get
    if utc := text(get("UtcTime")):  # Sysmon's: when it happened, not when it was written
        record.time, record.path, record.zone = utc, "UtcTime", UTC
        return
    if get("SystemTime") or get("TimeCreated") or get("TimeGenerated"):
        record.path = next(name for name in _UTC_TIMES if get(name))
        record.time, record.zone = get(record.path), UTC
        return
    # NOTE: NXLog's EventTime is local time without a zone. Without being told the zone, the collector's time is closer.
    name = "EventTime" if "EventTime" in raw and (zone is not None or "@timestamp" not in raw) else "@timestamp"
    record.time, record.path, record.zone = raw.get(name), name, zone


def _from_xml(event: Mapping[str, Any], system: Mapping[str, Any]) -> Record:
    record = Record()
    provider = _attributes(system.get("Provider"))
    record.provider = text(provider.get("Name"))
    record.channel = text(system.get("Channel"))
    record.code = integer(_content(system.get("EventID")))
    record.computer = text(system.get("Computer"))
    record.number = text(system.get("EventRecordID"))
    record.sid = text(_attributes(system.get("Security")).get("UserID"))
    level = integer(system.get("Level"))
    record.severity_id = 0 if level is None else _LEVELS.get(level, 0)
    record.status_id = _outcome(system.get("Keywords"))
    rendering = event.get("RenderingInfo")
    record.message = rendering.get("Message") if isinstance(rendering, dict) else None
    record.fields = _data_of(event)
    created = system.get("TimeCreated")
    at = _attributes(created).get("SystemTime") if isinstance(created, dict) else created
    record.written = text(at)
    utc = record.fields.get("UtcTime")
    if text(utc):
        record.time, record.path = utc, "Event.EventData.UtcTime"
    else:
        record.time, record.path = at, "Event.System.TimeCreated.SystemTime"
    record.zone = UTC
    return record


def _from_winlogbeat(raw: Mapping[str, Any], winlog: Mapping[str, Any]) -> Record:
    record = Record()
    data = winlog.get("event_data")
    if not isinstance(data, dict):
        data = winlog.get("user_data")
    record.fields = data if isinstance(data, dict) else _NOTHING
    record.provider = text(winlog.get("provider_name"))
    record.channel = text(winlog.get("channel"))
    record.code = integer(winlog.get("event_id"))
    record.computer = text(winlog.get("computer_name"))
    record.number = text(winlog.get("record_id"))
    user, log, event = (_object(each) for each in (winlog.get("user"), raw.get("log"), raw.get("event")))
    record.sid = text(user.get("identifier"))
    record.severity_id = _LEVEL_NAMES.get(text(log.get("level")).lower(), 0)
    record.status_id = _OUTCOMES.get(text(event.get("outcome")), 0) or _outcome(winlog.get("keywords"))
    record.message = raw.get("message")
    record.written = text(raw.get("@timestamp"))
    utc = record.fields.get("UtcTime")
    if text(utc):
        record.time, record.path = utc, "winlog.event_data.UtcTime"
    else:
        record.time, record.path = raw.get("@timestamp"), "@timestamp"
    record.zone = UTC
    return record


def _outcome(keywords: Any) -> int:
    if isinstance(keywords, list):
        return next((_OUTCOMES[each] for each in keywords if isinstance(each, str) and each in _OUTCOMES), 0)
    number = integer(keywords)
    if number is None:
        return 0
    return 1 if number & _SUCCESS else 2 if number & _FAILURE else 0


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING


def _attributes(value: Any) -> Mapping[str, Any]:
    """The attributes of an XML element."""
    if not isinstance(value, dict):
        return _NOTHING
    found = value.get("#attributes")
    return found if isinstance(found, dict) else {name.removeprefix("@"): each for name, each in value.items()}


def _content(value: Any) -> Any:
    return value.get("#text") if isinstance(value, dict) else value


def _data_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for part in ("UserData", "EventData"):
        data = event.get(part)
        if isinstance(data, dict):
            if part == "EventData" and not found and "Data" not in data and "#attributes" not in data:
                return data
            _add(found, data, 0)
    return found


def _add(found: dict[str, Any], data: Mapping[str, Any], depth: int) -> None:
    for name, value in data.items():
        if name == "#attributes" or name.startswith("@"):
            continue
        if name == "Data":
            _add_named(found, value if isinstance(value, list) else [value])
        elif isinstance(value, dict):
            if "#text" in value:
                found[name] = value["#text"]
            elif depth < _DEEPEST:
                _add(found, value, depth + 1)
        else:
            found[name] = value


def _add_named(found: dict[str, Any], items: list[Any]) -> None:
    """``<Data Name="User">…</Data>`` is the field ``User``; those without a name are ``param1`` and on."""
    for index, item in enumerate(items, 1):
        name = _attributes(item).get("Name")
        found[name if isinstance(name, str) else f"param{index}"] = _content(item)
