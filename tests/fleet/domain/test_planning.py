"""What has to be done, and why: each verb, each reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from attrs import evolve
from fleet_worlds import fleet, running, settled_world, targets_of, with_service

from zona_core.domain.fleet.names import instance_service_name, role_label
from zona_core.domain.fleet.plan import Plan, Reason, ResourceKind, ResourceStep, Step, Verb
from zona_core.domain.fleet.planning import make_plan
from zona_core.domain.fleet.situation import InstanceService
from zona_core.domain.fleet.specification import (
    FleetSpecification,
    Group,
    HealthCheck,
    Integrations,
    Port,
    SecretMount,
    Service,
    UpdatePolicy,
    VolumeMount,
)
from zona_core.domain.fleet.targets import Targets
from zona_core.domain.fleet.world import EngineKind, Node, Replica, ReplicaState, RolloutState, RunningService, World

SINGLE, SWARM = EngineKind.SINGLE, EngineKind.SWARM
WEB = Service(image="team/web:1", environment={"LOG_LEVEL": "info"}, replicas=2)
SHOP = fleet(db=Service(image="team/db:1"), web=evolve(WEB, depends_on=("db",)))


def only(plan: Plan) -> Step:
    (step,) = plan.steps
    return step


def changed(specification: FleetSpecification, kind: EngineKind = SINGLE, **situation: object) -> Step:
    """The only step from SHOP, settled, to this."""
    before = targets_of(SHOP, kind)
    return only(make_plan(targets_of(specification, kind, **situation), settled_world(before, kind), previous=before))


def disturbed(service: RunningService, kind: EngineKind = SINGLE, previous: bool = True) -> Plan:
    """The plan for SHOP where this service is not as it was made."""
    targets = targets_of(SHOP, kind)
    world = settled_world(targets, kind, **{service.name: service})
    return make_plan(targets, world, previous=targets if previous else None)


def web(kind: EngineKind = SINGLE) -> RunningService:
    target = targets_of(SHOP, kind).service("web")
    assert target is not None
    return running(target, kind)


def test_a_first_route_has_replicas_join_the_proxies() -> None:
    """On a single engine they do so when they begin, so those that run already have to be told."""
    targets = targets_of(SHOP, SINGLE)
    targets = evolve(targets, services=tuple(evolve(each, proxied=each.name == "web") for each in targets.services))
    alone, joined, unknown = (evolve(web(), proxied=proxied) for proxied in (False, True, None))
    step = only(make_plan(targets, settled_world(targets, SINGLE, web=alone), previous=targets))
    assert (step.service, step.verb, [each.path for each in step.differences]) == ("web", Verb.REPAIR, ["proxied"])
    for service in (joined, unknown):
        assert make_plan(targets, settled_world(targets, SINGLE, web=service), previous=targets).empty


def tasks_of(*states: ReplicaState, **changes: object) -> tuple[Replica, ...]:
    hashed = {"hash": web().hash, **changes}
    return tuple(
        Replica(id=str(slot), slot=slot, node="one", state=state, **hashed) for slot, state in enumerate(states, 1)
    )


def test_a_fleet_from_nothing() -> None:
    """Networks and volumes come first, then each service after what it needs."""
    specification = fleet(
        web=evolve(WEB, depends_on=("api",)),
        api=Service(image="a", depends_on=("db",), networks=("back",)),
        db=Service(image="b", volumes=(VolumeMount(name="data", target="/data"),)),
        core=Service(image="c", group=Group.CORE),
    )
    targets = targets_of(specification)
    plan = make_plan(targets, World(kind=SINGLE))
    assert plan.resources == (
        ResourceStep(kind=ResourceKind.NETWORK, name="shop_back", detail="bridge"),
        ResourceStep(kind=ResourceKind.NETWORK, name="shop_default", detail="bridge"),
        ResourceStep(kind=ResourceKind.VOLUME, name="shop_data", detail="local"),
    )
    assert [[step.service for step in wave] for wave in plan.waves] == [["core", "db"], ["api"], ["web"]]
    assert {(step.verb, step.reasons) for step in plan.steps} == {(Verb.CREATE, (Reason.NEW,))}
    assert {step.service: step.after for step in plan.steps} == {each.name: each.hash for each in targets.services}


@pytest.mark.parametrize(
    ("change", "reason", "path", "before", "after"),
    [
        ({"image": "team/web:2"}, Reason.IMAGE, "image", "team/web:1", "team/web:2"),
        ({"environment": {"LOG_LEVEL": "debug"}}, Reason.ENVIRONMENT, "environment.LOG_LEVEL", "info", "debug"),
        ({"environment": {}}, Reason.ENVIRONMENT, "environment.LOG_LEVEL", "info", ""),
        (
            {"secrets": (SecretMount(name="token"),)},
            Reason.FILE,
            "files./run/secrets/token",
            "",
            "digest 5ec5ec5ec5ec, kind secret, name token",
        ),
        ({"command": ("run",)}, Reason.SPECIFICATION, "command", "", '["run"]'),
        ({"ports": (Port(target=80, published=8080),)}, Reason.SPECIFICATION, "ports.80/tcp", "", "host 8080"),
        ({"health": HealthCheck(command=("t",))}, Reason.SPECIFICATION, "health.command", "", '["t"]'),
        ({"networks": ("default", "back")}, Reason.SPECIFICATION, "networks.shop_back", "", "shop_back"),
    ],
)
def test_another_content_is_an_update(
    change: dict[str, object], reason: Reason, path: str, before: str, after: str
) -> None:
    """Each part of the content has its reason, and its difference says from what to what."""
    step = changed(with_service(SHOP, "web", **change))
    assert (step.service, step.verb, step.reasons) == ("web", Verb.UPDATE, (reason,))
    (difference,) = step.differences
    assert (difference.path, difference.before, difference.after) == (path, before, after)
    assert step.before == web().hash != step.after


def test_a_changed_file_is_told_by_its_digest() -> None:
    """Of another secret value only digests are shown, and only the service that has it is touched."""
    specification = with_service(SHOP, "web", secrets=(SecretMount(name="token"),))
    before = targets_of(specification)
    target = before.service("web")
    assert target is not None
    (file,) = target.content.files
    old = evolve(target.content, files=(evolve(file, digest="01d" * 22),))
    world = settled_world(before, web=evolve(running(target), content=old, hash="1:" + "0" * 64))
    step = only(make_plan(before, world))
    assert step.reasons == (Reason.FILE,)
    assert "01d01d01d01d" in step.differences[0].before
    assert "s3cr3t" not in repr(step)


@pytest.mark.parametrize("kind", EngineKind)
def test_another_number_is_a_scaling(kind: EngineKind) -> None:
    """Replicas are no content: they are only counted."""
    step = changed(with_service(SHOP, "web", replicas=5), kind)
    assert (step.verb, step.reasons) == (Verb.SCALE, (Reason.REPLICAS,))
    assert [(each.path, each.before, each.after) for each in step.differences] == [("replicas", "2", "5")]
    assert step.before == step.after


def test_another_policy_is_a_scaling_where_the_engine_keeps_one() -> None:
    """Swarm keeps how replicas are replaced, but no deadline; a single engine is told each time."""
    policy = UpdatePolicy(parallelism=2, deadline=60.0)
    step = changed(with_service(SHOP, "web", update=policy), SWARM)
    assert (step.verb, step.reasons) == (Verb.SCALE, (Reason.POLICY,))
    assert [each.path for each in step.differences] == ["update.parallelism"]
    before = targets_of(SHOP)
    assert make_plan(targets_of(with_service(SHOP, "web", update=policy)), settled_world(before)).empty


def test_a_restart_is_an_update_without_another_content() -> None:
    """Somebody asked for it once more than there were restarts."""
    step = changed(SHOP, restarts={"web": 1})
    assert (step.verb, step.reasons, step.before) == (Verb.UPDATE, (Reason.RESTART,), step.after)


@pytest.mark.parametrize(
    ("situation", "role", "reason"),
    [
        ({"stopped": {"web"}}, "", Reason.STOPPED),
        ({"toggles": {"stable": False}}, "", Reason.TOGGLE),
        ({"host_roles": ()}, "set", Reason.ROLE),
    ],
)
def test_what_goes_and_comes_again_says_why(situation: dict[str, object], role: str, reason: Reason) -> None:
    """A service that is stopped, switched off or without its role is removed for that, and made again for that."""
    specification = with_service(SHOP, "web", toggles=("stable",), role=role)
    here = {"host_roles": {"set"}}
    on, off = targets_of(specification, **here), targets_of(specification, **{**here, **situation})
    going = make_plan(off, settled_world(on), previous=on)
    assert (only(going).service, only(going).verb, only(going).reasons) == ("web", Verb.REMOVE, (reason,))
    assert "web" in going.left_out
    coming = make_plan(on, settled_world(off), previous=off)
    assert (only(coming).verb, only(coming).reasons) == (Verb.CREATE, (reason,))


def test_what_is_gone_is_removed_last_and_dependents_first() -> None:
    """Removals come after all else, each before what it needed."""
    before = targets_of(fleet(a=Service(image="a"), b=Service(image="b", depends_on=("a",)), c=Service(image="c")))
    after = targets_of(fleet(c=Service(image="c:2")))
    plan = make_plan(after, settled_world(before), previous=before)
    assert [[(step.service, step.verb) for step in wave] for wave in plan.waves] == [
        [("c", Verb.UPDATE)],
        [("b", Verb.REMOVE)],
        [("a", Verb.REMOVE)],
    ]
    assert plan.steps[1].reasons == (Reason.GONE,)


@pytest.mark.parametrize("verb", [Verb.CREATE, Verb.UPDATE])
def test_who_has_a_port_gives_it_up_first(verb: Verb) -> None:
    """A service that goes, or opens another port, does so before the one that takes its port begins."""
    port = Port(target=80, published=8080)
    before = targets_of(fleet(old=Service(image="a", ports=(port,)), zoo=Service(image="z")))
    taker = {"new": Service(image="a", ports=(port,))} if verb is Verb.CREATE else {}
    zoo = Service(image="z", ports=() if taker else (port,))
    plan = make_plan(targets_of(fleet(zoo=zoo, **taker)), settled_world(before), previous=before)
    assert [[(step.service, step.verb) for step in wave] for wave in plan.waves] == [
        [("old", Verb.REMOVE)],
        [("new" if taker else "zoo", verb)],
    ]


def test_services_that_exchange_ports_are_planned_all_the_same() -> None:
    """What goes round in a circle is no order; it is for the engine to say that a port is taken."""
    one, other = (Port(target=80, published=8080),), (Port(target=80, published=8081),)
    before = targets_of(fleet(a=Service(image="a", ports=one), b=Service(image="b", ports=other)))
    after = targets_of(fleet(a=Service(image="a", ports=other), b=Service(image="b", ports=one)))
    assert [len(wave) for wave in make_plan(after, settled_world(before)).waves] == [2]


def test_drift_is_told_from_change() -> None:
    """What somebody else changed is drift; what is wanted anew has its own reason, both in one step."""
    found = web()
    drifted = evolve(found, content=evolve(found.content, environment={"LOG_LEVEL": "trace"}, user="root"))
    step = only(disturbed(drifted))
    assert (step.verb, step.reasons) == (Verb.UPDATE, (Reason.DRIFT,))
    assert [(each.path, each.before, each.after) for each in step.differences] == [
        ("environment.LOG_LEVEL", "trace", "info"),
        ("user", "root", ""),
    ]
    before = targets_of(SHOP)
    after = targets_of(with_service(SHOP, "web", image="team/web:2"))
    both = only(make_plan(after, settled_world(before, web=drifted), previous=before))
    assert [(each.path, each.reason) for each in both.differences] == [
        ("environment.LOG_LEVEL", Reason.DRIFT),
        ("image", Reason.IMAGE),
        ("user", Reason.DRIFT),
    ]


def test_what_was_never_applied_is_no_ground_for_drift() -> None:
    """Where another content is noted than what was applied last, nobody can say who changed what."""
    found = evolve(web(), hash="1:" + "0" * 64)
    drifted = evolve(found, content=evolve(found.content, environment={}))
    assert only(disturbed(drifted)).reasons == (Reason.ENVIRONMENT,)


def test_a_hash_that_is_not_noted_is_noted() -> None:
    """A content that somebody else made as it is wanted is still applied, so that its hash stands with it."""
    step = only(disturbed(evolve(web(), hash="")))
    assert (step.verb, [each.path for each in step.differences]) == (Verb.UPDATE, ["hash"])


def test_a_number_that_somebody_else_changed_is_drift() -> None:
    """On a Swarm the number stands with the service; on a single engine more replicas than wanted are there."""
    step = only(disturbed(evolve(web(SWARM), replicas=7), SWARM))
    assert (step.verb, step.reasons) == (Verb.SCALE, (Reason.DRIFT,))
    more = evolve(web(), tasks=tasks_of(*[ReplicaState.HEALTHY] * 4))
    step = only(disturbed(more))
    assert (step.verb, step.reasons, step.differences[0].before) == (Verb.SCALE, (Reason.DRIFT,), "4")


@pytest.mark.parametrize("state", [ReplicaState.FAILED, ReplicaState.UNHEALTHY, ReplicaState.PENDING])
def test_replicas_that_do_not_work_are_repaired_on_a_single_engine(state: ReplicaState) -> None:
    """All is noted as applied, but nobody begins them again."""
    broken = evolve(web(), tasks=tasks_of(ReplicaState.HEALTHY, state, message="exited\nwith 1"))
    step = only(disturbed(broken))
    assert (step.verb, step.reasons, step.before) == (Verb.REPAIR, (Reason.BROKEN,), step.after)
    assert step.differences[0].before.startswith("1 work: exited with 1")


def test_replicas_that_are_gone_are_repaired_on_a_single_engine() -> None:
    """Somebody removed a container: as many are wanted as before, so they are missing, not fewer wanted."""
    step = only(disturbed(evolve(web(), replicas=1, tasks=tasks_of(ReplicaState.HEALTHY))))
    assert (step.verb, step.reasons) == (Verb.REPAIR, (Reason.BROKEN,))
    unknown = only(disturbed(evolve(web(), replicas=1, tasks=tasks_of(ReplicaState.HEALTHY)), previous=False))
    assert (unknown.verb, unknown.reasons) == (Verb.SCALE, (Reason.REPLICAS,))


def test_replicas_that_start_are_let_start() -> None:
    """One that may work by itself is nothing to do."""
    assert disturbed(evolve(web(), tasks=tasks_of(ReplicaState.HEALTHY, ReplicaState.STARTING))).empty


@pytest.mark.parametrize("state", [state for state in ReplicaState if state is not ReplicaState.HEALTHY])
def test_a_swarm_mends_its_replicas_itself(state: ReplicaState) -> None:
    """Whatever becomes of a task: the Swarm begins another one, or waits for a place."""
    assert disturbed(evolve(web(SWARM), tasks=tasks_of(ReplicaState.HEALTHY, state, hash=web(SWARM).hash)), SWARM).empty


@pytest.mark.parametrize("kind", EngineKind)
def test_an_update_that_was_left_in_the_middle_is_finished(kind: EngineKind) -> None:
    """Some replicas have another content than what is noted, and there may be more than are to be."""
    found = web(kind)
    mixed = (*found.tasks, evolve(found.tasks[0], id="old", hash="1:" + "0" * 64))
    step = only(disturbed(evolve(found, tasks=mixed), kind))
    assert (step.verb, step.reasons) == (Verb.UPDATE, (Reason.UNFINISHED,))
    assert [(each.path, each.before) for each in step.differences] == [
        ("replicas.content", "1 of 3 replicas with other content")
    ]


def test_replicas_on_their_way_out_do_not_count() -> None:
    """One that stops, or whose node does not answer, is no sign of an update that was left."""
    for state in (ReplicaState.STOPPING, ReplicaState.LOST):
        old = tasks_of(state, hash="1:" + "0" * 64)
        assert disturbed(evolve(web(), tasks=(*web().tasks, *old))).empty


@pytest.mark.parametrize(
    ("rollout", "shown"),
    [
        (RolloutState.UPDATING, "updating: task 1 of 2"),
        (RolloutState.PAUSED, "paused: task 1 of 2"),
        (RolloutState.ROLLING_BACK, "rolling_back: task 1 of 2"),
    ],
)
def test_a_rollout_that_is_not_at_its_end_is_shown(rollout: RolloutState, shown: str) -> None:
    """With the engine's reason."""
    step = only(disturbed(evolve(web(SWARM), rollout=rollout, message="task 1 of 2"), SWARM))
    assert (step.verb, step.reasons) == (Verb.UPDATE, (Reason.UNFINISHED,))
    assert step.differences[0].before == shown


