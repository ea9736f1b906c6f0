"""What needs what: the order that follows from it, and the circles that allow none."""

from __future__ import annotations

from collections import deque
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.graphs import dependents_of, find_cycle, generations, topological_order
from zona_core.errors import InvalidInput, exit_code_of, status_of

Edges = list[tuple[int, int]]


@st.composite
def graphs(draw: st.DrawFn, *, acyclic: bool = False) -> tuple[list[int], Edges]:
    """Nodes in any order, and edges among them, some of them twice."""
    nodes = draw(st.permutations(range(draw(st.integers(1, 12)))))
    node = st.sampled_from(nodes)
    edges = draw(st.lists(st.tuples(node, node), max_size=30))
    if acyclic:
        edges = [(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]]
    return list(nodes), edges


def is_acyclic(nodes: list[int], edges: Edges) -> bool:
    sorter = TopologicalSorter({node: [needed for needed, needing in edges if needing == node] for node in nodes})
    try:
        sorter.prepare()
    except CycleError:
        return False
    return True


def smallest_first(nodes: list[int], edges: Edges) -> list[int]:
    """The order as it is promised, found the slow way."""
    order: list[int] = []
    while len(order) < len(nodes):
        order.append(
            next(node for node in nodes if node not in order and all(a in order for a, b in edges if b == node))
        )
    return order


def steps_back_to(start: int, edges: Edges) -> int:
    """The length of the shortest cycle through ``start``."""
    distance = {start: 0}
    waiting = deque([start])
    while waiting:
        current = waiting.popleft()
        for target in [b for a, b in edges if a == current]:
            if target == start:
                return distance[current] + 1
            if target not in distance:
                distance[target] = distance[current] + 1
                waiting.append(target)
    raise AssertionError(f"{start} is on no cycle")


@given(graphs(acyclic=True))
def test_every_node_comes_after_what_it_needs_and_the_first_given_first(graph: tuple[list[int], Edges]) -> None:
    """The order is the one that always takes the first given node of those that are free."""
    nodes, edges = graph
    order = topological_order(nodes, edges)
    assert sorted(order) == sorted(nodes)
    assert all(order.index(needed) < order.index(needing) for needed, needing in edges)
    assert order == smallest_first(nodes, edges)


@given(graphs(acyclic=True), st.randoms(use_true_random=False))
def test_the_order_of_edges_does_not_matter(graph: tuple[list[int], Edges], chance: Random) -> None:
    """Edges in another order, and each of them twice, give the same order and the same generations."""
    nodes, edges = graph
    shuffled = edges * 2
    chance.shuffle(shuffled)
    assert topological_order(nodes, shuffled) == topological_order(nodes, edges)
    assert generations(nodes, shuffled) == generations(nodes, edges)


@given(graphs(acyclic=True))
def test_an_order_that_is_right_stays_as_it_is(graph: tuple[list[int], Edges]) -> None:
    """Sorting what is sorted changes nothing."""
    nodes, edges = graph
    order = topological_order(nodes, edges)
    assert topological_order(order, edges) == order


@given(graphs(acyclic=True))
def test_generations_are_as_deep_as_the_longest_way_to_a_node(graph: tuple[list[int], Edges]) -> None:
    """What needs nothing comes first, all else right after the last generation of what it needs."""
    nodes, edges = graph
    layers = generations(nodes, edges)
    depth = {node: number for number, layer in enumerate(layers) for node in layer}
    assert sorted(depth) == sorted(nodes)
    for node in nodes:
        assert depth[node] == max((depth[needed] + 1 for needed, needing in edges if needing == node), default=0)
    assert all(layer == [node for node in nodes if node in layer] for layer in layers)


@given(graphs(), st.randoms(use_true_random=False))
def test_a_cycle_is_found_where_there_is_one(graph: tuple[list[int], Edges], chance: Random) -> None:
    """It is a real one, a shortest one through one of its nodes, and the same for any order of edges."""
    nodes, edges = graph
    cycle = find_cycle(nodes, edges)
    assert bool(cycle) is not is_acyclic(nodes, edges)
    shuffled = edges * 2
    chance.shuffle(shuffled)
    assert find_cycle(nodes, shuffled) == cycle
    if not cycle:
        return
    assert cycle[0] == cycle[-1]
    assert all(pair in edges for pair in pairwise(cycle))
    assert len(set(cycle)) == len(cycle) - 1
    assert nodes.index(cycle[0]) == min(nodes.index(node) for node in cycle)
    assert max(steps_back_to(node, edges) for node in cycle) == len(cycle) - 1


