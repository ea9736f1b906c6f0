"""How a fleet is, told truly."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from attrs import evolve
from fleet_worlds import fleet, running, settled_world, targets_of, with_service

from zona_core.domain.fleet.figures import FleetStatus, NodeCell, ServiceState, ServiceStatus, fleet_status
from zona_core.domain.fleet.specification import Group, Service
from zona_core.domain.fleet.targets import Target
from zona_core.domain.fleet.world import EngineKind, NodeState, Replica, ReplicaState, RolloutState, RunningService

H, S, P, U, F, L, X = (
    ReplicaState.HEALTHY,
    ReplicaState.STARTING,
    ReplicaState.PENDING,
    ReplicaState.UNHEALTHY,
    ReplicaState.FAILED,
    ReplicaState.LOST,
    ReplicaState.STOPPING,
)
SHOP = fleet(web=Service(image="team/web:1", replicas=2))
SWARM = EngineKind.SWARM
OLD = "1:" + "0" * 64


def web() -> Target:
    (target,) = targets_of(SHOP, SWARM).services
    return target


def with_tasks(
    *states: ReplicaState, nodes: tuple[str, ...] = ("one", "two", "three"), **changes: object
) -> RunningService:
    tasks = tuple(
        Replica(id=str(slot), slot=slot, node=nodes[slot % len(nodes)], state=state, message=f"is {state.value}")
        for slot, state in enumerate(states, 1)
    )
    return evolve(running(web(), SWARM), tasks=tasks, **changes)


def status(service: RunningService) -> FleetStatus:
    targets = targets_of(SHOP, SWARM)
    return fleet_status(targets, settled_world(targets, SWARM, web=service))


def row(service: RunningService) -> ServiceStatus:
    (found,) = status(service).services
    return found


@pytest.mark.parametrize(
    ("states", "state", "message"),
    [
        ((H, H), ServiceState.RUNNING, ""),
        ((H, S), ServiceState.STARTING, "is starting"),
        ((P, P), ServiceState.STARTING, "is pending"),
        ((H, F), ServiceState.DEGRADED, "is failed"),
        ((H, U), ServiceState.DEGRADED, "is unhealthy"),
        ((H,), ServiceState.DEGRADED, ""),
        ((H, L), ServiceState.DEGRADED, "is lost"),
        ((H, L, P), ServiceState.STARTING, "is lost"),
        ((F, U), ServiceState.DOWN, "is failed"),
        ((L, L), ServiceState.DOWN, "is lost"),
        ((), ServiceState.DOWN, ""),
        ((H, H, X), ServiceState.RUNNING, ""),
        ((H, H, F), ServiceState.RUNNING, ""),
        ((H, H, H), ServiceState.OUTDATED, ""),
    ],
)
def test_a_service_is_as_its_replicas_are(states: tuple[ReplicaState, ...], state: ServiceState, message: str) -> None:
    """Two replicas are wanted; the one that is worst off says why it is not so."""
    found = row(with_tasks(*states))
    assert (found.state, found.message) == (state, message)
    assert (found.desired, found.healthy) == (2, states.count(H))
    assert status(with_tasks(*states)).settled is (state is ServiceState.RUNNING)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"hash": OLD}, ServiceState.OUTDATED),
        ({"restarts": 1}, ServiceState.OUTDATED),
        ({"rollout": RolloutState.UPDATING}, ServiceState.UPDATING),
        ({"rollout": RolloutState.PAUSED}, ServiceState.PAUSED),
        ({"rollout": RolloutState.ROLLING_BACK}, ServiceState.ROLLING_BACK),
        ({"rollout": RolloutState.ROLLED_BACK, "hash": OLD}, ServiceState.ROLLED_BACK),
        ({"rollout": RolloutState.ROLLED_BACK}, ServiceState.RUNNING),
    ],
)
def test_a_rollout_says_how_far_it_is(changes: dict[str, object], state: ServiceState) -> None:
    """All replicas work, and still it is not as it is wanted; the engine's reason stands with it."""
    found = row(with_tasks(H, H, message="update paused\ndue to failure", **changes))
    rolled = "rollout" in changes and state is not ServiceState.RUNNING
    assert found.state is state
    assert (found.message == "update paused due to failure") is rolled


def test_replicas_with_other_content_are_not_what_is_wanted() -> None:
    """Though as many work as are wanted."""
    service = running(web(), SWARM)
    mixed = evolve(service, tasks=(service.tasks[0], evolve(service.tasks[1], hash=OLD)))
    assert row(mixed).state is ServiceState.OUTDATED


def test_replicas_are_counted_by_node() -> None:
    """Those that run; what a node has that does not answer is nobody's."""
    found = row(with_tasks(H, U, L, F, S, nodes=("one", "two")))
    assert found.nodes == {"two": NodeCell(running=2, healthy=1), "one": NodeCell(running=1, healthy=0)}
    assert (found.running, found.healthy) == (3, 1)


def test_nodes_that_are_down_are_shown() -> None:
    """By name, with their state."""
    targets = targets_of(SHOP, SWARM)
    world = settled_world(targets, SWARM)
    world = evolve(
        world,
        nodes=tuple(evolve(node, state=NodeState.DOWN) if node.name == "two" else node for node in world.nodes),
        taken_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    found = fleet_status(targets, world)
    assert [(node.name, node.state.value) for node in found.nodes] == [
        ("one", "ready"),
        ("three", "ready"),
        ("two", "down"),
    ]
    assert found.taken_at == world.taken_at


def test_what_is_missing_stopped_or_leaving_is_told() -> None:
    """Services that are not there, that are to have no replica, and that nobody wants any more."""
    before = targets_of(fleet(gone=Service(image="a"), off=Service(image="a")))
    after = targets_of(
        fleet(new=Service(image="a"), none=Service(image="a", replicas=0), off=Service(image="a")), stopped={"off"}
    )
    found = fleet_status(after, settled_world(before))
    assert {service.name: (service.state, service.message) for service in found.services} == {
        "gone": (ServiceState.LEAVING, "it is not in the specification"),
        "new": (ServiceState.MISSING, ""),
        "none": (ServiceState.STOPPED, ""),
        "off": (ServiceState.LEAVING, "stopped by hand"),
    }
    assert found.left_out == {"off": "stopped by hand"}
    assert not found.settled


def test_a_fleet_without_anything_to_do_is_settled() -> None:
    """A service without replicas does not keep it from that, nor one that is stopped."""
    targets = targets_of(
        fleet(a=Service(image="a"), b=Service(image="b", replicas=0), c=Service(image="c")), stopped={"c"}
    )
    assert fleet_status(targets, settled_world(targets)).settled


def test_rows_come_by_group_then_name_with_what_was_done_by_hand() -> None:
    """And with both hashes, so that one sees what is applied and what is wanted."""
    specification = fleet(
        z=Service(image="a", group=Group.SYSTEM), b=Service(image="a"), a=Service(image="a", group=Group.BATCH)
    )
    before = targets_of(specification)
    after = targets_of(with_service(specification, "b", image="b"), scaled={"b": 1, "z": 1})
    found = fleet_status(after, settled_world(before)).services
    assert [service.name for service in found] == ["z", "a", "b"]
    assert (found[2].hash, found[2].wanted_hash) == (before.services[1].hash, after.services[1].hash)
    scaled = fleet_status(targets_of(SHOP, scaled={"web": 3}), settled_world(targets_of(SHOP))).services[0]
    assert scaled.message == "replicas: 3 by hand instead of 2"
