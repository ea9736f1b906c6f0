"""How a fleet is: what its services' replicas do, where, against what is wanted of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from attrs import Factory, define

from .hashing import is_target
from .specification import Group
from .targets import Target, Targets
from .world import Node, Replica, ReplicaState, RolloutState, RunningService, World

__all__ = ["FleetStatus", "NodeCell", "ServiceState", "ServiceStatus", "fleet_status"]

_RUNNING = frozenset({ReplicaState.HEALTHY, ReplicaState.STARTING, ReplicaState.UNHEALTHY})
#: what a rollout says of a service, whatever its replicas do
_ROLLOUTS = {
    RolloutState.PAUSED: "paused",
    RolloutState.UPDATING: "updating",
    RolloutState.ROLLING_BACK: "rolling_back",
}
_GROUPS = {group: index for index, group in enumerate(Group)}
#: which replica's words are shown first
_URGENCY = {
    ReplicaState.FAILED: 0,
    ReplicaState.LOST: 1,
    ReplicaState.UNHEALTHY: 2,
    ReplicaState.PENDING: 3,
    ReplicaState.STARTING: 4,
}


class ServiceState(StrEnum):
    """How a service is, in one word."""

    #: as many replicas work as are wanted, with the wanted content
    RUNNING = "running"
    #: some replicas are on their way
    STARTING = "starting"
    #: some replicas do not work
    DEGRADED = "degraded"
    #: no replica works
    DOWN = "down"
    #: all work, with another content, number or restart than is wanted
    OUTDATED = "outdated"
    UPDATING = "updating"
    #: an update failed and was left as it was
    PAUSED = "paused"
    ROLLING_BACK = "rolling_back"
    #: an update failed, and what was before it is there again
    ROLLED_BACK = "rolled_back"
    #: no replica is wanted, and there is none
    STOPPED = "stopped"
    #: it is wanted, and it is not there
    MISSING = "missing"
    #: it is there, and it is not wanted
    LEAVING = "leaving"


@define(frozen=True, kw_only=True)
class NodeCell:
    """Replicas of one service on one node."""

    running: int = 0
    healthy: int = 0


@define(frozen=True, kw_only=True)
class ServiceStatus:
    """How one service is."""

    name: str
    group: Group = Group.APP
    tenant_code: str = ""
    accessory: bool = False
    #: by name of the node; only those with replicas that run
    nodes: dict[str, NodeCell] = Factory(dict)
    #: replicas: how many are wanted, run, and work
    desired: int = 0
    running: int = 0
    healthy: int = 0
    #: what was applied; empty if it is not there
    hash: str = ""
    #: what is wanted; empty if nothing is
    wanted_hash: str = ""
    image: str = ""
    state: ServiceState
    #: since when it is so, as far as the engine says
    since: datetime | None = None
    #: why, in the engine's words; why it is not wanted; what was changed by hand
    message: str = ""


@define(frozen=True, kw_only=True)
class FleetStatus:
    """How a fleet is."""

    fleet: str
    #: by group, then by name
    services: tuple[ServiceStatus, ...] = ()
    nodes: tuple[Node, ...] = ()
    #: services that do not run, by name: why
    left_out: dict[str, str] = Factory(dict)
    #: whether each service is as it is wanted
    settled: bool
    taken_at: datetime | None = None


def fleet_status(targets: Targets, world: World) -> FleetStatus:
    """How each service is that is wanted or there; replicas are counted, whatever sum an engine gives."""
    running = {service.name: service for service in world.services}
    wanted = {target.name for target in targets.services}
    rows = [
        *(_wanted(target, running.get(target.name)) for target in targets.services),
        *(_leaving(service, targets) for name, service in running.items() if name not in wanted),
    ]
    good = (ServiceState.RUNNING, ServiceState.STOPPED)
    return FleetStatus(
        fleet=targets.fleet,
        services=tuple(sorted(rows, key=lambda row: (_GROUPS[row.group], row.name))),
        nodes=tuple(sorted(world.nodes, key=lambda node: node.name)),
        left_out=dict(targets.left_out),
        settled=all(row.state in good for row in rows),
        taken_at=world.taken_at,
    )


def _wanted(target: Target, running: RunningService | None) -> ServiceStatus:
    state = _state(target, running)
    said = _message(running) if running and state is not ServiceState.RUNNING else ""
    return ServiceStatus(
        name=target.name,
        group=target.group,
        tenant_code=target.tenant_code,
        accessory=target.accessory,
        nodes=_cells(running.tasks) if running else {},
        desired=target.replicas,
        running=running.running if running else 0,
        healthy=running.healthy if running else 0,
        hash=running.hash if running else "",
        wanted_hash=target.hash,
        image=running.content.image if running else target.content.image,
        state=state,
        since=_since(running),
        message="; ".join(part for part in (said, *target.overrides) if part),
    )


def _leaving(running: RunningService, targets: Targets) -> ServiceStatus:
    return ServiceStatus(
        name=running.name,
        tenant_code=running.tenant_code,
        nodes=_cells(running.tasks),
        running=running.running,
        healthy=running.healthy,
        hash=running.hash,
        image=running.content.image,
        state=ServiceState.LEAVING,
        since=_since(running),
        message=targets.left_out.get(running.name, "it is not in the specification"),
    )


def _state(target: Target, running: RunningService | None) -> ServiceState:
    if running is None:
        return ServiceState.MISSING if target.replicas else ServiceState.STOPPED
    if running.rollout in _ROLLOUTS:
        return ServiceState(_ROLLOUTS[running.rollout])
    if running.healthy < target.replicas:
        return _lacking(target, running)
    state = _complete(target, running)
    taken_back = state is ServiceState.OUTDATED and running.rollout is RolloutState.ROLLED_BACK
    return ServiceState.ROLLED_BACK if taken_back else state


def _lacking(target: Target, running: RunningService) -> ServiceState:
    coming = sum(task.state in (ReplicaState.PENDING, ReplicaState.STARTING) for task in running.tasks)
    if coming and running.healthy + coming >= target.replicas:
        return ServiceState.STARTING
    return ServiceState.DEGRADED if running.healthy else ServiceState.DOWN


def _complete(target: Target, running: RunningService) -> ServiceState:
    tasks = [task for task in running.tasks if task.state in _RUNNING]
    as_wanted = (
        is_target(running.hash, target)
        and running.restarts == target.restarts
        and len(tasks) == target.replicas
        and all(is_target(task.hash, target) for task in tasks if task.hash)
    )
    if not as_wanted:
        return ServiceState.OUTDATED
    return ServiceState.RUNNING if target.replicas else ServiceState.STOPPED


def _cells(tasks: Iterable[Replica]) -> dict[str, NodeCell]:
    found: dict[str, NodeCell] = {}
    for task in tasks:
        if task.state in _RUNNING:
            cell = found.get(task.node, NodeCell())
            works = task.state is ReplicaState.HEALTHY
            found[task.node] = NodeCell(running=cell.running + 1, healthy=cell.healthy + works)
    return dict(sorted(found.items()))


def _message(running: RunningService) -> str:
    """Of the rollout, or of the replica that is worst off; an engine may have said it over several lines."""
    tasks = sorted(
        (task for task in running.tasks if task.message and task.state in _URGENCY),
        key=lambda task: _URGENCY[task.state],
    )
    said = running.message if running.rollout is not RolloutState.SETTLED else ""
    return " ".join((said or next((task.message for task in tasks), "")).split())


def _since(running: RunningService | None) -> datetime | None:
    if running is None:
        return None
    times = [task.since for task in running.tasks if task.since and task.state in _RUNNING]
    return running.since or min(times, default=None)
