"""Schedules: when runs start by themselves (SPEC §1), as authors write them and as they are stored."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import Factory, define, setters

from zona_core.errors import Fault

from .calendars import Calendar
from .definitions import text_faults

__all__ = ["MissedRuns", "Overlap", "Schedule", "ScheduleDefinition", "ScheduleStatus", "schedule_faults"]

_DAY: Final = 86_400
_MOST_INPUTS: Final = 1_000
_YEARS: Final = range(1970, 3000)


class ScheduleStatus(StrEnum):
    """The life of a schedule."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    DELETED = "deleted"


class MissedRuns(StrEnum):
    """What becomes of firings that passed while nothing ran. The newest is no such one if it passed just now."""

    #: nothing
    SKIP = "skip"
    #: one run, for the newest of them, in the place of all
    ONCE = "once"
    #: a run each, of the newest 100
    ALL = "all"


class Overlap(StrEnum):
    """What a firing does while the run before is still going."""

    #: starts another
    ALLOW = "allow"
    #: nothing
    SKIP = "skip"


@define(kw_only=True, on_setattr=setters.frozen)
class ScheduleDefinition:
    """A schedule before it has an id. It runs a playbook or a task, by a cron expression or at even intervals."""

    title: str
    description: str = ""
    #: title or id of the playbook to run, unless it is a task
    playbook: str = ""
    #: title or id
    app: str = ""
    #: tag or id
    task: str = ""
    #: title or id; empty: the app's only one, or none if the app needs none
    instance: str = ""
    #: of the playbook or task; stored, secrets are sealed
    inputs: dict[str, Any] = Factory(dict)
    #: minute, hour, day of month, month and day of week, by the clocks of ``time_zone``
    cron: str = ""
    #: in the place of ``cron``: seconds from one firing to the next. They are counted from ``starts_at``, which is then
    #: the first, or else from when the schedule was made; so the time of day moves when clocks are changed
    every: float | None = None
    #: a name of the IANA time zone database
    time_zone: str = "UTC"
    #: seconds by which a firing is put off at most, never to the next one: what fires together starts apart
    jitter: float = 0.0
    missed: MissedRuns = MissedRuns.ONCE
    overlap: Overlap = Overlap.SKIP
    #: the first moment at which it may fire
    starts_at: datetime | None = None
    #: the first moment at which it may no more
    ends_at: datetime | None = None
    status: ScheduleStatus = ScheduleStatus.ACTIVE


@define(kw_only=True, on_setattr=setters.frozen)
class Schedule(ScheduleDefinition):
    """A stored schedule. ``zona_core.domain.firings`` plans it."""

    id: int
    #: the next firing's nominal time; None if there is none, as for a schedule that is not active
    next_at: datetime | None = None
    #: when that firing starts a run: ``next_at`` and what jitter adds
    due_at: datetime | None = None
    #: nominal time of the last firing that started a run
    last_at: datetime | None = None
    #: id of the last run that it started, by a firing or because somebody wished it; empty if there was none
    last_run_id: str = ""
    #: why the last firing started nothing; empty if it did
    status_reason: str = ""
    #: what the names meant when it was saved, and what is run whatever they mean by now; 0 where nothing is named
    playbook_id: int = 0
    integration_id: int = 0
    task_id: int = 0
    #: also the app's only instance, where none is named
    instance_id: int = 0
    #: name of the actor who saved it last: its runs are in that name
    user_id: str = ""
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0


def schedule_faults(schedule: ScheduleDefinition, calendar: Calendar) -> list[Fault]:
    """What is wrong with a schedule, apart from whether what it runs is there and takes its inputs."""
    found = text_faults("title", schedule.title, 200) + _target_faults(schedule) + _time_faults(schedule, calendar)
    if not 0 <= schedule.jitter <= _DAY:
        found.append(Fault("jitter", f"{schedule.jitter} s is out of range", f"0-{_DAY} s"))
    if len(schedule.inputs) > _MOST_INPUTS:
        found.append(Fault("inputs", f"there are {len(schedule.inputs)}", f"at most {_MOST_INPUTS}"))
    if schedule.missed is MissedRuns.ALL and schedule.overlap is Overlap.SKIP:
        found.append(Fault("overlap", "lets one of all the missed firings start, no more", "allow, or missed: once"))
    if schedule.status is ScheduleStatus.DELETED:
        found.append(Fault("status", "a definition deletes nothing", "active or inactive"))
    return found + _bound_faults(schedule)


def _target_faults(schedule: ScheduleDefinition) -> list[Fault]:
    named = {name: getattr(schedule, name) for name in ("playbook", "app", "task", "instance")}
    found = [fault for name, text in named.items() if text for fault in text_faults(name, text, 200)]
    of_task = [name for name in ("app", "task", "instance") if named[name]]
    if schedule.playbook:
        expected = "playbook alone, or app and task"
        return found + [Fault(name, "does not go with a playbook", expected) for name in of_task]
    if not of_task:
        return [*found, Fault("playbook", "is missing, and so are app and task", "what to run")]
    return found + [
        Fault(name, "is missing", "app and task, or a playbook") for name in ("app", "task") if not named[name]
    ]


def _time_faults(schedule: ScheduleDefinition, calendar: Calendar) -> list[Fault]:
    zone_problem = calendar.zone_problem(schedule.time_zone)
    found = [Fault("time_zone", zone_problem, "an IANA name, as Europe/Berlin")] if zone_problem else []
    if schedule.cron and schedule.every is not None:
        return [*found, Fault("every", "does not go with cron", "one of them")]
    if schedule.every is not None:
        if not 1 <= schedule.every <= 366 * _DAY:
            found.append(Fault("every", f"{schedule.every} s is out of range", f"1-{366 * _DAY} s (366 days)"))
    elif not schedule.cron:
        found.append(Fault("cron", "is missing, and so is every", "when to run"))
    elif problem := calendar.problem(schedule.cron, "UTC" if zone_problem else schedule.time_zone):
        found.append(Fault("cron", problem, "minute, hour, day of month, month, day of week, as 30 2 * * MON-FRI"))
    return found


def _bound_faults(schedule: ScheduleDefinition) -> list[Fault]:
    bounds = {"starts_at": schedule.starts_at, "ends_at": schedule.ends_at}
    found = [
        Fault(name, "has no time zone, or lies too far away", f"a time with its zone in {_YEARS[0]}-{_YEARS[-1]}")
        for name, moment in bounds.items()
        if moment is not None and (moment.utcoffset() is None or moment.year not in _YEARS)
    ]
    if not found and schedule.starts_at and schedule.ends_at and schedule.ends_at <= schedule.starts_at:
        found.append(Fault("ends_at", "is not later than starts_at", "a later time"))
    return found
