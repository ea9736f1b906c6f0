"""What the engine in memory has beside the contract: calls that are counted and fail, nodes that go down, drift."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from zona_core import Zona
from zona_core.domain.fleet.hashing import content_hash
from zona_core.domain.fleet.specification import Hook, Order, UpdatePolicy
from zona_core.domain.fleet.targets import Content, FileKind, FileMount, NetworkTarget, Target, VolumeTarget
from zona_core.domain.fleet.world import EngineKind, NodeState, ReplicaState, World
from zona_core.errors import ConfigurationError, EngineFailed, EngineUnavailable, RolloutFailed
from zona_core.ports.engines import Progress
from zona_core.testing.memory_engine import MemoryEngine, MemoryImage

POLICY = UpdatePolicy(monitor=1.0, deadline=60.0)


class Killed(BaseException):
    """As if the process were gone."""


def target(image: str = "web:1", *, replicas: int = 1, name: str = "web", **content: Any) -> Target:
    """A service of the fleet ``shop``."""
    made = Content(image=image, **content)
    return Target(
        name=name,
        engine_name=f"shop_{name}",
        content=made,
        hash=content_hash(made),
        replicas=replicas,
        update=POLICY,
    )


def quiet(progress: Progress) -> None:
    """Listens to nothing."""


def states(world: World, name: str = "web") -> list[ReplicaState]:
    """How the replicas of a service are."""
    found = world.service(name)
    assert found is not None
    return [task.state for task in found.tasks]


@pytest.fixture(params=list(EngineKind))
def engine(request: pytest.FixtureRequest) -> MemoryEngine:
    """An engine of either kind."""
    images = {"bad:1": MemoryImage(exits=1), "slow:1": MemoryImage(starts_in=30.0)}
    nodes = 3 if request.param is EngineKind.SWARM else 1
    return MemoryEngine(kind=request.param, nodes=nodes, images=images)


@pytest.fixture
def swarm() -> MemoryEngine:
    """A Swarm of three nodes."""
    return MemoryEngine(kind=EngineKind.SWARM, nodes=3)


def test_writes_are_counted(engine: MemoryEngine) -> None:
    """What changes nothing writes nothing, and what changes something does."""
    engine.ensure_network("shop", NetworkTarget(engine_name="shop_default"))
    engine.ensure_volume("shop", VolumeTarget(engine_name="shop_data"))
    engine.ensure_roles("shop", {"edge": ["node-1"]})
    engine.converge("shop", target(replicas=2), quiet)
    done = engine.writes
    assert {"create network", "create volume"} < {call.action for call in done}
    engine.ensure_network("shop", NetworkTarget(engine_name="shop_default"))
    engine.ensure_volume("shop", VolumeTarget(engine_name="shop_data"))
    engine.ensure_roles("shop", {"edge": ["node-1"]})
    engine.converge("shop", target(replicas=2), quiet)
    engine.scale("shop", target(replicas=2), quiet)
    engine.remove("shop", "shop_unknown")
    engine.world("shop")
    engine.unused("shop", volumes=True)
    assert engine.writes == done
    assert len(engine.calls) > len(done)
    engine.scale("shop", target(replicas=3), quiet)
    assert len(engine.writes) > len(done)


@pytest.mark.parametrize("order", list(Order))
def test_whoever_is_killed_at_any_call_can_be_followed(engine: MemoryEngine, order: Order) -> None:
    """Wherever an update ended, the next one finishes it; and it changes nothing if that is done again."""
    policy = evolve(POLICY, order=order)
    number = 1
    killed = True
    while killed:
        engine.converge("shop", evolve(target(replicas=3), update=policy), quiet)
        engine.fail_at(number, Killed())
        newer = evolve(target("web:2", replicas=2), update=policy)
        try:
            engine.converge("shop", newer, quiet)
            killed = False
        except Killed:
            number += 1
        engine.on_call(lambda call: None)
        engine.converge("shop", newer, quiet)
        done = engine.writes
        engine.converge("shop", newer, quiet)
        assert engine.writes == done
        assert states(engine.world("shop")) == [ReplicaState.HEALTHY] * 2
        found = engine.world("shop").service("web")
        assert found is not None
        assert {task.hash for task in found.tasks} == {newer.hash}
    assert number > 2


def test_one_write_fails(engine: MemoryEngine) -> None:
    """Writes can be told from other calls; what failed was not done, and the next call is."""
    engine.fail_at(1, writes=True)
    engine.world("shop")
    with pytest.raises(EngineUnavailable):
        engine.ensure_volume("shop", VolumeTarget(engine_name="shop_data"))
    assert engine.world("shop").volumes == ()
    engine.ensure_volume("shop", VolumeTarget(engine_name="shop_data"))
    assert engine.world("shop").volumes == ("shop_data",)


def test_an_engine_that_does_not_answer(engine: MemoryEngine) -> None:
    """Every call says so until it answers again; what there was is still there."""
    engine.converge("shop", target(), quiet)
    before = engine.world("shop").services
    engine.unavailable = True
    for call in (engine.info, lambda: engine.world("shop"), lambda: engine.converge("shop", target(), quiet)):
        with pytest.raises(EngineUnavailable):
            call()
    assert engine.unavailable
    engine.unavailable = False
    assert engine.world("shop").services == before


def test_a_call_can_be_looked_at(engine: MemoryEngine) -> None:
    """Before it is done, in the caller's thread."""
    seen: list[tuple[str, str, bool]] = []
    engine.on_call(lambda call: seen.append((call.action, call.name, call.write)))
    engine.remove("shop", "shop_web")
    assert seen == [("inspect", "shop_web", False)]


