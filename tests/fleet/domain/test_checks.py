"""What is wrong with a specification: each rule, with its path."""

from __future__ import annotations

import pytest
from attrs import evolve
from fleet_worlds import fleet

from zona_core.domain.fleet.checks import specification_faults
from zona_core.domain.fleet.specification import (
    Config,
    ConfigMount,
    FleetSpecification,
    HealthCheck,
    Hook,
    Hooks,
    Integrations,
    Network,
    Port,
    Resources,
    Role,
    Rollouts,
    Route,
    SecretMount,
    SecretSource,
    Service,
    UpdatePolicy,
    Volume,
    VolumeMount,
)

EDGE = Service(image="haproxy:2.6", configs=(ConfigMount(name="proxy", target="/cfg/haproxy.cfg"),))


def paths(specification: FleetSpecification) -> list[str]:
    return [fault.path for fault in specification_faults(specification)]


def of_web(**parts: object) -> list[str]:
    """Paths of what is wrong with a service with these parts, below it."""
    found = paths(fleet(web=Service(**{"image": "team/web:1", **parts}), edge=EDGE, db=Service(image="b")))
    assert all(path.startswith("services.web.") for path in found), found
    return [path.removeprefix("services.web.") for path in found]


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"image": "Team Web"}, "image"),
        ({"image": ""}, "image"),
        ({"replicas": -1}, "replicas"),
        ({"replicas": 1001}, "replicas"),
        ({"stop_grace": -1.0}, "stop_grace"),
        ({"command": ("a", "b\0")}, "command[1]"),
        ({"entrypoint": ("\0",)}, "entrypoint[0]"),
        ({"environment": {"1A": ""}}, "environment.1A"),
        ({"environment": {"A": "x\0"}}, "environment.A"),
        ({"labels": {"zona.hash": "x"}}, "labels.zona.hash"),
        ({"labels": {"a b": "x"}}, "labels.a b"),
        ({"ports": (Port(target=0),)}, "ports[0].target"),
        ({"ports": (Port(target=1, published=65536),)}, "ports[0].published"),
        ({"ports": (Port(target=1, protocol="sctp"),)}, "ports[0].protocol"),
        ({"ports": (Port(target=1), Port(target=1))}, "ports[1]"),
        ({"health": HealthCheck(command=())}, "health.command"),
        ({"health": HealthCheck(command=("a",), interval=0.0)}, "health.interval"),
        ({"health": HealthCheck(command=("a",), timeout=0.0)}, "health.timeout"),
        ({"health": HealthCheck(command=("a",), retries=0)}, "health.retries"),
        ({"health": HealthCheck(command=("a",), start_period=-1.0)}, "health.start_period"),
        ({"resources": Resources(memory=1024)}, "resources.memory"),
        ({"resources": Resources(cpus=-1.0)}, "resources.cpus"),
        ({"resources": Resources(pids=-1)}, "resources.pids"),
        ({"resources": Resources(cpus=1.0, reserved_cpus=2.0)}, "resources.reserved_cpus"),
        ({"resources": Resources(reserved_memory=-1)}, "resources.reserved_memory"),
        ({"update": UpdatePolicy(parallelism=0)}, "update.parallelism"),
        ({"update": UpdatePolicy(delay=-1.0)}, "update.delay"),
        ({"update": UpdatePolicy(monitor=10.0, deadline=5.0)}, "update.deadline"),
        ({"hooks": Hooks(pre=(Hook(command=()),))}, "hooks.pre[0].command"),
        ({"hooks": Hooks(post=(Hook(command=("a",), timeout=0.0),))}, "hooks.post[0].timeout"),
        ({"user": "a b"}, "user"),
        ({"user": "1000:1000:1"}, "user"),
        ({"tmpfs": ("tmp",)}, "tmpfs[0]"),
        ({"volumes": (VolumeMount(name="data", target="/data/.."),)}, "volumes[0].target"),
        ({"volumes": (VolumeMount(name="data", target="/a:b"),)}, "volumes[0].target"),
        ({"volumes": (VolumeMount(name="data", target="/a"),), "tmpfs": ("/a",)}, "tmpfs[0]"),
        ({"volumes": (VolumeMount(name="none", target="/a"),)}, "volumes[0].name"),
        ({"configs": (ConfigMount(name="app", target="/etc/app.toml"),)}, "configs[0].target"),
        ({"configs": (ConfigMount(name="app", target="app.toml"),)}, "configs[0].target"),
        ({"configs": (ConfigMount(name="none", target="/a/b"),)}, "configs[0].name"),
        ({"secrets": (SecretMount(name="none"),)}, "secrets[0].name"),
        ({"secrets": (SecretMount(name="token", mode=0o10000),)}, "secrets[0].mode"),
        ({"secrets": (SecretMount(name="token", uid=-1),)}, "secrets[0].uid"),
        ({"secrets": (SecretMount(name="token"), SecretMount(name="token"))}, "secrets[1].target"),
        (
            {
                "secrets": (SecretMount(name="token", target="/a/b"),),
                "volumes": (VolumeMount(name="data", target="/a"),),
            },
            "secrets[0].target",
        ),
        ({"secrets": (SecretMount(name="token", target="/a/b"),), "tmpfs": ("/a/c",)}, "secrets[0].target"),
        ({"networks": ("none",)}, "networks[0]"),
        ({"networks": ("back", "back")}, "networks[1]"),
        ({"depends_on": ("none",)}, "depends_on[0]"),
        ({"depends_on": ("db", "web")}, "depends_on[1]"),
        ({"role": "none"}, "role"),
        ({"toggles": ("!none",)}, "toggles[0]"),
        ({"routes": (Route(proxy="none", listen=80, target=80),)}, "routes[0].proxy"),
        ({"routes": (Route(proxy="db", listen=80, target=80),)}, "routes[0].proxy"),
        ({"routes": (Route(proxy="web", listen=80, target=80),)}, "routes[0].proxy"),
        ({"routes": (Route(proxy="edge", listen=0, target=80),)}, "routes[0].listen"),
        ({"routes": (Route(proxy="edge", listen=80, target=0),)}, "routes[0].target"),
        ({"routes": (Route(proxy="edge", listen=80, target=80, most=0),)}, "routes[0].most"),
        ({"routes": (Route(proxy="edge", listen=80, target=80, most=2),), "replicas": 3}, "routes[0].most"),
        ({"routes": (Route(proxy="edge", listen=80, target=80, host="a b"),)}, "routes[0].host"),
        ({"routes": (Route(proxy="edge", listen=80, target=80, path="api"),)}, "routes[0].path"),
        ({"routes": (Route(proxy="edge", listen=80, target=80, path="/a }\n  bad"),)}, "routes[0].path"),
        ({"routes": (Route(proxy="edge", listen=80, target=80, check="/a b"),)}, "routes[0].check"),
        ({"routes": (Route(proxy="edge", listen=80, target=80),) * 2}, "routes[1]"),
    ],
)
def test_each_rule_names_its_place(parts: dict[str, object], path: str) -> None:
    """What breaks a rule breaks just that one, and the fault says where."""
    assert of_web(**parts) == [path]


