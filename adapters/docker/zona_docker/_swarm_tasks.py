"""What the tasks of a Swarm's service say about its replicas. Pure.

A task is one try to run one replica; it never starts twice. The orchestrator tells by the desired state which ones are
wanted (``running``, or ``ready`` while one waits to be begun again) and which ones it has replaced (``shutdown``,
``remove``): https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from attrs import define

from zona_core.domain.fleet.world import Node, NodeState, Replica, ReplicaState, RolloutState

from ._errors import rollout_code
from ._logs import time_of
from ._swarm_specs import NANOSECONDS, same

__all__ = [
    "Failure",
    "code_of",
    "failure_of",
    "has_ended",
    "is_leaving",
    "is_wanted",
    "node_of",
    "replicas",
    "rollout_of",
    "stuck",
    "works",
]

Task = Mapping[str, Any]

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_WANTED: Final = ("running", "ready", "accepted", "complete")
_ENDED: Final = ("complete", "shutdown", "failed", "rejected", "remove", "orphaned")
_STATES: Final = {
    "starting": ReplicaState.STARTING,
    # A task with a health check is not running before the check has succeeded, and has failed once it fails too often.
    "running": ReplicaState.HEALTHY,
    **dict.fromkeys(_ENDED, ReplicaState.FAILED),
}
_ROLLOUTS: Final = {
    "updating": RolloutState.UPDATING,
    "paused": RolloutState.PAUSED,
    "rollback_started": RolloutState.ROLLING_BACK,
    "rollback_paused": RolloutState.PAUSED,
    "rollback_completed": RolloutState.ROLLED_BACK,
}
#: what Swarm itself says, in small letters; what comes first counts
_CODES: Final = (
    ("host-mode port already in use", "port_taken"),
    ("is already in use by service", "port_taken"),
    ("no suitable node", "placement_impossible"),
    ("unhealthy container", "replica_unhealthy"),
    ("non-zero exit", "replica_exited"),
)


@define(frozen=True)
class Failure:
    """Why a replica does not work: a code of ``RolloutFailed``, and the engine's words."""

    code: str
    message: str
    exit_code: int | None = None


def code_of(message: str) -> str:
    """The code that an engine's message about a replica means; empty if it means none."""
    text = message.lower()
    return next((code for words, code in _CODES if words in text), "") or rollout_code(message)


def is_wanted(task: Task) -> bool:
    """Whether the orchestrator wants it to run."""
    return task["DesiredState"] in _WANTED


def has_ended(task: Task) -> bool:
    """Whether it has no container that runs, as far as its node has said."""
    return task["Status"]["State"] in _ENDED


def is_leaving(task: Task) -> bool:
    """Whether it was replaced and has not ended yet."""
    return not is_wanted(task) and not has_ended(task)


def works(task: Task) -> bool:
    """Whether it is wanted and runs, and is healthy if there is a health check."""
    return is_wanted(task) and task["Status"]["State"] == "running"


def failure_of(task: Task) -> Failure | None:
    """Why a task has failed; None if it has not."""
    status = task["Status"]
    if status["State"] == "complete" and _may_be_unhealthy(task):
        return Failure("replica_unhealthy", "the replica was ended for its health, or has ended by itself")
    if status["State"] not in ("failed", "rejected", "complete"):
        return None
    message = status.get("Err") or "the replica has ended"
    # A node that refuses one for a reason of its own may take the next.
    code = code_of(message) or ("rollout_failed" if status["State"] == "rejected" else "replica_exited")
    ended = status.get("ContainerStatus") or {}
    return Failure(code, message, ended.get("ExitCode", 0) if code == "replica_exited" else None)


