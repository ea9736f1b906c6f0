"""Ports that go from one service to another: whoever has one has to give it up first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zona_core.domain.graphs import find_cycle

from .plan import Step, Verb
from .specification import Port
from .targets import Target, Targets
from .world import World

__all__ = ["with_handovers"]


def with_handovers(
    needs: Mapping[str, Sequence[str]], steps: Iterable[Step], targets: Targets, world: World
) -> dict[str, tuple[str, ...]]:
    """``needs``, and each service that is to open a port needs the one that is to give it up, removed or updated.

    Where that would go round in a circle, ports that two services exchange for example, it is left as it is.
    """
    given = {name: tuple(needed) for name, needed in needs.items()}
    wanted = {target.name: target for target in targets.services}
    holders = _given_up(steps, wanted, world)
    found = dict(given)
    for step in steps:
        target = wanted.get(step.service)
        if target is None or step.verb not in (Verb.CREATE, Verb.UPDATE):
            continue
        before = {holders[port] for port in _open(target.content.ports) if port in holders} - {target.name}
        if before:
            found[target.name] = (*given.get(target.name, ()), *sorted(before))
    names = sorted({*found, *(name for needed in found.values() for name in needed)})
    return given if find_cycle(names, [(each, name) for name in found for each in found[name]]) else found


def _given_up(steps: Iterable[Step], wanted: Mapping[str, Target], world: World) -> dict[tuple[int, str], str]:
    """By port: the service that has it and will not have it after its step."""
    found: dict[tuple[int, str], str] = {}
    there = {service.name: service for service in world.services}
    for step in steps:
        running, target = there.get(step.service), wanted.get(step.service)
        kept = set(_open(target.content.ports)) if target else set()
        for port in _open(running.content.ports) if running else ():
            if port not in kept:
                found[port] = step.service
    return found


def _open(ports: Iterable[Port]) -> list[tuple[int, str]]:
    return [(port.published, port.protocol) for port in ports if port.published]
