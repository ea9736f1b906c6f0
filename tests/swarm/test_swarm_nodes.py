"""A fleet on a Swarm of three real nodes: places, what happens to nodes, and what somebody changes by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from attrs import evolve
from swarm_hosts import SwarmHost, SwarmHosts
from waiting import until

from zona_core.domain.fleet.hashing import content_hash
from zona_core.domain.fleet.specification import Port, UpdatePolicy
from zona_core.domain.fleet.targets import Content, Mount, NetworkTarget, Target, VolumeTarget
from zona_core.domain.fleet.world import NodeState, ReplicaState, RolloutState, RunningService
from zona_core.errors import EngineFailed, EngineUnavailable, RolloutFailed
from zona_core.ports.engines import Progress
from zona_core.testing.engines_contract import Images
from zona_docker._swarm_api import SwarmApi
from zona_docker.swarm import SwarmEngine

#: seconds, on a machine that does much else
PATIENCE = 180.0
POLICY = UpdatePolicy(monitor=0.5, deadline=PATIENCE)


class Fleet:
    """A fleet of a test's own."""

    def __init__(self, engine: SwarmEngine, images: Images, name: str) -> None:
        self.engine = engine
        self.images = images
        self.name = name
        engine.ensure_network(name, NetworkTarget(engine_name=f"{name}_default"))

    def target(self, name: str = "web", *, replicas: int = 1, **content: Any) -> Target:
        """A service of the image that works."""
        given = {"image": self.images.works, "health": self.images.health, "networks": (f"{self.name}_default",)}
        made = Content(**{**given, "aliases": (name,), "stop_grace": 1.0, **content})
        return Target(
            name=name,
            engine_name=f"{self.name}_{name}",
            content=made,
            hash=content_hash(made),
            replicas=replicas,
            update=POLICY,
        )

    def converge(self, target: Target, report: Callable[[Progress], None] = lambda progress: None) -> RunningService:
        """Has it be so."""
        self.engine.converge(self.name, target, report)
        return self.service(target.name)

    def service(self, name: str = "web") -> RunningService:
        """As it is shown."""
        found = self.engine.world(self.name).service(name)
        assert found is not None
        return found

    def ids(self, name: str) -> set[str]:
        """Of its replicas."""
        return {task.id for task in self.service(name).tasks}

    def node(self, host: SwarmHost) -> NodeState:
        """The state of a node."""
        return next(node.state for node in self.engine.world(self.name).nodes if node.name == host.name)

    def works_on(self, nodes: set[str], replicas: int) -> bool:
        """Whether so many replicas work, on these nodes alone, and no other one is said to."""
        found = self.service()
        working = [task.node for task in found.tasks if task.state is ReplicaState.HEALTHY]
        return found.running == len(working) == replicas and set(working) <= nodes


def changed(target: Target, **content: Any) -> Target:
    """The same with another content."""
    made = evolve(target.content, **content)
    return evolve(target, content=made, hash=content_hash(made))


@pytest.fixture
def fleet(engine_of_three: SwarmEngine, behaving_images: Images, fleet_name: str) -> Iterator[Fleet]:
    """One, gone after the test."""
    made = Fleet(engine_of_three, behaving_images, fleet_name)
    yield made
    for service in made.engine.world(fleet_name).services:
        made.engine.remove(fleet_name, service.engine_name, grace=PATIENCE)
    made.engine.ensure_roles(fleet_name, {})
    while left := made.engine.unused(fleet_name, volumes=True):
        until(lambda left=left: made.engine.discard(fleet_name, left), PATIENCE)


@pytest.fixture(params=["killed", "drained", "cut off"])
def trouble(request: pytest.FixtureRequest, three_nodes: SwarmHosts, fleet: Fleet) -> Iterator[Callable[[], NodeState]]:
    """Does it to the third node, and says what state that is to be in then; the node is well again after the test."""
    host = three_nodes.hosts[2]
    ways: dict[str, tuple[Callable[[], None], Callable[[], None], NodeState]] = {
        "killed": (host.kill, host.start, NodeState.DOWN),
        "cut off": (host.cut, host.mend, NodeState.DOWN),
        "drained": (
            lambda: three_nodes.availability(host, "drain"),
            lambda: three_nodes.availability(host, "active"),
            NodeState.DRAINED,
        ),
    }
    do, undo, state = ways[request.param]

    def happen() -> NodeState:
        do()
        return state

    yield happen
    undo()
    until(lambda: fleet.node(host) is NodeState.READY, PATIENCE)


