"""Importing the schedules of an app's playbooks: first a plan, as data, then its writes, in the transaction of the app.

Whoever imports a package has not said that anything is to run by itself here: what is made is paused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from attrs import define, evolve

from zona_core.domain.apps import AppStatus, Integration
from zona_core.domain.differences import Difference, differences
from zona_core.domain.playbooks import Playbook
from zona_core.domain.schedules import Schedule, ScheduleDefinition, ScheduleStatus, schedule_faults
from zona_core.domain.secrets import MASK, Secret
from zona_core.domain.values import checked
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.database import TenantData
from zona_core.ports.packages import Record
from zona_core.usecases._access import objects_around, objects_of, require, require_new
from zona_core.usecases._app_playbooks import playbooks_of_app
from zona_core.usecases._area import TenantContext
from zona_core.usecases._import_report import UnreadySchedule
from zona_core.usecases._lookup_playbooks import no_playbook, no_schedule
from zona_core.usecases._portable_schedules import schedule_record, secret_inputs
from zona_core.usecases._stored_schedules import (
    described_schedule,
    planned,
    replanned,
    schedule_taken,
    titled_schedule,
)

__all__ = ["SchedulePlan", "changes_of_schedules", "plan_schedules", "put_schedules", "write_schedules"]


@define(frozen=True, kw_only=True)
class _Change:
    """A schedule as it was and as it will be, with its records."""

    before: Schedule | None
    after: Schedule
    old: Record | None
    new: Record

    @property
    def is_pausing(self) -> bool:
        """Whether the schedule is new or runs another playbook, and so waits for somebody to resume it."""
        return self.before is None or self.before.playbook_id != self.after.playbook_id


@define(frozen=True, kw_only=True)
class SchedulePlan:
    """What importing the schedules of an app's playbooks will write."""

    changes: tuple[_Change, ...] = ()
    #: those of the package that cannot be run as they are
    unready: tuple[UnreadySchedule, ...] = ()

    @property
    def created(self) -> int:
        """How many there will be that are not there."""
        return sum(each.before is None for each in self.changes)

    @property
    def paused(self) -> tuple[str, ...]:
        """Titles of those that will wait to be resumed, as they are new or run another playbook."""
        return tuple(each.after.title for each in self.changes if each.is_pausing)


def plan_schedules(
    context: TenantContext, app: Integration, definitions: Sequence[ScheduleDefinition], ids: Iterator[int]
) -> SchedulePlan:
    """What is to be written so that the playbooks of ``app``, which are stored, have these schedules.

    Others that they have stay. Raises ``InvalidInput`` for what is wrong with them in themselves, or with what they
    run; ``DuplicateKey`` for a title that a schedule of something else has; ``PermissionDenied`` as saving them would.
    """
    if not definitions:
        return SchedulePlan()
    own = {each.title: each for each in playbooks_of_app(context.data, app.integration_id)}
    _refuse_faults(context, definitions, own)
    changes, unready = list[_Change](), list[UnreadySchedule]()
    for definition in definitions:
        playbook = own[definition.playbook]
        change = _change(context, app, definition, playbook, ids)
        if change.old != change.new or change.is_pausing:
            _refuse_forbidden(context, change, playbook)
            changes.append(change)
        if reasons := tuple(_input_faults(change.after, playbook)):
            unready.append(UnreadySchedule(title=definition.title, reasons=reasons))
    return SchedulePlan(changes=tuple(changes), unready=tuple(unready))


def put_schedules(data: TenantData, plan: SchedulePlan) -> list[Schedule]:
    """Puts the plan's schedules where they belong, and nothing else; gives each as it is."""
    return [
        data.schedules.insert(each.after) if each.before is None else data.schedules.replace(each.after)
        for each in plan.changes
    ]


def write_schedules(context: TenantContext, plan: SchedulePlan) -> None:
    """Carries the plan out, within the caller's transaction, which it was made in."""
    for each, after in zip(plan.changes, put_schedules(context.data, plan), strict=True):
        target = f"schedules/{after.id}"
        context.data.record(context.actor, "packages.import_apps", target, before=each.before, after=after)


