"""What the fleet costs beside the bare Docker SDK and ``docker stack deploy`` in the same run.

Measured are an apply that finds nothing to do, and services from nothing. Starts engines of its own, in namespaces of
their own; that takes root, ``dockerd`` and iproute2. Without them it says so and ends with 1.
"""

from __future__ import annotations

import base64
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _report import Figure, arguments, figure, finish, side_by_side
from attrs import define

from zona_core import Zona

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from _fleet_bare import (
    await_gone,
    list_and_inspect_containers,
    list_and_inspect_services,
    stack_deploy,
    stack_remove,
)
from _fleet_samples import SETTINGS, fleet_of, stack_of
from docker_host import docker_host
from images import small_images
from swarm_hosts import SwarmHosts, SwarmMissing, swarm_hosts

_FLEET, _STACK = "bench", "stack"
_ROUNDS = 20


@define(frozen=True)
class Sizes:
    """How much is measured."""

    #: services made from nothing, and so many times
    made: int
    rounds: int
    #: services that are as they are to be
    found: int


@contextmanager
def installation(engine: str, folder: Path) -> Iterator[Zona]:
    """Everything is on as in production: permissions, audit, encryption, each commit on the disk."""
    home = tempfile.mkdtemp(dir=folder)
    with Zona(store=f"sqlite:///{home}/zona.db", home=home, container_engine=engine) as zona:
        yield zona


def measure_converging(zona: Zona, swarm: SwarmHosts, folder: Path, services: int, rounds: int) -> Figure:
    """Services from nothing on a Swarm of one node, and the same by ``docker stack deploy`` and its wait; in turns."""
    client, host, file = swarm.manager, swarm.hosts[0].host, stack_of(services, folder)
    ours, bare = [], []
    for _ in range(rounds):
        bare.append(_seconds(lambda: stack_deploy(client, host, _STACK, file, services)))
        stack_remove(client, host, _STACK)
        ours.append(_seconds(lambda: zona.system().fleet.apply(fleet_of(_FLEET, services))))
        zona.system().fleet.apply(fleet_of(_FLEET, 0))
        await_gone(client)
    return figure(f"{services} services from nothing, s, beside docker stack deploy", min(ours), min(bare), 1.0)


def measure_nothing(zona: Zona, bare: Callable[[], list[Any]], what: str, services: int) -> Figure:
    """An apply that finds all as it is to be, beside listing and inspecting the services once."""
    source = fleet_of(_FLEET, services, checked=False)
    zona.system().fleet.apply(source)
    before = len(zona.system().fleet.history())
    assert len(bare()) == services
    ours_us, bare_us = side_by_side(lambda: zona.system().fleet.apply(source), bare, rounds=_ROUNDS, calls=1)
    assert len(zona.system().fleet.history()) == before, "an apply that was to change nothing did change something"
    return figure(f"apply without a change, {services} services ({what}), ms", ours_us / 1e3, bare_us / 1e3, 2.0)


def on_swarm(folder: Path, sizes: Sizes) -> list[Figure]:
    """Both goals, on a Swarm of one node."""
    with swarm_hosts(1, [small_images()]) as swarm, installation(swarm.url(), folder) as zona:
        converging = measure_converging(zona, swarm, folder, sizes.made, sizes.rounds)
        label = f"zona.fleet={_FLEET}"
        found = measure_nothing(zona, lambda: list_and_inspect_services(swarm.manager, label), "Swarm", sizes.found)
        return [found, converging]


def on_one_host(folder: Path, sizes: Sizes) -> list[Figure]:
    """The first goal, on a single engine."""
    with docker_host([small_images()]) as host, installation(host.url, folder) as zona:
        label = f"zona.fleet={_FLEET}"
        return [measure_nothing(zona, lambda: list_and_inspect_containers(host.client, label), "one host", sizes.found)]


def main() -> None:
    """Measures and prints."""
    options = arguments(__doc__.splitlines()[0])
    sizes = Sizes(made=5, found=8, rounds=1) if options.quick else Sizes(made=20, found=50, rounds=2)
    os.environ["ZONA_MASTER_KEY"] = base64.b64encode(os.urandom(32)).decode()
    if shutil.which("docker") is None:
        raise SystemExit("the fleet cannot be measured here: the command docker is not installed")
    with tempfile.TemporaryDirectory() as name:
        try:
            figures = [
                *on_swarm(Path(name), sizes),
                *on_one_host(Path(name), sizes),
            ]
        except SwarmMissing as exc:
            raise SystemExit(f"the fleet cannot be measured here: {exc}") from exc
    settings = {
        "engines": "dockerd of this machine, in namespaces of their own, 1 node; images loaded beforehand",
        "services": SETTINGS,
        "on": "permissions, audit, encryption, sqlite with synchronous=FULL",
        "size": f"{sizes.found} services found (the goal is for 50), {sizes.made} made (the goal is for 20)",
    }
    finish(figures, settings, as_json=options.json)


def _seconds(action: Callable[[], Any]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    began = time.perf_counter()
    main()
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
