"""The networks and volumes that services share; only those that one of them uses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .names import DEFAULT_NETWORK, INGRESS_NETWORK, engine_name
from .specification import FleetSpecification, Network
from .targets import NetworkTarget, Target, VolumeTarget
from .world import EngineKind

__all__ = ["network_names", "networks_of", "proxies_of", "volume_name", "volume_names", "volumes_of"]

_DRIVERS: Final = {EngineKind.SINGLE: "bridge", EngineKind.SWARM: "overlay"}


def network_names(specification: FleetSpecification, names: Iterable[str]) -> tuple[str, ...]:
    """The engine's names of networks, sorted, each once."""
    return tuple(sorted({_network_name(specification, name) for name in names}))


def volume_name(specification: FleetSpecification, name: str) -> str:
    """The engine's name of a volume."""
    volume = specification.volumes.get(name)
    return name if volume and volume.external else engine_name(specification.name, name)


def volume_names(specification: FleetSpecification) -> frozenset[str]:
    """The engine's names of all volumes that services mount, whether these run or not."""
    mounted = (each.name for service in specification.services.values() for each in service.volumes)
    return frozenset(volume_name(specification, name) for name in mounted)


def proxies_of(specification: FleetSpecification) -> frozenset[str]:
    """Names of the services that others are reached through."""
    return frozenset(route.proxy for service in specification.services.values() for route in service.routes)


def networks_of(
    specification: FleetSpecification, kind: EngineKind, services: Iterable[Target]
) -> tuple[NetworkTarget, ...]:
    """The networks that these services are in, or join once they work."""
    services = tuple(services)
    used = {name for target in services for name in target.content.networks}
    if any(target.proxied for target in services):
        used.add(_network_name(specification, INGRESS_NETWORK))
    given = {DEFAULT_NETWORK: Network(), INGRESS_NETWORK: Network(), **specification.networks}
    return tuple(
        NetworkTarget(
            engine_name=found,
            driver=network.driver or _DRIVERS[kind],
            options=dict(sorted(network.options.items())),
            internal=network.internal,
            external=network.external,
        )
        for name, network in sorted(given.items())
        if (found := _network_name(specification, name)) in used
    )


def volumes_of(specification: FleetSpecification, services: Iterable[Target]) -> tuple[VolumeTarget, ...]:
    """The volumes that these services mount."""
    used = {mount.volume for target in services for mount in target.content.mounts}
    return tuple(
        VolumeTarget(
            engine_name=found,
            driver=volume.driver,
            options=dict(sorted(volume.options.items())),
            external=volume.external,
        )
        for name, volume in sorted(specification.volumes.items())
        if (found := volume_name(specification, name)) in used
    )


def _network_name(specification: FleetSpecification, name: str) -> str:
    network = specification.networks.get(name)
    return name if network and network.external else engine_name(specification.name, name)
