"""An app's tasks and what they need, as a graph, and that as Mermaid text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define

from .apps import AppStatus
from .graphs import generations, topological_order
from .references import DependencyKind

__all__ = ["MissingNeed", "TaskEdge", "TaskGraph", "TaskNode", "mermaid", "task_graph"]


@define(frozen=True, kw_only=True)
class TaskNode:
    """A task in the graph."""

    task_id: int
    integration_id: int
    #: its app's title
    app: str
    task_tag: str
    name: str
    status: AppStatus
    #: whether it is of the app that the graph is of
    own: bool

    @property
    def label(self) -> str:
        """What a box shows of it: its tag, and its status if it cannot be run."""
        return self.task_tag if self.status is AppStatus.ACTIVE else f"{self.task_tag} ({self.status.value})"


@define(frozen=True, kw_only=True)
class TaskEdge:
    """One task needs another: both by id."""

    needed: int
    needing: int
    kind: DependencyKind


@define(frozen=True, kw_only=True)
class MissingNeed:
    """A reference to what is not there: it waits for a task of that tag in an app of that title."""

    app: str
    task_tag: str
    #: the task that needs it
    needing: int
    kind: DependencyKind


@define(frozen=True, kw_only=True)
class TaskGraph:
    """An app's tasks, all that they need, and the tasks of other apps that need them."""

    integration_id: int
    #: the app's title
    title: str
    #: each after all that it needs, otherwise by execution order
    nodes: tuple[TaskNode, ...]
    edges: tuple[TaskEdge, ...]
    #: ids of tasks that can be run side by side: the first need nothing, the others something of those before them
    generations: tuple[tuple[int, ...], ...]
    missing: tuple[MissingNeed, ...]
    #: how many tasks belong to it that the actor may not read
    hidden: int


def task_graph(
    integration_id: int,
    title: str,
    *,
    nodes: Iterable[TaskNode],
    edges: Iterable[TaskEdge],
    missing: Iterable[MissingNeed],
    hidden: int,
) -> TaskGraph:
    """The graph with its order; of what could come next, what is given first does.

    Edges that are given twice count once. Raises ``InvalidInput`` for a cycle and for edges to what is no node.
    """
    known = {node.task_id: node for node in nodes}
    unique = tuple(dict.fromkeys(edges))
    pairs = [(edge.needed, edge.needing) for edge in unique]
    order = topological_order(known, pairs, name=lambda key: f"{known[key].app}/{known[key].task_tag}")
    return TaskGraph(
        integration_id=integration_id,
        title=title,
        nodes=tuple(known[key] for key in order),
        edges=unique,
        generations=tuple(map(tuple, generations(order, pairs))),
        missing=tuple(dict.fromkeys(missing)),
        hidden=hidden,
    )


def mermaid(graph: TaskGraph) -> str:
    """The graph in Mermaid's language for flowcharts, an app's tasks within a box each; all texts are escaped."""
    return "\n".join(("graph LR", *_boxes(graph), *_arrows(graph), *_styles(graph))) + "\n"


def _boxes(graph: TaskGraph) -> Iterator[str]:
    apps = dict.fromkeys((node.integration_id, node.app) for node in graph.nodes)
    for app_id, title in apps:
        yield f'  subgraph a{app_id}["{_escaped(title)}"]'
        yield from (
            f'    t{node.task_id}["{_escaped(node.label)}"]' for node in graph.nodes if node.integration_id == app_id
        )
        yield "  end"
    for index, (app, tag) in enumerate(_wanted(graph)):
        yield f'  m{index}["{_escaped(f"{app}/{tag}")} is missing"]:::missing'


def _arrows(graph: TaskGraph) -> Iterator[str]:
    for edge in graph.edges:
        yield f"  t{edge.needed} -->{_caption(edge.kind)} t{edge.needing}"
    wanted = _wanted(graph)
    for lack in graph.missing:
        yield f"  m{wanted.index((lack.app, lack.task_tag))} -.->{_caption(lack.kind)} t{lack.needing}"


def _styles(graph: TaskGraph) -> Iterator[str]:
    if graph.missing:
        yield "  classDef missing stroke-dasharray: 4 3"


def _wanted(graph: TaskGraph) -> list[tuple[str, str]]:
    return [*dict.fromkeys((lack.app, lack.task_tag) for lack in graph.missing)]


def _caption(kind: DependencyKind) -> str:
    return "" if kind is DependencyKind.TASK else f"|{kind.value.replace('_', ' ')}|"


def _escaped(text: str) -> str:
    """Anything but letters, digits and a few marks as Mermaid's ``#NUMBER;``: no text is taken for syntax."""
    return "".join(char if char.isalnum() or char in " _.-/" else f"#{ord(char)};" for char in text)
