"""A fleet with a proxy in front of a web service, and what a client of it sees while it is updated."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from images import EXITS, HEALTHY_TEXTS, MISSING, ROOT, UNHEALTHY, WEB, WEB_2, WEB_3, archive_of, small_images
from polling import Polling, polling

from zona_core import DeploymentFailed, Zona
from zona_core.domain.fleet.deployments import Deployment, DeploymentStatus
from zona_core.fleet_files import load_fleet

__all__ = ["ProxiedFleet", "check_all", "proxied_fleet", "proxy_images"]

#: a developer waits for the short form only
LONG = not {"CI", "ZONA_CHAOS"}.isdisjoint(os.environ)

#: the proxy's, open on the host that it runs on
PORT = 8080
#: codes of the failures that an image stands for
CODES = {EXITS: ("replica_exited",), UNHEALTHY: ("replica_unhealthy",), MISSING: ("image_missing",)}
#: of ``zona fleet apply``, when all is as it was
ROLLED_BACK = 20

SPECIFICATION = """\
name = "shop"

[roles.edge]
hosts = ["node1", "single"]

[configs]
proxy = {{ routes = "haproxy" }}

[services.web]
image = "{image}"
replicas = {replicas}
update = {{ monitor = 1.0, deadline = 60.0 }}
health = {{ command = ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/healthz"], interval = 1.0, retries = 2 }}
routes = [{{ proxy = "proxy", listen = {port}, target = 8080, check = "/healthz" }}]

[services.proxy]
image = "zona/haproxy:2"
accessory = true
role = "edge"
read_only = true
configs = [{{ name = "proxy", target = "/usr/local/etc/haproxy/haproxy.cfg" }}]
ports = [{{ target = {port}, published = {port} }}]
"""


def proxy_images() -> list[Path]:
    """Archives of the images that the fleet needs."""
    return [small_images(), archive_of("haproxy", "haproxy", definitions=ROOT / "deploy" / "images.toml")]


class ProxiedFleet:
    """The fleet, its Zona, and where it runs."""

    def __init__(self, zona: Zona, folder: Path, engine: str, entering: list[str]) -> None:
        self.zona = zona
        self._folder = folder
        self._engine = engine
        self._entering = entering
        self.codes = dict(CODES)

    def apply(self, image: str) -> Deployment:
        """Has the web service run this image, through the library."""
        return self.zona.system().fleet.apply(load_fleet(self._file(image)))

    def apply_by_command(self, image: str) -> subprocess.CompletedProcess[str]:
        """The same, as an operator does it."""
        code = "import sys; from zona_cli.main import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "fleet", "apply", "--file", str(self._file(image)), "--yes"]
        surroundings = {
            **os.environ,
            "ZONA_HOME": str(self._folder),
            "ZONA_CONTAINER_ENGINE": self._engine,
        }
        return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False, timeout=180)

    @contextmanager
    def client(self) -> Iterator[Polling]:
        """A client that polls the proxy for the time of the block; not one of its requests may fail."""
        with polling("127.0.0.1", PORT, self._entering) as found:
            yield found
        assert found.failures == []
        assert found.sent == sum(found.answers.values()) > 0

    def check_update(self, before: str, after: str) -> None:
        """A rolling update from one image that works to another: answers are those of the old or of the new one."""
        with self.client() as seen:
            assert self.apply(after).status is DeploymentStatus.SUCCEEDED
        assert set(seen.answers) == {HEALTHY_TEXTS[before], HEALTHY_TEXTS[after]}

    def check_failure(self, image: str, running: str, *, by_command: bool = False) -> None:
        """An update to an image that does not work: undone, said why, and no client has noticed."""
        with self.client() as seen:
            if by_command:
                done = self.apply_by_command(image)
                assert done.returncode == ROLLED_BACK, done.stderr
                assert any(code in done.stdout + done.stderr for code in self.codes[image]), done.stdout + done.stderr
            else:
                self._fail(image)
        assert self.zona.system().fleet.history(limit=1)[0].status is DeploymentStatus.ROLLED_BACK
        assert set(seen.answers) == {HEALTHY_TEXTS[running]}

    def _fail(self, image: str) -> None:
        with pytest.raises(DeploymentFailed) as caught:
            self.apply(image)
        assert caught.type is DeploymentFailed, caught.value
        assert caught.value.details["code"] in self.codes[image], caught.value.details

    def _file(self, image: str) -> Path:
        file = self._folder / "fleet.toml"
        file.write_text(SPECIFICATION.format(image=image, replicas=3 if LONG else 2, port=PORT))
        return file


@contextmanager
def proxied_fleet(
    folder: Path, engine: str, entering: list[str], replicas: int = 3 if LONG else 2
) -> Iterator[ProxiedFleet]:
    """The fleet with the first image, running."""
    with Zona.embedded(folder, container_engine=engine) as zona:
        fleet = ProxiedFleet(zona, folder, engine, entering)
        assert fleet.apply(WEB).status is DeploymentStatus.SUCCEEDED
        with fleet.client() as seen:
            assert fleet.apply(WEB).plan.empty
        assert set(seen.answers) == {HEALTHY_TEXTS[WEB]}
        yield fleet


def check_all(fleet: ProxiedFleet) -> None:
    """What a client of the fleet must never notice, one after the other; with ``ZONA_CHAOS`` all that there is."""
    fleet.check_update(WEB, WEB_2)
    fleet.check_failure(EXITS, WEB_2, by_command=True)
    fleet.check_failure(UNHEALTHY, WEB_2)
    if LONG:
        fleet.check_failure(MISSING, WEB_2)
        fleet.check_failure(UNHEALTHY, WEB_2, by_command=True)
        fleet.check_failure(MISSING, WEB_2, by_command=True)
        fleet.check_update(WEB_2, WEB_3)
        fleet.check_failure(EXITS, WEB_3)
