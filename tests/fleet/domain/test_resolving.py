"""From a specification to what an engine is given."""

from __future__ import annotations

import hashlib

import pytest
from attrs import evolve
from fleet_worlds import NODES, fleet, situation, targets_of

from zona_core.domain.fleet.checks import specification_faults
from zona_core.domain.fleet.names import instance_service_name
from zona_core.domain.fleet.plan import Reason
from zona_core.domain.fleet.resolving import resolve
from zona_core.domain.fleet.situation import FileData, InstanceService
from zona_core.domain.fleet.specification import (
    Config,
    ConfigMount,
    FleetSpecification,
    Integrations,
    Order,
    Port,
    PortMode,
    Resources,
    Role,
    Route,
    SecretMount,
    Service,
    UpdatePolicy,
    VolumeMount,
)
from zona_core.domain.fleet.targets import FileKind, FileMount, Mount, Target, Targets
from zona_core.domain.fleet.world import EngineKind, NodeState
from zona_core.errors import InvalidInput

EDGE = Service(image="haproxy:2.6", configs=(ConfigMount(name="proxy", target="/cfg/haproxy.cfg"),))
BEHIND = Service(image="team/web:1", routes=(Route(proxy="edge", listen=8080, target=8000),))


def only(targets: Targets) -> Target:
    (target,) = targets.services
    return target


def test_a_service_becomes_a_target() -> None:
    """All that a service says stands in its target, under the engine's names, sorted where order says nothing."""
    service = Service(
        image="team/web:1",
        command=("serve",),
        environment={"B": "2", "A": "1"},
        secrets=(SecretMount(name="token", uid=1000),),
        configs=(ConfigMount(name="app", target="/etc/app/app.toml"),),
        volumes=(
            VolumeMount(name="theirs", target="/theirs", read_only=True),
            VolumeMount(name="data", target="/data"),
        ),
        networks=("outer", "back"),
        ports=(Port(target=9000), Port(target=8000)),
        replicas=3,
        tmpfs=("/b", "/a"),
    )
    target = only(targets_of(fleet(web=service)))
    content = target.content
    assert (target.name, target.engine_name, target.replicas) == ("web", "shop_web", 3)
    assert list(content.environment) == ["A", "B"]
    assert content.mounts == (
        Mount(volume="shop_data", target="/data"),
        Mount(volume="theirs", target="/theirs", read_only=True),
    )
    assert content.networks == ("outer", "shop_back")
    assert content.aliases == ("web",)
    assert content.tmpfs == ("/a", "/b")
    assert [port.target for port in content.ports] == [8000, 9000]
    text = b"level = 1\n"
    digest = hashlib.sha256(text).hexdigest()
    assert content.files == (
        FileMount(kind=FileKind.CONFIG, name="app", target="/etc/app/app.toml", digest=digest, mode=0o444),
        FileMount(kind=FileKind.SECRET, name="token", target="/run/secrets/token", digest="5ec" * 21 + "1", uid=1000),
    )
    assert target.data == {digest: text, "5ec" * 21 + "1": b"s3cr3t"}


def test_only_what_is_used_is_made() -> None:
    """Networks and volumes that no running service uses are not among the targets."""
    found = targets_of(fleet(web=Service(image="a", volumes=(VolumeMount(name="data", target="/data"),))))
    assert [(network.engine_name, network.driver) for network in found.networks] == [("shop_default", "bridge")]
    assert [volume.engine_name for volume in found.volumes] == ["shop_data"]
    found = targets_of(fleet(web=Service(image="a", networks=("back", "outer"))), EngineKind.SWARM)
    assert [
        (network.engine_name, network.driver, network.internal, network.external) for network in found.networks
    ] == [
        ("shop_back", "overlay", True, False),
        ("outer", "overlay", False, True),
    ]