@given(graphs())
def test_whatever_cannot_be_sorted_names_its_cycle(graph: tuple[list[int], Edges]) -> None:
    """Sorting and layering raise exactly if there is a cycle, and tell the one that find_cycle finds."""
    nodes, edges = graph
    cycle = find_cycle(nodes, edges)
    for function in (topological_order, generations):
        if cycle:
            with pytest.raises(InvalidInput) as caught:
                function(nodes, edges, name=lambda node: f"task {node}")
            assert caught.value.details == {"cycle": [f"task {node}" for node in cycle]}
        else:
            assert function(nodes, edges)


def test_the_message_of_a_cycle_shows_the_way_round() -> None:
    """Arrows lead from what is needed to what needs it, and the code tells programs what happened."""
    edges = [("c", "a"), ("b", "c"), ("a", "b"), ("c", "d")]
    with pytest.raises(InvalidInput) as caught:
        topological_order("dcba", edges)
    error = caught.value
    assert "c → a → b → c" in error.message
    assert error.code == "dependency_cycle"
    assert error.details == {"cycle": ["c", "a", "b", "c"]}
    assert (exit_code_of(error), status_of(error)) == (3, 422)


def test_what_needs_itself_is_a_cycle() -> None:
    """The shortest cycle there is has one edge."""
    assert find_cycle(["a", "b"], [("a", "b"), ("b", "b")]) == ["b", "b"]


def test_what_lies_beyond_a_cycle_or_before_it_is_not_blamed() -> None:
    """Only nodes of the cycle are named, though others wait for it or lead to it."""
    edges = [(1, 2), (2, 3), (3, 2), (3, 4), (4, 5)]
    assert find_cycle([5, 4, 3, 2, 1], edges) == [3, 2, 3]


def test_the_message_of_a_long_cycle_is_short() -> None:
    """It shows both ends and how many are left out; the details hold all."""
    nodes = [f"task {number}" for number in range(1_000)]
    with pytest.raises(InvalidInput) as caught:
        topological_order(nodes, zip(nodes, [*nodes[1:], nodes[0]], strict=True))
    assert "task 10 → (988 more) → task 999 → task 0" in caught.value.message
    assert len(caught.value.message) < 250
    assert caught.value.details["cycle"] == [*nodes, nodes[0]]


@given(graphs())
def test_dependents_are_all_that_can_be_reached(graph: tuple[list[int], Edges]) -> None:
    """Everything that needs the node by whatever way, in the given order, and never the node itself."""
    nodes, edges = graph
    node = nodes[0]
    reached = {node}
    for _ in nodes:
        reached |= {needing for needed, needing in edges if needed in reached}
    assert dependents_of(node, nodes, edges) == [other for other in nodes if other in reached and other != node]


def test_dependents_of_a_stranger_are_not_asked_for() -> None:
    """A node that is not there is a mistake of the caller, not one without dependents."""
    with pytest.raises(KeyError, match="stranger"):
        dependents_of("stranger", ["a"], [])


@pytest.mark.parametrize("edge", [("a", "lost"), ("lost", "a"), ("lost", "lost")])
def test_an_edge_to_nowhere_is_refused(edge: tuple[str, str]) -> None:
    """A dependency on what is not there is not taken for one that is met; both ends are told."""
    for function in (topological_order, generations, find_cycle, lambda *graph: dependents_of("a", *graph)):
        with pytest.raises(InvalidInput, match="there is no lost") as caught:
            function(["a"], [edge])
        assert caught.value.code == "unknown_dependency"
        assert (caught.value.details["needed"], caught.value.details["needing"]) == edge


def test_a_node_given_twice_counts_once() -> None:
    """It stands where it was given first."""
    assert topological_order(["b", "a", "b"], []) == ["b", "a"]
    assert generations([], []) == topological_order([], []) == find_cycle([], []) == []


def test_chains_of_a_hundred_thousand_are_sorted_and_followed() -> None:
    """Depth costs no stack: not in sorting, layering, following or in looking for a cycle."""
    length = 100_000
    nodes = list(range(length))
    chain = list(pairwise(nodes))
    assert topological_order(reversed(nodes), chain) == nodes
    assert generations(nodes, chain) == [[node] for node in nodes]
    assert len(dependents_of(0, nodes, chain)) == length - 1
    assert find_cycle(nodes, [*chain, (length - 1, 0)]) == [*nodes, 0]


def test_ten_thousand_nodes_with_thirty_thousand_edges_are_sorted() -> None:
    """Every edge of a large graph in a random order is respected."""
    chance = Random(1)
    nodes = list(range(10_000))
    edges = [tuple(sorted(chance.sample(nodes, 2))) for _ in range(30_000)]
    given_order = chance.sample(nodes, len(nodes))
    at = {node: position for position, node in enumerate(topological_order(given_order, edges))}
    assert len(at) == 10_000
    assert all(at[needed] < at[needing] for needed, needing in edges)
