"""What a fleet left behind on a Swarm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from zona_core.domain.fleet.names import FLEET_LABEL
from zona_core.domain.fleet.world import RolloutState
from zona_core.errors import EngineFailed
from zona_core.ports.engines import Unused

from ._logs import time_of
from ._swarm_api import SwarmApi, asked
from ._swarm_files import stored
from ._swarm_tasks import has_ended, rollout_of
from ._swarm_world import is_service

__all__ = ["discard", "unused"]

#: after that time nobody waits for a hook any more, nor reads what one that has ended wrote
_HOOK: Final = timedelta(hours=1)
_READ: Final = timedelta(minutes=1)

Object = Mapping[str, Any]


def unused(api: SwarmApi, fleet: str, *, volumes: bool) -> list[Unused]:
    """See ``ContainerEngine.unused``. Volumes are those of the manager: each node has its own."""
    services = api.services(fleet)
    templates = [template for service in services for template in _templates(service)]
    containers = [template["ContainerSpec"] for template in templates]
    found = [*_jobs(api, fleet, services), *_files(api, fleet, containers), *_networks(api, fleet, templates)]
    return found + (list(_volumes(api, fleet, containers)) if volumes else [])


def discard(api: SwarmApi, fleet: str, things: Sequence[Unused]) -> list[Unused]:
    """See ``ContainerEngine.discard``."""
    still = unused(api, fleet, volumes=any(each.kind == "volume" for each in things))
    return [each for each in things if each in still and _removed(api, each)]


def _templates(service: Object) -> Iterator[Object]:
    """What its replicas are made of, and, as long as it may go back to that, what they were made of before."""
    yield service["Spec"]["TaskTemplate"]
    if service.get("PreviousSpec") and rollout_of(service) not in (RolloutState.SETTLED, RolloutState.ROLLED_BACK):
        yield service["PreviousSpec"]["TaskTemplate"]


def _jobs(api: SwarmApi, fleet: str, services: Sequence[Object]) -> Iterator[Unused]:
    """Hooks that have ended, or that are so old that whoever began them is gone."""
    jobs = [service for service in services if not is_service(service)]
    running = {task["ServiceID"] for task in api.tasks(fleet) if not has_ended(task)} if jobs else set()
    for job in jobs:
        made = time_of(job["CreatedAt"])
        age = datetime.now(UTC) - made if made else _HOOK
        if age >= (_HOOK if job["ID"] in running else _READ):
            yield Unused(kind="container", name=job["Spec"]["Name"], created_at=made)


def _files(api: SwarmApi, fleet: str, containers: Sequence[Object]) -> Iterator[Unused]:
    used = {file["SecretID"] for container in containers for file in container.get("Secrets") or ()}
    used |= {file["ConfigID"] for container in containers for file in container.get("Configs") or ()}
    for found in api.files(fleet):
        if found["ID"] not in used:
            file = stored(found)
            yield Unused(kind=file.kind.value, name=file.stored_name, created_at=time_of(found["CreatedAt"]))


def _networks(api: SwarmApi, fleet: str, templates: Sequence[Object]) -> Iterator[Unused]:
    used = {network["Target"] for template in templates for network in template.get("Networks") or ()}
    for network in api.networks():
        if (network.get("Labels") or {}).get(FLEET_LABEL) == fleet and network["Id"] not in used:
            yield Unused(kind="network", name=network["Name"], created_at=time_of(network["Created"]))


def _volumes(api: SwarmApi, fleet: str, containers: Sequence[Object]) -> Iterator[Unused]:
    used = {mount.get("Source") for container in containers for mount in container.get("Mounts") or ()}
    for name, volume in sorted(api.volumes().items()):
        if (volume.get("Labels") or {}).get(FLEET_LABEL) == fleet and name not in used:
            yield Unused(kind="volume", name=name, created_at=time_of(volume.get("CreatedAt", "")))


def _removed(api: SwarmApi, thing: Unused) -> bool:
    """Removes one; False if something uses it after all, be it a replica on its way out."""
    client = api.client
    removals: Mapping[str, Callable[[str], Any]] = {
        "container": client.remove_service,
        "secret": client.remove_secret,
        "config": client.remove_config,
        "network": client.remove_network,
        "volume": client.remove_volume,
    }
    try:
        with asked(f"remove the {thing.kind} {thing.name}"):
            removals[thing.kind](thing.name)
    except EngineFailed as error:
        # The engine says with several statuses that something is in use, or gone.
        if "in use" in error.message or "has active endpoints" in error.message:
            return False
        if "not found" not in error.message:
            raise
    return True
