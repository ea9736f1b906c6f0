"""What tasks say about replicas, as the engine's API gives them, without an engine."""

from __future__ import annotations

from typing import Any

import pytest

from zona_core.domain.fleet.world import Node, NodeState, ReplicaState, RolloutState
from zona_docker._swarm_tasks import Failure, code_of, failure_of, node_of, replicas, rollout_of, stuck

TEMPLATE = {"ContainerSpec": {"Image": "web:1"}, "Runtime": "container"}
OLDER = {"ContainerSpec": {"Image": "web:0"}}
HASHES = [(TEMPLATE, "1:new"), (OLDER, "1:old")]
NODES = {"up": Node(name="one"), "down": Node(name="two", state=NodeState.DOWN)}


def task(number: int, state: str, desired: str = "running", node: str = "up", slot: int = 1, **status: Any) -> Any:
    """A task; those with higher numbers are newer."""
    return {
        "ID": f"task{number}",
        "CreatedAt": f"2030-01-01T00:00:{number:02}.123456789Z",
        "Slot": slot,
        "NodeID": node,
        "ServiceID": "service",
        "DesiredState": desired,
        "Spec": {"ContainerSpec": {"Image": "web:1"}},
        "Status": {"State": state, "Timestamp": "2030-01-01T00:01:00Z", **status},
    }


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (task(1, "pending", node=""), ReplicaState.PENDING),
        (task(1, "preparing"), ReplicaState.PENDING),
        (task(1, "starting"), ReplicaState.STARTING),
        (task(1, "running"), ReplicaState.HEALTHY),
        (task(1, "failed"), ReplicaState.FAILED),
        (task(1, "ready", desired="ready"), ReplicaState.PENDING),
        (task(1, "running", desired="shutdown"), ReplicaState.STOPPING),
        (task(1, "running", desired="remove"), ReplicaState.STOPPING),
        (task(1, "running", node="down"), ReplicaState.LOST),
        (task(1, "starting", node="down"), ReplicaState.LOST),
        (task(1, "shutdown", desired="shutdown"), None),
        (task(1, "failed", desired="shutdown"), None),
        (task(1, "running", desired="shutdown", node="down"), None),
        (task(1, "orphaned", desired="shutdown", node="down"), None),
    ],
)
def test_states_of_replicas(given: Any, state: ReplicaState | None) -> None:
    """What was replaced and is gone, or is where nobody can look, is left out."""
    found = replicas([given], NODES, HASHES)
    assert [replica.state for replica in found] == ([] if state is None else [state])


def test_replicas_come_by_slot_and_say_what_they_are_made_of() -> None:
    """Also what was there before an update, and what is unknown."""
    older = task(1, "running", slot=2) | {"Spec": OLDER}
    other = task(2, "running", slot=3) | {"Spec": {"ContainerSpec": {"Image": "other"}}}
    found = replicas([other, older, task(3, "running"), task(4, "starting", slot=2)], NODES, HASHES)
    assert [(each.slot, each.id, each.hash, each.image, each.node) for each in found] == [
        (1, "task3", "1:new", "web:1", "one"),
        (2, "task1", "1:old", "web:0", "one"),
        (2, "task4", "1:new", "web:1", "one"),
        (3, "task2", "", "other", "one"),
    ]


def test_one_that_waits_says_why_the_one_before_ended() -> None:
    """Of its own slot, the newest one."""
    failed = [
        task(number, "failed", "shutdown", Err=f"task: non-zero exit ({number})", ContainerStatus={"ExitCode": number})
        for number in (1, 2)
    ]
    elsewhere = task(3, "failed", "shutdown", slot=2, Err="something else")
    (waiting,) = replicas([task(4, "ready", "ready"), *failed, elsewhere], NODES, HASHES)
    assert waiting.message == "task: non-zero exit (2)"


