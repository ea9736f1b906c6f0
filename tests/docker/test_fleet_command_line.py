"""``zona fleet`` with a real engine, as an operator uses it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import images
import pytest
from click.testing import CliRunner, Result
from docker_host import DockerHost

from zona_cli.main import cli

FILE = """
name = "{name}"

[secrets.word]
environment = "FLEET_WORD"

[services.web]
image = "{image}"
replicas = 2
secrets = [{{ name = "word" }}]
health = {{ command = {command}, interval = 1, timeout = 4, retries = 2 }}
update = {{ monitor = 1 }}

[services.other]
image = "{other}"
group = "system"
update = {{ monitor = 1 }}
"""
SECRET = "canary-command-line"

Fleet = Callable[..., Result]
Write = Callable[[str], None]


@pytest.fixture
def name(host: DockerHost) -> Iterator[str]:
    """Of the fleet; none of its containers, volumes and networks stays."""
    name = f"t{secrets.token_hex(4)}"
    yield name
    client, ours = host.client, {"label": f"zona.fleet={name}"}
    for container in client.containers(all=True, filters=ours):
        client.remove_container(container["Id"], force=True, v=True)
    for network in client.networks(filters=ours):
        client.remove_network(network["Id"])
    for volume in client.volumes(filters=ours)["Volumes"] or ():
        client.remove_volume(volume["Name"])


@pytest.fixture
def write(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes ``fleet.toml`` into the working folder: ``write(image)``."""
    monkeypatch.chdir(tmp_path)

    def written(image: str) -> None:
        command = json.dumps(list(images.HEALTH.command))
        Path("fleet.toml").write_text(FILE.format(name=name, image=image, other=images.WEB, command=command))

    written(images.WEB)
    return written


@pytest.fixture
def fleet(host: DockerHost, write: Write, tmp_path: Path) -> Fleet:
    """``zona fleet``, after ``zona init``."""
    environment = {each: None for each in os.environ if each.startswith("ZONA_")} | {
        "ZONA_HOME": str(tmp_path / "home"),
        "ZONA_CONTAINER_ENGINE": host.url,
        "FLEET_WORD": SECRET,
    }
    runner = CliRunner(env=environment)
    assert runner.invoke(cli, ["init"], prog_name="zona").exit_code == 0
    return lambda *arguments: runner.invoke(cli, ["fleet", *arguments], prog_name="zona")


def test_from_a_file_to_containers_and_back(host: DockerHost, fleet: Fleet, write: Write, name: str) -> None:
    """Applied once and again, changed, failed, gone back: what is not meant keeps its containers all the time."""

    def running(service: str) -> set[str]:
        labels = [f"zona.fleet={name}", f"zona.service={service}"]
        return {each["Id"] for each in host.client.containers(filters={"label": labels})}

    assert fleet("plan").exit_code == 2
    first = fleet("apply", "--yes")
    assert first.exit_code == 0, first.output
    web, other = running("web"), running("other")
    assert (len(web), len(other)) == (2, 1)
    again = fleet("apply", "--yes")
    assert (again.exit_code, again.stdout.startswith("nothing to do")) == (0, True)
    assert fleet("plan").exit_code == 0
    assert (running("web"), running("other")) == (web, other)

    write(images.EXITS)
    assert fleet("apply", "--yes").exit_code == 20
    assert data(fleet("status", "-o", "json"))["settled"]
    write(images.MISSING)
    assert fleet("doctor").exit_code == 5
    assert fleet("apply", "--yes").exit_code == 20
    assert running("other") == other

    write(images.WEB_2)
    assert fleet("apply", "--yes").exit_code == 0
    assert running("web").isdisjoint(web)
    assert "answers two" in fleet("logs", "web").stdout
    assert fleet("rollback").exit_code == 0
    assert "answers one" in fleet("logs", "web").stdout
    assert running("other") == other
    told = "".join(
        fleet(*each).output for each in (["history"], ["show", "1"], ["plan"], ["events"], ["explain", "web"])
    )
    assert SECRET not in told


def data(done: Result) -> dict[str, object]:
    """What a command wrote as JSON."""
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout)
    return found
