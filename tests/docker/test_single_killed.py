"""Whoever converges is killed in the middle: what is left is shown, and the next one brings it to its end."""

from __future__ import annotations

import pytest
from attrs import evolve
from converging import killed_at
from docker_host import DockerHost

from zona_core.domain.fleet.plan import Plan
from zona_core.domain.fleet.planning import make_plan
from zona_core.domain.fleet.specification import HealthCheck, Order
from zona_core.domain.fleet.targets import Mount, Target, Targets, VolumeTarget
from zona_core.domain.fleet.world import ReplicaState
from zona_core.testing._contract_engine_base import POLICY, FleetTrial, secret_of


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("told", [1, 2, 3])
def test_an_update_is_finished(host: DockerHost, fleet: FleetTrial, order: Order, told: int) -> None:
    """By the next one, after whichever progress; the plan says that there is something left, and then nothing."""
    target = fleet.target(replicas=2, update=evolve(POLICY, order=order), files=secret_of("password", b"x"))
    fleet.converge(target)
    newer = fleet.changed(target, image=fleet.images.works_too)
    killed_at(told, host.url, fleet.name, newer)
    assert not _plan(fleet, newer).empty
    fleet.converge(newer)
    assert _plan(fleet, newer).empty
    assert len(_containers(host, fleet)) == 2


def test_a_creation_is_finished(host: DockerHost, fleet: FleetTrial) -> None:
    """What runs already stays."""
    target = fleet.target(replicas=2, update=evolve(POLICY, monitor=3.0))
    killed_at(1, host.url, fleet.name, target)
    begun = _containers(host, fleet)
    fleet.converge(target)
    assert _containers(host, fleet) == begun


def test_the_next_one_may_fail(host: DockerHost, fleet: FleetTrial) -> None:
    """Then what was before either of them runs again, with the very replicas that the killed one had stopped."""
    volume = f"{fleet.name}_data"
    fleet.engine.ensure_volume(fleet.name, VolumeTarget(engine_name=volume))
    mounts = (Mount(volume=volume, target="/data"),)
    target = fleet.target(image=fleet.images.base, mounts=mounts, replicas=2)
    fleet.converge(target)
    old = fleet.ids()
    assert fleet.run(target, "echo > /data/fine")[0] == 0
    check = HealthCheck(command=("test", "-e", "/data/fine"), interval=0.5, retries=1)
    newer = fleet.changed(target, health=check)
    killed_at(3, host.url, fleet.name, newer)
    assert len(_containers(host, fleet)) > 2
    assert fleet.run(target, "rm /data/fine")[0] == 0
    error = fleet.refused(newer)
    assert (error.code, error.rolled_back) == ("replica_unhealthy", True)
    assert fleet.ids() == old
    found = fleet.shown()
    assert found is not None
    assert [task.state for task in found.tasks] == [ReplicaState.HEALTHY] * 2
    assert _plan(fleet, target).empty


def _plan(fleet: FleetTrial, target: Target) -> Plan:
    return make_plan(Targets(fleet=fleet.name, services=(target,)), fleet.world())


def _containers(host: DockerHost, fleet: FleetTrial) -> set[str]:
    """All that the fleet has, whatever they are for."""
    return {row["Id"] for row in host.client.containers(all=True, filters={"label": f"zona.fleet={fleet.name}"})}
