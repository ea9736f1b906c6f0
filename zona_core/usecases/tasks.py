"""Tasks of an app."""

from __future__ import annotations

from datetime import datetime

from attrs import define, evolve

from zona_core.domain.apps import AppStatus, Integration, Task, TaskDefinition
from zona_core.domain.definitions import task_faults
from zona_core.domain.runs import Execution, RunStatus
from zona_core.errors import Fault, InvalidInput, NotFound, RevisionConflict
from zona_core.persistence.collections import LIVE_APP, RUNS, TASKS
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Where
from zona_core.usecases import _reconcile as reconcile
from zona_core.usecases._access import check_revision, objects_of, readable_page, require_new
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._lookup import app_around, task_of

__all__ = ["LastRun", "TaskInfo", "TaskRuntime", "Tasks"]


@define(frozen=True, kw_only=True)
class LastRun:
    """A run in short."""

    id: str
    status: RunStatus
    instance_title: str
    actor: str
    created_at: datetime
    ended_at: datetime | None
    #: code of its error; empty for one that did not fail
    error_code: str


@define(frozen=True, kw_only=True)
class TaskRuntime:
    """How a task did in its last runs, those that the actor may read."""

    #: newest first
    last_runs: tuple[LastRun, ...]
    #: how many of them have ended
    ended: int
    #: which part of those that ended succeeded, 0-1; None if none has ended
    success_rate: float | None


@define(frozen=True, kw_only=True)
class TaskInfo:
    """A task and how it did."""

    task: Task
    #: None for an actor that may read no runs
    runtime: TaskRuntime | None


class Tasks(Area):
    """Listing, reading, changing and deleting the tasks of an app."""

    area = "tasks"
    _context: TenantContext

    @use_case("tasks:read", by_object=True)
    def list(self, app: int | str, *, after: str | None = None, limit: int = 100) -> Listing[Task]:
        """An app's tasks by execution order, then id."""
        context = self._context
        found = app_around(context, app, "tasks:read")
        where: Where = {"integration_id": found.integration_id, "status": LIVE_APP}
        sort = [("execution_order", 1), ("id", 1)]
        return readable_page(context.actor, context.data.tasks, TASKS, where, sort=sort, after=after, limit=limit)

    @use_case("tasks:read", by_object=True)
    def get(self, app: int | str, task: int | str) -> Task:
        """The task with that tag or id; raises ``NotFound``."""
        return task_of(self._context, app, task, "tasks:read")[1]

    @use_case("tasks:read", by_object=True)
    def by_id(self, task: int) -> Task:
        """The task with that id, of whichever app; raises ``NotFound``."""
        missing = NotFound(f"there is no task {task}", collection="tasks")
        found = self._context.data.tasks.get(task)
        if found is None:
            raise missing
        try:
            return task_of(self._context, found.integration_id, task, "tasks:read")[1]
        except NotFound:  # it would tell of an app that the actor may not know of
            raise missing from None

    @use_case("tasks:read", by_object=True)
    def info(self, app: int | str, task: int | str, *, runs: int = 20) -> TaskInfo:
        """The task with that tag or id and its last ``runs`` (1-100); raises ``NotFound``, ``InvalidInput``."""
        if not 1 <= runs <= 100:
            raise InvalidInput.of([Fault("runs", f"{runs} is out of range", "1-100")])
        found = task_of(self._context, app, task, "tasks:read")[1]
        return TaskInfo(task=found, runtime=self._runtime(found, runs))

    @use_case("tasks:write", by_object=True)
    def upsert(
        self, app: int | str, definition: TaskDefinition, *, task_id: int = 0, revision: int | None = None
    ) -> Task:
        """Stores one task, new or in the place of the one with its tag, which has to be ``task_id`` if that is given.

        Raises ``InvalidInput`` with every fault, ``NotFound``, ``RevisionConflict``.
        """
        data = self._context.data
        of_app = app_around(self._context, app, "tasks:write")
        self._check_access(of_app, self._stored(of_app, definition))
        self._refuse_faults(definition, of_app)
        new_id = data.take_id("tasks")
        with data.transaction():
            app_around(self._context, of_app.integration_id, "tasks:write")  # it may have been deleted meanwhile
            now = data.now()
            before = self._stored(of_app, definition)
            self._check_access(of_app, before)
            _check_identity(before, task_id)
            check_revision(before.revision if before else 0, revision, f"tasks/{before.id if before else new_id}")
            if before is None:
                after = data.tasks.insert(reconcile.task(definition, of_app.integration_id, new_id, now))
            else:
                task = reconcile.task(definition, of_app.integration_id, before.id, now)
                after = data.tasks.replace(evolve(task, created_ts=before.created_ts, revision=before.revision))
            data.record(self._context.actor, "tasks.upsert", f"tasks/{after.id}", before=before, after=after)
        return after

    @use_case("tasks:delete", by_object=True)
    def delete(self, app: int | str, task: int | str, *, revision: int | None = None) -> Task:
        """Sets a task to deleted; raises ``NotFound``, ``RevisionConflict``."""
        data = self._context.data
        with data.transaction():
            _, before = task_of(self._context, app, task, "tasks:delete")
            check_revision(before.revision, revision, f"tasks/{before.id}")
            after = data.tasks.replace(evolve(before, status=AppStatus.DELETED, updated_ts=data.now()))
            data.record(self._context.actor, "tasks.delete", f"tasks/{after.id}", before=before, after=after)
        return after

    def _runtime(self, task: Task, count: int) -> TaskRuntime | None:
        actor, runs = self._context.actor, self._context.data.runs
        if not actor.may_somewhere("runs:read"):
            return None
        where: Where = {"task_id": task.id}
        page = readable_page(actor, runs, RUNS, where, sort=[("created_at", -1)], after=None, limit=count)
        ended = [run for run in page.items if run.status.ended]
        successes = sum(run.status is RunStatus.SUCCESS for run in ended)
        return TaskRuntime(
            last_runs=tuple(map(_in_short, page.items)),
            ended=len(ended),
            success_rate=successes / len(ended) if ended else None,
        )

    def _stored(self, app: Integration, definition: TaskDefinition) -> Task | None:
        where: Where = {"integration_id": app.integration_id, "task_tag": definition.task_tag, "status": LIVE_APP}
        return self._context.data.tasks.one(where)

    def _check_access(self, app: Integration, task: Task | None) -> None:
        """A new task needs the permission on the app; the refusal does not say whether there is one already."""
        require_new(self._context.actor, "tasks:write", objects_of(task or app))

    def _refuse_faults(self, definition: TaskDefinition, app: Integration) -> None:
        faults = task_faults(definition)
        try:
            faults += self._context.parts.handler(definition.task_handler).task_faults(definition, app)
        except NotFound as exc:
            faults.append(Fault("task_handler", exc.message, exc.hint))
        if faults:
            raise InvalidInput.of(faults, f"The task {definition.task_tag!r}")


def _check_identity(before: Task | None, task_id: int) -> None:
    if task_id and (before is None or before.id != task_id):
        raise RevisionConflict(
            f"tasks/{task_id} has the tag no more", collection="tasks", hint="read it again and repeat the change"
        )


def _in_short(run: Execution) -> LastRun:
    return LastRun(
        id=run.id,
        status=run.status,
        instance_title=run.instance_title,
        actor=run.actor,
        created_at=run.created_at,
        ended_at=run.ended_at,
        error_code=str((run.error or {}).get("code", "")),
    )
