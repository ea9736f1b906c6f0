"""Has a service of a Swarm be gone, with all its replicas."""

from __future__ import annotations

import time
from typing import Any, Final

from zona_core.domain.fleet.names import SERVICE_LABEL
from zona_core.errors import EngineFailed

from ._swarm_api import SwarmApi
from ._swarm_tasks import has_ended

__all__ = ["remove_service"]

#: seconds between two looks
_LOOK: Final = 0.2


def remove_service(api: SwarmApi, fleet: str, name: str, *, seconds: float) -> None:
    """Removes a service by its engine's name, and waits until no replica of it runs; nothing happens if there is none.

    What a node that does not answer has is not waited for. Raises ``EngineFailed`` (``removal_timeout``) after
    ``seconds``: the Swarm goes on removing.
    """
    service = api.own_service(fleet, name)
    if service is None:
        return
    api.remove_service(service["ID"])
    ends_at = time.monotonic() + seconds
    while left := _left(api, fleet, service):
        if time.monotonic() > ends_at:
            raise EngineFailed(
                f"{len(left)} replicas of {name} still run after {seconds:g} s", code="removal_timeout", service=name
            )
        time.sleep(_LOOK)


def _left(api: SwarmApi, fleet: str, service: dict[str, Any]) -> list[dict[str, Any]]:
    """Tasks that still have a container. The service is gone, so that its tasks are found by its labels alone."""
    label = (service["Spec"].get("Labels") or {}).get(SERVICE_LABEL)
    tasks = api.tasks(fleet, **({"service": label} if label else {}))
    tasks = [task for task in tasks if task["ServiceID"] == service["ID"] and not has_ended(task)]
    if not any(task.get("NodeID") for task in tasks):
        return []
    answering = {node["ID"] for node in api.nodes() if node["Status"]["State"] == "ready"}
    return [task for task in tasks if task.get("NodeID") in answering]