def test_a_good_service_has_no_fault() -> None:
    """Everything that there is, used rightly."""
    assert (
        of_web(
            image="registry.example:5000/team/web:1.2@sha256:" + "a" * 64,
            command=("serve", ""),
            environment={"A.b-c": "first\nsecond"},
            secrets=(SecretMount(name="token"),),
            configs=(ConfigMount(name="app", target="/etc/web/app.toml"),),
            volumes=(VolumeMount(name="data", target="/var/lib/web"), VolumeMount(name="theirs", target="/t")),
            networks=("default", "ingress", "back", "outer"),
            ports=(Port(target=80, published=80), Port(target=80, published=8080), Port(target=80, protocol="udp")),
            health=HealthCheck(command=("true",)),
            resources=Resources(cpus=0.5, memory=2**26, reserved_cpus=0.1, reserved_memory=2**20, pids=100),
            depends_on=("db",),
            role="storage",
            toggles=("beta", "!stable"),
            hooks=Hooks(pre=(Hook(command=("migrate",)),)),
            routes=(
                Route(proxy="edge", listen=80, target=80, host="a.example", path="/x", check="/healthz"),
                Route(proxy="edge", listen=80, target=80, host="a.example", path="/y"),
            ),
            user="1000:web",
            tmpfs=("/tmp",),
            labels={"team": "shop"},
        )
        == []
    )


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"name": "Shop"}, "name"),
        ({"name": "a" * 22}, "name"),
        ({"services": {"Web": Service(image="a")}}, "services.Web"),
        ({"services": {"a_b": Service(image="a")}}, "services.a_b"),
        ({"services": {"a" * 42: Service(image="a")}}, "services." + "a" * 42),
        ({"volumes": {"a b": Volume()}}, "volumes.a b"),
        ({"networks": {"1": Network()}}, "networks.1"),
        ({"networks": {"default": Network(external=True)}}, "networks.default.external"),
        ({"networks": {"ingress": Network(external=True)}}, "networks.ingress.external"),
        ({"toggles": {"!a": True}}, "toggles.!a"),
        ({"roles": {"none": Role(setting=False)}}, "roles.none"),
        ({"roles": {"one": Role(hosts=("",))}}, "roles.one.hosts"),
        ({"configs": {"a": Config(content="x", file="y")}}, "configs.a"),
        ({"configs": {"a": Config(routes="nginx")}}, "configs.a.routes"),
        ({"secrets": {"a": SecretSource()}}, "secrets.a"),
        ({"secrets": {"a": SecretSource(environment="A", file="a")}}, "secrets.a"),
        ({"rollouts": Rollouts(parallelism=0)}, "rollouts.parallelism"),
        ({"rollouts": Rollouts(deadline=0.0)}, "rollouts.deadline"),
        ({"integrations": Integrations(networks=("none",))}, "integrations.networks[0]"),
        ({"integrations": Integrations(role="none")}, "integrations.role"),
        ({"integrations": Integrations(toggles=("none",))}, "integrations.toggles[0]"),
        ({"integrations": Integrations(depends_on=("none",))}, "integrations.depends_on[0]"),
        ({"integrations": Integrations(resources=Resources(memory=1))}, "integrations.resources.memory"),
        ({"integrations": Integrations(update=UpdatePolicy(parallelism=0))}, "integrations.update.parallelism"),
    ],
)
def test_each_part_beside_services_is_looked_at(parts: dict[str, object], path: str) -> None:
    """Names, what is shared, how deployments go, and how tenants' services run."""
    assert paths(evolve(fleet(), **parts)) == [path]


