"""A fleet on three real nodes as operators see it: what it says of nodes in trouble, and what a killed one leaves."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import images
import pytest
from operators import Operators, file_of
from swarm_hosts import SwarmHost, SwarmHosts
from waiting import until

#: seconds, on a machine that does much else
PATIENCE = 180.0

Trouble = Callable[[SwarmHosts, SwarmHost], None]


@pytest.fixture
def operators(three_nodes: SwarmHosts, tmp_path: Path, fleet_name: str) -> Iterator[Operators]:
    """With a fleet that was applied once, on all nodes; nothing of it runs after the test."""
    made = Operators(tmp_path, three_nodes.url())
    made.file.write_text(file_of(fleet_name, images.WEB, images.WEB, replicas=6))
    done = made.run("apply", "--yes")
    assert done.returncode == 0, done.stderr
    yield made
    for service in three_nodes.manager.services(filters={"label": f"zona.fleet={fleet_name}"}):
        three_nodes.manager.remove_service(service["ID"])


@pytest.mark.parametrize(
    ("happens", "mended", "state"),
    [
        (lambda _, host: host.kill(), lambda _, host: host.start(), "down"),
        (lambda _, host: host.cut(), lambda _, host: host.mend(), "down"),
        (
            lambda swarm, host: swarm.availability(host, "drain"),
            lambda swarm, host: swarm.availability(host, "active"),
            "drained",
        ),
    ],
    ids=["killed", "cut off", "drained"],
)
def test_the_status_is_true_and_the_fleet_whole_again(
    three_nodes: SwarmHosts, operators: Operators, happens: Trouble, mended: Trouble, state: str
) -> None:
    """What a node had is not counted any more, and is elsewhere soon, with nothing left for anybody to do."""
    host = three_nodes.hosts[2]

    def web() -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = next(
            row["nodes"] for row in operators.status()["services"] if row["name"] == "web"
        )
        return found

    def state_of_node() -> str:
        return next(str(node["state"]) for node in operators.status()["nodes"] if node["name"] == host.name)

    assert host.name in web()
    happens(three_nodes, host)
    try:
        until(lambda: state_of_node() == state, PATIENCE)
        until(lambda: operators.status()["settled"], PATIENCE)
        assert host.name not in web()
        assert sum(cell["healthy"] for cell in web().values()) == 6
        assert operators.plan()["waves"] == []
    finally:
        mended(three_nodes, host)
        until(lambda: state_of_node() == "ready", PATIENCE)


def test_one_who_is_killed_leaves_what_can_be_finished(operators: Operators, fleet_name: str) -> None:
    """Killed with -9 while the Swarm replaces replicas: the next apply sees it to its end."""
    operators.file.write_text(file_of(fleet_name, images.WEB_2, images.WEB, replicas=6))
    killed = operators.begin("apply", "--yes")
    until(lambda: not operators.status()["settled"], PATIENCE)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=PATIENCE)
    done = operators.run("apply", "--yes", "--wait", "120")
    assert done.returncode == 0, done.stderr
    assert operators.status()["settled"]
    assert operators.plan()["waves"] == []
    assert "interrupted" in operators.run("history").stdout