def test_a_node_in_trouble_is_seen_and_its_replicas_are_elsewhere(
    three_nodes: SwarmHosts, fleet: Fleet, trouble: Callable[[], NodeState]
) -> None:
    """The world tells the truth: what the node had is not counted, and the others have it before long."""
    host = three_nodes.hosts[2]
    target = fleet.target(replicas=6)
    assert host.name in {task.node for task in fleet.converge(target).tasks}
    state = trouble()
    until(lambda: fleet.node(host) is state, PATIENCE)
    assert not [
        task
        for task in fleet.service().tasks
        if task.node == host.name and task.state is ReplicaState.HEALTHY and state is NodeState.DOWN
    ]
    until(lambda: fleet.works_on({"node1", "node2"}, 6), PATIENCE)
    before = fleet.ids("web")
    fleet.converge(target)
    assert fleet.ids("web") == before


def test_replicas_are_only_where_their_role_is(fleet: Fleet) -> None:
    """And follow it when it is given to another node; other labels of nodes stay."""
    fleet.engine.ensure_roles(fleet.name, {"edge": ("node2", "node3"), "data": ("node1",)})
    target = fleet.target(replicas=3, role="edge")
    assert {task.node for task in fleet.converge(target).tasks} == {"node2", "node3"}
    fleet.engine.ensure_roles(f"{fleet.name}x", {"edge": ("node1",)})
    fleet.engine.ensure_roles(fleet.name, {"edge": ("node3",)})
    until(lambda: fleet.works_on({"node3"}, 3), PATIENCE)
    labels = {node.name: sorted(node.labels) for node in fleet.engine.world(fleet.name).nodes}
    assert labels == {
        "node1": [f"zona.role.{fleet.name}x.edge"],
        "node2": [],
        "node3": [f"zona.role.{fleet.name}.edge"],
    }
    fleet.engine.ensure_roles(f"{fleet.name}x", {})


def test_an_update_and_its_rollback_touch_one_service(fleet: Fleet) -> None:
    """The others keep their containers, and so does that service when it goes back."""
    target = fleet.target(replicas=3)
    fleet.converge(target)
    fleet.converge(fleet.target("other", replicas=2))
    other = fleet.ids("other")
    new = changed(target, image=fleet.images.works_too)
    assert {task.image for task in fleet.converge(new).tasks} == {fleet.images.works_too}
    before = fleet.ids("web")
    with pytest.raises(RolloutFailed) as caught:
        fleet.converge(changed(target, image=fleet.images.missing))
    assert (caught.value.code, caught.value.rolled_back) == ("image_missing", True)
    found = fleet.service()
    assert (found.rollout, found.hash, found.content) == (RolloutState.ROLLED_BACK, new.hash, new.content)
    assert fleet.ids("web") == before
    assert fleet.ids("other") == other


def test_drift_by_hand_is_shown_and_mended(three_nodes: SwarmHosts, fleet: Fleet) -> None:
    """An operator's own changes are in the world as they are, under the hash that was noted."""
    target = fleet.target(replicas=2, environment={"LEVEL": "info"})
    fleet.converge(target)
    three_nodes.command("service", "update", "--env-add", "LEVEL=debug", "--quiet", target.engine_name)
    three_nodes.command("service", "scale", f"{target.engine_name}=3")
    found = fleet.service()
    assert found.content == evolve(target.content, environment={"LEVEL": "debug"})
    assert (found.replicas, found.hash) == (3, target.hash)
    three_nodes.command("service", "update", "--hostname", "mine", "--quiet", "--detach", target.engine_name)
    assert fleet.service().content.labels == {"(Hostname)": "mine"}
    mended = fleet.converge(target)
    assert (mended.content, mended.replicas, mended.healthy) == (target.content, 2, 2)


def test_what_is_as_it_is_wanted_is_not_written(three_nodes: SwarmHosts, fleet: Fleet) -> None:
    """Neither the service nor a node has another version afterwards, as each write would give it."""
    target = fleet.target(replicas=2, ports=(Port(target=8080),), read_only=True, tmpfs=("/tmp",))
    fleet.engine.ensure_roles(fleet.name, {"edge": ("node1",)})
    fleet.converge(target)

    def versions() -> list[int]:
        things = [three_nodes.manager.inspect_service(target.engine_name), *three_nodes.manager.nodes()]
        return [thing["Version"]["Index"] for thing in things]

    before = versions()
    for _ in range(2):
        fleet.converge(target)
        fleet.engine.scale(fleet.name, target, lambda progress: None)
        fleet.engine.ensure_roles(fleet.name, {"edge": ("node1",)})
    assert versions() == before


