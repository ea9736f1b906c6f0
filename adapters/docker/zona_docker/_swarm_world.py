"""What a Swarm shows of a fleet, in five calls, seven if services have files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from zona_core.domain.fleet.names import HASH_LABEL, RESTARTS_LABEL, SERVICE_LABEL, TENANT_LABEL
from zona_core.domain.fleet.world import EngineKind, Node, RunningService, World

from ._labels import number_of
from ._logs import time_of
from ._swarm_api import SwarmApi
from ._swarm_files import stored_files
from ._swarm_reading import content_of, policy_of, replicas_of
from ._swarm_specs import Known
from ._swarm_tasks import node_of, replicas, rollout_of

__all__ = ["is_service", "world_of"]

Object = Mapping[str, Any]


def world_of(api: SwarmApi, fleet: str) -> World:
    """See ``ContainerEngine.world``."""
    services = [service for service in api.services(fleet) if is_service(service)]
    tasks = defaultdict(list)
    for task in api.tasks(fleet):
        tasks[task["ServiceID"]].append(task)
    nodes = {node["ID"]: node_of(node) for node in api.nodes()}
    networks = {network["Name"]: network["Id"] for network in api.networks()}
    containers = [service["Spec"]["TaskTemplate"]["ContainerSpec"] for service in services]
    given = any(container.get("Secrets") or container.get("Configs") for container in containers)
    names = Known(networks=networks, files=stored_files(api, fleet) if given else ())
    found = [_service(service, tasks[service["ID"]], nodes, names) for service in services]
    return World(
        kind=EngineKind.SWARM,
        services=tuple(sorted(found, key=lambda service: service.name)),
        nodes=tuple(sorted(nodes.values(), key=lambda node: node.name)),
        networks=tuple(sorted(networks)),
        volumes=tuple(sorted(api.volumes())),
        taken_at=datetime.now(UTC),
    )


def is_service(service: Object) -> bool:
    """Whether it is one of the fleet's services, and no hook's."""
    return SERVICE_LABEL in (service["Spec"].get("Labels") or {})


def _service(service: Object, tasks: Sequence[Object], nodes: Mapping[str, Node], names: Known) -> RunningService:
    spec, before = service["Spec"], service.get("PreviousSpec")
    labels = spec["Labels"]
    hashes = [(spec["TaskTemplate"], labels.get(HASH_LABEL, ""))]
    if before:
        hashes.append((before["TaskTemplate"], (before.get("Labels") or {}).get(HASH_LABEL, "")))
    return RunningService(
        name=labels[SERVICE_LABEL],
        engine_name=spec["Name"],
        hash=labels.get(HASH_LABEL, ""),
        content=content_of(spec, names),
        replicas=replicas_of(spec),
        restarts=number_of(labels, RESTARTS_LABEL),
        tenant_code=labels.get(TENANT_LABEL, ""),
        update=policy_of(spec),
        tasks=replicas(tasks, nodes, hashes),
        rollout=rollout_of(service),
        message=(service.get("UpdateStatus") or {}).get("Message", ""),
        since=time_of(service.get("UpdatedAt", "")),
    )
