"""Apps: from a definition or a document to a stored integration with its tasks (SPEC §4.1)."""

from __future__ import annotations

import builtins
import hashlib
from datetime import datetime
from typing import Any, Final

from attrs import define, evolve

from zona_core.domain.apps import AppDefinition, AppStatus, Integration
from zona_core.domain.definitions import app_faults
from zona_core.domain.instances import InstanceStatus
from zona_core.errors import DuplicateKey, Fault, InvalidInput, NotFound
from zona_core.persistence.collections import APPS, LIVE_APP, LIVE_INSTANCE
from zona_core.persistence.repository import Listing
from zona_core.persistence.snapshots import Snapshot
from zona_core.ports.store import Where
from zona_core.usecases import _reconcile as reconcile
from zona_core.usecases._access import check_revision, narrowed, objects_of, permitted, readable_page, require_new
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._lookup import app_of

__all__ = ["AppOutcome", "Apps", "DeletedApp"]


@define(frozen=True, kw_only=True)
class AppOutcome:
    """What an upsert or import did: the app, and how many tasks it touched."""

    app: Integration
    created: bool
    tasks_created: int = 0
    tasks_updated: int = 0
    #: task tags that the definition no longer has
    tasks_retired: tuple[str, ...] = ()
    #: what an importer repaired, and where
    warnings: tuple[Fault, ...] = ()


@define(frozen=True, kw_only=True)
class DeletedApp:
    """What a deletion took along."""

    app: Integration
    tasks: int
    instances: int


#: what a list of names tells of an app
_NAMED: Final = ("integration_id", "title", "version", "category", "generic_app")


