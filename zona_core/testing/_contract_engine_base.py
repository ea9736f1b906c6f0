"""What the parts of the engines' contract share: images, a fleet of the test's own, targets."""

from __future__ import annotations

import hashlib
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest
from attrs import define, evolve

from zona_core.domain.fleet.hashing import canonical, content_hash
from zona_core.domain.fleet.specification import HealthCheck, Hook, Port, PortMode, UpdatePolicy
from zona_core.domain.fleet.targets import Content, FileKind, FileMount, NetworkTarget, Target
from zona_core.domain.fleet.world import Replica, ReplicaState, RolloutState, RunningService, World
from zona_core.errors import RolloutFailed
from zona_core.ports.engines import ContainerEngine, Progress

__all__ = [
    "FOREVER",
    "PATIENCE",
    "POLICY",
    "EnginesContractBase",
    "FleetTrial",
    "Images",
    "awaited",
    "config_of",
    "published",
    "secret_of",
    "settled",
]

#: seconds, longer than anything here takes; reached only where something hangs
PATIENCE: Final = 120.0

#: how replicas are replaced unless a test says something else
POLICY: Final = UpdatePolicy(monitor=0.5, deadline=PATIENCE)

#: NOTE: Debian's static busybox 1.35 crashes looking up a name, but for its own ``nslookup``, and with ``wget -T``.
_GET: Final = (
    "for address in $(nslookup {host} | sed -n '/^Name/,$s/^Address: *//p'); "
    "do timeout 5 wget -q -O - http://$address:{port}/ && exit; done; exit 1"
)

#: a command for ``Images.base`` that goes on until it is stopped
FOREVER: Final = ("sh", "-c", "while :; do sleep 1; done")


@define(frozen=True, kw_only=True)
class Images:
    """Names of images, and how they behave. Whatever is not ``missing`` is with the engine, on each of its nodes."""

    #: ``sh`` and busybox's commands, or those that behave alike; tests always say what it runs
    base: str
    #: answer one line to a GET on ``port`` by their own command, each another one; they end when they are told to
    works: str
    works_too: str
    answers: Mapping[str, str]
    port: int = 8080
    #: a script for ``base`` that writes what ``{host}`` answers on ``{port}``
    get: str = _GET
    #: the check that those two pass, in about a second
    health: HealthCheck
    #: as the others, but the check fails
    unhealthy: str
    #: ends at once, by its own command, with ``exit_code``
    exits: str
    exit_code: int
    #: nobody has it, and nobody can get it
    missing: str


class FleetTrial:
    """A fleet of the test's own, with one network."""

    def __init__(self, engine: ContainerEngine, images: Images, name: str) -> None:
        self.engine = engine
        self.images = images
        self.name = name
        self.network = f"{name}_default"
        self.progress: list[Progress] = []
        engine.ensure_network(name, NetworkTarget(engine_name=self.network))

    def target(
        self,
        name: str = "web",
        *,
        replicas: int = 1,
        restarts: int = 0,
        update: UpdatePolicy = POLICY,
        files: Mapping[FileMount, bytes] | None = None,
        **content: Any,
    ) -> Target:
        """A service of the image that works and of its health check, unless ``content`` says something else."""
        image = {"image": self.images.works, "health": self.images.health}
        if content.get("image") == self.images.base:
            image = {"command": FOREVER}
        given = {**image, "networks": (self.network,), "aliases": (name,), "stop_grace": 1.0, **content}
        files = files or {}
        made = Content(**{"files": tuple(sorted(files, key=lambda file: file.target)), **given})
        return Target(
            name=name, engine_name=f"{self.name}_{name}", content=made, hash=content_hash(made), replicas=replicas,
            restarts=restarts, update=update, data={mount.digest: data for mount, data in files.items()},
        )  # fmt: skip

    def changed(self, target: Target, **content: Any) -> Target:
        """The same with another content."""
        made = evolve(target.content, **content)
        return evolve(target, content=made, hash=content_hash(made))

    def converge(self, target: Target) -> RunningService:
        """Has it be so; what the engine shows then, which is just as it was wanted."""
        self.engine.converge(self.name, target, self.progress.append)
        found = self.shown(target.name)
        assert found is not None
        assert (found.hash, found.restarts, found.replicas) == (target.hash, target.restarts, target.replicas)
        assert canonical(found.content) == canonical(target.content), canonical(found.content)
        assert found.rollout in (RolloutState.SETTLED, RolloutState.ROLLED_BACK), found.rollout
        works = [(ReplicaState.HEALTHY, target.hash)] * target.replicas
        assert [(task.state, task.hash) for task in found.tasks] == works, found.tasks
        return found

    def refused(self, target: Target) -> RolloutFailed:
        """Has it be so, which fails; how."""
        with pytest.raises(RolloutFailed) as caught:
            self.engine.converge(self.name, target, self.progress.append)
        return caught.value

    def world(self) -> World:
        """All that there is."""
        return self.engine.world(self.name)

    def shown(self, name: str = "web") -> RunningService | None:
        """One service as the engine shows it."""
        return self.world().service(name)

    def names(self) -> list[str]:
        """The services that there are."""
        return sorted(service.name for service in self.world().services)

    def ids(self, name: str = "web") -> list[str]:
        """The ids of a service's replicas, in order; none if there is no such service."""
        found = self.shown(name)
        return sorted(task.id for task in found.tasks) if found is not None else []

    def run(self, target: Target, script: str, timeout: float = PATIENCE) -> tuple[int, str]:
        """Runs a script once in a container like the target's."""
        return self.engine.run_once(self.name, target, Hook(command=("sh", "-c", script), timeout=timeout))

    def await_answer(self, asking: Target, host: str, answer: str) -> None:
        """Returns once that is what a host answers to a container like ``asking``."""
        script = self.images.get.format(host=host, port=self.images.port)
        awaited(lambda: self.run(asking, script) == (0, answer), f"{host} never answers {answer}")

    def clear(self) -> None:
        """Removes all of it."""
        for service in self.world().services:
            self.engine.remove(self.name, service.engine_name, grace=0.0)
        ends = time.monotonic() + PATIENCE
        while left := self.engine.unused(self.name, volumes=True):
            assert time.monotonic() < ends, f"these cannot be removed: {left}"
            self.engine.discard(self.name, left)


