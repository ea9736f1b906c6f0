"""What Zona itself has to see to on a single engine: files in folders, ports of the host, the network of proxies."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import pytest
from attrs import evolve
from docker_host import DockerHost
from waiting import until

from zona_core.domain.fleet.planning import make_plan
from zona_core.domain.fleet.specification import HealthCheck
from zona_core.domain.fleet.targets import Mount, NetworkTarget, Targets, VolumeTarget
from zona_core.domain.fleet.world import ReplicaState
from zona_core.testing._contract_engine_base import FleetTrial, config_of, published, secret_of

_PORTS = itertools.count(20_000)


def test_a_secret_of_who_is_not_root(fleet: FleetTrial) -> None:
    """With a root that cannot be written to, and whose owner alone may read it."""
    files = secret_of("password", b"x\n", uid=1000, gid=1000)
    target = fleet.target(image=fleet.images.base, files=files, user="1000:1000", read_only=True)
    assert fleet.run(target, "cat /run/secrets/password; id -u") == (0, "x\n1000")
    assert fleet.run(target, "echo > /new")[0] != 0
    assert fleet.run(evolve(target, content=evolve(target.content, user="1001:1001")), "cat /run/secrets/password")[0]


def test_what_the_image_has_in_a_folder_stays(fleet: FleetTrial) -> None:
    """A file beside others hides none of them; nobody can write there."""
    target = fleet.target(image=fleet.images.base, files=config_of("zona.conf", b"a\n", target="/bin/zona.conf"))
    assert fleet.run(target, "cat /bin/zona.conf && ls /bin/busybox") == (0, "a\n/bin/busybox")
    assert fleet.run(target, "echo > /bin/other")[0] != 0


def test_a_volume_that_was_not_filled(host: DockerHost, fleet: FleetTrial) -> None:
    """Somebody was killed while filling it: it is filled, and no container of that stays."""
    files = secret_of("password", b"x\n")
    target = fleet.target(image=fleet.images.base, files=files)
    fleet.converge(target)
    (volume,) = [name for name in fleet.world().volumes if name.startswith(f"{fleet.name}_web.files-")]
    fleet.engine.remove(fleet.name, target.engine_name, grace=0.0)
    host.client.remove_volume(volume)
    mount = {"Type": "volume", "Source": volume, "Target": "/run/secrets"}
    labels = {"zona.fleet": fleet.name, "zona.service": "web", "zona.kind": "filler"}
    options = {"Labels": {**labels, "zona.kind": "files"}}
    body = {
        "Image": fleet.images.base,
        "Labels": labels,
        "HostConfig": {"Mounts": [{**mount, "VolumeOptions": options}]},
    }
    host.client.create_container_from_config(body, f"{fleet.name}_web.filler.left")
    assert [each.kind for each in fleet.engine.unused(fleet.name) if each.kind != "network"] == ["container"]
    assert fleet.run(target, "cat /run/secrets/password") == (0, "x")
    assert [row["Names"] for row in _containers(host, fleet)] == []


def test_a_file_in_the_root(fleet: FleetTrial) -> None:
    """Is refused before anything is changed, and found before that."""
    target = fleet.target(image=fleet.images.base, files=config_of("app.conf", b"a", target="/app.conf"))
    assert ("file_place", True) in {(each.code, each.serious) for each in fleet.engine.findings(fleet.name, [target])}
    error = fleet.refused(target)
    assert (error.code, error.rolled_back) == ("file_missing", True)


def test_a_port_of_the_host_stops_first(host: DockerHost, fleet: FleetTrial, free_port: int) -> None:
    """Whatever the policy says; a failure has the very replica that was there work again."""
    target = fleet.target(ports=(published(free_port),))
    fleet.converge(target)
    newer = fleet.changed(target, image=fleet.images.works_too)
    fleet.converge(newer)
    _await_answer(host, free_port, fleet.images.answers[fleet.images.works_too])
    before = fleet.ids()
    error = fleet.refused(fleet.changed(newer, image=fleet.images.unhealthy))
    assert (error.code, error.rolled_back) == ("replica_unhealthy", True)
    assert fleet.ids() == before
    _await_answer(host, free_port, fleet.images.answers[fleet.images.works_too])


def test_a_port_that_a_program_of_the_host_has(host: DockerHost, fleet: FleetTrial, free_port: int) -> None:
    """No container has it; the engine's own words tell."""
    host.run("sh", "-c", f"busybox nc -l -p {free_port} >/dev/null 2>&1 </dev/null &")
    target = fleet.target(ports=(published(free_port),))
    error = fleet.refused(target)
    assert (error.code, error.rolled_back) == ("port_taken", True)
    assert fleet.names() == []


def test_ports_that_others_have_are_found(host: DockerHost, fleet: FleetTrial, free_port: int) -> None:
    """Those of a foreign container; those of the fleet's own services are not counted."""
    target = fleet.target(ports=(published(free_port),))
    fleet.converge(target)
    assert fleet.engine.findings(fleet.name, [target]) == []
    other = fleet.target("other", ports=(published(free_port),))
    (found,) = fleet.engine.findings(fleet.name, [other])
    assert (found.code, found.serious) == ("port_taken", True)
    assert str(free_port) in found.message