def test_every_fault_is_told_at_once() -> None:
    """Not only the first one; each says what would be right."""
    specification = evolve(fleet(web=Service(image="", replicas=-1, role="none")), name="")
    faults = specification_faults(specification)
    assert [fault.path for fault in faults] == [
        "name",
        "services.web.image",
        "services.web.replicas",
        "services.web.role",
    ]
    assert faults[-1].expected == "one of edge, set, storage"
    assert all(fault.expected for fault in faults)


def test_a_circle_of_dependencies_is_named() -> None:
    """From each service to the one that it waits for."""
    specification = fleet(
        a=Service(image="a", depends_on=("b",)),
        b=Service(image="b", depends_on=("c",)),
        c=Service(image="c", depends_on=("a",)),
        d=Service(image="d", depends_on=("a",)),
    )
    (fault,) = specification_faults(specification)
    assert fault.path == "services.a.depends_on"
    assert "a → b → c → a" in fault.message


def test_two_services_cannot_open_one_port_of_a_host() -> None:
    """Unless no host ever has both: a toggle parts them, or a role."""
    port = (Port(target=80, published=80),)

    def faults(one: dict[str, object], other: dict[str, object]) -> list[str]:
        return paths(fleet(one=Service(image="a", ports=port, **one), other=Service(image="b", ports=port, **other)))

    assert faults({}, {}) == ["services.other.ports[0].published"]
    assert faults({"toggles": ("beta",)}, {"toggles": ("stable",)}) == ["services.other.ports[0].published"]
    assert faults({"role": "edge"}, {}) == ["services.other.ports[0].published"]
    assert faults({"toggles": ("beta",)}, {"toggles": ("!beta",)}) == []
    assert faults({"role": "edge"}, {"role": "storage"}) == []
    udp = (Port(target=80, published=80, protocol="udp"),)
    assert paths(fleet(one=Service(image="a", ports=port), other=Service(image="b", ports=udp))) == []


def test_two_services_cannot_ask_the_same_of_requests() -> None:
    """Which of them would get it, nobody could say; hosts are the same in small and capital letters."""
    one = Route(proxy="edge", listen=80, target=1, host="A.example", path="/x/")
    other = Route(proxy="edge", listen=80, target=2, host="a.example", path="/x")
    specification = fleet(edge=EDGE, one=Service(image="a", routes=(one,)), other=Service(image="b", routes=(other,)))
    assert paths(specification) == ["services.other.routes[0]"]
