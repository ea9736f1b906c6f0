"""Reading the graph of an app's tasks out of the store, as far as the actor may see it, and drawing it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from zona_core.domain.apps import Integration, Task
from zona_core.domain.dependencies import Dependency
from zona_core.domain.references import DependencyKind
from zona_core.domain.task_graphs import MissingNeed, TaskEdge, TaskGraph, TaskNode, task_graph
from zona_core.persistence.collections import LIVE_APP
from zona_core.ports.drawing import Drawing, DrawnEdge, DrawnNode
from zona_core.ports.store import In
from zona_core.usecases._access import objects_of
from zona_core.usecases._area import TenantContext
from zona_core.usecases._references import batches, names_of, needing

__all__ = ["drawing_of", "graph_of"]


def graph_of(context: TenantContext, app: Integration) -> TaskGraph:
    """The app's tasks, all that they need by whatever way, and the tasks of other apps that need one of them.

    What the actor may not read is left out and counted; what is needed by way of it alone is not looked for.
    """
    found = _Found(context)
    stored = context.data.tasks.all({"integration_id": app.integration_id, "status": LIVE_APP})
    found.take(sorted(stored, key=lambda task: (task.execution_order, task.id)))
    own = set(found.tasks)
    rows: list[Dependency] = []
    front: Collection[int] = own
    while front:
        more = [
            row for batch in batches(sorted(front)) for row in context.data.dependencies.all({"task_id": In(batch)})
        ]
        rows += more
        front = found.load(row.needs_id for row in more)
    dependents = [row for row in needing(context.data, own) if row.integration_id != app.integration_id]
    found.load(row.task_id for row in dependents)
    return task_graph(
        app.integration_id,
        app.title,
        nodes=found.nodes(app),
        edges=(
            TaskEdge(needed=row.needs_id, needing=row.task_id, kind=row.kind)
            for row in (*rows, *dependents)
            if row.needs_id in found.tasks and row.task_id in found.tasks
        ),
        missing=(
            MissingNeed(app=row.needs_app, task_tag=row.needs_task, needing=row.task_id, kind=row.kind)
            for row in rows
            if not row.needs_id
        ),
        hidden=len(found.hidden),
    )


class _Found:
    """The tasks of the graph that the actor may read, and the ids of those that it may not."""

    def __init__(self, context: TenantContext) -> None:
        self._context = context
        self.tasks: dict[int, Task] = {}
        self.hidden: set[int] = set()

    def take(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            if self._context.actor.may("tasks:read", objects_of(task)):
                self.tasks[task.id] = task
            else:
                self.hidden.add(task.id)

    def load(self, ids: Iterable[int]) -> Collection[int]:
        """Takes the tasks with these ids as well; gives the ids of those that are new and may be read."""
        wanted = sorted({key for key in ids if key} - self.tasks.keys() - self.hidden)
        self.take(
            task
            for batch in batches(wanted)
            for task in self._context.data.tasks.all({"id": In(batch), "status": LIVE_APP})
        )
        return {key for key in wanted if key in self.tasks}

    def nodes(self, app: Integration) -> list[TaskNode]:
        names = names_of(self._context.data, self.tasks)
        return [
            TaskNode(
                task_id=task.id,
                integration_id=task.integration_id,
                app=names[task.id].app,
                task_tag=task.task_tag,
                name=task.name,
                status=task.status,
                own=task.integration_id == app.integration_id,
            )
            for task in self.tasks.values()
        ]


def drawing_of(graph: TaskGraph) -> Drawing:
    """The graph as boxes, those of an app alike, and arrows."""
    missing = dict.fromkeys((lack.app, lack.task_tag) for lack in graph.missing)
    return Drawing(
        title=graph.title,
        nodes=[
            *(DrawnNode(id=str(node.task_id), label=node.label, group=node.app) for node in graph.nodes),
            *(DrawnNode(id=_missing_id(*name), label=f"{name[1]} (missing)", group=name[0]) for name in missing),
        ],
        edges=[
            *(
                DrawnEdge(source=str(each.needed), target=str(each.needing), label=_label(each.kind))
                for each in graph.edges
            ),
            *(
                DrawnEdge(
                    source=_missing_id(lack.app, lack.task_tag), target=str(lack.needing), label=_label(lack.kind)
                )
                for lack in graph.missing
            ),
        ],
    )


def _missing_id(app: str, tag: str) -> str:
    return f"missing/{app}/{tag}"


def _label(kind: DependencyKind) -> str:
    return "" if kind is DependencyKind.TASK else kind.value.replace("_", " ")