def test_a_rollout_that_was_taken_back_is_shown_where_it_is_tried_again() -> None:
    """With what differs; where what is there is what is wanted, that it was taken back is past."""
    found = evolve(web(SWARM), rollout=RolloutState.ROLLED_BACK, message="health check failed")
    assert disturbed(found, SWARM).empty
    after = targets_of(with_service(SHOP, "web", image="team/web:2"), SWARM)
    step = only(make_plan(after, settled_world(targets_of(SHOP, SWARM), SWARM, web=found)))
    assert step.reasons == (Reason.IMAGE, Reason.UNFINISHED)
    assert step.differences[1].before == "rolled back: health check failed"


def test_a_single_engine_has_nothing_of_a_service_without_replicas() -> None:
    """There a service of no replicas is as it is wanted; on a Swarm it is made."""
    specification = fleet(web=evolve(WEB, replicas=0))
    for kind, steps in ((SINGLE, 0), (SWARM, 1)):
        targets = targets_of(specification, kind)
        world = evolve(settled_world(targets, kind), services=())
        assert len(make_plan(targets, world).steps) == steps


def test_tenants_instances_come_change_and_go_for_that_reason() -> None:
    """What a tenant did is told from what the specification says; each step names the tenant."""
    specification = evolve(fleet(), integrations=Integrations(enabled=True))
    mail = InstanceService(
        tenant_code="acme",
        instance_id=4,
        integration_id=3,
        title="Mail",
        name=instance_service_name("acme", 3, 4),
        image="team/mail:1",
    )
    none, one = targets_of(specification), targets_of(specification, instances=(mail,))
    other = targets_of(specification, instances=(evolve(mail, environment={"URL": "x"}),))
    roomier = targets_of(
        evolve(specification, integrations=Integrations(enabled=True, networks=("back",))), instances=(mail,)
    )
    steps = [
        only(make_plan(after, settled_world(before), previous=before))
        for before, after in ((none, one), (one, other), (one, none), (one, roomier))
    ]
    assert [(step.verb, step.reasons, step.tenant_code) for step in steps] == [
        (Verb.CREATE, (Reason.TENANT,), "acme"),
        (Verb.UPDATE, (Reason.TENANT,), "acme"),
        (Verb.REMOVE, (Reason.TENANT,), "acme"),
        (Verb.UPDATE, (Reason.SPECIFICATION,), "acme"),
    ]


