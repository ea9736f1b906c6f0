"""Tasks of an app."""

from __future__ import annotations

from attrs import evolve

from zona_core.domain.apps import AppStatus, Integration, Task, TaskDefinition
from zona_core.domain.definitions import task_faults
from zona_core.errors import InvalidInput
from zona_core.persistence.collections import LIVE_APP
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Where
from zona_core.usecases import _reconcile as reconcile
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._lookup import app_of, task_of

__all__ = ["Tasks"]


class Tasks(Area):
    """Listing, reading, changing and deleting the tasks of an app."""

    area = "tasks"
    _context: TenantContext

    @use_case("tasks:read")
    def list(self, app: int | str, *, after: str | None = None, limit: int = 100) -> Listing[Task]:
        """An app's tasks by execution order, then id."""
        found = app_of(self._context.data, app)
        where: Where = {"integration_id": found.integration_id, "status": LIVE_APP}
        sort = [("execution_order", 1), ("id", 1)]
        return self._context.data.tasks.find(where, sort=sort, after=after, limit=limit)

    @use_case("tasks:read")
    def get(self, app: int | str, task: int | str) -> Task:
        """The task with that tag or id; raises ``NotFound``."""
        return task_of(self._context.data, app_of(self._context.data, app), task)

    @use_case("tasks:write")
    def upsert(self, app: int | str, definition: TaskDefinition) -> Task:
        """Stores one task, new or in the place of the one with its tag; raises ``InvalidInput`` with every fault."""
        data = self._context.data
        of_app = app_of(data, app)
        self._refuse_faults(definition, of_app)
        new_id = data.take_id("tasks")
        with data.transaction():
            app_of(data, of_app.integration_id)  # it may have been deleted meanwhile
            now = data.now()
            where: Where = {
                "integration_id": of_app.integration_id,
                "task_tag": definition.task_tag,
                "status": LIVE_APP,
            }
            before = data.tasks.one(where)
            if before is None:
                after = data.tasks.insert(reconcile.task(definition, of_app.integration_id, new_id, now))
            else:
                task = reconcile.task(definition, of_app.integration_id, before.id, now)
                after = data.tasks.replace(evolve(task, created_ts=before.created_ts, revision=before.revision))
            data.record(self._context.actor, "tasks.upsert", f"tasks/{after.id}", before=before, after=after)
        return after

    @use_case("tasks:delete")
    def delete(self, app: int | str, task: int | str) -> Task:
        """Sets a task to deleted."""
        data = self._context.data
        with data.transaction():
            before = task_of(data, app_of(data, app), task)
            after = data.tasks.replace(evolve(before, status=AppStatus.DELETED, updated_ts=data.now()))
            data.record(self._context.actor, "tasks.delete", f"tasks/{after.id}", before=before, after=after)
        return after

    def _refuse_faults(self, definition: TaskDefinition, app: Integration) -> None:
        faults = task_faults(definition)
        faults += self._context.parts.handler(definition.task_handler).task_faults(definition, app)
        if faults:
            raise InvalidInput.of(faults, f"The task {definition.task_tag!r}")
