"""What services were before a deployment: what they are changed back to if it fails."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from zona_core.domain.fleet.hashing import is_of
from zona_core.domain.fleet.targets import Target, Targets
from zona_core.domain.fleet.world import RunningService, World

__all__ = ["former_targets"]


def former_targets(world: World, previous: Targets | None, wanted: Targets) -> Mapping[str, Target]:
    """By name, the target of each service that there is: the one that was applied last, where that is what runs.

    Where it is not, as after a deployment that was interrupted, it is made of what the engine shows. Files of either
    are with the engine.
    """
    found = {}
    for running in world.services:
        stored = None if previous is None else previous.service(running.name)
        if stored is not None and (running.hash == stored.hash or is_of(running.hash, stored.content)):
            found[running.name] = evolve(stored, restarts=max(stored.restarts, running.restarts))
        else:
            found[running.name] = _seen(running, stored or wanted.service(running.name))
    return found


def _seen(running: RunningService, like: Target | None) -> Target:
    """What the engine shows, as a target; what it cannot show is as in the target that is most like it."""
    made = Target(
        name=running.name,
        engine_name=running.engine_name,
        content=running.content,
        hash=running.hash,
        replicas=running.replicas,
        restarts=running.restarts,
        tenant_code=running.tenant_code,
    )
    if like is not None:
        made = evolve(made, group=like.group, accessory=like.accessory, update=like.update, proxied=like.proxied)
    return made if running.update is None else evolve(made, update=running.update)
