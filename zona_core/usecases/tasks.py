"""Tasks of an app."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import define, evolve

from zona_core.domain.apps import AppStatus, Integration, Task, TaskDefinition
from zona_core.domain.runs import Execution, RunStatus
from zona_core.errors import Fault, InvalidInput, NotFound, RevisionConflict
from zona_core.persistence.collections import LIVE_APP, RUNS, TASKS
from zona_core.persistence.repository import Listing
from zona_core.ports.drawing import PictureFormat
from zona_core.ports.importers import TaskReader
from zona_core.ports.store import Where
from zona_core.usecases._access import check_revision, objects_of, readable_page, require_new
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._checking import refuse_task_faults
from zona_core.usecases._dependents import Dependent, TaskDependents, is_probe, refuse_needed, task_dependents
from zona_core.usecases._history import keep
from zona_core.usecases._logos import Logos
from zona_core.usecases._lookup import app_around, task_of
from zona_core.usecases._pictures import check_picture_format
from zona_core.usecases._references import unlink
from zona_core.usecases._storing import write_task

if TYPE_CHECKING:
    from zona_core.domain.task_graphs import TaskGraph
    from zona_core.usecases._verification import TaskVerification

__all__ = ["Dependent", "LastRun", "PictureFormat", "TaskDependents", "TaskInfo", "TaskRuntime", "Tasks"]


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
    """Listing, reading, verifying, changing and deleting the tasks of an app."""

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
        return task_of(self._context, None, task, "tasks:read")[1]

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
        logos = Logos(self._context)
        definition = logos.of(definition)
        refuse_task_faults(self._context, definition, of_app)
        new_id = data.take_id("tasks")
        with data.transaction():
            # It may have been deleted meanwhile.
            of_app = app_around(self._context, of_app.integration_id, "tasks:write")
            before = self._stored(of_app, definition)
            self._check_access(of_app, before)
            _check_identity(before, task_id)
            check_revision(before.revision if before else 0, revision, f"tasks/{before.id if before else new_id}")
            after = write_task(self._context, of_app, definition, before, new_id, logos=logos.new.values())
            data.record(self._context.actor, "tasks.upsert", f"tasks/{after.id}", before=before, after=after)
        return after

    @use_case("tasks:write", by_object=True)
    def read_document(self, document: bytes, *, format: str = "zona") -> TaskDefinition:  # noqa: A002  # the field's word
        """The task that a document describes, for ``verify`` and ``upsert``; ``format`` names an importer.

        Raises ``InvalidDocument`` with every fault of its shape, ``NotFound`` if no such format has single tasks.
        """
        importer = self._context.parts.importer(format)
        if not isinstance(importer, TaskReader):
            raise NotFound(f"the format {format!r} has no single tasks", hint="zona")
        return importer.read_task(document)

    @use_case("tasks:write", by_object=True)
    def verify(
        self,
        app: int | str,
        definition: TaskDefinition,
        *,
        instance: int | str | None = None,
        inputs: Mapping[str, Any] | None = None,
        timeout: float = 30.0,
        run: bool = False,
    ) -> TaskVerification:
        """Tells everything that is wrong with a definition, and what it would take to run it; stores nothing of it.

        With ``run`` it is tried, if nothing is wrong: one attempt of ``timeout`` seconds (at most 300) with ``inputs``
        on ``instance``, which are chosen and checked as ``runs.run`` does, for whoever may do that, too. It is the real
        thing for the remote side. The response comes with the outputs that can be had of it; the run is in the audit
        trail and not among the runs. Raises ``NotFound``, ``PermissionDenied``, ``InvalidInput`` (the timeout).
        """
        from zona_core.usecases._verification import MOST_SECONDS, Verifier

        if not 0 < timeout <= MOST_SECONDS:
            raise InvalidInput.of(
                [Fault("timeout", f"{timeout} s is out of range", f"more than 0, at most {MOST_SECONDS:g} s")]
            )
        of_app = app_around(self._context, app, "tasks:write")
        before = self._stored(of_app, definition)
        self._check_access(of_app, before)
        return Verifier(self._context, of_app, definition, before).verified(instance, inputs, timeout, run=run)

    @use_case("tasks:read", by_object=True)
    def dependents(self, app: int | str | None, task: int | str) -> TaskDependents:
        """Whether the task with that tag or id can be deleted, and who needs it; without an app, the one with that id.

        Raises ``NotFound``.
        """
        return task_dependents(self._context, *task_of(self._context, app, task, "tasks:read"))

    @use_case("tasks:read", by_object=True)
    def graph(self, app: int | str) -> TaskGraph:
        """The app's tasks, what they need, in whichever app, and who needs them elsewhere; raises ``NotFound``."""
        from zona_core.usecases._task_graph import graph_of

        return graph_of(self._context, app_around(self._context, app, "tasks:read"))

    @use_case("tasks:read", by_object=True)
    def picture(self, app: int | str, *, format: PictureFormat = PictureFormat.SVG) -> bytes:  # noqa: A002  # its word
        """The graph as a picture.

        Raises ``NotFound``, ``InvalidInput``, ``NotInstalled`` if what it takes is not there.
        """
        from zona_core.usecases._task_graph import drawing_of

        check_picture_format(format)
        painter = self._context.parts.graph_painter()
        drawing = drawing_of(self.graph(app))
        return painter.svg(drawing) if format == PictureFormat.SVG else painter.png(drawing)

    @use_case("tasks:delete", by_object=True)
    def delete(
        self, app: int | str | None, task: int | str, *, force: bool = False, revision: int | None = None
    ) -> Task:
        """Sets a task to deleted; without an app, the one with that id.

        Refused while other tasks need it or its app's health check runs it, unless forced: they wait for its tag then,
        and the app has no health check any more. Raises ``NotFound``, ``RevisionConflict``, ``Conflict``
        (``task_needed``).
        """
        data = self._context.data
        with data.transaction():
            of_app, before = task_of(self._context, app, task, "tasks:delete")
            check_revision(before.revision, revision, f"tasks/{before.id}")
            if not force:
                refuse_needed(self._context, of_app, {before.id: before}, of=before)
            unlink(data, of_app, {before.id: before})
            data.dependencies.delete_many({"task_id": before.id})
            after = data.tasks.replace(evolve(before, status=AppStatus.DELETED, updated_ts=data.now()))
            keep(self._context, [(before, after)])
            data.record(self._context.actor, "tasks.delete", f"tasks/{after.id}", before=before, after=after)
            if is_probe(of_app, before):
                self._drop_health_check(of_app)
        return after

    def _drop_health_check(self, app: Integration) -> None:
        data = self._context.data
        after = data.apps.replace(evolve(app, health_check={}, updated_ts=data.now()))
        keep(self._context, [(app, after)])
        data.changed("apps")
        data.record(self._context.actor, "tasks.delete", f"apps/{app.integration_id}", before=app, after=after)

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