class EnginesContractBase:
    """Fixtures; ``engine`` and ``images`` are the adapter's to give."""

    @pytest.fixture
    def engine(self) -> ContainerEngine:
        """The engine under test; it may be the same for all tests."""
        raise pytest.UsageError("the subclass of EnginesContract lacks the fixture engine")

    @pytest.fixture
    def images(self) -> Images:
        """The images that it has."""
        raise pytest.UsageError("the subclass of EnginesContract lacks the fixture images")

    @pytest.fixture
    def free_port(self) -> int:
        """A port that can be published, on each node; an engine on another host may say a better one."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    @pytest.fixture
    def new_fleet(self, engine: ContainerEngine, images: Images) -> Iterator[Callable[[], FleetTrial]]:
        """Makes fleets, which are gone after the test."""
        made: list[FleetTrial] = []

        def new() -> FleetTrial:
            made.append(FleetTrial(engine, images, f"t{secrets.token_hex(4)}"))
            return made[-1]

        yield new
        for fleet in made:
            fleet.clear()

    @pytest.fixture
    def fleet(self, new_fleet: Callable[[], FleetTrial]) -> FleetTrial:
        """A fleet of the test's own."""
        return new_fleet()


def secret_of(name: str, data: bytes, **how: Any) -> dict[FileMount, bytes]:
    """A secret, mounted where secrets are, and its bytes."""
    return {_mount(FileKind.SECRET, name, data, {"target": f"/run/secrets/{name}", **how}): data}


def config_of(name: str, data: bytes, **how: Any) -> dict[FileMount, bytes]:
    """A configuration, mounted below /etc/zona unless ``how`` says something else, and its bytes."""
    return {_mount(FileKind.CONFIG, name, data, {"target": f"/etc/zona/{name}", "mode": 0o444, **how}): data}


def _mount(kind: FileKind, name: str, data: bytes, how: Mapping[str, Any]) -> FileMount:
    return FileMount(kind=kind, name=name, digest=hashlib.sha256(data).hexdigest(), **how)


def published(number: int) -> Port:
    """Port 8080 of replicas, under that number on the nodes where they are."""
    return Port(target=8080, published=number, mode=PortMode.HOST)


def settled(world: World) -> list[RunningService]:
    """A world's services without what tells how they came to be as they are."""

    def plain(task: Replica) -> Replica:
        return evolve(task, since=None, message="")

    return [
        evolve(service, rollout=RolloutState.SETTLED, message="", since=None, tasks=tuple(map(plain, service.tasks)))
        for service in world.services
    ]


def awaited(condition: Callable[[], bool], what: str) -> None:
    """Returns once it holds; for what an engine does by itself, which nobody can be told of."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, what
        time.sleep(0.2)
