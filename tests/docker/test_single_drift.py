"""What somebody changes by hand is shown, and mended: in place where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from docker_host import DockerHost

from zona_core.domain.fleet.plan import Reason
from zona_core.domain.fleet.planning import make_plan
from zona_core.domain.fleet.specification import Resources
from zona_core.domain.fleet.targets import NetworkTarget, Target, Targets
from zona_core.testing._contract_engine_base import FleetTrial

Change = Callable[[Any, str, str], None]

#: what is done to a container: by its id, in its network
IN_PLACE: dict[str, Change] = {
    "memory": lambda client, container, network: client.update_container(
        container, mem_limit=96 << 20, memswap_limit=192 << 20
    ),
    "processors": lambda client, container, network: client.post(
        f"{client.base_url}/v{client.api_version}/containers/{container}/update", json={"NanoCpus": 700_000_000}
    ).raise_for_status(),
    "network lost": lambda client, container, network: client.disconnect_container_from_network(container, network),
    "restart policy": lambda client, container, network: client.update_container(
        container, restart_policy={"Name": "no"}
    ),
    "paused": lambda client, container, network: client.pause(container),
}
REPLACED: dict[str, Change] = {
    "limit that was not wanted": lambda client, container, network: client.update_container(
        container, cpu_shares=2, mem_reservation=8 << 20
    ),
    "stopped": lambda client, container, network: client.stop(container, timeout=1),
    "killed and removed": lambda client, container, network: client.remove_container(container, force=True),
}


@pytest.mark.parametrize("change", list(IN_PLACE))
def test_what_is_mended_in_place(host: DockerHost, fleet: FleetTrial, change: str) -> None:
    """The plan says so; the replicas stay the same; then the plan is empty."""
    target = _target(fleet)
    fleet.converge(target)
    before = fleet.ids()
    IN_PLACE[change](host.client, before[0], fleet.network)
    steps = _steps(fleet, target)
    assert steps
    assert set(steps[0].reasons) <= {Reason.DRIFT, Reason.BROKEN, Reason.UNFINISHED}
    assert fleet.converge(target).content == target.content
    assert fleet.ids() == before
    assert not _steps(fleet, target)


@pytest.mark.parametrize("change", list(REPLACED))
def test_what_is_replaced(host: DockerHost, fleet: FleetTrial, change: str) -> None:
    """Only the replica that was changed."""
    target = _target(fleet)
    fleet.converge(target)
    before = fleet.ids()
    REPLACED[change](host.client, before[0], fleet.network)
    assert _steps(fleet, target)
    fleet.converge(target)
    assert before[0] not in fleet.ids()
    assert before[1] in fleet.ids()
    assert not _steps(fleet, target)


def test_a_network_that_it_was_put_in(host: DockerHost, fleet: FleetTrial) -> None:
    """Is shown, and left."""
    other = f"{fleet.name}_other"
    fleet.engine.ensure_network(fleet.name, NetworkTarget(engine_name=other))
    target = _target(fleet)
    fleet.converge(target)
    before = fleet.ids()
    host.client.connect_container_to_network(before[0], other)
    found = fleet.shown()
    assert found is not None
    assert other in found.content.networks
    assert fleet.converge(target).content == target.content
    assert fleet.ids() == before


def test_names_are_given_back(host: DockerHost, fleet: FleetTrial) -> None:
    """A replica that somebody put back into its network without its names gets them."""
    target = _target(fleet)
    fleet.converge(target)
    container = fleet.ids()[0]
    host.client.disconnect_container_from_network(container, fleet.network)
    host.client.connect_container_to_network(container, fleet.network)
    assert _steps(fleet, target)
    fleet.converge(target)
    networks = host.client.inspect_container(container)["NetworkSettings"]["Networks"]
    assert "web" in networks[fleet.network]["Aliases"]


def test_one_that_crashes_comes_back(host: DockerHost, fleet: FleetTrial) -> None:
    """By the engine, and is the same one."""
    target = fleet.target(image=fleet.images.base, command=("sh", "-c", "sleep 3; exit 1"))
    fleet.converge(target)
    container = fleet.ids()[0]
    started = host.client.inspect_container(container)["State"]["StartedAt"]
    while host.client.inspect_container(container)["RestartCount"] == 0:
        next(iter(fleet.engine.events(fleet.name)))
    assert fleet.ids() == [container]
    assert host.client.inspect_container(container)["State"]["StartedAt"] != started


def _target(fleet: FleetTrial) -> Target:
    return fleet.target(replicas=2, resources=Resources(cpus=0.5, memory=64 << 20))


def _steps(fleet: FleetTrial, target: Target) -> tuple[Any, ...]:
    targets = Targets(fleet=fleet.name, services=(target,))
    return make_plan(targets, fleet.world(), previous=targets).steps
