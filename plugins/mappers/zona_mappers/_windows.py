"""The mapper ``windows``: event log records of any channel, in the shapes of ``_windows_shapes``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from zona_core.domain.events import EventType, MappedEvent, check_depth
from zona_core.errors import Fault, UnmappableEvent
from zona_mappers._draft import HOST, Draft, first_line
from zona_mappers._options import read_zone, takes_received_time
from zona_mappers._windows_others import EVENT_LOG, POWERSHELL, SERVICES, TASKS
from zona_mappers._windows_parts import Fields
from zona_mappers._windows_security import SECURITY, by_subject
from zona_mappers._windows_shapes import Record, looks_like_windows, read_record
from zona_mappers._windows_sysmon import SYSMON

__all__ = ["WindowsMapper"]

Build = Callable[[Fields, Draft], EventType]

#: by provider: the class's builders by event id
_PROVIDERS: Final[Mapping[str, Mapping[int, Build]]] = {
    "Microsoft-Windows-Security-Auditing": SECURITY,
    "Microsoft-Windows-Sysmon": SYSMON,
    "Microsoft-Windows-PowerShell": POWERSHELL,
    "PowerShell": POWERSHELL,
    "PowerShellCore": POWERSHELL,
    "Service Control Manager": SERVICES,
    "Microsoft-Windows-Eventlog": EVENT_LOG,
    "Microsoft-Windows-TaskScheduler": TASKS,
}
#: by channel, for records whose collector left the provider out
_CHANNELS: Final[Mapping[str, Mapping[int, Build]]] = {
    "Security": SECURITY,
    "Microsoft-Windows-Sysmon/Operational": SYSMON,
    "Microsoft-Windows-PowerShell/Operational": POWERSHELL,
    "Windows PowerShell": POWERSHELL,
    "Microsoft-Windows-TaskScheduler/Operational": TASKS,
}
_NONE: Final[Mapping[int, Build]] = {}
_EXPECTED: Final = "Event.System and Event.EventData, winlog (Winlogbeat), or EventID with Channel and the fields"


class WindowsMapper:
    """See ``zona_core.ports.events.EventMapper``. Options: ``time``; ``zone``, that of times written without one."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._received = takes_received_time(options, ("time", "zone"))
        self._zone = read_zone(options)

    def accepts(self, raw: Mapping[str, Any]) -> bool:
        """Whether it has the shape of a record."""
        return looks_like_windows(raw)

    def map(self, raw: dict[str, Any]) -> MappedEvent:
        """The event; raises ``UnmappableEvent``."""
        record = read_record(raw, self._zone)
        if record is None or record.code is None:
            path = "" if record is None else "EventID"
            raise UnmappableEvent(
                "it is no Windows event record", faults=(Fault(path, "no number of an event is there", _EXPECTED),)
            )
        check_depth(raw)
        occurred_at = None if self._received else record.occurred_at()
        draft, host = _begun(record), record.computer
        build = (_PROVIDERS.get(record.provider) or _CHANNELS.get(record.channel) or _NONE).get(record.code, by_subject)
        kind = build(record.fields, draft)
        return MappedEvent(
            type=kind,
            occurred_at=occurred_at,
            severity_id=draft.severity_id,
            status_id=draft.status_id,
            message=draft.message,
            host=host,
            user=draft.user,
            src_ip=draft.src_ip,
            dst_ip=draft.dst_ip,
            data=draft.data,
            observables=tuple(draft.observables),
            raw=raw,
            natural=_natural(record),
        )


def _begun(record: Record) -> Draft:
    """The draft with what all records have."""
    metadata: dict[str, Any] = {
        "product": {"vendor_name": "Microsoft", "name": "Windows"},
        "log_name": record.channel,
        "log_provider": record.provider,
        "event_code": str(record.code),
    }
    if record.number:
        metadata["uid"] = record.number
    draft = Draft({"metadata": metadata}, record.severity_id, record.status_id, first_line(record.message))
    if record.computer:
        draft.data["device"] = {"hostname": record.computer}
        draft.see("device.hostname", HOST, record.computer)
    return draft


def _natural(record: Record) -> tuple[str, ...]:
    """Numbers begin anew when a log is cleared: hence the time."""
    if record.number and record.computer and record.written:
        return (record.computer, record.channel, record.number, record.written)
    return ()
