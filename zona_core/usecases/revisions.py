"""What apps and tasks were before: seen, compared with what they are, and restored (SPEC §1, §4.3).

An app's revisions are those of its own description (fields, shared configuration, health check, …); each of its tasks
has its own. A deleted task can be restored; a deleted app cannot, as its instances' secrets are erased for good.
"""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import TypeVar

from attrs import define, evolve, fields_dict

from zona_core.domain.apps import AppDefinition, AppDescription, AppStatus, Integration, Task, TaskDefinition
from zona_core.domain.differences import Difference
from zona_core.domain.revisions import revision_key
from zona_core.errors import Conflict, DuplicateKey, NotFound
from zona_core.persistence.collections import LIVE_APP
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Where
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._checking import refuse_faults, refuse_task_faults
from zona_core.usecases._history import describes_same, restored, target_of
from zona_core.usecases._lookup import app_of, task_of
from zona_core.usecases._states import between
from zona_core.usecases._storing import AppPlan, NewIds, draft_task, plan_app, write_app, write_task

__all__ = ["RevisionInfo", "Revisions"]

T = TypeVar("T")


@define(frozen=True, kw_only=True)
class RevisionInfo:
    """A former state in short: which revision it was, and how it came to an end."""

    number: int
    replaced_at: datetime
    replaced_by: str
    #: how many places were changed, and the first of them
    changes: int
    changed: tuple[str, ...]