def test_each_node_makes_volumes_as_the_manager_did(three_nodes: SwarmHosts, fleet: Fleet) -> None:
    """With the driver's options, and with the fleet's label."""
    name = f"{fleet.name}_scratch"
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    fleet.engine.ensure_volume(fleet.name, VolumeTarget(engine_name=name, options=options))
    fleet.engine.ensure_roles(fleet.name, {"data": ("node3",)})
    fleet.converge(fleet.target(mounts=(Mount(volume=name, target="/scratch"),), role="data"))
    client = three_nodes.hosts[2].client
    found = client.inspect_volume(name)
    assert (found["Options"], found["Labels"]) == (options, {"zona.fleet": fleet.name})
    fleet.engine.remove(fleet.name, f"{fleet.name}_web", grace=PATIENCE)
    until(lambda: not client.containers(all=True, filters={"volume": name}), PATIENCE)
    client.remove_volume(name)


def test_somebody_elses_write_is_no_failure(
    three_nodes: SwarmHosts, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes second looks again: what both wanted is there."""
    target = fleet.target()
    fleet.converge(target)
    looked = SwarmApi.tasks_of
    meanwhile = iter([["service", "scale", "--detach", f"{target.engine_name}=2"]])

    def tasks_of(api: SwarmApi, service: str) -> list[dict[str, Any]]:
        for command in meanwhile:
            three_nodes.command(*command)
            break
        return looked(api, service)

    monkeypatch.setattr(SwarmApi, "tasks_of", tasks_of)
    found = fleet.converge(changed(target, environment={"NEW": "1"}))
    assert (found.replicas, found.content.environment) == (1, {"NEW": "1"})


def test_a_service_of_somebody_else_is_left_alone(three_nodes: SwarmHosts, fleet: Fleet) -> None:
    """Though it has the name: it is neither changed nor removed."""
    target = fleet.target()
    sleep = ("sleep", "1000")
    three_nodes.command(
        "service", "create", "--quiet", "--no-resolve-image", "--name", target.engine_name, fleet.images.base, *sleep
    )
    with pytest.raises(EngineFailed) as caught:
        fleet.converge(target)
    assert caught.value.code == "name_taken"
    fleet.engine.remove(fleet.name, target.engine_name)
    assert three_nodes.manager.inspect_service(target.engine_name)
    assert fleet.engine.world(fleet.name).services == ()
    three_nodes.command("service", "rm", target.engine_name)


def test_a_service_that_is_removed_meanwhile(three_nodes: SwarmHosts, fleet: Fleet) -> None:
    """Whoever waits for it is told."""
    target = fleet.target()
    removals = iter([target.engine_name])

    def remove(progress: Progress) -> None:
        for name in removals:
            three_nodes.command("service", "rm", name)

    with pytest.raises(EngineFailed) as caught:
        fleet.converge(target, remove)
    assert caught.value.code == "service_missing"


def test_a_worker_is_no_manager(three_nodes: SwarmHosts, fleet_name: str) -> None:
    """It says so, and what to do."""
    with closing(SwarmEngine.of_url(f"swarm:{three_nodes.hosts[1].host}")) as engine:
        with pytest.raises(EngineUnavailable) as caught:
            engine.world(fleet_name)
        assert caught.value.code == "no_swarm_manager"


def test_findings(three_nodes: SwarmHosts, fleet: Fleet) -> None:
    """Roles that no node has, ports that others have or that are too few, and a node that is drained everywhere."""
    fleet.converge(fleet.target("holder", replicas=1, ports=(Port(target=8080, published=18080),)))
    wanted = [
        fleet.target("lost", role="nowhere"),
        fleet.target("many", replicas=4, ports=(Port(target=8080, published=18090),)),
    ]
    found = {(each.code, each.serious) for each in fleet.engine.findings(fleet.name, wanted)}
    assert found == {("role_missing", True), ("port_taken", True)}
    with closing(SwarmEngine.of_url(three_nodes.url(endpoint_mode="vip"))) as engine:
        codes = {each.code for each in engine.findings(fleet.name, [fleet.target()])}
    assert codes <= {"ipvs"}