def test_only_what_is_chosen_and_what_it_uses_is_looked_at() -> None:
    """Other services are neither changed nor removed, and their networks and volumes not made."""
    before = targets_of(fleet(old=Service(image="o")))
    after = targets_of(
        fleet(a=Service(image="a", networks=("back",)), b=Service(image="b", networks=("outer",)), c=Service(image="c"))
    )
    world = evolve(settled_world(before), networks=())
    plan = make_plan(after, world, chosen=frozenset({"a"}))
    assert [step.service for step in plan.steps] == ["a"]
    assert [step.name for step in plan.resources] == ["shop_back"]
    assert (plan.unchanged, plan.problems) == ((), ())
    assert [step.service for step in make_plan(after, world, chosen=frozenset({"old"})).steps] == ["old"]


def test_things_of_others_that_are_missing_are_problems() -> None:
    """External networks and volumes are never made; of a Swarm's volumes nobody sees those of its workers."""
    specification = fleet(
        web=Service(image="a", networks=("outer",), volumes=(VolumeMount(name="theirs", target="/theirs"),))
    )
    plan = make_plan(targets_of(specification), World(kind=SINGLE))
    assert plan.problems == ("the external network outer does not exist", "the external volume theirs does not exist")
    assert plan.resources == ()
    plan = make_plan(targets_of(specification, SWARM), World(kind=SWARM))
    assert plan.problems == ("the external network outer does not exist",)