@pytest.mark.parametrize(
    ("toggles", "by_hand", "why"),
    [
        (("beta",), {}, "the toggle beta is off (toggles.beta) and has to be on"),
        (("!stable",), {}, "the toggle stable is on (toggles.stable) and has to be off"),
        (("stable",), {"stable": False}, "the toggle stable is off (switched by hand) and has to be on"),
        (("beta",), {"beta": True}, ""),
        (("!beta", "stable"), {}, ""),
    ],
)
def test_toggles_decide(toggles: tuple[str, ...], by_hand: dict[str, bool], why: str) -> None:
    """A service runs if its toggles are as it says; what was switched by hand counts before the specification."""
    found = targets_of(fleet(web=Service(image="a", toggles=toggles)), toggles=by_hand)
    assert found.left_out == ({"web": why} if why else {})
    assert found.left_out_for == ({"web": Reason.TOGGLE} if why else {})


@pytest.mark.parametrize(
    ("role", "setting", "runs"),
    [
        (Role(), {"core"}, True),
        (Role(), set(), False),
        (Role(setting=False, hosts=("other",)), {"core"}, False),
        (Role(hosts=("ONE",)), set(), True),
        (Role(hosts=("other",)), set(), False),
        (Role(labels={"disk": "fast"}), set(), True),
        (Role(labels={"disk": "fast", "gpu": "yes"}), set(), False),
    ],
)
def test_a_single_host_has_a_role_by_setting_name_or_labels(role: Role, setting: set[str], runs: bool) -> None:
    """Any of the three is enough; labels have to be there all; nothing has to be looked for among nodes."""
    specification = evolve(fleet(web=Service(image="a", role="core")), roles={"core": role})
    found = targets_of(specification, host_roles=setting)
    assert [target.name for target in found.services] == (["web"] if runs else [])
    assert found.left_out == ({} if runs else {"web": "this host does not have the role core"})
    assert found.roles == {}
    assert all(target.content.role == "" for target in found.services)


def test_nodes_of_a_swarm_have_roles() -> None:
    """Services keep their role, nodes are told by role, and one that is down has its role still."""
    nodes = [evolve(node, state=NodeState.DOWN) if node.name == "two" else node for node in NODES[EngineKind.SWARM]]
    specification = fleet(web=Service(image="a", role="edge"), db=Service(image="b", role="set"))
    found = targets_of(specification, EngineKind.SWARM, nodes=tuple(nodes), host_roles={"set"})
    assert only(found).content.role == "edge"
    assert found.roles == {"edge": ("two",), "set": (), "storage": ("one",)}
    assert found.left_out == {"db": "no node has the role set"}
    capitals = tuple(evolve(node, name=node.name.upper()) for node in nodes)
    assert targets_of(specification, EngineKind.SWARM, nodes=capitals).roles["edge"] == ("TWO",)
    assert found.left_out_for == {"db": Reason.ROLE}


def test_a_service_that_was_stopped_does_not_run() -> None:
    """It is left out, whatever else speaks for it, and nobody waits for it."""
    found = targets_of(fleet(db=Service(image="b"), web=Service(image="a", depends_on=("db",))), stopped={"db"})
    assert found.left_out == {"db": "stopped by hand"}
    assert found.left_out_for == {"db": Reason.STOPPED}
    assert only(found).depends_on == ()


def test_what_was_scaled_by_hand_stays_so() -> None:
    """Another number is an override, with what it overrides; the number that is there anyway is none."""
    specification = fleet(web=Service(image="a", replicas=2), db=Service(image="b"))
    found = targets_of(specification, scaled={"web": 5, "db": 1}, restarts={"web": 2})
    web, db = found.service("web"), found.service("db")
    assert web is not None
    assert db is not None
    assert (web.replicas, web.restarts, web.overrides) == (5, 2, ("replicas: 5 by hand instead of 2",))
    assert (db.replicas, db.overrides) == (1, ())


def test_a_port_of_the_host_is_given_up_before_it_is_taken() -> None:
    """Two replicas cannot have one port of a host; one that engines share out, or choose, they can."""
    order = {
        name: only(targets_of(fleet(web=Service(image="a", ports=(port,))))).update.order
        for name, port in {
            "host": Port(target=80, published=80),
            "ingress": Port(target=80, published=80, mode=PortMode.INGRESS),
            "free": Port(target=80),
        }.items()
    }
    assert order == {"host": Order.STOP_FIRST, "ingress": Order.START_FIRST, "free": Order.START_FIRST}


