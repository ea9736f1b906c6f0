"""What an engine shows of a fleet: services, their replicas, nodes, and what they share."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from attrs import Factory, define

from .specification import UpdatePolicy
from .targets import Content

__all__ = ["EngineKind", "Node", "NodeState", "Replica", "ReplicaState", "RolloutState", "RunningService", "World"]


class EngineKind(StrEnum):
    """How an engine runs services."""

    #: containers on one host, which Zona itself replaces one by one
    SINGLE = "single"
    #: services of a Swarm
    SWARM = "swarm"


class ReplicaState(StrEnum):
    """How far a replica is."""

    #: waits for a place or for its image
    PENDING = "pending"
    #: runs, but is not known to work yet
    STARTING = "starting"
    #: runs and works, or has no health check
    HEALTHY = "healthy"
    #: runs, and its health check fails
    UNHEALTHY = "unhealthy"
    #: has ended, or could not be begun
    FAILED = "failed"
    #: is on its way out
    STOPPING = "stopping"
    #: its node does not answer: nobody knows
    LOST = "lost"


class RolloutState(StrEnum):
    """How far an engine is with a service."""

    SETTLED = "settled"
    UPDATING = "updating"
    PAUSED = "paused"
    ROLLING_BACK = "rolling_back"
    #: the last update failed, and what was before is there again
    ROLLED_BACK = "rolled_back"


class NodeState(StrEnum):
    """Whether a node takes replicas."""

    READY = "ready"
    #: takes none, by somebody's will
    DRAINED = "drained"
    #: does not answer
    DOWN = "down"


@define(frozen=True, kw_only=True)
class Node:
    """A host."""

    name: str
    id: str = ""
    state: NodeState = NodeState.READY
    #: those of the node, and those of its engine
    labels: dict[str, str] = Factory(dict)
    manager: bool = False
    engine_version: str = ""


@define(frozen=True, kw_only=True)
class Replica:
    """A container of a service."""

    id: str
    #: number within the service, from 1
    slot: int = 0
    #: name of the node; empty while it has none
    node: str = ""
    state: ReplicaState
    #: what it was made of
    hash: str = ""
    image: str = ""
    since: datetime | None = None
    #: why it is in that state, in the engine's words
    message: str = ""
    exit_code: int | None = None


@define(frozen=True, kw_only=True)
class RunningService:
    """A service as the engine has it."""

    #: name within the fleet
    name: str
    engine_name: str
    #: the hash that was noted when it was applied
    hash: str = ""
    #: what is there, whoever made it so; an engine's own defaults are left out
    content: Content
    #: how many there are to be
    replicas: int
    restarts: int = 0
    #: the tenant that it runs for
    tenant_code: str = ""
    #: whether proxies reach its replicas that work; None where that is part of the content (a Swarm)
    proxied: bool | None = None
    #: how the engine replaces replicas; None where it keeps nothing of it. Its ``deadline`` is never compared
    update: UpdatePolicy | None = None
    #: those that are wanted or still there; not those that were replaced
    tasks: tuple[Replica, ...] = ()
    rollout: RolloutState = RolloutState.SETTLED
    message: str = ""
    since: datetime | None = None

    @property
    def healthy(self) -> int:
        """How many replicas work."""
        return sum(task.state is ReplicaState.HEALTHY for task in self.tasks)

    @property
    def running(self) -> int:
        """How many replicas run."""
        running = (ReplicaState.HEALTHY, ReplicaState.STARTING, ReplicaState.UNHEALTHY)
        return sum(task.state in running for task in self.tasks)


@define(frozen=True, kw_only=True)
class World:
    """All that an engine shows of a fleet."""

    kind: EngineKind
    services: tuple[RunningService, ...] = ()
    nodes: tuple[Node, ...] = ()
    #: the engine's names, of all that there are
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    taken_at: datetime | None = None

    def service(self, name: str) -> RunningService | None:
        """The service of that name within the fleet."""
        return next((service for service in self.services if service.name == name), None)