class Apps(Area):
    """Making, importing, listing and deleting apps."""

    area = "apps"
    _context: TenantContext

    @use_case("apps:write", by_object=True)
    def upsert(self, definition: AppDefinition, *, app_id: int = 0, revision: int | None = None) -> AppOutcome:
        """Stores an app with its tasks: a new one (``app_id`` 0), or in the place of an existing one.

        Fields keep their ids by name, tasks theirs by tag; tasks that the definition lacks are retired. All or nothing.
        Raises ``InvalidInput`` with every fault, ``DuplicateKey`` if the title is taken, ``NotFound``,
        ``RevisionConflict`` if a ``revision`` is given that the app does not have.
        """
        return self._upsert(definition, app_id, revision, "apps.upsert", ())

    @use_case("apps:write", by_object=True)
    def import_document(
        self,
        document: bytes,
        *,
        format: str = "openapi",  # noqa: A002  # the field's word
        title: str = "",
        update: bool = False,
        revision: int | None = None,
    ) -> AppOutcome:
        """Makes an app of a document; ``format`` names an importer (``openapi``, ``zona``, or a plugin's).

        With ``update`` an app of that title is brought up to date, otherwise a taken title is refused.
        Raises ``InvalidDocument``, ``DuplicateKey``, ``NotFound`` (no such format), ``RevisionConflict``.
        """
        imported = self._context.parts.importer(format).read(document, title=title)
        app_id = self._id_of_title(imported.definition.title) if update else 0
        return self._upsert(imported.definition, app_id, revision, "apps.import_document", imported.warnings)

    @use_case("apps:write", by_object=True)
    def install(self, name: str, *, update: bool = False, revision: int | None = None) -> AppOutcome:
        """Makes an app of an integration that a plugin brings; with ``update`` as in ``import_document``.

        Raises ``NotFound`` if no plugin brings one of that name, ``DuplicateKey``, ``RevisionConflict``.
        """
        definition = self._context.parts.integration(name)
        app_id = self._id_of_title(definition.title) if update else 0
        return self._upsert(definition, app_id, revision, "apps.install", ())

    @use_case("apps:read", by_object=True)
    def list(
        self, *, status: AppStatus | None = None, after: str | None = None, limit: int = 100
    ) -> Listing[Integration]:
        """Apps by title; those deleted only if asked for."""
        where: Where = {"status": status.value if status else LIVE_APP}
        context, sort = self._context, [("title", 1)]
        return readable_page(context.actor, context.data.apps, APPS, where, sort=sort, after=after, limit=limit)

    @use_case("apps:read", by_object=True)
    def search(self, words: str, *, status: AppStatus | None = None, limit: int = 50) -> builtins.list[Integration]:
        """Apps with all of ``words`` in title, category and description, the most relevant first.

        Case and diacritics do not count, and of the last word the beginning is enough; see ``Collection.search``.
        At most ``limit`` (1-1,000), those deleted only if asked for. Raises ``InvalidInput`` if there is no word.
        """
        where: Where = {"status": status.value if status else LIVE_APP}
        # For apps there is one query at most: they belong to nothing that could be granted besides.
        queries = narrowed(self._context.actor, "apps:read", APPS, where)
        return [app for query in queries for app in self._context.data.apps.search(words, query, limit=limit)]

    @use_case("apps:read", by_object=True)
    def names(self) -> Snapshot:
        """Names and metadata of the active apps, by title: a list of objects, cached while no app changes."""
        context = self._context
        visible = context.actor.objects("apps:read")
        suffix = "" if visible is None else "/" + hashlib.sha256(" ".join(sorted(visible)).encode()).hexdigest()
        code = context.tenant.tenant_code
        return context.parts.snapshots.of(code, "apps", f"apps.names{suffix}", self._names)

    def _names(self) -> builtins.list[dict[str, Any]]:
        context, where, sort = self._context, {"status": AppStatus.ACTIVE.value}, [("title", 1)]
        found: builtins.list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = readable_page(context.actor, context.data.apps, APPS, where, sort=sort, after=cursor, limit=1_000)
            found += ({name: getattr(app, name) for name in _NAMED} for app in page.items)
            cursor = page.next
            if cursor is None:
                return found

    @use_case("apps:read", by_object=True)
    def get(self, app: int | str) -> Integration:
        """The app with that id or title; raises ``NotFound``."""
        return app_of(self._context, app, "apps:read")

    @use_case("apps:delete", by_object=True)
    def delete(self, app: int | str, *, revision: int | None = None) -> DeletedApp:
        """Sets an app, its tasks and its instances to deleted and erases the instances' values.

        Raises ``NotFound``, ``RevisionConflict``.
        """
        data = self._context.data
        with data.transaction():
            before = app_of(self._context, app, "apps:delete")
            check_revision(before.revision, revision, _target(before))
            now = data.now()
            of_app = {"integration_id": before.integration_id}
            tasks = data.tasks.all({**of_app, "status": LIVE_APP})
            for task in tasks:
                data.tasks.replace(evolve(task, status=AppStatus.DELETED, updated_ts=now))
            instances = data.instances.all({**of_app, "status": LIVE_INSTANCE})
            for instance in instances:
                data.instances.replace(evolve(instance, status=InstanceStatus.DELETED, values={}, updated_ts=now))
            after = data.apps.replace(evolve(before, status=AppStatus.DELETED, updated_ts=now))
            data.changed("apps")
            data.record(self._context.actor, "apps.delete", _target(after), before=before, after=after)
        return DeletedApp(app=after, tasks=len(tasks), instances=len(instances))

    def _id_of_title(self, title: str) -> int:
        """The id of the app to update, 0 if there is none that the actor may know of."""
        found = self._titled(title)
        return found.integration_id if found and permitted(self._context.actor, "apps:write", objects_of(found)) else 0

    def _titled(self, title: str) -> Integration | None:
        return self._context.data.apps.one({"title": title, "status": LIVE_APP})

    def _upsert(
        self,
        definition: AppDefinition,
        app_id: int,
        revision: int | None,
        action: str,
        warnings: tuple[Fault, ...],
    ) -> AppOutcome:
        self._refuse_forbidden(app_id)
        self._refuse_faults(definition)
        data = self._context.data
        self._refuse_taken_title(definition.title, app_id)
        new_id = app_id or data.take_id("apps")
        task_ids = iter(data.take_ids("tasks", len(definition.tasks)) if definition.tasks else ())
        with data.transaction():
            now = data.now()
            before = app_of(self._context, app_id, "apps:write") if app_id else None
            check_revision(before.revision if before else 0, revision, f"apps/{new_id}")
            app = self._stored(definition, before, new_id, now)
            plan = reconcile.plan_tasks(
                definition, data.tasks.all(_live_tasks(new_id)) if before else [], new_id, task_ids, now
            )
            self._write_tasks(plan)
            if before is not None:
                for instance in data.instances.all({"integration_id": new_id, "status": LIVE_INSTANCE}):
                    data.instances.replace(reconcile.fitted(instance, app.fields, now))
            data.changed("apps")
            data.record(self._context.actor, action, _target(app), before=before, after=app)
        return AppOutcome(
            app=app,
            created=before is None,
            tasks_created=len(plan.created),
            tasks_updated=len(plan.updated),
            tasks_retired=tuple(task.task_tag for task in plan.retired),
            warnings=warnings,
        )

    def _refuse_forbidden(self, app_id: int) -> None:
        """Refuses before anything is told of the definition or of other apps' titles."""
        if app_id:
            app_of(self._context, app_id, "apps:write")
        else:
            require_new(self._context.actor, "apps:write")

    def _refuse_faults(self, definition: AppDefinition) -> None:
        faults = app_faults(definition)
        for name in dict.fromkeys((*definition.handler_config, *(task.task_handler for task in definition.tasks))):
            try:
                handler = self._context.parts.handler(name)
            except NotFound as exc:
                faults.append(Fault("task_handler", exc.message, exc.hint))
                continue
            faults += handler.app_faults(definition)
            for index, task in enumerate(definition.tasks):
                if task.task_handler == name:
                    faults += (fault.under(f"tasks[{index}]") for fault in handler.task_faults(task, definition))
        if faults:
            raise InvalidInput.of(faults, f"The app {definition.title!r}")

    def _refuse_taken_title(self, title: str, app_id: int) -> None:
        """Refuses early, before ids are taken; the unique index decides between simultaneous upserts."""
        found = self._titled(title)
        if found is not None and found.integration_id != app_id:
            raise _taken(title)

    def _stored(self, definition: AppDefinition, before: Integration | None, app_id: int, now: datetime) -> Integration:
        apps = self._context.data.apps
        app = reconcile.integration(definition, before, app_id, self._context.actor.name, now)
        try:
            return apps.replace(app) if before else apps.insert(app)
        except DuplicateKey as exc:
            raise _taken(definition.title) from exc

    def _write_tasks(self, plan: reconcile.TaskPlan) -> None:
        tasks = self._context.data.tasks
        for task in (*plan.retired, *plan.updated):
            tasks.replace(task)
        added = tasks.insert_many(plan.created)
        if len(added) != len(plan.created):
            raise DuplicateKey("a task id or tag is taken", collection="tasks")


def _taken(title: str) -> DuplicateKey:
    return DuplicateKey(
        f"there is an app titled {title!r} already",
        collection="apps",
        fields=["title"],
        hint="choose another title, or ask for an update of the existing one",
    )


def _live_tasks(app_id: int) -> Where:
    return {"integration_id": app_id, "status": LIVE_APP}


def _target(app: Integration) -> str:
    return f"apps/{app.integration_id}"