@pytest.mark.parametrize(
    ("kind", "networks"),
    [(EngineKind.SINGLE, ("shop_default",)), (EngineKind.SWARM, ("shop_default", "shop_ingress"))],
)
def test_proxies_and_what_is_behind_them_meet(kind: EngineKind, networks: tuple[str, ...]) -> None:
    """A proxy is in the network ingress from the start; what is behind it on a Swarm only."""
    found = targets_of(fleet(edge=EDGE, web=BEHIND), kind)
    edge, web = found.service("edge"), found.service("web")
    assert edge is not None
    assert web is not None
    assert edge.content.networks == ("shop_default", "shop_ingress")
    assert web.content.networks == networks
    assert (edge.proxied, web.proxied) == (False, True)
    assert [network.engine_name for network in found.networks] == ["shop_default", "shop_ingress"]


def test_a_proxys_configuration_is_made_from_routes() -> None:
    """It names what runs, and what was stopped by hand, so that to stop a service does not replace the proxy."""
    specification = fleet(edge=EDGE, web=BEHIND, new=evolve(BEHIND, toggles=("beta",)))
    edges = [
        targets_of(specification, **changes).service("edge")
        for changes in ({}, {"stopped": {"web"}}, {"toggles": {"beta": True}}, {"scaled": {"web": 9}})
    ]
    hashes = [edge.hash for edge in edges if edge]
    assert hashes[0] == hashes[1] == hashes[3] != hashes[2]
    assert edges[0] is not None
    (text,) = edges[0].data.values()
    assert b"tasks.shop_web:8000" in text
    assert b"shop_new" not in text


def test_files_that_are_missing_are_told_at_once() -> None:
    """Each secret without a value and each file that nobody read is named; what a stopped service lacks is not."""
    specification = evolve(
        fleet(
            web=Service(image="a", secrets=(SecretMount(name="token"),)),
            api=Service(image="a", configs=(ConfigMount(name="read", target="/a/b"),)),
            off=Service(image="a", secrets=(SecretMount(name="token"),)),
        ),
        configs={"read": Config(file="read.toml")},
    )
    with pytest.raises(InvalidInput) as caught:
        resolve(specification, evolve(situation(), files={}, stopped={"off"}))
    assert caught.value.code == "file_missing"
    assert [fault.path for fault in caught.value.faults] == ["services.web.secrets[0]", "services.api.configs[0]"]


def instance(code: str = "acme", number: int = 4, **changes: object) -> InstanceService:
    return InstanceService(
        **{
            "tenant_code": code,
            "instance_id": number,
            "integration_id": 3,
            "title": "Mail",
            "name": instance_service_name(code, 3, number),
            "image": "ghcr.io/team/mail:1",
            **changes,
        }
    )


def with_integrations(specification: FleetSpecification, **changes: object) -> FleetSpecification:
    return evolve(specification, integrations=Integrations(**{"enabled": True, **changes}))


def test_instances_become_services() -> None:
    """An instance's app says what its service runs, the specification how; who it is for stands with it."""
    mail = instance(
        environment={"URL": "https://mail.example"}, files={"password": FileData(digest="ab", data=b"hunter2")}
    )
    specification = with_integrations(
        fleet(db=Service(image="b")),
        networks=("back",),
        resources=Resources(memory=2**26),
        update=UpdatePolicy(monitor=1.0),
        depends_on=("db",),
    )
    found = targets_of(specification, instances=(mail,), scaled={"acme-3-4": 2}, restarts={"acme-3-4": 1}).service(
        "acme-3-4"
    )
    assert found is not None
    assert (found.tenant_code, found.instance_id, found.engine_name) == ("acme", 4, "shop_acme-3-4")
    assert found.content.environment == {"URL": "https://mail.example"}
    assert found.content.networks == ("shop_back",)
    assert found.content.resources.memory == 2**26
    assert [file.target for file in found.content.files] == ["/run/secrets/password"]
    assert found.data == {"ab": b"hunter2"}
    assert (found.update.monitor, found.depends_on, found.replicas, found.restarts) == (1.0, ("db",), 2, 1)
    assert "hunter2" not in repr(found)