class Revisions(Area):
    """Listing, comparing and restoring former states of apps and tasks.

    The store counts a document's revisions. Not every one is in the history: those are left out that describe the same
    as what came after, and those by which references found or lost what they name; the last 100 are kept.
    """

    area = "revisions"
    _context: TenantContext

    @use_case("apps:read", by_object=True)
    def of_app(self, app: int | str, *, after: str | None = None, limit: int = 100) -> Listing[RevisionInfo]:
        """The former states of an app's own description, the latest first; of a deleted one by its id.

        Raises ``NotFound``.
        """
        return self._listed(app_of(self._context, app, "apps:read", deleted=True), after, limit)

    @use_case("tasks:read", by_object=True)
    def of_task(
        self, app: int | str, task: int | str, *, after: str | None = None, limit: int = 100
    ) -> Listing[RevisionInfo]:
        """The former states of a task, the latest first; of a deleted one too. Raises ``NotFound``."""
        return self._listed(task_of(self._context, app, task, "tasks:read", deleted=True)[1], after, limit)

    @use_case("apps:read", by_object=True)
    def diff_app(self, app: int | str, before: int, after: int | None = None) -> builtins.list[Difference]:
        """How the app differs between two revisions, or between one and the present; secrets are masked.

        Raises ``NotFound`` also for a revision that is not kept.
        """
        found = app_of(self._context, app, "apps:read", deleted=True)
        old, new = (self._at(found, number, AppDescription) for number in (before, after))
        return between(self._context, found.title, old, new)

    @use_case("tasks:read", by_object=True)
    def diff_task(
        self, app: int | str, task: int | str, before: int, after: int | None = None
    ) -> builtins.list[Difference]:
        """The same for a task."""
        of_app, found = task_of(self._context, app, task, "tasks:read", deleted=True)
        old, new = (self._at(found, number, TaskDefinition) for number in (before, after))
        return between(self._context, of_app.title, old, new)

    @use_case("apps:write", by_object=True)
    def restore_app(self, app: int | str, to: int, *, revision: int | None = None) -> Integration:
        """Has the app described again as it was at revision ``to``; its tasks stay, but for the app's logo on them.

        A change like any other, which makes a revision, unless the app is described so already: then nothing is done.
        Fields get the ids that they had, and instances are fitted to them: values move with a field that had another
        name, those of a field that was not there yet are erased.
        Raises ``NotFound``, ``RevisionConflict``, ``InvalidInput`` if the app's tasks do not go with it,
        ``DuplicateKey`` if its title of then is taken, ``Conflict`` (``app_deleted``).
        """
        context, data = self._context, self._context.data
        with data.transaction():
            before = _undeleted(app_of(context, app, "apps:write", deleted=True))
            check_revision(before.revision, revision, target_of(before))
            description = self._at(before, to, AppDescription)
            if describes_same(description, before):
                return before
            return write_app(context, self._plan(before, description), "revisions.restore_app")

    @use_case("tasks:write", by_object=True)
    def restore_task(self, app: int | str, task: int | str, to: int, *, revision: int | None = None) -> Task:
        """Puts the task as it was at revision ``to`` in the place of what it is now, also of one that was deleted.

        A change like any other, which makes a revision, unless the task is like that already: then nothing is done.
        References by name that waited then wait again. Raises ``NotFound``, ``RevisionConflict``, ``InvalidInput`` as
        ``tasks.upsert`` does, ``DuplicateKey`` if another task has its tag, ``Conflict`` (``app_deleted``).
        """
        context, data = self._context, self._context.data
        with data.transaction():
            of_app, before = task_of(context, app, task, "tasks:write", deleted=True)
            _undeleted(of_app)
            check_revision(before.revision, revision, target_of(before))
            definition = self._at(before, to, TaskDefinition)
            if before.status is not AppStatus.DELETED and self._is_there(definition, of_app, before):
                return before
            refuse_task_faults(context, definition, of_app)
            self._refuse_taken_tag(of_app, before)
            after = write_task(context, of_app, definition, before, waiting=True)
            data.record(context.actor, "revisions.restore_task", target_of(after), before=before, after=after)
        return after

    def _listed(self, model: Integration | Task, after: str | None, limit: int) -> Listing[RevisionInfo]:
        where: Where = {"target": target_of(model)}
        page = self._context.data.revisions.find(where, sort=[("number", -1)], after=after, limit=limit)
        shown = fields_dict(RevisionInfo)
        return Listing(
            items=[RevisionInfo(**{name: getattr(each, name) for name in shown}) for each in page.items],
            next=page.next,
        )

    def _at(self, model: Integration | Task, number: int | None, kind: type[T]) -> T:
        """What the model was at that revision; what it is now for its present one, and for None."""
        if number is None or number == model.revision:
            return model  # type: ignore[return-value]  # an Integration is an AppDescription, a Task a TaskDefinition
        target = target_of(model)
        found = self._context.data.revisions.get(revision_key(target, number))
        if found is None:
            raise NotFound(
                f"revision {number} of {target} is not kept",
                collection="revisions",
                hint="its history shows those that are",
            )
        return restored(found, kind)

    def _plan(self, before: Integration, description: AppDescription) -> AppPlan:
        """The app with the tasks that it has, which refer to whatever they refer to: also to what is hidden here."""
        context, data = self._context, self._context.data
        tasks = data.tasks.all({"integration_id": before.integration_id, "status": LIVE_APP})
        definition = AppDefinition(
            **{name: getattr(description, name) for name in fields_dict(AppDescription)}, tasks=tuple(tasks)
        )
        refuse_faults(context, definition)
        plan = plan_app(context, definition, before, NewIds(data, before.integration_id, 0), lenient=True)
        app = evolve(plan.app, fields=description.fields, last_field_id=before.last_field_id)
        return evolve(plan, app=app)

    def _is_there(self, definition: TaskDefinition, app: Integration, task: Task) -> bool:
        """Whether the task is so already, names that were found since being the same as what has them."""
        return describes_same(draft_task(self._context, app, definition, task, waiting=True).task, task)

    def _refuse_taken_tag(self, app: Integration, task: Task) -> None:
        where: Where = {"integration_id": app.integration_id, "task_tag": task.task_tag, "status": LIVE_APP}
        holder = self._context.data.tasks.one(where)
        if holder is not None and holder.id != task.id:
            raise DuplicateKey(
                f"{app.title} has another task {task.task_tag!r} by now",
                collection="tasks",
                fields=["integration_id", "task_tag"],
                hint="delete that one first",
            )


def _undeleted(app: Integration) -> Integration:
    if app.status is AppStatus.DELETED:
        raise Conflict(f"the app {app.title} was deleted, with its instances' secrets", code="app_deleted")
    return app
