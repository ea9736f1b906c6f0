"""Schedules whose time has come start their runs: each firing once, however many workers look (SPEC §4.4).

A worker plans a firing by the store's clock and then, in one transaction, puts the schedule as it is after the firing
in the place of the one that it read, and the runs beside it. The schedule's revision lets one worker do that; the
runs, which nobody has claimed, are then carried out by whoever is free.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from attrs import evolve

from zona_core.domain.actors import Actor
from zona_core.domain.firings import Plan, firings
from zona_core.domain.jobs import Job
from zona_core.domain.runs import Execution
from zona_core.domain.schedules import Overlap, Schedule, ScheduleStatus
from zona_core.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StoreUnavailable,
    TenantUnavailable,
    ZonaError,
)
from zona_core.persistence.due_schedules import DueSchedules
from zona_core.usecases._area import Parts, TenantContext
from zona_core.usecases._engine.scheduled import origin_of, run_before, target_of_schedule

if TYPE_CHECKING:
    from zona_core.ports.calendar import Calendar

__all__ = ["Firing"]

_log: Final = logging.getLogger("zona.schedules")

#: in whose name what a schedule runs is looked up; whoever saved it was checked then
_ACTOR: Final = Actor.trusted("schedules")
#: seconds between two looks at what is due
_EVERY: Final = 1.0
#: seconds that one look may take; what is left is gone on with at the next
_SLICE: Final = 0.25
#: schedules of one tenant before it is another's turn
_MOST_AT_ONCE: Final = 100
#: after which a schedule is looked at again whose times cannot be told on this machine
_LATER: Final = timedelta(hours=1)
_LONGEST_REASON: Final = 500

Begun = Sequence[tuple[Execution, Job]]


class Firing:
    """Fires what is due, in all tenants. Used by one thread; ``begun`` is told the tenants that have new runs."""

    def __init__(self, parts: Parts, begun: Callable[[str], None]) -> None:
        self._parts = parts
        self._begun = begun
        self._queue = DueSchedules(parts.database, time.monotonic)
        self._looked_at = float("-inf")
        self._under_way: Iterator[None] | None = None

    def look(self) -> None:
        """Fires for a short while, at most once a second unless something is left; raises ``StoreUnavailable``."""
        began = time.monotonic()
        if self._under_way is None:
            if began - self._looked_at < _EVERY:
                return
            self._looked_at, self._under_way = began, self._all()
        for _ in self._under_way:
            if time.monotonic() - began >= _SLICE:
                return
        self._under_way = None

    def _all(self) -> Iterator[None]:
        for code in self._queue.codes():
            try:
                yield from self._tenant(code)
            except TenantUnavailable:
                continue  # it fires by its policy for missed runs once it is active again
            except StoreUnavailable as exc:
                _log.warning("the schedules of the tenant %s cannot be looked at: %s", code, exc)
            except Exception:  # noqa: BLE001  # other tenants are not to wait for it
                _log.exception("the schedules of the tenant %s cannot be looked at", code)

    def _tenant(self, code: str) -> Iterator[None]:
        context = TenantContext(_ACTOR, self._parts, lambda: self._parts.active(code))
        for key in self._queue.of(code, _MOST_AT_ONCE):
            context.admit()
            try:
                self._one(context, key)
            except StoreUnavailable as exc:
                if _is_passing(exc):
                    raise
                _log.warning("the schedule %s of the tenant %s cannot be read: %s", key, code, exc)
            yield

    def _one(self, context: TenantContext, key: str) -> None:
        data = context.data
        schedule, now = data.schedules.get(key), data.now()
        if schedule is None or schedule.status is not ScheduleStatus.ACTIVE:
            return
        if schedule.due_at is None or schedule.due_at > now:
            return
        after, begun = _fired(context, schedule, now)
        try:
            with data.transaction():
                data.schedules.replace(after)
                for run, job in begun:
                    if data.runs.get(run.id) is None:
                        data.runs.insert(run)
                        data.jobs.insert(job)
        except (Conflict, NotFound):
            return  # another worker was faster, or somebody has changed it
        if after.status_reason:
            _log.warning(
                "the schedule %s of the tenant %s started nothing: %s", key, data.tenant_code, after.status_reason
            )
        if begun:
            self._begun(data.tenant_code)


def _fired(context: TenantContext, schedule: Schedule, now: datetime) -> tuple[Schedule, Begun]:
    """The schedule as it is after what is due at ``now``, and the runs of that; raises ``StoreUnavailable``."""
    try:
        plan = _plan(schedule, context.parts.calendar(), now)
    except InvalidInput as exc:
        return evolve(schedule, due_at=now + _LATER, status_reason=exc.message[:_LONGEST_REASON]), ()
    begun: Begun = ()
    try:
        begun = _runs(context, schedule, plan)
        reason = "" if begun or not plan.dropped else f"{plan.dropped} firings passed while nobody was there to fire"
    except ZonaError as exc:
        if _is_passing(exc):
            raise
        reason = exc.message
    except Exception as exc:  # noqa: BLE001  # it is told, and tried again with the next firing
        _log.exception("the schedule %s of the tenant %s broke off", schedule.id, context.data.tenant_code)
        reason = f"its run could not be begun: {type(exc).__name__}"
    after = evolve(schedule, next_at=plan.next_at, due_at=plan.due_at, status_reason=reason[:_LONGEST_REASON])
    return (evolve(after, last_at=plan.due[-1], last_run_id=begun[-1][0].id) if begun else after), begun


def _plan(schedule: Schedule, calendar: Calendar, now: datetime) -> Plan:
    plan = firings(schedule, calendar, now)
    return evolve(plan, due=plan.due[-1:]) if schedule.overlap is Overlap.SKIP else plan


def _runs(context: TenantContext, schedule: Schedule, plan: Plan) -> Begun:
    """The runs of the firings that start one; raises ``ZonaError`` if they cannot be started."""
    if not plan.due:
        return ()
    if before := run_before(context.data, schedule):
        raise Conflict(f"the run before, {before}, was still going", code="run_under_way")
    target = target_of_schedule(context, schedule)
    code = context.data.tenant_code
    return [target.begun(context, origin_of(code, schedule, nominal)) for nominal in plan.due]


def _is_passing(exc: ZonaError) -> bool:
    """Whether the store is away, and not one of its documents damaged."""
    return isinstance(exc, StoreUnavailable) and exc.code != "document_damaged"
