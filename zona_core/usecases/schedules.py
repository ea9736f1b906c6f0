"""Schedules: when playbooks and tasks run by themselves (SPEC §1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from attrs import define, evolve

from zona_core.domain.actors import Actor
from zona_core.domain.definitions import text_faults
from zona_core.domain.firings import Plan, first_firing
from zona_core.domain.runs import Execution
from zona_core.domain.schedules import Schedule, ScheduleDefinition, ScheduleStatus
from zona_core.errors import Conflict, DuplicateKey, Fault, InvalidInput
from zona_core.persistence.collections import LIVE_SCHEDULE, SCHEDULES
from zona_core.persistence.repository import Listing
from zona_core.ports.calendar import Calendar
from zona_core.ports.store import Condition
from zona_core.usecases._access import (
    check_revision,
    objects_around,
    objects_of,
    readable_page,
    require,
    require_new,
)
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._engine.beginning import Beginning
from zona_core.usecases._engine.origins import Origin
from zona_core.usecases._engine.scheduled import Target, run_before, target_of_schedule
from zona_core.usecases._lookup_playbooks import no_schedule, schedule_of
from zona_core.usecases._schedule_checks import checked_schedule
from zona_core.usecases._stored_schedules import (
    described_schedule,
    planned,
    replanned,
    schedule_taken,
    titled_schedule,
)

__all__ = ["Schedules", "Upcoming"]

#: firings that are foretold at most
_MOST_UPCOMING: Final = 100


@define(frozen=True, kw_only=True)
class Upcoming:
    """A firing that is to come."""

    #: its nominal time
    at: datetime
    #: when it starts a run: ``at`` and what jitter adds
    due_at: datetime


class Schedules(Area):
    """Keeping schedules. They fire in processes that ``Zona.work``."""

    area = "schedules"
    _context: TenantContext

    @use_case("schedules:write", by_object=True)
    def save(
        self, definition: ScheduleDefinition, *, schedule_id: int | None = None, revision: int | None = None
    ) -> Schedule:
        """Makes a schedule, or puts the definition in the place of the one with its title.

        With ``schedule_id`` it is put in the place of that one, whatever its title was. ``revision`` is that of the one
        to be replaced, 0 for none; each firing counts it up. The actor needs ``playbooks:run`` on the playbook or
        ``runs:run`` on the task, and is named as who runs it from then on. What the names mean now is what runs,
        whatever they mean later. A secret given as ``********`` stays as it is, if the same is run as before.
        Raises ``InvalidInput`` with every fault, ``NotFound``, ``PermissionDenied``, ``DuplicateKey``,
        ``RevisionConflict``.
        """
        data = self._context.data
        known = self._named(definition.title, schedule_id)
        inputs, ids = checked_schedule(self._context, definition, known)
        described = {**described_schedule(definition), **ids, "inputs": inputs, "user_id": self._context.actor.name}
        new_id = known.id if known is not None else data.take_id("schedules")
        with data.transaction():
            before = self._named(definition.title, schedule_id)
            if before is not None and revision == 0:
                raise schedule_taken(definition.title)
            if before is None and known is not None:
                raise no_schedule(known.title)
            check_revision(before.revision if before is not None else 0, revision, f"schedules/{new_id}")
            try:
                return self._added(described, new_id) if before is None else self._changed(before, described)
            except DuplicateKey as exc:
                raise schedule_taken(definition.title) from exc

    @use_case("schedules:read", by_object=True)
    def get(self, schedule: int | str) -> Schedule:
        """The schedule with that title or id; raises ``NotFound``."""
        return schedule_of(self._context, schedule, "schedules:read")

    @use_case("schedules:read", by_object=True)
    def upcoming(self, schedule: int | str, *, count: int = 10) -> list[Upcoming]:
        """The next 1-100 firings, as far as there are any: none while it is inactive; raises ``NotFound``."""
        if not 1 <= count <= _MOST_UPCOMING:
            raise InvalidInput.of([Fault("count", f"{count} is out of range", f"1-{_MOST_UPCOMING}")])
        found = schedule_of(self._context, schedule, "schedules:read")
        return list(_foretold(found, self._calendar, self._context.data.now(), count))

    @use_case("schedules:read", by_object=True)
    def list(
        self, *, status: ScheduleStatus | None = None, after: str | None = None, limit: int = 100
    ) -> Listing[Schedule]:
        """Schedules by title; secrets among their inputs stay sealed and masked."""
        where: dict[str, Condition] = {"status": LIVE_SCHEDULE if status is None else status.value}
        actor, stored = self._context.actor, self._context.data.schedules
        return readable_page(actor, stored, SCHEDULES, where, sort=[("title", 1)], after=after, limit=limit)

    @use_case("schedules:write", by_object=True)
    def pause(self, schedule: int | str, *, revision: int | None = None) -> Schedule:
        """Has a schedule fire no more, until ``resume``; runs that are under way go on.

        Raises ``NotFound``, ``RevisionConflict``.
        """
        return self._set(schedule, ScheduleStatus.INACTIVE, "schedules.pause", revision)

    @use_case("schedules:write", by_object=True)
    def resume(self, schedule: int | str, *, revision: int | None = None) -> Schedule:
        """Has a paused schedule fire from now on; what passed meanwhile is not made up for.

        Raises ``NotFound``, ``RevisionConflict``.
        """
        return self._set(schedule, ScheduleStatus.ACTIVE, "schedules.resume", revision)

    @use_case("schedules:run", by_object=True)
    def fire(self, schedule: int | str, *, idempotency_key: str = "", patience: float = 0.0) -> Execution:
        """Starts a schedule's run now, also while it is inactive, and gives the record as ``runs.start`` does.

        The run is in the name of whoever calls, who needs no permission for what it runs. The next firing comes as
        planned. Raises ``NotFound``, ``InvalidInput`` for inputs that fit no more; ``Conflict`` with code
        ``run_under_way`` if the run before is still going and the schedule does not allow two.
        """
        beginning, data, actor = Beginning(self._context), self._context.data, self._context.actor
        with data.transaction():
            found = schedule_of(self._context, schedule, "schedules:run")
            if before := run_before(data, found):
                message = f"the last run of {found.title}, {before}, is still going"
                raise Conflict(message, code="run_under_way", hint="cancel it first, or wait for its end")
            origin = Origin(actor=actor.name, trigger=f"schedules/{found.id}", key=idempotency_key)
            run, job = self._target(found).begun(self._context, origin)
            run = data.runs.insert(run)
            data.jobs.insert(job)
            data.schedules.replace(evolve(found, last_run_id=run.id))
            data.record(actor, "schedules.fire", f"schedules/{found.id}", after={"run": run.id})
        beginning.left()
        return run if not patience else beginning.awaited(run.id, patience, lambda: data.runs.get(run.id) or run)

    @use_case("schedules:delete", by_object=True)
    def remove(self, schedule: int | str, *, revision: int | None = None) -> Schedule:
        """Deletes a schedule and erases its inputs; runs that are under way go on.

        Raises ``NotFound``, ``RevisionConflict``.
        """
        data = self._context.data
        with data.transaction():
            before = schedule_of(self._context, schedule, "schedules:delete")
            check_revision(before.revision, revision, f"schedules/{before.id}")
            gone = evolve(before, status=ScheduleStatus.DELETED, inputs={}, next_at=None, due_at=None)
            after = data.schedules.replace(evolve(gone, updated_ts=data.now()))
            self._record("schedules.remove", before, after)
        return after

    def _named(self, title: str, schedule_id: int | None) -> Schedule | None:
        """The schedule that a definition is to replace; raises ``NotFound`` if it names one that is not there."""
        if schedule_id is not None:
            return schedule_of(self._context, schedule_id, "schedules:write")
        if text_faults("title", title, 200):
            return None
        found = titled_schedule(self._context.data, title)
        if found is not None:
            require(self._context.actor, "schedules:write", objects_of(found), no_schedule(title))
        return found

    def _added(self, described: dict[str, Any], new_id: int) -> Schedule:
        data, now = self._context.data, self._context.data.now()
        schedule = Schedule(**described, id=new_id, created_ts=now, updated_ts=now)
        require_new(self._context.actor, "schedules:write", objects_around(schedule))
        schedule = data.schedules.insert(planned(schedule, self._calendar, now))
        self._record("schedules.add", None, schedule)
        return schedule

    def _changed(self, before: Schedule, described: dict[str, Any]) -> Schedule:
        data, now = self._context.data, self._context.data.now()
        after = evolve(before, **described, updated_ts=now, status_reason="")
        require_new(self._context.actor, "schedules:write", objects_of(after))
        after = data.schedules.replace(replanned(before, after, self._calendar, now))
        self._record("schedules.update", before, after)
        return after

    def _set(self, ref: int | str, status: ScheduleStatus, action: str, revision: int | None) -> Schedule:
        data = self._context.data
        with data.transaction():
            before, now = schedule_of(self._context, ref, "schedules:write"), data.now()
            check_revision(before.revision, revision, f"schedules/{before.id}")
            if before.status is status:
                return before
            after = evolve(before, status=status, updated_ts=now, status_reason="")
            after = data.schedules.replace(planned(after, self._calendar, now))
            self._record(action, before, after)
        return after

    def _record(self, action: str, before: Schedule | None, after: Schedule) -> None:
        target = f"schedules/{after.id}"
        self._context.data.record(self._context.actor, action, target, before=before, after=after)

    def _target(self, schedule: Schedule) -> Target:
        """What the schedule runs, in the name of the schedule: whoever saved it was checked then."""
        trusted = TenantContext(Actor.trusted("schedules"), self._context.parts, self._context.current)
        return target_of_schedule(trusted, schedule)

    @property
    def _calendar(self) -> Calendar:
        return self._context.parts.calendar()


def _foretold(schedule: Schedule, calendar: Calendar, now: datetime, count: int) -> Iterator[Upcoming]:
    if schedule.next_at is None or schedule.due_at is None:
        return
    plan = Plan(next_at=schedule.next_at, due_at=schedule.due_at)
    for _ in range(count):
        if plan.next_at is None or plan.due_at is None:
            return
        yield Upcoming(at=plan.next_at, due_at=plan.due_at)
        plan = first_firing(evolve(schedule, last_at=plan.next_at), calendar, now)