def test_replicas_that_break_are_replaced(engine: MemoryEngine) -> None:
    """The world shows them as they are, with the exit code; converging brings new ones and leaves the others."""
    engine.converge("shop", target(replicas=2), quiet)
    before = engine.world("shop").services[0].tasks
    engine.break_replica("shop_web", slot=2, exit_code=139)
    broken = engine.world("shop").services[0].tasks
    assert [(task.state, task.exit_code) for task in broken] == [
        (ReplicaState.HEALTHY, None),
        (ReplicaState.FAILED, 139),
    ]
    engine.converge("shop", target(replicas=2), quiet)
    after = engine.world("shop").services[0].tasks
    assert after[0].id == before[0].id
    assert after[1].id != before[1].id
    assert states(engine.world("shop")) == [ReplicaState.HEALTHY] * 2


def test_drift_is_shown_and_mended(engine: MemoryEngine) -> None:
    """What somebody else changed is in the world, though the hash that was noted is the same."""
    engine.converge("shop", target(environment={"A": "1"}), quiet)
    engine.tamper("shop_web", environment={"A": "2"})
    found = engine.world("shop").services[0]
    assert found.content.environment == {"A": "2"}
    assert found.hash == target(environment={"A": "1"}).hash
    engine.converge("shop", target(environment={"A": "1"}), quiet)
    assert engine.world("shop").services[0].content == target(environment={"A": "1"}).content


def test_a_rollback_that_fails(engine: MemoryEngine) -> None:
    """If what was before cannot be brought back, the error says so."""
    first = evolve(target(replicas=2), update=evolve(POLICY, parallelism=1))
    engine.converge("shop", first, quiet)

    def second_exits(progress: Progress) -> None:
        if progress.done == 1:
            engine.images["web:1"] = MemoryImage(exits=1)
            engine.images["web:2"] = MemoryImage(exits=2)

    newer = evolve(target("web:2", replicas=2), update=first.update)
    with pytest.raises(RolloutFailed) as caught:
        engine.converge("shop", newer, second_exits)
    assert (caught.value.code, caught.value.rolled_back) == ("replica_exited", False)


def test_scaling_what_is_not_there(engine: MemoryEngine) -> None:
    """It is refused, and so is another fleet's."""
    engine.converge("shop", target(), quiet)
    for fleet, name in (("shop", "other"), ("office", "web")):
        with pytest.raises(EngineFailed) as caught:
            engine.scale(fleet, target(name=name), quiet)
        assert caught.value.code == "service_missing"


def test_scaling_that_fails_stays(engine: MemoryEngine) -> None:
    """Nothing is changed back."""
    engine.converge("shop", target(), quiet)
    engine.images["web:1"] = MemoryImage(exits=1)
    with pytest.raises(RolloutFailed) as caught:
        engine.scale("shop", target(replicas=2), quiet)
    assert (caught.value.code, caught.value.rolled_back) == ("replica_exited", False)
    assert states(engine.world("shop")) == [ReplicaState.HEALTHY, ReplicaState.FAILED]


def test_waiting_goes_by_the_clock(clock: Any) -> None:
    """A clock that is given is waited by; without one, nothing takes time."""
    began = clock.monotonic()
    engine = MemoryEngine(images={"slow:1": MemoryImage(starts_in=30.0)}, clock=clock)
    engine.converge("shop", target("slow:1"), quiet)
    assert clock.monotonic() - began == pytest.approx(31.0, abs=0.5)
    late = evolve(target("slow:1", name="late"), update=evolve(POLICY, deadline=10.0))
    with pytest.raises(RolloutFailed) as caught:
        engine.converge("shop", late, quiet)
    assert caught.value.code == "rollout_timeout"
    assert clock.monotonic() - began == pytest.approx(41.0, abs=0.5)