def _may_be_unhealthy(task: Task) -> bool:
    """Whether it lasted for as long as it takes to be found unhealthy.

    NOTE: of a replica that it ends for its health and that then ends with code 0, Swarm does not say why it has ended.
    """
    check = (task["Spec"].get("ContainerSpec") or {}).get("Healthcheck") or {}
    began_at, ended_at = time_of(task["CreatedAt"]), time_of(task["Status"]["Timestamp"])
    if not check.get("Test") or began_at is None or ended_at is None:
        return False
    least: int = check.get("StartPeriod", 0) + check.get("Interval", 0) * check.get("Retries", 0)
    return (ended_at - began_at).total_seconds() * NANOSECONDS >= least


def stuck(tasks: Iterable[Task]) -> Failure | None:
    """Why a wanted task finds no node; None if none is in that situation."""
    for task in tasks:
        error = task["Status"].get("Err", "")
        if is_wanted(task) and task["Status"]["State"] == "pending" and error:
            return Failure(code_of(error) or "placement_impossible", error)
    return None


def rollout_of(service: Mapping[str, Any]) -> RolloutState:
    """How far the engine is with a service."""
    return _ROLLOUTS.get((service.get("UpdateStatus") or {}).get("State", ""), RolloutState.SETTLED)


def node_of(node: Mapping[str, Any]) -> Node:
    """A node of the Swarm. One whose state is ``unknown`` or ``disconnected`` does not answer either."""
    spec, description = node["Spec"], node.get("Description") or {}
    engine = description.get("Engine") or {}
    state = NodeState.READY if spec.get("Availability", "active") == "active" else NodeState.DRAINED
    return Node(
        name=description.get("Hostname") or node["ID"],
        id=node["ID"],
        state=state if node["Status"]["State"] == "ready" else NodeState.DOWN,
        labels={**(engine.get("Labels") or {}), **(spec.get("Labels") or {})},
        manager=spec.get("Role") == "manager",
        engine_version=engine.get("EngineVersion", ""),
    )


def replicas(
    tasks: Sequence[Task], nodes: Mapping[str, Node], hashes: Sequence[tuple[Any, str]]
) -> tuple[Replica, ...]:
    """Replicas that are wanted or still there, by slot, the newest last.

    ``hashes``: what is known of what a task was made of, as pairs of a specification and its hash.
    """
    errors = {task["Slot"]: failure.message for task in _by_age(tasks) if (failure := failure_of(task))}
    found = []
    for task in _by_age(tasks):
        lost = nodes[task["NodeID"]].state is NodeState.DOWN if task.get("NodeID") in nodes else False
        state = _state(task, lost=lost)
        if state is not None:
            found.append(_replica(task, state, nodes, hashes, errors.get(task.get("Slot", 0), "")))
    return tuple(sorted(found, key=lambda replica: replica.slot))


def _by_age(tasks: Iterable[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: time_of(task["CreatedAt"]) or _NEVER)


def _state(task: Task, *, lost: bool) -> ReplicaState | None:
    """None for one that was replaced and is gone, or that nobody can say that of."""
    state = task["Status"]["State"]
    if not is_wanted(task):
        return ReplicaState.STOPPING if is_leaving(task) and not lost else None
    if lost and state not in _ENDED:
        return ReplicaState.LOST
    return _STATES.get(state, ReplicaState.PENDING)


def _replica(
    task: Task, state: ReplicaState, nodes: Mapping[str, Node], hashes: Sequence[tuple[Any, str]], error: str
) -> Replica:
    status = task["Status"]
    node = nodes.get(task.get("NodeID", ""))
    ended = state is ReplicaState.FAILED
    message = status.get("Err") or ""
    if not message and state is ReplicaState.PENDING:
        message = error  # why the one before it in this slot has ended
    if state is ReplicaState.LOST:
        message = "its node does not answer"
    return Replica(
        id=task["ID"],
        slot=task.get("Slot", 0),
        node=node.name if node else "",
        state=state,
        hash=next((known for spec, known in hashes if same(spec, task["Spec"])), ""),
        image=(task["Spec"].get("ContainerSpec") or {}).get("Image", ""),
        since=time_of(status.get("Timestamp", "")),
        message=message,
        exit_code=(status.get("ContainerStatus") or {}).get("ExitCode") if ended else None,
    )
