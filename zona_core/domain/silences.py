"""Silences: alerts of which nobody is told, for good or while a maintenance window is open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import Factory, define, setters

from zona_core.errors import Fault

from .alerts import ALERT_SEVERITIES, gravity
from .calendars import Calendar
from .definitions import text_faults

__all__ = ["Silence", "SilenceDefinition", "silence_faults"]

_LONGEST: Final = 366 * 86_400.0


@define(kw_only=True, on_setattr=setters.frozen)
class SilenceDefinition:
    """Which alerts nobody is told of, and when.

    They are made all the same, in the state ``suppressed``. With ``cron`` it is a maintenance window: it opens at each
    firing, by the clocks of ``time_zone``, and is open for ``duration`` seconds.
    """

    title: str
    reason: str = ""
    #: ids of rules, and values of the alerts' groups by name; an empty one: any
    rules: tuple[str, ...] = ()
    group: dict[str, str] = Factory(dict)
    #: only alerts up to this severity; empty: all
    most_severity: str = ""
    starts_at: datetime | None = None
    #: the first moment at which it holds no more; None: until it is removed
    ends_at: datetime | None = None
    cron: str = ""
    time_zone: str = "UTC"
    #: seconds that the window is open after each firing
    duration: float = 3_600.0


@define(kw_only=True, on_setattr=setters.frozen)
class Silence(SilenceDefinition):
    """A stored silence."""

    id: int
    user_id: str = ""
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0

    def holds(self, now: datetime, calendar: Calendar) -> bool:
        """Whether it is in force at ``now``."""
        if self.starts_at is not None and now < self.starts_at:
            return False
        if self.ends_at is not None and now >= self.ends_at:
            return False
        if not self.cron:
            return True
        opened = calendar.next_after(self.cron, self.time_zone, now - timedelta(seconds=self.duration))
        return opened is not None and opened <= now

    def covers(self, rule: str, group: Mapping[str, str], severity: str) -> bool:
        """Whether it is for alerts of that rule, group and severity."""
        return (
            (not self.rules or rule in self.rules)
            and all(group.get(name) == value for name, value in self.group.items())
            and (not self.most_severity or gravity(severity) <= gravity(self.most_severity))
        )


def silence_faults(silence: SilenceDefinition, calendar: Calendar) -> list[Fault]:
    """What is wrong with a silence."""
    found = text_faults("title", silence.title, 200)
    if silence.most_severity and silence.most_severity not in ALERT_SEVERITIES:
        found.append(Fault("most_severity", "there is no such severity", ", ".join(ALERT_SEVERITIES)))
    if not 1 <= silence.duration <= _LONGEST:
        found.append(Fault("duration", f"{silence.duration} s is out of range", f"1 to {_LONGEST:g} s"))
    if silence.starts_at and silence.ends_at and silence.starts_at >= silence.ends_at:
        found.append(Fault("ends_at", "it ends before it begins", "a moment after starts_at"))
    if zone := calendar.zone_problem(silence.time_zone):
        found.append(Fault("time_zone", zone, "an IANA name, as Europe/Berlin"))
    elif silence.cron and (problem := calendar.problem(silence.cron, silence.time_zone)):
        found.append(Fault("cron", problem, "minute, hour, day of month, month, day of week, as 0 22 * * SUN"))
    if len(silence.rules) > 1_000 or len(silence.group) > 10:
        found.append(Fault("", "it names too much", "at most 1000 rules and 10 values"))
    return found
