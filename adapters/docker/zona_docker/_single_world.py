"""What there is of a fleet on a single engine."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from threading import Lock
from typing import Any, Final

from zona_core.domain.fleet.names import engine_name
from zona_core.domain.fleet.targets import Content
from zona_core.domain.fleet.world import EngineKind, Node, ReplicaState, RolloutState, RunningService, World

from ._client import Connection
from ._errors import translated
from ._single_containers import Containers
from ._single_drift import joined, oddity, shown_content
from ._single_recipe import Recipe
from ._single_seen import Seen

__all__ = ["Host", "world_of"]


#: seconds for which what the engine says of its host counts: nearly all of it stays until the engine is begun again
_COUNTS: Final = 60.0


class Host:
    """The machine that the engine runs on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._node: Node | None = None
        self._asked_at = 0.0
        self._lock = Lock()

    def facts(self) -> Mapping[str, Any]:
        """What the engine says about itself and its host."""
        with translated("ask the engine about its host"):
            found: Mapping[str, Any] = self._connection.client.info()
        return found

    def node(self) -> Node:
        """The host as a node; no call if it was asked a moment ago."""
        with self._lock:
            if self._node is None or time.monotonic() - self._asked_at > _COUNTS:
                self._asked_at = time.monotonic()
                facts = self.facts()
                labels = (label.partition("=") for label in facts.get("Labels") or ())
                self._node = Node(
                    name=facts["Name"],
                    id=facts.get("ID", ""),
                    labels={name: value for name, _, value in labels},
                    manager=True,
                    engine_version=facts.get("ServerVersion", ""),
                )
            return self._node


def world_of(connection: Connection, containers: Containers, host: Host, fleet: str) -> World:
    """The fleet's services; networks and volumes of everybody, as a fleet may use those of others."""
    node = host.node()
    with translated("list networks"):
        networks = connection.client.networks()
    with translated("list volumes"):
        volumes = connection.client.volumes().get("Volumes") or ()
    replicas = sorted(containers.replicas(fleet), key=lambda seen: seen.service)
    return World(
        kind=EngineKind.SINGLE,
        services=tuple(
            _service(fleet, name, list(group), node.name)
            for name, group in groupby(replicas, key=lambda seen: seen.service)
            if name
        ),
        nodes=(node,),
        networks=tuple(sorted(network["Name"] for network in networks)),
        volumes=tuple(sorted(volume["Name"] for volume in volumes)),
        taken_at=datetime.now(UTC),
    )


def _service(fleet: str, name: str, replicas: Sequence[Seen], node: str) -> RunningService:
    """A service, as its newest replica has it: that is what was applied last."""
    newest = replicas[-1]
    tasks = [seen for seen in sorted(replicas, key=lambda seen: seen.slot) if not seen.parked]
    recipe = newest.recipe
    latest = [seen for seen in replicas if (seen.hash, seen.restarts) == (newest.hash, newest.restarts)]
    message = _unfinished(recipe, replicas, latest)
    return RunningService(
        name=name,
        engine_name=engine_name(fleet, name),
        hash=newest.hash,
        content=shown_content(recipe, latest) if recipe else Content(image=newest.image),
        replicas=len({seen.slot for seen in tasks if seen.state is not ReplicaState.STOPPING}),
        restarts=newest.restarts,
        tenant_code=recipe.tenant_code if recipe else "",
        proxied=all(recipe is not None and joined(recipe, seen) for seen in tasks if seen.running) and bool(tasks),
        tasks=tuple(seen.shown(node) for seen in tasks),
        rollout=RolloutState.UPDATING if message else RolloutState.SETTLED,
        message=message,
        since=newest.created_at,
    )


def _unfinished(recipe: Recipe | None, replicas: Sequence[Seen], latest: Sequence[Seen]) -> str:
    """What a rollout has still to do, in words; empty if there is nothing."""
    left = [seen for seen in replicas if seen not in latest or (seen.parked and len(replicas) > 1)]
    if left:
        return f"{len(left)} of {len(replicas)} containers are still to be replaced"
    found = [text for seen in latest if recipe and (text := oddity(recipe, seen))]
    return found[0] if found else ""
