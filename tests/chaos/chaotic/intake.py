"""A process that ingests made-up events, and the rules that they are asked: what is found in them is arithmetic.

Event number ``n`` happens ``n`` hundredths of a second after the first, on host ``n % HOSTS``. Each ``EVERY.hit``-th is
a hit of a rule; the last ten of each ``EVERY.burst`` are failed logons of one user, on which a correlation fires once;
each ``EVERY.dead``-th has no time that could be read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from zona_core import Zona

HOSTS = 7


class _Every(NamedTuple):
    hit: int = 50
    burst: int = 2_000
    dead: int = 997


EVERY = _Every()
LOGONS = 10
_FIRST = datetime(2026, 1, 5, 12, tzinfo=UTC)

RULES = [
    (
        "tool.yml",
        """
title: A tool
name: tool
level: high
logsource: {product: windows}
detection:
    selection: {EventID: 1, CommandLine|contains: mimikatz}
    condition: selection
""",
    ),
    (
        "failed.yml",
        """
title: A failed logon
name: failed
level: low
logsource: {product: windows, service: security}
detection:
    selection: {EventID: 4625}
    condition: selection
---
title: Failed logons
name: burst
level: high
correlation:
    type: event_count
    rules: [failed]
    group-by: [TargetUserName]
    timespan: 1s
    condition: {gte: 10}
""",
    ),
]


def is_dead(number: int) -> bool:
    """Whether the event has no time that could be read."""
    return number % EVERY.dead == EVERY.dead - 1


def is_hit(number: int) -> bool:
    """Whether a rule holds for the event."""
    return number % EVERY.hit == 0


def event(number: int) -> dict[str, Any]:
    """The event with that number."""
    at = _FIRST + timedelta(milliseconds=10 * number)
    raw: dict[str, Any] = {
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "EventID": 1,
        "RecordNumber": number,
        "Hostname": f"host{number % HOSTS}",
        "@timestamp": at.isoformat().replace("+00:00", "Z"),
        "CommandLine": "mimikatz.exe" if is_hit(number) else f"notepad.exe {number}",
    }
    if number % EVERY.burst >= EVERY.burst - LOGONS:
        raw |= {"Channel": "Security", "EventID": 4625, "TargetUserName": "mallory", "CommandLine": None}
    if is_dead(number):
        raw["@timestamp"] = "the other day"
    return raw


def events_from(begin: int, end: int) -> Iterator[dict[str, Any]]:
    """The events with these numbers."""
    return map(event, range(begin, end))


def main() -> None:
    """Ingests the events from one number to another, and says after each batch how many are stored."""
    store, folder, begin, end = sys.argv[1:]
    with Zona(store=store, home=folder) as zona:
        zona.tenant().events.ingest(
            events_from(int(begin), int(end)),
            source="made up",
            mapper="windows",
            progress=lambda report: print(report.received, flush=True),
        )


if __name__ == "__main__":
    main()
