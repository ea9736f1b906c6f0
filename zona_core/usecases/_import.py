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
from zona_core.errors import DuplicateKey, Fault, NotFound, ZonaError
from zona_core.persistence.database import TenantData
from zona_core.ports.packages import Record
from zona_core.usecases._access import objects_of, permitted, require_new
from zona_core.usecases._app_records import AppRecords, PackagedParts, grouped, parts_of
from zona_core.usecases._area import TenantContext
from zona_core.usecases._changes import changes_of, keeping_secrets, shown
from zona_core.usecases._checking import refuse_faults
from zona_core.usecases._foreseeing import foreseeing
from zona_core.usecases._import_playbooks import (
    PlaybookPlan,
    Waiting,
    changes_of_playbooks,
    drafts_of,
    missing_of,
    plan_playbooks,
    put_playbooks,
    settled,
    write_playbooks,
)
from zona_core.usecases._import_report import (
    AppImport,
    DraftPlaybook,
    ImportReport,
    ImportResult,
    MappedTask,
    OnConflict,
)
from zona_core.usecases._import_titles import Titles
from zona_core.usecases._logos import Logos
from zona_core.usecases._lookup import app_of
from zona_core.usecases._package_index import PackageIndex
from zona_core.usecases._playbook_checks import Lack
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
]

#: differences that a report holds, and of one app
_MOST_DIFFERENCES: Final = 10_000
_MOST_OF_APP: Final = 1_000
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
        #: differences that the report has room for
        self._room = _MOST_DIFFERENCES
        #: of apps that would be made
        self._made: list[int] = []
        is_renaming = on_conflict is OnConflict.RENAME
        self._renamed = self._new_titles() if is_renaming else {}
        self._titles = Titles(self._data, self._renamed, index.playbooks if is_renaming else ())
        #: playbooks that lack something, by the title of their app in the package
        self._waiting: dict[str, tuple[Integration, tuple[Waiting, ...]]] = {}

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
        own = _Own(self._data, parts)
        new_apps = [] if existing else [ids.app]
        if self._dry:
            refuse_full(self._context, integrations=[*self._made, *new_apps] if new_apps else [])
            with self._data.transaction():
                plan = self._plan(definition, existing, ids, pictures)
                outcome = self._outcome(title, plan, mapped)
                put_app(self._context, plan.in_short(with_inputs=bool(self._index.playbooks)))
                if outcome.result is ImportResult.OVERWRITTEN:
                    fit_instances(self._data, plan)
                outcome = self._with_playbooks(outcome, plan, own)
            self._made += new_apps
            return outcome
        with taking(self._context, integrations=new_apps), self._data.transaction():
            plan = self._plan(definition, existing, ids, pictures)
            outcome = self._outcome(title, plan, mapped)
            if outcome.result is not ImportResult.UNCHANGED:
                write_app(self._context, plan, "packages.import_apps")
            return self._with_playbooks(outcome, plan, own)

    def _with_playbooks(self, outcome: AppImport, app: AppPlan, own: _Own) -> AppImport:
        """What became of an app, once its playbooks are as the package says, too."""
        definitions, mapped = self._titles.applied(own.parts.playbooks, outcome.title)
        plan = plan_playbooks(self._context, app.app, definitions, own.ids, is_new=app.before is None)
        if plan.writes and self._dry:
            put_playbooks(self._data, plan)
        elif plan.writes:
            write_playbooks(self._context, plan)
        if plan.waiting:
            self._waiting[outcome.title] = (app.app, plan.waiting)
        return self._told(outcome, app, plan, mapped, self._titles.renamed(own.parts.playbooks))

    def _told(
        self,
        outcome: AppImport,
        app: AppPlan,
        plan: PlaybookPlan,
        mapped: tuple[MappedTask, ...],
        renamed: dict[str, str],
    ) -> AppImport:
        found = changes_of_playbooks(self._context, plan) if app.before is not None else []
        told = shown(found, min(_MOST_OF_APP - len(outcome.differences), self._room))
        self._room -= len(told)
        is_changed = plan.writes and outcome.result is ImportResult.UNCHANGED
        return evolve(
            outcome,
            result=ImportResult.OVERWRITTEN if is_changed else outcome.result,
            mapped=(*outcome.mapped, *mapped),
            playbooks_created=len(plan.created),
            playbooks_updated=len(plan.updated),
            playbooks_removed=tuple(before.title for before, _ in plan.removed),
            playbooks_renamed=renamed,
            differences=(*outcome.differences, *told),
            more_differences=outcome.more_differences + len(found) - len(told),
        )

    def _finished(self, outcome: AppImport, there: set[TaskName]) -> AppImport:
        """What became of an app, once what it waited for may have come with later ones."""
        if outcome.result in _NOT_STORED:
            return outcome
        app, waiting = self._waiting.get(outcome.title, (None, ()))
        if app is not None:
            waiting = self._settled(app, waiting)
        missing = (*_still_missing(outcome, there), *missing_of(waiting))
        return evolve(outcome, missing=missing, drafts=drafts_of(waiting))

    def _settled(self, app: Integration, waiting: tuple[Waiting, ...]) -> tuple[Waiting, ...]:
        try:
            return settled(self._context, app, waiting, dry=self._dry is not None)
        except ZonaError as exc:
            reason = Lack(fault=Fault("", f"it could not be looked at again: {exc.message}", "another import"))
            return tuple(evolve(each, lacks=(*each.lacks, reason)) for each in waiting)

    def _plan(
        self, definition: AppDefinition, existing: Integration | None, ids: NewIds, logos: tuple[StoredLogo, ...]
    ) -> AppPlan:
        before = app_of(self._context, existing.integration_id, "apps:write") if existing else None
        return keeping_secrets(plan_app(self._context, definition, before, ids, logos=logos, lenient=True))

    def _outcome(self, title: str, plan: AppPlan, mapped: tuple[MappedTask, ...]) -> AppImport:
        found, tasks = changes_of(self._context, plan), plan.tasks
        told = shown(found, min(_MOST_OF_APP, self._room))
        self._room -= len(told)
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


class _Own:
    """What else an app has in its package, and ids for that, taken before the transaction begins."""

    def __init__(self, data: TenantData, parts: PackagedParts) -> None:
        self.parts = parts
        self.ids = iter(data.take_ids("playbooks", len(parts.playbooks)) if parts.playbooks else ())


def _writes(plan: AppPlan) -> bool:
    tasks = plan.tasks
    return plan.app is not plan.before or bool(tasks.created or tasks.updated or tasks.retired)


def _still_missing(app: AppImport, there: set[TaskName]) -> tuple[MissingTask, ...]:
    """The references that wait after all apps were imported: what one waits for may have come with a later one."""
    return tuple(lack for lack in app.missing if TaskName(lack.app or app.stored_title, lack.task) not in there)
