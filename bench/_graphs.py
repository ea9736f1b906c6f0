"""What it costs to sort tasks by what they need, beside the barest loop that does."""

from __future__ import annotations

import random
from collections import deque

from _report import Figure, figure, side_by_side

from zona_core.domain.graphs import topological_order

__all__ = ["measure"]

TASKS = 10_000
EDGES = 30_000


def tasks_and_edges() -> tuple[list[str], list[tuple[str, str]]]:
    """A graph without cycles, the same in every run, its tasks in an order that has to be changed."""
    chance = random.Random(TASKS)
    tasks = [f"task {number}" for number in range(TASKS)]
    pairs = (sorted(chance.sample(range(TASKS), 2)) for _ in range(EDGES))
    edges = [(tasks[first], tasks[second]) for first, second in pairs]
    chance.shuffle(tasks)
    return tasks, edges


def bare(tasks: list[str], edges: list[tuple[str, str]]) -> list[str]:
    """Kahn's loop and nothing else: no checks, no message for a cycle, no promise which possible order it is."""
    needing: dict[str, list[str]] = {task: [] for task in tasks}
    left = dict.fromkeys(tasks, 0)
    for first, second in edges:
        needing[first].append(second)
        left[second] += 1
    free = deque(task for task in tasks if not left[task])
    order = []
    while free:
        task = free.popleft()
        order.append(task)
        for other in needing[task]:
            left[other] -= 1
            if not left[other]:
                free.append(other)
    return order


def measure(quick: bool) -> list[Figure]:
    """Sorting against the bare loop, on the same data."""
    tasks, edges = tasks_and_edges()
    value, baseline = side_by_side(
        lambda: topological_order(tasks, edges),
        lambda: bare(tasks, edges),
        rounds=5 if quick else 15,
        calls=5,
    )
    return [figure("10,000 tasks and 30,000 edges sorted : bare Kahn loop", value, baseline, goal=2.0)]
