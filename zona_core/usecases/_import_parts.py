"""Importing what belongs to an app beside its tasks: its playbooks and their schedules, in the app's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from zona_core.domain.apps import Integration
from zona_core.domain.differences import Difference
from zona_core.errors import Fault, ZonaError
from zona_core.persistence.database import TenantData
from zona_core.usecases._app_records import PackagedParts
from zona_core.usecases._area import TenantContext
from zona_core.usecases._changes import shown
from zona_core.usecases._import_playbooks import (
    Waiting,
    changes_of_playbooks,
    plan_playbooks,
    put_playbooks,
    settled,
    write_playbooks,
)
from zona_core.usecases._import_report import AppImport, ImportResult
from zona_core.usecases._import_schedules import changes_of_schedules, plan_schedules, put_schedules, write_schedules
from zona_core.usecases._import_titles import Titles
from zona_core.usecases._playbook_checks import Lack
from zona_core.usecases._storing import AppPlan

__all__ = ["Own", "PartsImporter", "Room"]

#: differences that a report holds, and of one app
_MOST_DIFFERENCES: Final = 10_000
_MOST_OF_APP: Final = 1_000


class Room:
    """How many differences a report has room for."""

    def __init__(self) -> None:
        self._left = _MOST_DIFFERENCES

    def shown(self, found: Sequence[Difference], already: int = 0) -> tuple[Difference, ...]:
        """As many of these as there is room for in the report of an app that has so many ``already``."""
        told = shown(found, min(_MOST_OF_APP - already, self._left))
        self._left -= len(told)
        return told


class Own:
    """What else an app has in its package, and ids for that, taken before the transaction begins."""

    def __init__(self, data: TenantData, parts: PackagedParts) -> None:
        self.parts = parts
        self.playbook_ids = iter(data.take_ids("playbooks", len(parts.playbooks)) if parts.playbooks else ())
        self.schedule_ids = iter(data.take_ids("schedules", len(parts.schedules)) if parts.schedules else ())


class PartsImporter:
    """Imports what belongs to the apps of one package; see the module."""

    def __init__(self, context: TenantContext, titles: Titles, room: Room, *, dry: bool) -> None:
        self._context = context
        self._titles = titles
        self._room = room
        self._dry = dry
        #: playbooks that lack something, by the title of their app in the package
        self._waiting: dict[str, tuple[Integration, tuple[Waiting, ...]]] = {}

    def imported(self, outcome: AppImport, app: AppPlan, own: Own) -> AppImport:
        """What became of an app, once its playbooks and their schedules are as the package says, too."""
        return self._with_schedules(self._with_playbooks(outcome, app, own), app, own)

    def waiting(self, title: str) -> tuple[Waiting, ...]:
        """The playbooks that lack something still, of the app of that title, when all apps of the package are there."""
        app, waiting = self._waiting.get(title, (None, ()))
        if app is None:
            return ()
        try:
            return settled(self._context, app, waiting, dry=self._dry)
        except ZonaError as exc:
            reason = Lack(fault=Fault("", f"it could not be looked at again: {exc.message}", "another import"))
            return tuple(evolve(each, lacks=(*each.lacks, reason)) for each in waiting)

    def _with_playbooks(self, outcome: AppImport, app: AppPlan, own: Own) -> AppImport:
        definitions, mapped = self._titles.applied(own.parts.playbooks, outcome.title)
        plan = plan_playbooks(self._context, app.app, definitions, own.playbook_ids, is_new=app.before is None)
        if plan.writes and self._dry:
            put_playbooks(self._context.data, plan)
        elif plan.writes:
            write_playbooks(self._context, plan)
        if plan.waiting:
            self._waiting[outcome.title] = (app.app, plan.waiting)
        told = evolve(
            outcome,
            mapped=(*outcome.mapped, *mapped),
            playbooks_created=len(plan.created),
            playbooks_updated=len(plan.updated),
            playbooks_removed=tuple(before.title for before, _ in plan.removed),
            playbooks_renamed=self._titles.renamed(own.parts.playbooks),
        )
        found = changes_of_playbooks(self._context, plan) if app.before is not None else []
        return self._changed(told, found, writes=plan.writes)

    def _with_schedules(self, outcome: AppImport, app: AppPlan, own: Own) -> AppImport:
        definitions = self._titles.applied_to_schedules(own.parts.schedules)
        plan = plan_schedules(self._context, app.app, definitions, own.schedule_ids)
        if self._dry:
            put_schedules(self._context.data, plan)
        else:
            write_schedules(self._context, plan)
        told = evolve(
            outcome,
            schedules_created=plan.created,
            schedules_updated=len(plan.changes) - plan.created,
            schedules_paused=plan.paused,
            schedules_renamed=self._titles.renamed_schedules(own.parts.schedules),
            schedules_unready=plan.unready,
        )
        found = changes_of_schedules(self._context, plan) if app.before is not None else []
        return self._changed(told, found, writes=bool(plan.changes))

    def _changed(self, outcome: AppImport, found: Sequence[Difference], *, writes: bool) -> AppImport:
        """The outcome with these differences; what was the same is overwritten if anything is written."""
        told = self._room.shown(found, len(outcome.differences))
        is_changed = writes and outcome.result is ImportResult.UNCHANGED
        return evolve(
            outcome,
            result=ImportResult.OVERWRITTEN if is_changed else outcome.result,
            differences=(*outcome.differences, *told),
            more_differences=outcome.more_differences + len(found) - len(told),
        )
