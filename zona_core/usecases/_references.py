"""References between tasks: names become ids, and nobody needs itself round a corner.

Stored tasks refer by id. What refers to nothing that is there keeps the names and *waits*, until an app of that title
has a task of that tag; *blind* references, whose writer could not know of such a task, wait until somebody who can
writes them again. Every reference has a row in the collection ``dependencies``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from attrs import evolve

from zona_core.domain.apps import AppStatus, Integration, Task, TaskDefinition
from zona_core.domain.dependencies import Dependency
from zona_core.domain.graphs import topological_order
from zona_core.domain.references import TaskRef, references_of, with_references
from zona_core.persistence.collections import LIVE_APP
from zona_core.persistence.database import TenantData
from zona_core.persistence.repository import Repository
from zona_core.ports.store import Document, In, Where
from zona_core.usecases._access import knows_task, objects_of
from zona_core.usecases._area import TenantContext

__all__ = [
    "Resolver",
    "TaskName",
    "batches",
    "link_waiting",
    "names_of",
    "needing",
    "readable",
    "refuse_cycles",
    "store_rows",
    "unlink",
]

K = TypeVar("K")

#: keys of one query
_BATCH = 500


class TaskName(NamedTuple):
    """A task as people and packages name it."""

    app: str
    task: str

    def __str__(self) -> str:
        return f"{self.app}/{self.task}"


class Resolver:
    """Finds the tasks that one app's references name: in the app as it will be, and in others that the actor reads.

    ``own`` are the ids of the app's own tasks by tag; what ``before`` refers to by id may stay, hidden or not.
    """

    def __init__(
        self, context: TenantContext, title: str, own: Mapping[str, int], before: TaskDefinition | None = None
    ) -> None:
        self._actor = context.actor
        self._data = context.data
        self._titles = ("", title)
        self._own = own
        self._own_ids = frozenset(own.values())
        kept = references_of(before) if before else ()
        self._kept = frozenset(reference.task_id for _, _, reference in kept if reference.task_id)
        self._apps: dict[str, Integration | None] = {}
        #: tasks of other apps that are referred to
        self.others: dict[int, Task] = {}

    def resolved(self, reference: TaskRef) -> TaskRef | None:
        """The reference by id; None if there is no such task."""
        if reference.task_id in self._own_ids or reference.task_id in self.others:
            return reference
        if not reference.task_id and reference.app in self._titles:
            own = self._own.get(reference.task)
            return TaskRef(task_id=own) if own else None
        found = self._found(reference)
        if found is None or found.status is AppStatus.DELETED:
            return None
        if self._actor.may("tasks:read", objects_of(found)):
            self.others[found.id] = found
        elif reference.task_id not in self._kept:
            return None
        return TaskRef(task_id=found.id)

    def _found(self, reference: TaskRef) -> Task | None:
        if reference.task_id:
            return self._data.tasks.get(reference.task_id)
        if reference.app not in self._apps:
            self._apps[reference.app] = self._data.apps.one({"title": reference.app, "status": LIVE_APP})
        app = self._apps[reference.app]
        if app is None:
            return None
        where: Where = {"integration_id": app.integration_id, "task_tag": reference.task, "status": LIVE_APP}
        return self._data.tasks.one(where)


def store_rows(context: TenantContext, app: Integration, tasks: Sequence[Task]) -> None:
    """Brings the rows of the tasks, which the actor has written, up to date."""
    data, unknowable = context.data, _unknowable(context, app)
    for ids in batches([task.id for task in tasks]):
        data.dependencies.delete_many({"task_id": In(ids)})
    rows = [row for task in tasks if task.status is not AppStatus.DELETED for row in _rows(task, app, unknowable)]
    if rows:
        data.dependencies.insert_many(rows)


def refuse_cycles(context: TenantContext, app: Integration, tasks: Sequence[Task]) -> None:
    """Raises ``InvalidInput`` (``dependency_cycle``) with a cycle that ``tasks``, all that ``app`` will have, close.

    Tasks on it that the actor may not read are not named.
    """
    data = context.data
    own = {task.task_tag: task.id for task in tasks}
    mine = {task.id: task for task in tasks}
    edges = [(ref.task_id, task.id) for task in tasks for _, _, ref in references_of(task) if ref.task_id]
    edges += ((own[row.needs_task], row.task_id) for row in _waiting(data, app, own))
    outside = {key for edge in edges for key in edge} - mine.keys()
    edges += _edges_from(data, outside, set(mine))
    nodes = dict.fromkeys((*mine, *(key for edge in edges for key in edge)))

    def name(key: int) -> str:
        task = mine.get(key) or data.tasks.need(key)
        if not knows_task(context.actor, objects_of(task)):
            return "(a task that is not shown)"
        return str(TaskName(app.title, task.task_tag) if key in mine else names_of(data, [key])[key])

    topological_order(nodes, edges, name=name)


def link_waiting(data: TenantData, app: Integration, tasks: Iterable[Task]) -> int:
    """Gives references that wait for tasks of this app their ids; how many that were."""
    own = {task.task_tag: task.id for task in tasks}
    found = _waiting(data, app, own)
    for task_id, rows in _by_task(found):
        titles = ("", app.title) if rows[0].integration_id == app.integration_id else (app.title,)
        wanted = {TaskRef(app=title, task=tag): TaskRef(task_id=own[tag]) for title in titles for tag in _tags(rows)}
        _refer(data, task_id, wanted)
        for row in rows:
            data.dependencies.replace(evolve(row, needs_id=own[row.needs_task], needs_app="", needs_task=""))
    return len(found)


def unlink(data: TenantData, app: Integration, gone: Mapping[int, Task]) -> None:
    """Has the references to these tasks, which are about to be gone, of those that stay wait for their names."""
    for task_id, rows in _by_task(row for row in needing(data, gone) if row.task_id not in gone):
        title = "" if rows[0].integration_id == app.integration_id else app.title
        tags = {row.needs_id: gone[row.needs_id].task_tag for row in rows}
        _refer(data, task_id, {TaskRef(task_id=key): TaskRef(app=title, task=tag) for key, tag in tags.items()})
        for row in rows:
            data.dependencies.replace(evolve(row, needs_id=0, needs_app=app.title, needs_task=tags[row.needs_id]))


def needing(data: TenantData, ids: Iterable[int]) -> list[Dependency]:
    """The rows of those who need one of these tasks."""
    return [row for batch in batches(sorted(ids)) for row in data.dependencies.all({"needs_id": In(batch)})]


def names_of(data: TenantData, ids: Iterable[int]) -> dict[int, TaskName]:
    """App titles and tags of tasks, deleted ones included."""
    tasks = _documents(data.tasks, "id", ids)
    apps = _documents(data.apps, "integration_id", {task["integration_id"] for task in tasks})
    titles = {app["integration_id"]: app["title"] for app in apps}
    return {task["id"]: TaskName(titles[task["integration_id"]], task["task_tag"]) for task in tasks}


def readable(context: TenantContext, ids: Iterable[int]) -> set[int]:
    """Which of these tasks the actor may read, deleted ones included."""
    found = (task for batch in batches(sorted(set(ids) - {0})) for task in context.data.tasks.all({"id": In(batch)}))
    return {task.id for task in found if context.actor.may("tasks:read", objects_of(task))}


def _documents(repository: Repository[Any], path: str, ids: Iterable[int]) -> list[Document]:
    pages = (repository.documents({path: In(batch)}, limit=_BATCH) for batch in batches(sorted(set(ids) - {0})))
    return [document for page in pages for document in page.items]


def _unknowable(context: TenantContext, app: Integration) -> Callable[[str], bool]:
    """Whether the actor, who has written tasks of ``app``, could not know of any task of the app that has a title."""

    @cache
    def unknowable(title: str) -> bool:
        if knows_task(context.actor, ()):
            return False
        named = app if title == app.title else context.data.apps.one({"title": title, "status": LIVE_APP})
        return not knows_task(context.actor, objects_of(named) if named else ())

    return unknowable


def _rows(task: Task, app: Integration, unknowable: Callable[[str], bool]) -> Iterator[Dependency]:
    for index, (_, kind, reference) in enumerate(references_of(task)):
        title = "" if reference.task_id else reference.app or app.title
        yield Dependency(
            id=f"{task.id}/{index}",
            task_id=task.id,
            integration_id=task.integration_id,
            kind=kind,
            needs_id=reference.task_id,
            needs_app=title,
            needs_task="" if reference.task_id else reference.task,
            blind=bool(title) and unknowable(title),
        )


def _refer(data: TenantData, task_id: int, changed: Mapping[TaskRef, TaskRef]) -> None:
    """Puts references of a task in the place of others: all of them at once, so that it has one new revision."""
    task = data.tasks.need(task_id)
    data.tasks.replace(evolve(task, **with_references(task, lambda each: changed.get(each, each))))


def _by_task(rows: Iterable[Dependency]) -> Iterator[tuple[int, list[Dependency]]]:
    """The rows of each task."""
    found: dict[int, list[Dependency]] = {}
    for row in rows:
        found.setdefault(row.task_id, []).append(row)
    return iter(found.items())


def _tags(rows: Iterable[Dependency]) -> set[str]:
    return {row.needs_task for row in rows}


def _waiting(data: TenantData, app: Integration, own: Mapping[str, int]) -> list[Dependency]:
    waiting = data.dependencies.all({"needs_app": app.title})
    return [row for row in waiting if row.needs_task in own and not row.blind]


def _edges_from(data: TenantData, start: set[int], end: set[int]) -> list[tuple[int, int]]:
    """What these tasks need, and what that needs, and so on, as (needed, needing); not what those of ``end`` need."""
    edges: list[tuple[int, int]] = []
    seen, front = start | end, sorted(start)
    while front:
        rows = [row for batch in batches(front) for row in data.dependencies.all({"task_id": In(batch)})]
        edges += ((row.needs_id, row.task_id) for row in rows if row.needs_id)
        front = sorted({row.needs_id for row in rows if row.needs_id} - seen)
        seen.update(front)
    return edges


def batches(keys: Sequence[K]) -> Iterator[Sequence[K]]:
    """``keys`` in parts that one query takes."""
    return (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))
