"""What services of a Swarm share: networks, volumes, and which node has which role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from zona_core.domain.fleet.names import ROLE_MARK, role_label
from zona_core.domain.fleet.targets import NetworkTarget, VolumeTarget
from zona_core.errors import EngineFailed

from ._errors import is_conflict
from ._labels import labels_of
from ._swarm_api import SwarmApi, asked
from ._swarm_tasks import node_of

__all__ = ["ensure_network", "ensure_roles", "ensure_volume"]

_DRIVER: Final = "overlay"


def ensure_network(api: SwarmApi, fleet: str, network: NetworkTarget) -> None:
    """An overlay that containers which are no service's can join too; see ``ContainerEngine.ensure_network``."""
    name = network.engine_name
    if any(found["Name"] == name for found in api.networks()):
        return
    if network.external:
        raise EngineFailed(
            f"the external network {name} does not exist in this Swarm",
            code="network_missing",
            hint=f"docker network create --driver {_DRIVER} --attachable {name}",
            network=name,
        )
    try:
        with asked(f"create the network {name}"):
            api.client.create_network(
                name,
                driver=network.driver or _DRIVER,
                options=dict(network.options),
                internal=network.internal,
                attachable=True,
                labels=labels_of(fleet, "network"),
                check_duplicate=True,
                scope="swarm",
            )
    except EngineFailed as error:
        if not (is_conflict(error) and any(found["Name"] == name for found in api.networks())):
            raise


def ensure_volume(api: SwarmApi, fleet: str, volume: VolumeTarget) -> None:
    """The manager's own; each other node makes one like it when a replica first needs it there.

    See ``ContainerEngine.ensure_volume``.
    """
    name = volume.engine_name
    if name in api.volumes():
        return
    if volume.external:
        raise EngineFailed(
            f"the external volume {name} does not exist on the manager",
            code="volume_missing",
            hint="docker volume create, on each node that is to have it",
            volume=name,
        )
    with asked(f"create the volume {name}"):
        api.client.create_volume(
            name, driver=volume.driver, driver_opts=dict(volume.options), labels=labels_of(fleet, "volume")
        )


def ensure_roles(api: SwarmApi, fleet: str, roles: Mapping[str, Sequence[str]]) -> None:
    """Marks nodes with labels that placement constraints ask for; those of other fleets stay."""
    prefix = role_label(fleet, "")
    for found in api.nodes():
        name = node_of(found).name
        wanted = {prefix + role: ROLE_MARK for role, nodes in roles.items() if name in nodes}

        def marked(spec: dict[str, Any], wanted: dict[str, str] = wanted) -> dict[str, Any] | None:
            labels = spec.get("Labels") or {}
            others = {label: value for label, value in labels.items() if not label.startswith(prefix)}
            return None if others | wanted == labels else {**spec, "Labels": others | wanted}

        if marked(found["Spec"]) is not None:
            api.change_node(found["ID"], marked)
