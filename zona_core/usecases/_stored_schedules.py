"""Schedules as they are stored: what a definition makes of one, when it fires first, and whose title is taken."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from attrs import evolve, fields

from zona_core.domain.firings import first_firing
from zona_core.domain.schedules import Schedule, ScheduleDefinition
from zona_core.errors import DuplicateKey
from zona_core.persistence.collections import LIVE_SCHEDULE
from zona_core.persistence.database import TenantData
from zona_core.ports.calendar import Calendar

__all__ = ["described_schedule", "planned", "replanned", "schedule_taken", "titled_schedule"]

_DESCRIBED: Final = frozenset(attribute.name for attribute in fields(ScheduleDefinition))
#: what the times of firings hang on
_TIMES: Final = ("cron", "every", "time_zone", "jitter", "starts_at", "ends_at", "status")


def described_schedule(definition: ScheduleDefinition) -> dict[str, Any]:
    """The attributes that a definition gives, times as they are stored."""
    parts = {name: getattr(definition, name) for name in _DESCRIBED}
    bounds = {name: parts[name].astimezone(UTC) for name in ("starts_at", "ends_at") if parts[name] is not None}
    return {**parts, **bounds}


def planned(schedule: Schedule, calendar: Calendar, now: datetime) -> Schedule:
    """The schedule, waiting for its first firing after ``now``."""
    plan = first_firing(schedule, calendar, now)
    return evolve(schedule, next_at=plan.next_at, due_at=plan.due_at)


def replanned(before: Schedule, after: Schedule, calendar: Calendar, now: datetime) -> Schedule:
    """``after``, which waits as ``before`` does unless anything has changed that its times hang on."""
    is_same = all(getattr(before, name) == getattr(after, name) for name in _TIMES)
    return after if is_same else planned(after, calendar, now)


def titled_schedule(data: TenantData, title: str) -> Schedule | None:
    """The schedule of that title."""
    return data.schedules.one({"title": title, "status": LIVE_SCHEDULE})


def schedule_taken(title: str) -> DuplicateKey:
    """The error for a title that another schedule has."""
    return DuplicateKey(f"there is a schedule {title!r} already", collection="schedules", fields=["title"])
