"""Apps: from a definition or a document to a stored integration with its tasks (SPEC §4.1)."""

from __future__ import annotations

import builtins
import hashlib
from typing import Any, Final

from attrs import define, evolve, fields_dict

from zona_core.domain.apps import AppDefinition, AppDescription, AppStatus, Integration
from zona_core.domain.instances import InstanceStatus
from zona_core.domain.logos import DEFAULT_LOGO
from zona_core.persistence.collections import APPS, LIVE_APP, LIVE_INSTANCE
from zona_core.persistence.repository import Listing
from zona_core.persistence.snapshots import Snapshot
from zona_core.ports.store import Where
from zona_core.usecases._access import check_revision, narrowed, objects_of, permitted, readable_page
from zona_core.usecases._app_playbooks import remove_with_app
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._dependents import refuse_needed
from zona_core.usecases._history import keep
from zona_core.usecases._logos import url_of
from zona_core.usecases._lookup import app_of
from zona_core.usecases._new_instance import NewInstance
from zona_core.usecases._quota import releasing
from zona_core.usecases._references import unlink
from zona_core.usecases._storing import titled
from zona_core.usecases._upserting import AppOutcome, Upsert, upserted

__all__ = ["AppOutcome", "Apps", "DeletedApp", "NewInstance"]


@define(frozen=True, kw_only=True)
class DeletedApp:
    """What a deletion took along."""

    app: Integration
    tasks: int
    instances: int
    playbooks: int = 0


#: what a list of names tells of an app
_NAMED: Final = ("integration_id", "title", "version", "category", "generic_app")


class Apps(Area):
    """Making, importing, listing and deleting apps."""

    area = "apps"
    _context: TenantContext

    @use_case("apps:write", by_object=True)
    def upsert(
        self,
        definition: AppDefinition,
        *,
        app_id: int = 0,
        logo: bytes | None = None,
        instance: NewInstance | None = None,
        revision: int | None = None,
    ) -> AppOutcome:
        """Stores an app with its tasks: a new one (``app_id`` 0), or in the place of an existing one.

        Fields keep their ids by name (or ``renamed_from``), tasks theirs by tag; tasks that the definition lacks are
        retired, unless other apps' tasks need them. ``logo`` is a picture (PNG, JPEG, GIF, WebP) instead of the
        definition's. ``instance`` is one to be made with it, for which the actor needs ``instances:write``; one whose
        title is taken is left out, and told. All or nothing.
        Raises ``InvalidInput`` with every fault, ``DuplicateKey`` if the title is taken, ``NotFound``,
        ``LicenceLimit``, ``RevisionConflict`` if a ``revision`` is given that the app does not have.
        """
        wanted = Upsert(
            definition=definition, app_id=app_id, revision=revision, logo=logo, instance=instance, action="apps.upsert"
        )
        return upserted(self._context, wanted)

    @use_case("apps:write", by_object=True)
    def save(
        self,
        description: AppDescription,
        *,
        app_id: int = 0,
        logo: bytes | None = None,
        instance: NewInstance | None = None,
        revision: int | None = None,
    ) -> AppOutcome:
        """Stores what an app is apart from its tasks, which stay as they are, as does the logo if none is given.

        Otherwise like ``upsert``.
        """
        parts = {name: getattr(description, name) for name in fields_dict(AppDescription)}
        wanted = Upsert(
            definition=AppDefinition(**parts),
            app_id=app_id,
            revision=revision,
            keep_tasks=True,
            logo=logo,
            instance=instance,
            action="apps.save",
        )
        return upserted(self._context, wanted)

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
        wanted = Upsert(
            definition=imported.definition,
            app_id=app_id,
            revision=revision,
            action="apps.import_document",
            warnings=imported.warnings,
        )
        return upserted(self._context, wanted)

    @use_case("apps:write", by_object=True)
    def install(self, name: str, *, update: bool = False, revision: int | None = None) -> AppOutcome:
        """Makes an app of an integration that a plugin brings; with ``update`` as in ``import_document``.

        Raises ``NotFound`` if no plugin brings one of that name, ``DuplicateKey``, ``RevisionConflict``.
        """
        definition = self._context.parts.integration(name)
        app_id = self._id_of_title(definition.title) if update else 0
        wanted = Upsert(definition=definition, app_id=app_id, revision=revision, action="apps.install")
        return upserted(self._context, wanted)

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

    @use_case("apps:read", by_object=True)
    def logo(self, app: int | str) -> str:
        """The app's logo as a data URL (RFC 2397): its own, else the default one. Raises ``NotFound``."""
        found = app_of(self._context, app, "apps:read")
        return url_of(self._context.data, found.logo) or DEFAULT_LOGO

    @use_case("apps:delete", by_object=True)
    def delete(self, app: int | str, *, force: bool = False, revision: int | None = None) -> DeletedApp:
        """Sets an app, its tasks, its playbooks and its instances to deleted and erases the instances' values.

        Refused while another app's tasks need one of its tasks, unless forced: their references wait then, for an app
        of that title. Raises ``NotFound``, ``RevisionConflict``, ``Conflict`` (``task_needed``).
        """
        data = self._context.data
        with data.transaction():
            before = app_of(self._context, app, "apps:delete")
            check_revision(before.revision, revision, _target(before))
            now = data.now()
            of_app = {"integration_id": before.integration_id}
            tasks = {task.id: task for task in data.tasks.all({**of_app, "status": LIVE_APP})}
            if not force:
                refuse_needed(self._context, before, tasks)
            unlink(data, before, tasks)
            data.dependencies.delete_many(of_app)
            gone = [evolve(task, status=AppStatus.DELETED, updated_ts=now) for task in tasks.values()]
            for task in gone:
                data.tasks.replace(task)
            playbooks = remove_with_app(self._context, before)
            instances = data.instances.all({**of_app, "status": LIVE_INSTANCE})
            for instance in instances:
                data.instances.replace(evolve(instance, status=InstanceStatus.DELETED, values={}, updated_ts=now))
            after = data.apps.replace(evolve(before, status=AppStatus.DELETED, updated_ts=now))
            erased = [instance.instance_id for instance in instances]
            releasing(self._context, integrations=[before.integration_id], instances=erased)
            keep(self._context, [(before, after), *zip(tasks.values(), gone, strict=True)])
            data.changed("apps")
            data.record(self._context.actor, "apps.delete", _target(after), before=before, after=after)
        return DeletedApp(app=after, tasks=len(tasks), instances=len(instances), playbooks=playbooks)

    def _id_of_title(self, title: str) -> int:
        """The id of the app to update, 0 if there is none that the actor may know of."""
        found = titled(self._context.data, title)
        return found.integration_id if found and permitted(self._context.actor, "apps:write", objects_of(found)) else 0


def _target(app: Integration) -> str:
    return f"apps/{app.integration_id}"