def test_replicas_of_one_host_cannot_share_a_port() -> None:
    """On a single engine that is a problem, on a Swarm each may be on a host of its own."""
    specification = fleet(web=evolve(WEB, ports=(Port(target=80, published=8080),)))
    assert make_plan(targets_of(specification), World(kind=SINGLE)).problems == (
        "web: 2 replicas cannot share the port 8080/tcp of one host",
    )
    assert make_plan(targets_of(specification, SWARM), World(kind=SWARM)).problems == ()


def test_nodes_are_marked_with_their_roles() -> None:
    """Marks that are missing, and such as nobody has any more; those of other fleets do not matter."""
    targets = targets_of(fleet(web=evolve(WEB, role="edge")), SWARM)
    nodes = (
        Node(name="one", labels={role_label("shop", "edge"): "true", role_label("other", "edge"): "true"}),
        Node(name="two", labels={role_label("shop", "gone"): "true"}),
        Node(name="three"),
    )
    world = evolve(settled_world(targets, SWARM), nodes=nodes)
    plan = make_plan(targets, world)
    assert [(step.kind, step.name, step.detail) for step in plan.resources] == [
        (ResourceKind.ROLE, "edge", "+two -one"),
        (ResourceKind.ROLE, "gone", "-two"),
        (ResourceKind.ROLE, "storage", "+one"),
    ]
    assert plan.waves == ()
    assert not plan.empty
    assert [step.name for step in make_plan(targets, world, chosen=frozenset({"web"})).resources] == [
        "edge",
        "gone",
        "storage",
    ]
    assert make_plan(targets, world, chosen=frozenset()).resources == ()


def test_a_digest_is_of_what_is_done_and_what_for() -> None:
    """The same steps from the same world have the same, whatever time it is and however an engine words its state."""

    def digest(targets: Targets, message: str, since: int) -> str:
        found = running(next(each for each in targets_of(SHOP).services if each.name == "web"))
        tasks = tasks_of(
            ReplicaState.FAILED, ReplicaState.HEALTHY, message=message, since=datetime(2026, 1, since, tzinfo=UTC)
        )
        world = evolve(settled_world(targets_of(SHOP), web=evolve(found, tasks=tasks)), taken_at=datetime.now(UTC))
        return make_plan(targets, world).digest

    shop = targets_of(SHOP)
    assert digest(shop, "exited 1 second ago", 1) == digest(shop, "exited 2 seconds ago", 2)
    others = [
        targets_of(with_service(SHOP, "web", **change))
        for change in ({"image": "other"}, {"replicas": 3}, {"update": UpdatePolicy(parallelism=2)})
    ]
    assert len({digest(targets, "", 1) for targets in (shop, *others)}) == 4