def changes_of_schedules(context: TenantContext, plan: SchedulePlan) -> list[Difference]:
    """How the schedules will differ from those that are there, as far as the actor may read them."""
    shown = sorted(
        (each for each in plan.changes if context.actor.may("schedules:read", objects_of(each.after))),
        key=lambda each: each.after.title,
    )
    before = [each.old for each in shown if each.old is not None]
    return differences({"schedules": before}, {"schedules": [each.new for each in shown]}) if shown else []


def _change(
    context: TenantContext, app: Integration, definition: ScheduleDefinition, playbook: Playbook, ids: Iterator[int]
) -> _Change:
    """What becomes of a schedule; raises ``DuplicateKey``."""
    data, actor = context.data, context.actor
    before, now, calendar = titled_schedule(data, definition.title), data.now(), context.parts.calendar()
    runs = None if before is None else data.playbooks.get(before.playbook_id)
    if before is not None and not _may_be_replaced(before, runs, app):
        raise schedule_taken(definition.title)
    is_same_target = before is not None and before.playbook_id == playbook.id
    parts: dict[str, Any] = {
        **described_schedule(definition),
        "inputs": _sealed(definition.inputs, playbook, before if is_same_target else None),
        "status": before.status if before is not None and is_same_target else ScheduleStatus.INACTIVE,
        "playbook_id": playbook.id,
        "user_id": actor.name,
        "updated_ts": now,
    }
    if before is None:
        after = planned(Schedule(**parts, id=next(ids), created_ts=now), calendar, now)
    else:
        after = replanned(before, evolve(before, **parts, status_reason=""), calendar, now)
    return _Change(
        before=before,
        after=after,
        old=None if before is None else schedule_record(before, runs or playbook).record,
        new=schedule_record(after, playbook).record,
    )


def _may_be_replaced(schedule: Schedule, runs: Playbook | None, app: Integration) -> bool:
    """Whether it is one of the app's, or what it ran, a playbook, is there no more."""
    if not schedule.playbook_id:
        return False
    return runs is None or runs.status is AppStatus.DELETED or runs.integration_id == app.integration_id


def _sealed(inputs: Mapping[str, Any], playbook: Playbook, before: Schedule | None) -> dict[str, Any]:
    """The inputs as they are stored: with secrets that ``before`` has, as no package has them."""
    secret = secret_inputs(playbook)
    given = {
        name: Secret(value) if name in secret and isinstance(value, str) else value
        for name, value in inputs.items()
        if value is not None and not (name in secret and value == MASK)
    }
    stored = before.inputs if before is not None else {}
    kept = {name: value for name, value in stored.items() if name in secret and name not in given}
    return {**given, **kept}


def _refuse_faults(
    context: TenantContext, definitions: Iterable[ScheduleDefinition], own: Mapping[str, Playbook]
) -> None:
    """Raises ``InvalidInput`` with all that is wrong with the schedules in themselves, and with what they run."""
    calendar = context.parts.calendar()
    faults = [
        _as_in_record(fault).under(f"schedules[{index}]")
        for index, each in enumerate(definitions)
        for fault in chain(schedule_faults(each, calendar), _target_faults(each, own))
    ]
    if faults:
        raise InvalidInput.of(faults, "The schedules of the package")


def _target_faults(definition: ScheduleDefinition, own: Mapping[str, Playbook]) -> Iterator[Fault]:
    if definition.playbook and definition.playbook not in own:
        yield Fault("playbook", "is none that comes with the app", "the name of one of the app's playbooks")


def _as_in_record(fault: Fault) -> Fault:
    """Records have the title of a schedule as its name."""
    return Fault("name", fault.message, fault.expected) if fault.path == "title" else fault


def _input_faults(schedule: Schedule, playbook: Playbook) -> Iterator[Fault]:
    """Why the schedule cannot be run as it is: most often a secret, which no package has."""
    _, faults = checked(playbook.inputs, schedule.inputs)
    return (fault.under(f"schedules[{schedule.title}].inputs") for fault in faults)


def _refuse_forbidden(context: TenantContext, change: _Change, playbook: Playbook) -> None:
    """Raises ``PermissionDenied`` if the actor may not write it, or not run the playbook; ``NotFound`` if not know."""
    actor, after = context.actor, change.after
    if change.before is None:
        require_new(actor, "schedules:write", objects_around(after))
    else:
        require(actor, "schedules:write", objects_of(change.before), no_schedule(after.title))
    require(actor, "playbooks:run", objects_of(playbook), no_playbook(playbook.title))
