"""What has to be there before any service, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .names import INGRESS_NETWORK, ROLE_MARK, engine_name, role_label
from .plan import ResourceKind, ResourceStep
from .targets import NetworkTarget, Target, Targets, VolumeTarget
from .world import EngineKind, World

__all__ = ["problems_of", "resource_steps"]


def resource_steps(targets: Targets, world: World, meant: Sequence[Target]) -> tuple[ResourceStep, ...]:
    """Networks and volumes that are missing, and roles that nodes are not marked with as they have to be.

    Only those that the services that are ``meant`` use; all roles, if all services are.
    """
    networks, volumes = _missing(targets, world, meant)
    return (
        *(
            ResourceStep(kind=ResourceKind.NETWORK, name=network.engine_name, detail=network.driver)
            for network in networks
            if not network.external
        ),
        *(
            ResourceStep(kind=ResourceKind.VOLUME, name=volume.engine_name, detail=volume.driver)
            for volume in volumes
            if not volume.external
        ),
        *_role_steps(targets, world, meant),
    )


def problems_of(targets: Targets, world: World, meant: Sequence[Target]) -> tuple[str, ...]:
    """What keeps a plan from being applied: things of others that are missing, ports that cannot be shared."""
    networks, volumes = _missing(targets, world, meant)
    return (
        *(f"the external network {each.engine_name} does not exist" for each in networks if each.external),
        *_missing_volumes(volumes, world),
        *(problem for target in meant for problem in _port_problems(target, world)),
    )


def _missing_volumes(volumes: Sequence[VolumeTarget], world: World) -> Iterator[str]:
    """Of a Swarm only a manager's volumes can be seen: one that is not there may be on a worker."""
    for volume in volumes:
        if volume.external and world.kind is EngineKind.SINGLE:
            yield f"the external volume {volume.engine_name} does not exist"


def _missing(targets: Targets, world: World, meant: Sequence[Target]) -> tuple[list[NetworkTarget], list[VolumeTarget]]:
    in_use = {name for target in meant for name in target.content.networks}
    mounted = {mount.volume for target in meant for mount in target.content.mounts}
    # NOTE: replicas that a proxy reaches join its network later, on an engine where that is no part of their content.
    if any(target.proxied for target in meant):
        in_use.add(engine_name(targets.fleet, INGRESS_NETWORK))
    networks = [
        network
        for network in targets.networks
        if network.engine_name not in world.networks and network.engine_name in in_use
    ]
    volumes = [
        volume
        for volume in targets.volumes
        if volume.engine_name not in world.volumes and volume.engine_name in mounted
    ]
    return networks, volumes


def _role_steps(targets: Targets, world: World, meant: Sequence[Target]) -> Iterator[ResourceStep]:
    if world.kind is EngineKind.SINGLE:
        return
    prefix = role_label(targets.fleet, "")
    marked = {label.removeprefix(prefix) for node in world.nodes for label in node.labels if label.startswith(prefix)}
    roles = targets.roles.keys() | marked
    if len(meant) < len(targets.services):
        roles &= {target.content.role for target in meant}
    for role in sorted(roles):
        wanted = set(targets.roles.get(role, ())) & {node.name for node in world.nodes}
        there = {node.name for node in world.nodes if node.labels.get(prefix + role) == ROLE_MARK}
        changes = [*(f"+{name}" for name in sorted(wanted - there)), *(f"-{name}" for name in sorted(there - wanted))]
        if changes:
            yield ResourceStep(kind=ResourceKind.ROLE, name=role, detail=" ".join(changes))


def _port_problems(target: Target, world: World) -> Iterator[str]:
    if world.kind is EngineKind.SINGLE and target.replicas > 1:
        for port in target.content.ports:
            if port.published:
                yield (
                    f"{target.name}: {target.replicas} replicas cannot share the port"
                    f" {port.published}/{port.protocol} of one host"
                )
