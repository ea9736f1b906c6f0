"""When a raw event happened, whatever shape it has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from zona_core.domain._event_times import read_time
from zona_core.errors import UnmappableEvent

__all__ = ["moment_of"]

#: Where times stand, the most exact first: those of the happening come before those of its being collected.
#: NOTE: NXLog's ``EventTime`` is the host's local time, without saying so: it comes last.
_PLACES: Final = (
    ("Event", "System", "TimeCreated", "#attributes", "SystemTime"),
    ("Event", "System", "TimeCreated", "@SystemTime"),
    ("UtcTime",),  # Sysmon
    ("eventTime",),  # CloudTrail
    ("requestReceivedTimestamp",),  # Kubernetes' audit
    ("TimeCreated",),
    ("TimeGenerated",),  # Azure's Log Analytics
    ("@timestamp",),  # Elastic and Logstash
    ("timestamp",),
    ("time",),
    ("_time",),
    ("ts",),  # Zeek
    ("EventTime",),
)


def moment_of(event: Mapping[str, Any]) -> datetime | None:
    """The time of an event, in UTC; one that is written without a zone is taken for UTC. None if there is none."""
    for place in _PLACES:
        value: Any = event
        for name in place:
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, str | int | float):
            try:
                return read_time(value, place[-1], UTC)
            except UnmappableEvent:
                continue
    return None
