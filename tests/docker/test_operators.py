"""Operators at their command lines, with a real engine: one is killed, two come at once, one only looks after it."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import images
import pytest
from docker_host import DockerHost
from operators import Operators, file_of
from waiting import until

#: seconds, on a machine that does much else
PATIENCE = 180.0
LOCKED = 23


class Shop:
    """A fleet of two services, its operators, and its containers."""

    def __init__(self, host: DockerHost, folder: Path) -> None:
        self.host = host
        self.name = f"t{secrets.token_hex(4)}"
        self.operators = Operators(folder, host.url)

    def write(self, web: str = images.WEB, **changes: str) -> None:
        """``fleet.toml``, as whoever looks after it wants it."""
        self.operators.file.write_text(file_of(self.name, web, images.WEB, **changes))

    def apply(self) -> str:
        """Applied, and said so."""
        done = self.operators.run("apply", "--yes")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def containers(self, service: str = "") -> set[str]:
        """Ids of those that run."""
        labels = [f"zona.fleet={self.name}"] + ([f"zona.service={service}"] if service else [])
        return {each["Id"] for each in self.host.client.containers(filters={"label": labels})}

    def clear(self) -> None:
        """Has nothing of it be left."""
        ours = {"label": f"zona.fleet={self.name}"}
        for container in self.host.client.containers(all=True, filters=ours):
            self.host.client.remove_container(container["Id"], force=True, v=True)
        for network in self.host.client.networks(filters=ours):
            self.host.client.remove_network(network["Id"])


@pytest.fixture
def shop(host: DockerHost, tmp_path: Path) -> Iterator[Shop]:
    """Applied once."""
    made = Shop(host, tmp_path)
    made.write()
    made.apply()
    yield made
    made.clear()


def test_nothing_to_do_is_nothing_done(shop: Shop) -> None:
    """The engine tells of nothing that was made, changed or removed, and each container is the same."""
    before = shop.containers()
    since = time.time()
    assert shop.apply().startswith("nothing to do")
    done = [event for event in _events(shop.host, since) if not event["Action"].startswith(("exec_", "health_status"))]
    assert done == []
    assert shop.containers() == before


def test_one_variable_touches_one_service(shop: Shop) -> None:
    """The plan names it, and nothing else has another container afterwards."""
    other, web = shop.containers("other"), shop.containers("web")
    shop.write(level="debug")
    [[step]] = shop.operators.plan()["waves"]
    assert (step["service"], [each["path"] for each in step["differences"]]) == ("web", ["environment.LOG_LEVEL"])
    shop.apply()
    assert shop.containers("other") == other
    assert shop.containers("web").isdisjoint(web)


def test_one_who_is_killed_leaves_what_can_be_finished(shop: Shop) -> None:
    """Killed with -9 while replicas are replaced: the next plan says what is left, and the next apply does it."""
    before = shop.containers("web")
    shop.write(web=images.WEB_2)
    killed = shop.operators.begin("apply", "--yes")
    until(lambda: shop.containers("web") - before, PATIENCE)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=PATIENCE)
    left = shop.operators.plan()
    assert [step["service"] for wave in left["waves"] for step in wave] == ["web"]
    done = shop.operators.run("apply", "--yes", "--wait", "120")
    assert done.returncode == 0, done.stderr
    assert shop.operators.plan()["waves"] == []
    assert len(shop.containers("web")) == 2
    assert shop.containers("web").isdisjoint(before)
    assert "interrupted" in shop.operators.run("history").stdout


def test_of_two_one_is_told_who_the_other_is(shop: Shop) -> None:
    """While one applies another is refused, or waits if that is what it asked for; both changes are made then."""
    shop.write(web=images.WEB_2)
    first = shop.operators.begin("apply", "--yes", "--reason", "the second version")
    until(lambda: shop.operators.run("lock", "status").stdout.startswith("Fleet"), PATIENCE)
    shop.write(web=images.WEB_2, level="debug")
    refused = shop.operators.run("apply", "--yes")
    waiting = shop.operators.run("apply", "--yes", "--wait", "120")
    _, error = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, error
    assert refused.returncode == LOCKED
    assert "the second version" in refused.stderr
    assert waiting.returncode == 0, waiting.stderr
    assert shop.operators.plan()["waves"] == []


def test_a_watcher_mends_what_somebody_took_away(shop: Shop) -> None:
    """A container that was removed by hand is there again, and the watcher ends when it is told to."""
    before = shop.containers("web")
    watcher = shop.operators.begin("watch", "--interval", "1")
    try:
        shop.host.client.remove_container(min(before), force=True)
        until(lambda: len(shop.containers("web")) == 2 and shop.operators.status()["settled"], PATIENCE)
    finally:
        watcher.send_signal(signal.SIGTERM)
        out, error = watcher.communicate(timeout=PATIENCE)
    assert watcher.returncode == 0, out + error
    assert before - {min(before)} < shop.containers("web")


def _events(host: DockerHost, since: float) -> list[dict[str, Any]]:
    """What the engine did from then on; its clock is this machine's."""
    return list(host.client.events(since=since, until=time.time(), decode=True))
