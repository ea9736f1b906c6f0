"""Directed graphs of what needs what: in which order things can be done, and what goes round in a circle.

Nodes are any hashable values. An edge is ``(needed, needing)``: the second cannot be done before the first. Nodes and
edges that are given twice count once. The order in which edges are given never matters; the order in which nodes are
given decides wherever the edges leave a choice. Nothing here recurses, so chains may be as long as memory allows.

Every function raises ``InvalidInput`` (``unknown_dependency``; details ``needed``, ``needing``, ``unknown``) for an
edge from or to what is not among the nodes: a forgotten node would otherwise look like a dependency that is met.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

from zona_core.errors import InvalidInput

__all__ = ["dependents_of", "find_cycle", "generations", "topological_order"]

N = TypeVar("N", bound=Hashable)

#: nodes of a cycle that its message names; ``details`` hold them all
_SHOWN: Final = 12


def topological_order(nodes: Iterable[N], edges: Iterable[tuple[N, N]], *, name: Callable[[N], str] = str) -> list[N]:
    """``nodes``, each after all that it needs; of those that could come next, always the one that was given first.

    So an order that is right already stays as it is. Raises ``InvalidInput``, also for a cycle
    (``dependency_cycle``): see ``find_cycle``; ``name`` says how its message and details call a node.
    """
    graph, order = _sorted(nodes, edges, name)
    given = graph.nodes
    return [given[index] for index in order]


def generations(nodes: Iterable[N], edges: Iterable[tuple[N, N]], *, name: Callable[[N], str] = str) -> list[list[N]]:
    """``nodes`` in layers: the first needs nothing, each other layer needs something of the layer before it.

    Within a layer nodes keep the order in which they were given. Raises as ``topological_order`` does.
    """
    graph, order = _sorted(nodes, edges, name)
    depth = [0] * len(graph.nodes)
    for index in order:
        below = depth[index] + 1
        for needing in graph.needing[index]:
            depth[needing] = max(depth[needing], below)
    layers: list[list[N]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for node, layer in zip(graph.nodes, depth, strict=True):
        layers[layer].append(node)
    return layers


def dependents_of(node: N, nodes: Iterable[N], edges: Iterable[tuple[N, N]]) -> list[N]:
    """All that need ``node``, by whatever way, in the order of ``nodes``; never ``node`` itself, cycles or not.

    Raises ``InvalidInput``; ``KeyError`` if ``node`` is none of ``nodes``.
    """
    graph = _Graph(nodes, edges)
    start = graph.positions[node]
    found = {start}
    waiting = [start]
    while waiting:
        fresh = set(graph.needing[waiting.pop()]) - found
        found |= fresh
        waiting += fresh
    found.discard(start)
    return [graph.nodes[index] for index in sorted(found)]


def find_cycle(nodes: Iterable[N], edges: Iterable[tuple[N, N]]) -> list[N]:
    """A cycle, each node needed by the next and the first one again at the end; empty if there is none.

    Of the cycles through one of its nodes it is among the shortest, so it takes no detour. It begins with that of its
    nodes that was given first.
    """
    graph = _Graph(nodes, edges)
    return [graph.nodes[index] for index in graph.cycle(graph.order())]


class _Graph(Generic[N]):
    """A graph by positions: whole numbers in the order in which the nodes were given."""

    def __init__(self, nodes: Iterable[N], edges: Iterable[tuple[N, N]]) -> None:
        self.nodes = list(dict.fromkeys(nodes))
        self.positions = {node: index for index, node in enumerate(self.nodes)}
        #: by position: positions of what needs it, once for each time the edge was given
        self.needing: list[list[int]] = [[] for _ in self.nodes]
        #: by position: how many edges lead to it
        self._needed_count = [0] * len(self.nodes)
        positions, needing, needed_count = self.positions, self.needing, self._needed_count
        for edge in edges:
            try:
                source, target = positions[edge[0]], positions[edge[1]]
            except KeyError:
                raise self._unknown(*edge) from None
            needing[source].append(target)
            needed_count[target] += 1

    def order(self) -> list[int]:
        """All positions, each after what it needs, the lowest first; without those on a cycle and beyond one.

        A walk upwards finds the lowest one by itself, but for those that it passed before they were free. Only these
        wait in a heap, which is empty for an order that is right already.
        """
        needing, left = self.needing, self._needed_count.copy()
        order: list[int] = []
        passed: list[int] = []
        for position in range(len(left)):
            if left[position]:
                continue
            current = position
            while True:
                order.append(current)
                for target in needing[current]:
                    left[target] -= 1
                    if target < position and not left[target]:
                        heappush(passed, target)
                if not passed:
                    break
                current = heappop(passed)
        return order

    def cycle(self, order: Sequence[int]) -> list[int]:
        """See ``find_cycle``; ``order`` is what ``self.order`` gave."""
        held = set(range(len(self.nodes))).difference(order)
        if not held:
            return []
        found = self._shortest_through(self._on_a_cycle(held))
        first = found.index(min(found))
        return [*found[first:], *found[: first + 1]]

    def _on_a_cycle(self, held: set[int]) -> int:
        """A position on a cycle: each one ``held`` needs one that is held, so going back ends in a circle."""
        needs = {target: source for source in sorted(held, reverse=True) for target in self.needing[source]}
        current, seen = min(held), set[int]()
        while current not in seen:
            seen.add(current)
            current = needs[current]
        return current

    def _shortest_through(self, start: int) -> list[int]:
        """A shortest cycle through ``start``, which is not repeated at the end."""
        came_from: dict[int, int] = {}
        waiting = deque([start])
        while start not in came_from:
            current = waiting.popleft()
            for target in sorted(self.needing[current]):
                if target not in came_from:
                    came_from[target] = current
                    waiting.append(target)
        found = [start]
        while (previous := came_from[found[-1]]) != start:
            found.append(previous)
        return [start, *reversed(found[1:])]

    def _unknown(self, needed: N, needing: N) -> InvalidInput:
        unknown = [str(node) for node in (needed, needing) if node not in self.positions]
        return InvalidInput(
            f"{needing} needs {needed}, but there is no {' and no '.join(unknown)}",
            code="unknown_dependency",
            needed=str(needed),
            needing=str(needing),
            unknown=unknown,
        )


def _sorted(nodes: Iterable[N], edges: Iterable[tuple[N, N]], name: Callable[[N], str]) -> tuple[_Graph[N], list[int]]:
    graph = _Graph(nodes, edges)
    order = graph.order()
    if len(order) < len(graph.nodes):
        raise _circular([name(graph.nodes[index]) for index in graph.cycle(order)])
    return graph, order


def _circular(names: list[str]) -> InvalidInput:
    shown = names
    if len(names) > _SHOWN + 1:
        shown = [*names[: _SHOWN - 1], f"({len(names) - _SHOWN - 1} more)", *names[-2:]]
    return InvalidInput(
        f"dependencies go round in a circle: {' → '.join(shown)}",
        code="dependency_cycle",
        hint="an arrow leads from what is needed to what needs it: take one of them away",
        cycle=names,
    )
