"""Exporting apps: a stream of records, read page by page (SPEC §4.2)."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator
from operator import attrgetter

from attrs import define, evolve

from zona_core.domain.apps import Integration, Task
from zona_core.domain.references import TaskRef, references_of, without_references
from zona_core.errors import Fault, NotFound
from zona_core.persistence.collections import APPS, LIVE_APP
from zona_core.ports.packages import PACKAGE_NAME, PACKAGE_VERSION, Record
from zona_core.ports.store import Document, Where
from zona_core.usecases._access import objects_of, readable_page, require
from zona_core.usecases._area import TenantContext
from zona_core.usecases._changes import portable_name
from zona_core.usecases._logos import url_of
from zona_core.usecases._lookup import app_of
from zona_core.usecases._portable import Portable, app_record, stored_task_record, task_record
from zona_core.usecases._references import TaskName, names_of, readable

__all__ = ["ExportReport", "Exporter"]

_PAGE = 200


@define(frozen=True, kw_only=True)
class ExportReport:
    """What is in a package that was written."""

    #: titles, in the order of the package
    apps: tuple[str, ...]
    tasks: int
    #: SHA-256 of the content, in hexadecimal
    digest: str
    #: fingerprint of the key that it is signed with; empty if it is not
    signed_by: str = ""
    #: what was asked for and is not there
    missing: tuple[str, ...] = ()
    #: literal secrets, and references to tasks that the actor may not read, that were left out, with their places
    left_out: tuple[Fault, ...] = ()


class Exporter:
    """The records of some apps, by title; which were missing, and what was left out, is known in the end."""

    def __init__(self, context: TenantContext, refs: Iterable[int | str] | None) -> None:
        """``refs`` are ids or titles; None: every app that the actor may read."""
        self._context = context
        self.missing: list[str] = []
        self.left_out: list[Fault] = []
        self.tasks = 0
        #: of the app that is being read
        self._own: dict[int, TaskName] = {}
        found = self._all() if refs is None else self._named(refs)
        self.apps = sorted({app.integration_id: app for app in found}.values(), key=attrgetter("title"))

    def records(self) -> Iterator[Record]:
        """The header, then each app with its tasks: those that ingest no cases first, then by tag."""
        yield {"kind": "header", "format": PACKAGE_NAME, "version": PACKAGE_VERSION}
        for app in self.apps:
            yield self._told(app_record(evolve(app, logo=url_of(self._context.data, app.logo))), app.title)
            self._own = {}
            for page in self._pages(app):
                self.tasks += len(page)
                self._own |= {document["id"]: TaskName(app.title, document["task_tag"]) for document in page}
                for portable in self._portable(app, page):
                    yield self._told(self._with_picture(portable), f"{app.title}/{portable.record['task_tag']}")

    def _all(self) -> Iterator[Integration]:
        context, cursor = self._context, None
        while True:
            where, sort = {"status": LIVE_APP}, [("title", 1)]
            page = readable_page(context.actor, context.data.apps, APPS, where, sort=sort, after=cursor, limit=_PAGE)
            yield from (app for app in page.items if context.actor.may("tasks:read", objects_of(app)))
            cursor = page.next
            if cursor is None:
                return

    def _named(self, refs: Iterable[int | str]) -> Iterator[Integration]:
        for ref in refs:
            try:
                app = app_of(self._context, ref, "apps:read")
            except NotFound:
                self.missing.append(str(ref))
                continue
            require(self._context.actor, "tasks:read", objects_of(app), NotFound(f"there are no tasks of {app.title}"))
            yield app

    def _portable(self, app: Integration, page: list[Document]) -> Iterator[Portable]:
        direct = [stored_task_record(document) for document in page]
        model = self._context.data.tasks.model
        referring = [model(page[index]) for index, portable in enumerate(direct) if portable is None]
        named = self._shown(app, referring)
        yield from (portable or next(named) for portable in direct)

    def _with_picture(self, portable: Portable) -> Portable:
        record = portable.record
        if "logo" not in record:
            return portable
        return evolve(portable, record={**record, "logo": url_of(self._context.data, record["logo"])})

    def _pages(self, app: Integration) -> Iterator[list[Document]]:
        for ingesting in (False, True):
            where: Where = {"integration_id": app.integration_id, "status": LIVE_APP, "ingest_cases": ingesting}
            cursor = None
            while True:
                page = self._context.data.tasks.documents(where, sort=[("task_tag", 1)], after=cursor, limit=_PAGE)
                yield page.items
                cursor = page.next
                if cursor is None:
                    break

    def _shown(self, app: Integration, referring: list[Task]) -> Iterator[Portable]:
        """Tasks that refer to others: to those of this app by what was read of it, to others as far as they are read.

        The name of a task that the actor may not read is not told: a reference to it is left out.
        """
        context = self._context
        outside = {ref.task_id for task in referring for _, _, ref in references_of(task)} - self._own.keys()
        names = ChainMap(self._own, names_of(context.data, readable(context, outside)))

        def hidden(reference: TaskRef) -> bool:
            return bool(reference.task_id) and reference.task_id not in names

        for task in referring:
            self.left_out += (
                Fault(f"{app.title}/{task.task_tag}: {path}", "leads to a task that is not shown", "tasks:read on it")
                for path, _, reference in references_of(task)
                if hidden(reference)
            )
            told = evolve(task, **without_references(task, hidden))
            yield task_record(told, lambda reference: portable_name(reference, names, app.title))

    def _told(self, portable: Portable, place: str) -> Record:
        expected = "a field of the instance, named by a template"
        self.left_out += (
            Fault(f"{place}: {path}", "a literal secret was left out", expected) for path in portable.left_out
        )
        return portable.record
