"""In which order services are worked on: what one needs comes before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from zona_core.domain.graphs import topological_order

from .plan import Step

__all__ = ["removal_waves", "waves"]

Key = Callable[[Step], tuple[int, str]]


def waves(steps: Iterable[Step], needs: Mapping[str, Sequence[str]], *, rank: Key) -> tuple[tuple[Step, ...], ...]:
    """Steps in waves: each service after all that it needs, also by way of services that have no step.

    ``needs`` gives, for every service that runs, those that it needs. A wave is no later than it has to be; ``rank`` is
    the order within it. Raises ``InvalidInput`` (``dependency_cycle``), which ``checks`` finds before.
    """
    by_name = {step.service: step for step in steps}
    depths = _depths(by_name.keys(), needs)
    layers: dict[int, list[Step]] = {}
    for name, step in by_name.items():
        layers.setdefault(depths.get(name, 0), []).append(step)
    return tuple(tuple(sorted(layer, key=rank)) for _, layer in sorted(layers.items()))


def removal_waves(
    steps: Iterable[Step], needs: Mapping[str, Sequence[str]], *, rank: Key
) -> tuple[tuple[Step, ...], ...]:
    """Steps in waves the other way round: what needs a service goes before it."""
    needed_by: dict[str, list[str]] = {}
    for name, needed in needs.items():
        for each in needed:
            needed_by.setdefault(each, []).append(name)
    names = needs.keys() | needed_by.keys()
    return waves(steps, {name: needed_by.get(name, []) for name in names}, rank=rank)


def _depths(with_step: Iterable[str], needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """By service: how many others with a step come before it, one after the other."""
    stepping = frozenset(with_step)
    names = sorted(needs.keys() | stepping)
    edges = [
        (needed, name) for name in names for needed in needs.get(name, ()) if needed in needs or needed in stepping
    ]
    depths: dict[str, int] = {}
    for name in topological_order(names, edges):
        before = (depths[needed] + (needed in stepping) for needed in needs.get(name, ()) if needed in depths)
        depths[name] = max(before, default=0)
    return depths