def test_instances_run_only_where_they_are_enabled() -> None:
    """Without ``integrations.enabled`` there are none; role and toggles decide as for any service."""
    assert targets_of(fleet(), instances=(instance(),)).services == ()
    found = targets_of(with_integrations(fleet(), toggles=("beta",)), instances=(instance(),))
    assert found.left_out_for == {"acme-3-4": Reason.TOGGLE}


def test_an_instance_never_takes_what_is_anothers() -> None:
    """One that wants a port or a name that is taken is left out, and all others run."""
    specification = with_integrations(
        fleet(web=Service(image="a", ports=(Port(target=1, published=80),)), taken=Service(image="a"))
    )
    ports = (Port(target=25, published=25),)
    found = targets_of(
        specification,
        instances=(
            instance("first", ports=ports),
            instance("second", ports=ports),
            instance("third", ports=(Port(target=1, published=80),)),
            instance("fourth", name="taken"),
        ),
    )
    assert [target.name for target in found.services] == ["first-3-4", "taken", "web"]
    assert found.left_out == {
        "second-3-4": "the port 25/tcp is that of first-3-4",
        "taken (instance 4)": "the name taken is that of a service of the specification",
        "third-3-4": "the port 80/tcp is that of web",
    }
    assert set(found.left_out_for.values()) == {Reason.TENANT}


def test_each_part_says_where_it_comes_from() -> None:
    """Sources name the specification's place, what was done by hand, or the tenant's."""
    specification = with_integrations(fleet(edge=EDGE, web=evolve(BEHIND, environment={"A": "1"})))
    found = targets_of(specification, scaled={"web": 2}, instances=(instance(),))
    origins = {target.name: {each.path: each.origin for each in target.sources} for target in found.services}
    assert origins["web"] == {
        "aliases.web": "services.web: its name",
        "environment.A": "services.web.environment.A",
        "image": "services.web.image",
        "networks.shop_default": "the network of services that name none",
        "replicas": "scaled by hand",
    }
    assert origins["edge"]["files./cfg/haproxy.cfg"] == "configs.proxy: made from the routes through edge"
    assert origins["edge"]["networks.shop_ingress"] == "routes through edge"
    assert origins["acme-3-4"]["image"] == "tenant acme, instance 4: its app's service definition"


@pytest.mark.parametrize(
    ("code", "integration", "number", "name"),
    [
        ("acme", 3, 17, "acme-3-17"),
        ("a" * 35, 3, 17, "a" * 35 + "-3-17"),
    ],
)
def test_an_instances_service_is_called_by_tenant_app_and_instance(
    code: str, integration: int, number: int, name: str
) -> None:
    """Codes that can stand in a name stand there as they are."""
    assert instance_service_name(code, integration, number) == name


def test_no_two_instances_share_a_name() -> None:
    """Codes that cannot stand in a name, and long numbers, still give names of their own that services may have."""
    codes = ("acme", "ac_me", "ac-me", "4cme", "ac--me", "a" * 60, "a" * 61, "t", "acme-3", "t-acme")
    numbers = ((3, 17), (31, 7), (2**62, 2**61), (2**62, 2**61 + 1))
    names = {instance_service_name(code, *pair) for code in codes for pair in numbers}
    assert len(names) == len(codes) * len(numbers)
    specification = fleet(**{name: Service(image="a") for name in names})
    assert specification_faults(specification) == []


def test_no_value_of_a_file_or_a_tenant_is_shown() -> None:
    """Neither a situation nor its targets have them in their words."""
    mail = instance(environment={"URL": "https://hunter2@x"}, files={"p": FileData(digest="ab", data=b"hunter2")})
    given = situation(instances=(mail,))
    found = resolve(with_integrations(fleet(web=Service(image="a", secrets=(SecretMount(name="token"),)))), given)
    assert "hunter2" not in repr(given)
    assert "s3cr3t" not in repr(given) + repr(found)