def test_proxies_find_only_what_works(host: DockerHost, fleet: FleetTrial) -> None:
    """A replica is in their network once it has proved itself, and so is one whose route is new: where it stands."""
    ingress = f"{fleet.name}_ingress"
    fleet.engine.ensure_network(fleet.name, NetworkTarget(engine_name=ingress))
    plain = fleet.target()
    fleet.converge(plain)
    before = fleet.ids()
    found = fleet.shown()
    assert found is not None
    assert found.proxied is False
    routed = evolve(plain, proxied=True)
    fleet.converge(routed)
    found = fleet.shown()
    assert found is not None
    assert (found.proxied, fleet.ids()) == (True, before)
    error = fleet.refused(fleet.changed(routed, image=fleet.images.unhealthy))
    assert error.rolled_back
    assert [_names_in(host, container, ingress) for container in before] == [[f"tasks.{routed.engine_name}"]]


def test_what_proxies_have_lost_is_found_again(host: DockerHost, fleet: FleetTrial) -> None:
    """Somebody took a replica out of their network: it is shown, and mended where it stands."""
    ingress = f"{fleet.name}_ingress"
    fleet.engine.ensure_network(fleet.name, NetworkTarget(engine_name=ingress))
    target = evolve(fleet.target(), proxied=True)
    fleet.converge(target)
    before = fleet.ids()
    host.client.disconnect_container_from_network(before[0], ingress)
    assert not make_plan(Targets(fleet=fleet.name, services=(target,)), fleet.world()).empty
    fleet.converge(target)
    assert fleet.ids() == before
    assert f"tasks.{target.engine_name}" in _names_in(host, before[0], ingress)


def test_no_replicas_are_noted(fleet: FleetTrial) -> None:
    """A service of none is still there, with what it is made of, and what it uses is used."""
    volume = f"{fleet.name}_data"
    fleet.engine.ensure_volume(fleet.name, VolumeTarget(engine_name=volume))
    target = fleet.target(image=fleet.images.base, mounts=(Mount(volume=volume, target="/data"),))
    fleet.converge(target)
    none = evolve(target, replicas=0)
    fleet.converge(none)
    newer = fleet.changed(none, environment={"VERSION": "2"})
    fleet.converge(newer)
    assert make_plan(Targets(fleet=fleet.name, services=(newer,)), fleet.world()).empty
    assert fleet.engine.unused(fleet.name, volumes=True) == []
    fleet.converge(evolve(newer, replicas=2))


def test_a_failure_tells_what_was_written_and_no_variable(fleet: FleetTrial) -> None:
    """The last lines of a replica, bounded."""
    script = "for n in $(seq 100); do echo line $n; done; exit 5"
    target = fleet.target(image=fleet.images.base, command=("sh", "-c", script), environment={"TOKEN": "canary"})
    error = fleet.refused(target)
    assert error.details["exit_code"] == 5
    assert error.details["log"][-1] == "line 100"
    assert len(error.details["log"]) < 50
    assert "canary" not in str(error.as_dict())


def test_one_that_begins_again_and_again(host: DockerHost, fleet: FleetTrial) -> None:
    """Is shown as failed, and one that fails its check as unhealthy: neither counts as working."""
    volume = f"{fleet.name}_data"
    fleet.engine.ensure_volume(fleet.name, VolumeTarget(engine_name=volume))
    check = HealthCheck(command=("test", "!", "-e", "/data/bad"), interval=0.5, retries=1)
    target = fleet.target(image=fleet.images.base, mounts=(Mount(volume=volume, target="/data"),), health=check)
    fleet.converge(target)
    assert fleet.run(target, "echo > /data/bad")[0] == 0
    for event in fleet.engine.events(fleet.name, stop=lambda: not _healthy(fleet)):
        assert event.service in ("web", "")
    found = fleet.shown()
    assert found is not None
    assert [task.state for task in found.tasks] == [ReplicaState.UNHEALTHY]
    assert not make_plan(Targets(fleet=fleet.name, services=(target,)), fleet.world()).empty


def test_fleets_whose_names_begin_alike(fleet: FleetTrial) -> None:
    """Labels tell them apart, not names."""
    longer = FleetTrial(fleet.engine, fleet.images, f"{fleet.name}-b")
    try:
        fleet.converge(fleet.target())
        longer.converge(longer.target())
        assert fleet.names() == longer.names() == ["web"]
        longer.clear()
        assert fleet.names() == ["web"]
        assert longer.names() == []
    finally:
        longer.clear()


@pytest.fixture
def free_port() -> int:
    """A port that nobody has on the engine's host, which is all this process's own."""
    return next(_PORTS)


def _healthy(fleet: FleetTrial) -> int:
    found = fleet.shown()
    return found.healthy if found else 0


def _await_answer(host: DockerHost, port: int, answer: str) -> None:
    """The small web server takes one connection at a time: one that its health check has may be in the way."""
    script = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/', timeout=5).read().decode())"
    until(lambda: answer in host.run("sh", "-c", f'{sys.executable} -c "{script}" 2>&1 || true'))


def _names_in(host: DockerHost, container: str, network: str) -> list[str]:
    point = host.client.inspect_container(container)["NetworkSettings"]["Networks"][network]
    return [name for name in point["Aliases"] if "." in name]


def _containers(host: DockerHost, fleet: FleetTrial) -> list[Any]:
    found: list[Any] = host.client.containers(all=True, filters={"label": f"zona.fleet={fleet.name}"})
    return found
