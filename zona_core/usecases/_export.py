"""Exporting apps: a stream of records, read page by page (SPEC §4.2)."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter

from attrs import define, evolve

from zona_core.domain.apps import Integration, Task
from zona_core.domain.playbooks import Playbook
from zona_core.domain.references import TaskRef, references_of, without_references
from zona_core.errors import Fault, NotFound
from zona_core.persistence.collections import APPS, LIVE_APP
from zona_core.ports.packages import PACKAGE_NAME, PACKAGE_VERSION, Record
from zona_core.ports.store import Document, Where
from zona_core.usecases._access import objects_of, readable_page, require
from zona_core.usecases._area import TenantContext
from zona_core.usecases._changes import portable_name
from zona_core.usecases._export_playbooks import PlaybookExport
from zona_core.usecases._export_schedules import ScheduleExport
from zona_core.usecases._logos import url_of
from zona_core.usecases._lookup import app_of
from zona_core.usecases._portable import (
    Portable,
    app_record,
    is_direct,
    reference_record,
    stored_task_record,
    task_record,
)
from zona_core.usecases._references import TaskName, names_of, readable

__all__ = ["ExportReport", "Exporter"]

_PAGE = 200


@define(frozen=True, kw_only=True)
class ExportReport:
    """What is in a package that was written."""

    #: titles, in the order of the package
    apps: tuple[str, ...]
    tasks: int
    playbooks: int
    #: of these playbooks
    schedules: int
    #: SHA-256 of the content, in hexadecimal
    digest: str
    #: fingerprint of the key that it is signed with; empty if it is not
    signed_by: str = ""
    #: what was asked for and is not there
    missing: tuple[str, ...] = ()
    #: what was left out, with its place: secrets, references to tasks that the actor may not read, and playbooks where
    #: the actor may not read an app's
    left_out: tuple[Fault, ...] = ()


class Exporter:
    """The records of some apps, by title; which were missing, and what was left out, is known in the end."""

    def __init__(self, context: TenantContext, refs: Iterable[int | str] | None) -> None:
        """``refs`` are ids or titles; None: every app that the actor may read."""
        self._context = context
        self.missing: list[str] = []
        self.left_out: list[Fault] = []
        self.tasks = 0
        self.playbooks = 0
        self.schedules = 0
        #: of the app that is being read
        self._title = ""
        self._own: dict[int, TaskName] = {}
        found = self._all() if refs is None else self._named(refs)
        self.apps = sorted({app.integration_id: app for app in found}.values(), key=attrgetter("title"))

    def records(self) -> Iterator[Record]:
        """The header, then each app with its tasks (first those that ingest no cases; by tag), playbooks, schedules."""
        playbooks, schedules = PlaybookExport(self._context), ScheduleExport(self._context)
        yield {"kind": "header", "format": PACKAGE_NAME, "version": PACKAGE_VERSION}
        for app in self.apps:
            yield self._told(app_record(evolve(app, logo=url_of(self._context.data, app.logo))), app.title)
            self._title, self._own = app.title, {}
            for page in self._pages(app):
                self.tasks += len(page)
                self._own |= {document["id"]: TaskName(app.title, document["task_tag"]) for document in page}
                yield from self._tasks(page)
            yield from self._playbooks(app, playbooks, schedules)

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

    def _pages(self, app: Integration) -> Iterator[list[Document]]:
        """The tasks that ingest no cases, then those that do; these are read once more, if there are any.

        A query for the former alone would have the database look into each document.
        """
        of_app: Where = {"integration_id": app.integration_id, "status": LIVE_APP}
        are_left = False
        for page in self._read(of_app):
            first = [document for document in page if document.get("ingest_cases") is not True]
            are_left = are_left or len(first) < len(page)
            yield first
        if are_left:
            yield from self._read({**of_app, "ingest_cases": True})

    def _read(self, where: Where) -> Iterator[list[Document]]:
        cursor = None
        while True:
            page = self._context.data.tasks.documents(where, sort=[("task_tag", 1)], after=cursor, limit=_PAGE)
            yield page.items
            cursor = page.next
            if cursor is None:
                return

    def _tasks(self, page: list[Document]) -> Iterator[Record]:
        """The records of tasks.

        Of those that one refers to, this app's are named by what was read of it, others as far as the actor reads them.
        """
        model = self._context.data.tasks.model
        models = {document["id"]: model(document) for document in page if not is_direct(document)}
        names = self._names(page, models)
        for document in page:
            place = f"{self._title}/{document['task_tag']}"
            task = models.get(document["id"])
            portable = self._through(task, names, place) if task else self._direct(document, names, place)
            if "logo" in portable.record:
                portable.record["logo"] = url_of(self._context.data, portable.record["logo"])
            yield self._told(portable, place) if portable.left_out else portable.record

    def _playbooks(self, app: Integration, exported: PlaybookExport, schedules: ScheduleExport) -> Iterator[Record]:
        if not self._context.actor.may("playbooks:read", objects_of(app)):
            message = "there are none but those that are shown"
            self.left_out.append(Fault(f"{app.title}: playbooks", message, "playbooks:read on the app"))
        told: dict[int, Playbook] = {}
        for playbook in exported.of(app):
            if schedules.are_of(playbook):
                told[playbook.id] = playbook
            self.playbooks += 1
            place = f"{app.title}: playbooks[{playbook.title}]"
            portable, hidden = exported.portable(playbook)
            self.left_out += (fault.under(place) for fault in hidden)
            yield self._told(portable, place, ".")
        for schedule, portable in schedules.of(told):
            self.schedules += 1
            expected = "an input, given again where the package goes"
            self.left_out += (
                Fault(f"{app.title}: schedules[{schedule.title}].{path}", "a secret was left out", expected)
                for path in portable.left_out
            )
            yield portable.record

    def _names(self, page: list[Document], models: Mapping[int, Task]) -> Mapping[int, TaskName]:
        """The names of tasks that are referred to, by id; of those that the actor may not read there is none."""
        ids = {
            each.get("task_id", 0)
            for document in page
            if document["id"] not in models
            for each in document.get("depends_on", ())
        }
        ids |= {reference.task_id for task in models.values() for _, _, reference in references_of(task)}
        outside = ids - self._own.keys() - {0}
        if not outside:
            return self._own
        return ChainMap(self._own, names_of(self._context.data, readable(self._context, outside)))

    def _direct(self, document: Document, names: Mapping[int, TaskName], place: str) -> Portable:
        needed: list[Record] = []
        for index, each in enumerate(document.get("depends_on", ())):
            task_id = each.get("task_id", 0)
            name = names.get(task_id) if task_id else TaskName(each.get("app", ""), each.get("task", ""))
            if name is None:
                self._hidden(f"{place}: depends_on[{index}]")
            else:
                needed.append(reference_record(name, self._title))
        try:
            return stored_task_record(document, needed)
        except (AttributeError, TypeError):
            self._context.data.tasks.model(document)  # says what is damaged
            raise

    def _through(self, task: Task, names: Mapping[int, TaskName], place: str) -> Portable:
        def hidden(reference: TaskRef) -> bool:
            return bool(reference.task_id) and reference.task_id not in names

        for path, _, reference in references_of(task):
            if hidden(reference):
                self._hidden(f"{place}: {path}")
        told = evolve(task, **without_references(task, hidden))
        return task_record(told, lambda reference: portable_name(reference, names, self._title))

    def _hidden(self, path: str) -> None:
        self.left_out.append(Fault(path, "leads to a task that is not shown", "tasks:read on it"))

    def _told(self, portable: Portable, place: str, mark: str = ": ") -> Record:
        expected = "a field of the instance, named by a template"
        self.left_out += (
            Fault(f"{place}{mark}{path}", "a literal secret was left out", expected) for path in portable.left_out
        )
        return portable.record