def test_a_node_is_lost(swarm: MemoryEngine) -> None:
    """What it has is lost until the Swarm has replaced it elsewhere; the others stay where they are."""
    swarm.converge("shop", target(replicas=3), quiet)
    swarm.set_node("node-2", NodeState.DOWN, moves=False)
    world = swarm.world("shop")
    assert sorted(states(world)) == sorted([ReplicaState.HEALTHY, ReplicaState.HEALTHY, ReplicaState.LOST])
    assert [node.state for node in world.nodes] == [NodeState.READY, NodeState.DOWN, NodeState.READY]
    assert [finding.node for finding in swarm.findings("shop", [])] == ["node-2"]
    swarm.converge("shop", target(replicas=3), quiet)
    assert states(swarm.world("shop")) == [ReplicaState.HEALTHY] * 3
    assert {task.node for task in swarm.world("shop").services[0].tasks} == {"node-1", "node-3"}


@pytest.mark.parametrize("state", [NodeState.DOWN, NodeState.DRAINED])
def test_replicas_move(swarm: MemoryEngine, state: NodeState) -> None:
    """A Swarm replaces by itself what a node that is down or drained had; what fits nowhere else stays."""
    swarm.ensure_roles("shop", {"edge": ["node-2"]})
    swarm.converge("shop", target(replicas=3), quiet)
    swarm.converge("shop", target(name="edge", role="edge"), quiet)
    swarm.set_node("node-2", state)
    world = swarm.world("shop")
    assert states(world) == [ReplicaState.HEALTHY] * 3
    assert {task.node for task in world.services[1].tasks} == {"node-1", "node-3"}
    assert states(world, "edge") == [ReplicaState.LOST if state is NodeState.DOWN else ReplicaState.HEALTHY]
    swarm.set_node("node-2", NodeState.READY)
    assert states(swarm.world("shop"), "edge") == [ReplicaState.HEALTHY]


def test_files_are_kept_with_the_engine(engine: MemoryEngine) -> None:
    """A test can ask for their bytes; no text of the engine shows them."""
    mount = FileMount(kind=FileKind.SECRET, name="password", target="/run/secrets/password", digest="d1")
    engine.converge("shop", evolve(target(files=(mount,)), data={"d1": b"topsecret"}), quiet)
    assert engine.file_data("shop", "password") == [b"topsecret"]
    assert engine.file_data("office", "password") == []
    assert "topsecret" not in f"{engine.world('shop')} {engine.calls} {engine._host}"


def test_hooks_do_what_the_image_says(engine: MemoryEngine) -> None:
    """By command, with an exit code and a text; one of which nothing is known ends well."""
    engine.images["web:1"] = MemoryImage(commands={("migrate", "up"): (3, "no database")})
    assert engine.run_once("shop", target(), Hook(command=("migrate", "up"))) == (3, "no database")
    assert engine.run_once("shop", target(), Hook(command=("migrate", "down"))) == (0, "")


def test_engines_of_one_name_are_one() -> None:
    """In this process, as long as it lives; without a name each is its own."""
    name = f"memory:{id(object())}?kind=swarm&nodes=2&missing=a:1&missing=a:2&exits=b:1&unhealthy=c:1"
    one, two = MemoryEngine.of_url(name), MemoryEngine.of_url(name)
    one.converge("shop", target(), quiet)
    one.close()
    one.close()
    assert two.world("shop").services == one.world("shop").services != ()
    assert MemoryEngine.of_url("memory:").world("shop").services == ()
    info = two.info()
    assert (info.kind, len(info.nodes)) == (EngineKind.SWARM, 2)
    codes = {}
    for image in ("a:1", "a:2", "b:1", "c:1"):
        with pytest.raises(RolloutFailed) as caught:
            two.converge("shop", target(image, name="failing"), quiet)
        codes[image] = caught.value.code
    assert codes == {
        "a:1": "image_missing",
        "a:2": "image_missing",
        "b:1": "replica_exited",
        "c:1": "replica_unhealthy",
    }


@pytest.mark.parametrize(
    "url", ["memory:?kind=cluster", "memory:?nodes=0", "memory:?nodes=many", "memory:?nodes=100", "memory:?colour=red"]
)
def test_a_url_that_says_something_else(url: str) -> None:
    """It is refused."""
    with pytest.raises(ConfigurationError):
        MemoryEngine.of_url(url)


def test_zona_can_be_given_one() -> None:
    """By the setting ``container_engine``."""
    with Zona(store="memory://", container_engine="memory:?kind=swarm&nodes=2") as zona:
        assert len(zona._parts.container_engine.info().nodes) == 2
