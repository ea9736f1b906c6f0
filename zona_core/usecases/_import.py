"""Importing apps: each wholly or not at all, the others go on, and a report of what was done and why (SPEC §4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final

from attrs import evolve

from zona_core.domain.apps import AppDefinition, Integration
from zona_core.domain.instances import InstanceStatus
from zona_core.domain.logos import StoredLogo
from zona_core.domain.references import TaskRef, references_of, with_references
from zona_core.errors import DuplicateKey, NotFound, ZonaError
from zona_core.ports.packages import Record
from zona_core.usecases._access import objects_of, permitted, require_new
from zona_core.usecases._app_records import AppRecords, PackagedParts, grouped, parts_of
from zona_core.usecases._area import TenantContext
from zona_core.usecases._changes import changes_of, keeping_secrets
from zona_core.usecases._checking import refuse_faults
from zona_core.usecases._foreseeing import foreseeing
from zona_core.usecases._import_parts import Own, PartsImporter, Room
from zona_core.usecases._import_playbooks import drafts_of, missing_of
from zona_core.usecases._import_report import (
    AppImport,
    DraftPlaybook,
    ImportReport,
    ImportResult,
    MappedTask,
    OnConflict,
    UnreadySchedule,
)
from zona_core.usecases._import_titles import Titles
from zona_core.usecases._logos import Logos
from zona_core.usecases._lookup import app_of
from zona_core.usecases._package_index import PackageIndex
from zona_core.usecases._quota import refuse_full, taking
from zona_core.usecases._references import TaskName
from zona_core.usecases._storing import (
    AppPlan,
    MissingTask,
    NewIds,
    fit_instances,
    plan_app,
    put_app,
    refitted,
    taken,
    titled,
    write_app,
)

__all__ = [
    "AppImport",
    "DraftPlaybook",
    "ImportReport",
    "ImportResult",
    "Importer",
    "MappedTask",
    "OnConflict",
    "UnreadySchedule",
]

_NOT_STORED: Final = (ImportResult.FAILED, ImportResult.SKIPPED)


class Importer:
    """Imports the apps of one package into a tenant."""

    def __init__(self, context: TenantContext, index: PackageIndex, on_conflict: OnConflict, *, dry_run: bool) -> None:
        self._context = foreseeing(context) if dry_run else context
        self._data = self._context.data
        self._index = index
        self._on_conflict = on_conflict
        #: ids for show, if nothing is to be changed
        self._dry = count(-1, -1) if dry_run else None
        self._room = Room()
        #: of apps that would be made
        self._made: list[int] = []
        is_renaming = on_conflict is OnConflict.RENAME
        self._renamed = self._new_titles() if is_renaming else {}
        renamed = (index.playbooks, index.schedules) if is_renaming else ((), ())
        titles = Titles(self._data, self._renamed, *renamed)
        self._parts = PartsImporter(self._context, titles, self._room, dry=dry_run)

    def imported(self, records: Iterable[Record]) -> tuple[AppImport, ...]:
        """What became of each app of the package, whose records these are."""
        done = [self._one(each) for each in grouped(records)]
        stored = {each.title: each.stored_title for each in done if each.result not in _NOT_STORED}
        there = {TaskName(stored[name.app], name.task) for name in self._index.tasks if name.app in stored}
        return tuple(self._finished(each, there) for each in done)

    def _one(self, records: AppRecords) -> AppImport:
        title = records.title
        try:
            parts = parts_of(records)
            try:
                return self._import(parts, title)
            except (DuplicateKey, NotFound):
                # Somebody made an app of the title meanwhile, or deleted it: what is there now is looked at once more.
                return self._import(parts, title)
        except ZonaError as exc:
            return AppImport(title=title, result=ImportResult.FAILED, error=exc.as_dict())

    def _import(self, parts: PackagedParts, title: str) -> AppImport:
        definition, mapped = self._mapped(evolve(parts.definition, title=self._renamed.get(title, title)))
        existing = self._existing(definition.title)
        if existing and self._on_conflict is OnConflict.SKIP:
            return AppImport(
                title=title,
                result=ImportResult.SKIPPED,
                stored_title=existing.title,
                integration_id=existing.integration_id,
            )
        logos = Logos(self._context)
        definition = logos.of_app(definition)
        refuse_faults(self._context, definition)
        pictures = tuple(logos.new.values())
        ids = NewIds(self._data, existing.integration_id if existing else 0, len(definition.tasks), dry=self._dry)
        own = Own(self._data, parts)
        new_apps = [] if existing else [ids.app]
        if self._dry:
            refuse_full(self._context, integrations=[*self._made, *new_apps] if new_apps else [])
            with self._data.transaction():
                plan = self._plan(definition, existing, ids, pictures)
                outcome = self._outcome(title, plan, mapped)
                put_app(self._context, plan.in_short(with_inputs=bool(self._index.playbooks)))
                if outcome.result is ImportResult.OVERWRITTEN:
                    fit_instances(self._data, plan)
                outcome = self._parts.imported(outcome, plan, own)
            self._made += new_apps
            return outcome
        with taking(self._context, integrations=new_apps), self._data.transaction():
            plan = self._plan(definition, existing, ids, pictures)
            outcome = self._outcome(title, plan, mapped)
            if outcome.result is not ImportResult.UNCHANGED:
                write_app(self._context, plan, "packages.import_apps")
            return self._parts.imported(outcome, plan, own)

    def _finished(self, outcome: AppImport, there: set[TaskName]) -> AppImport:
        """What became of an app, once what it waited for may have come with later ones."""
        if outcome.result in _NOT_STORED:
            return outcome
        waiting = self._parts.waiting(outcome.title)
        missing = (*_still_missing(outcome, there), *missing_of(waiting))
        return evolve(outcome, missing=missing, drafts=drafts_of(waiting))

    def _plan(
        self, definition: AppDefinition, existing: Integration | None, ids: NewIds, logos: tuple[StoredLogo, ...]
    ) -> AppPlan:
        before = app_of(self._context, existing.integration_id, "apps:write") if existing else None
        return keeping_secrets(plan_app(self._context, definition, before, ids, logos=logos, lenient=True))

    def _outcome(self, title: str, plan: AppPlan, mapped: tuple[MappedTask, ...]) -> AppImport:
        found, tasks = changes_of(self._context, plan), plan.tasks
        told = self._room.shown(found)
        if plan.before is None:
            result = ImportResult.RENAMED if title in self._renamed else ImportResult.CREATED
        else:
            result = ImportResult.OVERWRITTEN if _writes(plan) else ImportResult.UNCHANGED
        return AppImport(
            title=title,
            result=result,
            stored_title=plan.app.title,
            integration_id=max(plan.app.integration_id, 0),
            tasks_created=len(tasks.created),
            tasks_updated=len(tasks.updated),
            tasks_retired=tuple(task.task_tag for task in tasks.retired),
            tasks_kept=tuple(task.task_tag for task in tasks.kept),
            instances_broken=tuple(self._broken(plan)) if result is ImportResult.OVERWRITTEN else (),
            missing=plan.missing,
            mapped=mapped,
            differences=told,
            more_differences=len(found) - len(told),
        )

    def _broken(self, plan: AppPlan) -> Iterator[str]:
        """The instances that will be in error, as far as the actor may read them."""
        for before, after in refitted(self._data, plan):
            failing = after.status is InstanceStatus.ERROR and before.status is not InstanceStatus.ERROR
            if failing and self._context.actor.may("instances:read", objects_of(before)):
                yield before.title

    def _existing(self, title: str) -> Integration | None:
        """The app that has the title, if the actor may know of it.

        Raises ``PermissionDenied``, ``DuplicateKey`` if it may not, or may not make one where there is none.
        """
        found = titled(self._data, title)
        if found and permitted(self._context.actor, "apps:write", objects_of(found)):
            return found
        require_new(self._context.actor, "apps:write")
        if found:
            raise taken(title)
        return None

    def _new_titles(self) -> dict[str, str]:
        """The titles of those that are renamed, by those in the package."""
        taken = set(self._index.titles)
        renamed = {}
        for title in self._index.titles:
            if titled(self._data, title) is not None:
                free = (f"{title[:190]} ({number})" for number in count(2))
                renamed[title] = next(new for new in free if new not in taken and titled(self._data, new) is None)
                taken.add(renamed[title])
        return renamed

    def _mapped(self, definition: AppDefinition) -> tuple[AppDefinition, tuple[MappedTask, ...]]:
        """The definition with its references to renamed apps leading to these."""
        if not self._renamed:
            return definition, ()
        mapped: list[MappedTask] = []
        for task in definition.tasks:
            mapped += (
                MappedTask(path=f"tasks[{task.task_tag}].{path}", app=ref.app, task=ref.task, to=self._renamed[ref.app])
                for path, _, ref in references_of(task)
                if ref.app in self._renamed
            )
        tasks = tuple(evolve(task, **with_references(task, self._with_new_title)) for task in definition.tasks)
        return evolve(definition, tasks=tasks), tuple(mapped)

    def _with_new_title(self, reference: TaskRef) -> TaskRef:
        return evolve(reference, app=self._renamed.get(reference.app, reference.app))


def _writes(plan: AppPlan) -> bool:
    tasks = plan.tasks
    return plan.app is not plan.before or bool(tasks.created or tasks.updated or tasks.retired)


def _still_missing(app: AppImport, there: set[TaskName]) -> tuple[MissingTask, ...]:
    """The references that wait after all apps were imported: what one waits for may have come with a later one."""
    return tuple(lack for lack in app.missing if TaskName(lack.app or app.stored_title, lack.task) not in there)
