"""Fleets of pure data: specifications by the hundred, and a world in which plans come true at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from hypothesis import strategies as st

from zona_core.domain.fleet.hashing import is_of
from zona_core.domain.fleet.names import ROLE_MARK, role_label
from zona_core.domain.fleet.plan import Plan, ResourceKind, Verb
from zona_core.domain.fleet.resolving import resolve
from zona_core.domain.fleet.situation import FileData, Situation
from zona_core.domain.fleet.specification import (
    Config,
    ConfigMount,
    FleetSpecification,
    HealthCheck,
    Network,
    Port,
    Resources,
    Role,
    Route,
    SecretMount,
    SecretSource,
    Service,
    UpdatePolicy,
    Volume,
    VolumeMount,
)
from zona_core.domain.fleet.targets import Content, FileKind, Target, Targets
from zona_core.domain.fleet.world import EngineKind, Node, Replica, ReplicaState, RolloutState, RunningService, World

__all__ = [
    "NODES",
    "applied",
    "disturbed_worlds",
    "fleet",
    "running",
    "settled_world",
    "situation",
    "situations",
    "specifications",
    "targets_of",
    "with_service",
    "works_as",
]

NODES = {
    EngineKind.SINGLE: (Node(name="one", id="n1", labels={"disk": "fast"}),),
    EngineKind.SWARM: (
        Node(name="one", id="n1", labels={"disk": "fast"}, manager=True),
        Node(name="two", id="n2"),
        Node(name="three", id="n3"),
    ),
}


def fleet(**services: Service) -> FleetSpecification:
    """A specification with these services and all that they may name."""
    return FleetSpecification(
        name="shop",
        roles={"storage": Role(labels={"disk": "fast"}), "edge": Role(hosts=("two",)), "set": Role()},
        toggles={"beta": False, "stable": True},
        networks={"back": Network(internal=True), "outer": Network(external=True)},
        volumes={"data": Volume(), "theirs": Volume(external=True)},
        configs={"app": Config(content="level = 1\n"), "proxy": Config(routes="haproxy")},
        secrets={"token": SecretSource(environment="TOKEN")},
        services=services,
    )


def with_service(specification: FleetSpecification, name: str, **changes: Any) -> FleetSpecification:
    """The same specification, but for one service."""
    changed = evolve(specification.services[name], **changes)
    return evolve(specification, services={**specification.services, name: changed})


def situation(kind: EngineKind = EngineKind.SINGLE, **changes: Any) -> Situation:
    """A situation with the secret that ``fleet`` has."""
    files = {(FileKind.SECRET, "token"): FileData(digest="5ec" * 21 + "1", data=b"s3cr3t")}
    return Situation(**{"kind": kind, "nodes": NODES[kind], "files": files, **changes})


def targets_of(specification: FleetSpecification, kind: EngineKind = EngineKind.SINGLE, **changes: Any) -> Targets:
    """What ``specification`` is in ``situation``."""
    return resolve(specification, situation(kind, **changes))


def running(target: Target, kind: EngineKind = EngineKind.SINGLE) -> RunningService:
    """The service as an engine has it once it is as the target says."""
    nodes = NODES[kind]
    return RunningService(
        name=target.name,
        engine_name=target.engine_name,
        hash=target.hash,
        content=target.content,
        replicas=target.replicas,
        restarts=target.restarts,
        tenant_code=target.tenant_code,
        update=target.update if kind is EngineKind.SWARM else None,
        tasks=tuple(
            Replica(
                id=f"{target.name}.{slot}",
                slot=slot,
                node=nodes[slot % len(nodes)].name,
                state=ReplicaState.HEALTHY,
                hash=target.hash,
                image=target.content.image,
            )
            for slot in range(1, target.replicas + 1)
        ),
    )


def settled_world(targets: Targets, kind: EngineKind = EngineKind.SINGLE, **services: RunningService) -> World:
    """The world in which all is as ``targets`` say, but for these services."""
    there = {target.name: running(target, kind) for target in targets.services} | services
    world = World(
        kind=kind,
        services=tuple(there.values()),
        nodes=NODES[kind],
        networks=("outer", *(network.engine_name for network in targets.networks)),
        volumes=("theirs", *(volume.engine_name for volume in targets.volumes)),
    )
    return _marked(world, targets) if kind is EngineKind.SWARM else world


def applied(
    plan: Plan, targets: Targets, world: World, *, before_step: Callable[[Target, World], None] = lambda *_: None
) -> World:
    """The world after the plan came true; ``before_step`` sees each target and the world that it is begun in."""
    for resource in plan.resources:
        if resource.kind is ResourceKind.NETWORK:
            world = evolve(world, networks=(*world.networks, resource.name))
        elif resource.kind is ResourceKind.VOLUME:
            world = evolve(world, volumes=(*world.volumes, resource.name))
        else:
            world = _marked(world, targets)
    for wave in plan.waves:
        begun_in = world
        for step in wave:
            there = {service.name: service for service in world.services if service.name != step.service}
            target = targets.service(step.service)
            if step.verb is not Verb.REMOVE:
                assert target is not None
                before_step(target, begun_in)
                _fits(step.verb, target, world)
                if target.replicas or world.kind is EngineKind.SWARM:
                    there[step.service] = running(target, world.kind)
            world = evolve(world, services=tuple(there.values()))
    return world


def _fits(verb: Verb, target: Target, world: World) -> None:
    """What an engine does for that verb is enough: it makes, replaces, or only counts replicas."""
    found = world.service(target.name)
    assert (found is None) is (verb is Verb.CREATE)
    if found is not None and verb in (Verb.SCALE, Verb.REPAIR):
        assert found.content == target.content
        assert is_of(found.hash, target.content)
        assert found.restarts == target.restarts


def works_as(target: Target, world: World) -> bool:
    """Whether the service works there with that content."""
    found = world.service(target.name)
    if found is None:
        return target.replicas == 0
    return is_of(found.hash, target.content) and found.healthy >= target.replicas


def _marked(world: World, targets: Targets) -> World:
    marks = {
        node.name: {
            role_label(targets.fleet, role): ROLE_MARK for role, names in targets.roles.items() if node.name in names
        }
        for node in world.nodes
    }
    prefix = role_label(targets.fleet, "")
    return evolve(
        world,
        nodes=tuple(
            evolve(
                node,
                labels={key: value for key, value in node.labels.items() if not key.startswith(prefix)}
                | marks[node.name],
            )
            for node in world.nodes
        ),
    )


_NAMES = ("api", "batch", "cache", "db", "mail", "web", "worker")
_TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
_KINDS = st.sampled_from(EngineKind)
_STATES = st.sampled_from((ReplicaState.HEALTHY, *ReplicaState))
_MOSTLY = st.sampled_from((True, True, True, False))
_VARIABLES = st.dictionaries(st.sampled_from(("LOG_LEVEL", "PORT", "DB_PASSWORD", "MOTD")), _TEXT, max_size=3)
_ROUTE = st.builds(
    Route,
    proxy=st.just("edge"),
    listen=st.sampled_from((8080, 8081)),
    target=st.just(8000),
    host=st.sampled_from(("", "a.example")),
    check=st.sampled_from(("", "/healthz")),
)


@st.composite
def _service(draw: st.DrawFn, name: str, before: tuple[str, ...]) -> Service:
    route = draw(st.none() | _ROUTE)
    return Service(
        image=draw(st.sampled_from(("team/app:1", "team/app:2", "busybox"))),
        accessory=draw(st.booleans()),
        command=tuple(draw(st.lists(_TEXT, max_size=2))),
        environment=draw(_VARIABLES),
        secrets=(SecretMount(name="token"),) if draw(st.booleans()) else (),
        configs=(ConfigMount(name="app", target="/etc/app/app.toml"),) if draw(st.booleans()) else (),
        volumes=(VolumeMount(name="data", target="/data"),) if draw(st.booleans()) else (),
        networks=tuple(draw(st.lists(st.sampled_from(("default", "back", "outer")), unique=True, max_size=2))),
        ports=(Port(target=9000),) if draw(st.booleans()) else (),
        health=draw(st.none() | st.just(HealthCheck(command=("true",), interval=2.0))),
        resources=draw(st.sampled_from((Resources(), Resources(memory=64 * 2**20)))),
        replicas=draw(st.integers(0, 3)),
        update=draw(st.sampled_from((UpdatePolicy(), UpdatePolicy(parallelism=2, monitor=1.0)))),
        depends_on=tuple(draw(st.lists(st.sampled_from(before), unique=True, max_size=3))) if before else (),
        role=draw(st.sampled_from(("", "", "storage", "edge", "set"))),
        toggles=tuple(draw(st.lists(st.sampled_from(("beta", "!beta", "stable")), unique=True, max_size=1))),
        # one path each: two routes never ask the same of requests
        routes=(evolve(route, path=f"/{name}"),) if route else (),
    )


@st.composite
def specifications(draw: st.DrawFn) -> FleetSpecification:
    """Specifications without a fault; services depend on former ones, some are behind a proxy."""
    names = draw(st.lists(st.sampled_from(_NAMES), unique=True, max_size=len(_NAMES)))
    services = {name: draw(_service(name, tuple(names[:index]))) for index, name in enumerate(names)}
    services["edge"] = Service(
        image="haproxy:2.6",
        accessory=True,
        ports=(Port(target=8080, published=80),),
        configs=(ConfigMount(name="proxy", target="/usr/local/etc/haproxy/haproxy.cfg"),),
    )
    return fleet(**services)


@st.composite
def disturbed_worlds(draw: st.DrawFn, targets: Targets, kind: EngineKind) -> World:
    """The world that the targets made, after others were at it: services changed, broken, gone, never there."""
    world = settled_world(targets, kind)
    services = [draw(_disturbed(service)) for service in world.services if draw(_MOSTLY)]
    stranger = Target(name="stranger", engine_name="shop_stranger", content=Content(image="old"), hash="1:00")
    return evolve(world, services=(*services, *((running(stranger, kind),) if draw(st.booleans()) else ())))


@st.composite
def _disturbed(draw: st.DrawFn, service: RunningService) -> RunningService:
    tasks = tuple(
        evolve(task, state=draw(_STATES), hash=draw(st.sampled_from((task.hash, task.hash, "", "1:00"))), message="why")
        for task in service.tasks
        if draw(_MOSTLY)
    )
    drifted = evolve(service.content, environment={**service.content.environment, "EXTRA": "1"})
    return evolve(
        service,
        tasks=tasks,
        content=draw(st.sampled_from((service.content, service.content, drifted))),
        hash=draw(st.sampled_from((service.hash, service.hash, "", "1:00", "7:00"))),
        replicas=draw(st.sampled_from((service.replicas, service.replicas, 0, 9))),
        restarts=draw(st.sampled_from((service.restarts, service.restarts, 5))),
        rollout=draw(st.sampled_from((RolloutState.SETTLED, *RolloutState))),
    )


@st.composite
def situations(draw: st.DrawFn, kinds: st.SearchStrategy[EngineKind] = _KINDS) -> Situation:
    """Situations with things that were said by hand."""
    return situation(
        draw(kinds),
        host_roles=frozenset(draw(st.lists(st.sampled_from(("set", "edge")), max_size=2))),
        toggles=draw(st.dictionaries(st.sampled_from(("beta", "stable")), st.booleans(), max_size=2)),
        scaled=draw(st.dictionaries(st.sampled_from(_NAMES), st.integers(0, 4), max_size=2)),
        stopped=draw(st.frozensets(st.sampled_from(_NAMES), max_size=2)),
        restarts=draw(st.dictionaries(st.sampled_from(_NAMES), st.integers(0, 2), max_size=2)),
    )