@pytest.mark.parametrize(
    ("given", "failure"),
    [
        (task(1, "running"), None),
        (task(1, "shutdown", "shutdown"), None),
        (
            task(1, "failed", Err="task: non-zero exit (3)", ContainerStatus={"ExitCode": 3}),
            Failure("replica_exited", "task: non-zero exit (3)", 3),
        ),
        (task(1, "complete", ContainerStatus={"ExitCode": 0}), Failure("replica_exited", "the replica has ended", 0)),
        (
            task(1, "failed", Err="task: non-zero exit (143): dockerexec: unhealthy container"),
            Failure("replica_unhealthy", "task: non-zero exit (143): dockerexec: unhealthy container"),
        ),
        (task(1, "rejected", Err="No such image: web:9"), Failure("image_missing", "No such image: web:9")),
        (task(1, "rejected", Err="subnet sandbox"), Failure("rollout_failed", "subnet sandbox")),
    ],
)
def test_why_tasks_fail(given: Any, failure: Failure | None) -> None:
    """A code from the engine's words; a node's refusal for a reason of its own has none."""
    assert failure_of(given) == failure


@pytest.mark.parametrize(("seconds", "code"), [(3, "replica_exited"), (5, "replica_unhealthy")])
def test_one_that_ends_well_after_its_checks_was_ended_for_them(seconds: int, code: str) -> None:
    """Swarm itself says nothing of it; one that ends before it could be found unhealthy has ended by itself."""
    given = task(0, "complete", ContainerStatus={"ExitCode": 0}) | {"CreatedAt": "2030-01-01T00:00:00Z"}
    given["Spec"]["ContainerSpec"]["Healthcheck"] = {"Test": ["CMD", "x"], "Interval": 2_000_000_000, "Retries": 2}
    given["Status"]["Timestamp"] = f"2030-01-01T00:00:{seconds:02}Z"
    found = failure_of(given)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("no suitable node (host-mode port already in use on 3 nodes)", "port_taken"),
        ("no suitable node (scheduling constraints not satisfied on 3 nodes)", "placement_impossible"),
        ("port '80' is already in use by service 'x' (id) as an ingress port", "port_taken"),
        ("driver failed programming external connectivity: bind: address already in use", "port_taken"),
        ("rpc error: the swarm does not have a leader", ""),
    ],
)
def test_codes_of_what_a_swarm_says(said: str, code: str) -> None:
    """Ports before places: a port that is taken everywhere is why there is no place."""
    assert code_of(said) == code


def test_what_finds_no_node_is_stuck() -> None:
    """Unless nobody wants it any more, or nothing was said yet."""
    error = "no suitable node (1 node not available for new tasks)"
    assert stuck([task(1, "pending", "shutdown", node="", Err=error), task(2, "pending", node="")]) is None
    assert stuck([task(1, "running"), task(2, "pending", node="", Err=error)]) == Failure("placement_impossible", error)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("updating", RolloutState.UPDATING),
        ("paused", RolloutState.PAUSED),
        ("rollback_started", RolloutState.ROLLING_BACK),
        ("rollback_paused", RolloutState.PAUSED),
        ("rollback_completed", RolloutState.ROLLED_BACK),
        ("completed", RolloutState.SETTLED),
    ],
)
def test_states_of_rollouts(said: str, state: RolloutState) -> None:
    """One each; a service that was never updated is settled."""
    assert rollout_of({"UpdateStatus": {"State": said}}) is state
    assert rollout_of({}) is RolloutState.SETTLED


@pytest.mark.parametrize(
    ("status", "availability", "state"),
    [
        ("ready", "active", NodeState.READY),
        ("ready", "drain", NodeState.DRAINED),
        ("ready", "pause", NodeState.DRAINED),
        ("down", "active", NodeState.DOWN),
        ("unknown", "active", NodeState.DOWN),
        ("disconnected", "drain", NodeState.DOWN),
    ],
)
def test_states_of_nodes(status: str, availability: str, state: NodeState) -> None:
    """One that does not answer is down, whatever anybody wants of it; labels are those of the node and its engine."""
    node = node_of(
        {
            "ID": "id",
            "Spec": {"Role": "manager", "Availability": availability, "Labels": {"of": "node"}},
            "Status": {"State": status},
            "Description": {
                "Hostname": "one",
                "Engine": {"EngineVersion": "20.10.24", "Labels": {"of": "engine", "a": "b"}},
            },
        }
    )
    assert node == Node(
        name="one", id="id", state=state, labels={"of": "node", "a": "b"}, manager=True, engine_version="20.10.24"
    )
