"""What a ``MemoryEngine`` holds: nodes, services and their replicas, files, volumes, networks; and who called it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count

from attrs import Factory, define, evolve, field

from zona_core.domain.fleet.names import INGRESS_NETWORK, engine_name
from zona_core.domain.fleet.specification import PortMode
from zona_core.domain.fleet.targets import Content, FileMount, Target
from zona_core.domain.fleet.world import EngineKind, Node, NodeState, Replica, ReplicaState, RolloutState
from zona_core.errors import EngineUnavailable, RolloutFailed
from zona_core.inprocess import SystemClock
from zona_core.ports.clock import Clock
from zona_core.ports.engines import EngineEvent

from ._memory_images import Life, MemoryImage, Place
from ._memory_shell import File

__all__ = ["Call", "FileKey", "Host", "Kept", "Service", "Task", "file_key", "without_data"]


@define(frozen=True, kw_only=True)
class Call:
    """One call of the engine's API, as a real one would have got it."""

    #: from 1, over the engine's life
    number: int
    #: ``inspect``, ``create``, ``stop``, ``update service``, …
    action: str
    #: the engine's name of what it is about
    name: str
    #: whether it changes something
    write: bool


@define(eq=False, kw_only=True)
class Task:
    """A replica: one container."""

    id: str
    slot: int
    node: str
    content: Content
    hash: str
    restarts: int
    life: Life
    born: datetime
    #: seconds of its life that were lived through without anybody waiting
    skipped: float = 0.0
    #: said by hand: what it is, why, and its exit code
    said: tuple[ReplicaState, str, int | None] | None = None
    #: ended by a rollout that may start it again
    stopped: bool = False
    since: datetime = Factory(lambda self: self.born, takes_self=True)
    _last: ReplicaState | None = None

    def state(self, now: datetime) -> tuple[ReplicaState, str, int | None]:
        """What it is, why, and the exit code of one that ended."""
        if self.stopped:
            found: tuple[ReplicaState, str, int | None] = (ReplicaState.STOPPING, "is stopped", None)
        elif self.said is not None:
            found = self.said
        else:
            state, code = self.life.at((now - self.born).total_seconds() + self.skipped, now)
            found = state, "" if code is None else f"exited with {code}", code
        if found[0] is not self._last:
            self._last, self.since = found[0], now
        return found

    def shown(self, now: datetime, lost: bool) -> Replica:
        """As the world shows it."""
        state, message, code = self.state(now)
        if lost:
            state, message, code = ReplicaState.LOST, "its node does not answer", None
        return Replica(
            id=self.id, slot=self.slot, node=self.node, state=state, hash=self.hash, image=self.content.image,
            since=self.since, message=message, exit_code=code,
        )  # fmt: skip


@define(eq=False, kw_only=True)
class Service:
    """A service, and what it was before the update that is under way."""

    fleet: str
    #: what is to be; its ``data`` is left out
    target: Target
    tasks: list[Task] = Factory(list)
    rollout: RolloutState = RolloutState.SETTLED
    message: str = ""
    since: datetime
    #: None: it was not there
    before: Target | None = None
    tasks_before: tuple[Task, ...] = ()
    #: what somebody else made of it; None: nothing
    tampered: Content | None = None

    @property
    def content(self) -> Content:
        """What is there, whoever made it so."""
        return self.tampered or self.target.content


@define(frozen=True)
class Kept:
    """Something that a fleet made on an engine."""

    fleet: str
    created_at: datetime
    data: bytes = field(default=b"", repr=False)


FileKey = tuple[str, str, str]


@define(eq=False, kw_only=True)
class Host:
    """Everything of one engine; ``lock`` guards it, and nobody waits while holding it."""

    kind: EngineKind
    nodes: dict[str, Node]
    clock: Clock | None = None
    images: dict[str, MemoryImage] = Factory(dict)
    #: which nodes have which roles, by fleet
    roles: dict[str, dict[str, frozenset[str]]] = Factory(dict)
    services: dict[str, Service] = Factory(dict)
    networks: dict[str, Kept] = Factory(dict)
    volumes: dict[str, Kept] = Factory(dict)
    #: files in volumes, by the volume and their path in it
    written: dict[str, dict[str, File]] = Factory(dict)
    #: by fleet, name and digest
    files: dict[FileKey, Kept] = Factory(dict)
    events: list[EngineEvent] = Factory(list)
    calls: list[Call] = Factory(list)
    #: is asked before each call; what it raises, the call raises
    on_call: Callable[[Call], None] = lambda call: None  # noqa: ARG005
    unavailable: bool = False
    lock: threading.RLock = Factory(threading.RLock)
    _numbers: count[int] = Factory(lambda: count(1))
    _now: Callable[[], datetime] = SystemClock().now

    def now(self) -> datetime:
        """The engine's time of day."""
        return self._now() if self.clock is None else self.clock.now()

    def called(self, action: str, name: str, *, write: bool = False) -> None:
        """Notes a call, unless it is to fail."""
        with self.lock:
            call = Call(number=next(self._numbers), action=action, name=name, write=write)
            if self.unavailable:
                raise EngineUnavailable("the engine in memory was told not to answer")
        self.on_call(call)
        with self.lock:
            self.calls.append(call)

    def passed(self, tasks: Sequence[Task], seconds: float) -> None:
        """Lets time pass for these replicas: by the clock, or, without one, for them alone and at once."""
        if self.clock is not None:
            self.clock.sleep(seconds)
            return
        for task in tasks:
            task.skipped += seconds

    def happened(self, kind: str, action: str, name: str, fleet: str, service: str = "") -> None:
        """Notes an event of that fleet."""
        details = {"fleet": fleet}
        self.events.append(
            EngineEvent(time=self.now(), kind=kind, action=action, name=name, service=service, details=details)
        )

    def of_fleet(self, fleet: str) -> list[Service]:
        """Its services, by name."""
        found = [service for service in self.services.values() if service.fleet == fleet]
        return sorted(found, key=lambda service: service.target.name)

    def image(self, name: str) -> MemoryImage:
        """How that image behaves; raises ``RolloutFailed``."""
        found = self.images.get(name, MemoryImage())
        if found.missing:
            raise RolloutFailed(f"there is no image {name}", code="image_missing", image=name)
        return found

    def begun(self, service: Service, slot: int, wanted: Target) -> Task:
        """A new replica, in its place; raises ``RolloutFailed``."""
        with self.lock:
            image = self.image(wanted.content.image)
            node = self._place(wanted.content, service)
            place = self.place(service.fleet, wanted.content)
            task = Task(
                id=secrets.token_hex(6), slot=slot, node=node, content=wanted.content, hash=wanted.hash,
                restarts=wanted.restarts, life=Life(image, wanted.content, place), born=self.now(),
            )  # fmt: skip
            service.tasks.append(task)
            self.happened("container", "start", f"{wanted.engine_name}.{slot}", service.fleet, wanted.name)
            return task

    def ended(self, service: Service, task: Task) -> None:
        """Takes a replica away."""
        with self.lock:
            service.tasks.remove(task)
            name = f"{service.target.engine_name}.{task.slot}"
            self.happened("container", "die", name, service.fleet, service.target.name)

    def lost(self, task: Task) -> bool:
        """Whether its node does not answer."""
        return bool(task.node) and self.nodes[task.node].state is NodeState.DOWN

    def place(self, fleet: str, content: Content) -> Place:
        """What there is inside a container of that content."""
        files = {
            mount.target: File(
                data=self.files[file_key(fleet, mount)].data, uid=mount.uid, gid=mount.gid, mode=mount.mode
            )
            for mount in content.files
        }
        volumes = {
            mount.target: (self.written.setdefault(mount.volume, {}), not mount.read_only) for mount in content.mounts
        }
        answers = dict(self._answers(content.networks))
        return Place(environment=content.environment, files=files, volumes=volumes, answers=answers)

    def keep_file(self, key: FileKey, data: bytes) -> None:
        """Keeps the bytes of a file."""
        with self.lock:
            self.files.setdefault(key, Kept(key[0], self.now(), data))

    def used_files(self, fleet: str) -> set[FileKey]:
        """Those that a service or one of its replicas was made with."""
        return {file_key(fleet, mount) for _, content in self.contents(fleet) for mount in content.files}

    def contents(self, fleet: str) -> Iterator[tuple[Service, Content]]:
        """What services and replicas that are still there were made with."""
        for service in self.of_fleet(fleet):
            yield service, service.target.content
            if service.before is not None:
                yield service, service.before.content
            yield from ((service, task.content) for task in service.tasks)

    def networks_of(self, service: Service, content: Content) -> tuple[str, ...]:
        """Those that replicas of a content are in once they work."""
        alone = self.kind is EngineKind.SINGLE and service.target.proxied
        return (*content.networks, engine_name(service.fleet, INGRESS_NETWORK)) if alone else content.networks

    def _answers(self, networks: Sequence[str]) -> Iterator[tuple[str, str]]:
        """What can be reached in these networks: by aliases, and by the name that is for all replicas."""
        now = self.now()
        for service in self.services.values():
            for task in service.tasks:
                answer = self.images.get(task.content.image, MemoryImage()).answers
                shared = set(networks).intersection(self.networks_of(service, task.content))
                if answer and shared and task.state(now)[0] is ReplicaState.HEALTHY:
                    yield from ((alias, answer) for alias in task.content.aliases)
                    yield f"tasks.{service.target.engine_name}", answer

    def _place(self, content: Content, service: Service) -> str:
        """The node with the fewest replicas of the service that takes it."""
        allowed = [node for node in self.nodes.values() if node.state is NodeState.READY]
        if content.role and self.kind is EngineKind.SWARM:
            has = self.roles.get(service.fleet, {}).get(content.role, frozenset())
            allowed = [node for node in allowed if node.name in has]
        if not allowed:
            role = f" with the role {content.role}" if content.role else ""
            raise RolloutFailed(f"no node{role} takes replicas", code="placement_impossible", role=content.role)
        free = [node for node in allowed if not self.taken_ports(content, node.name)]
        if not free:
            ports = sorted(self.taken_ports(content, allowed[0].name))
            raise RolloutFailed(f"the port {ports[0]} is taken", code="port_taken", port=ports[0])
        return min(free, key=lambda node: sum(task.node == node.name for task in service.tasks)).name

    def taken_ports(self, content: Content, node: str) -> set[int]:
        """Which of its ports are open on that node already."""
        wanted = {(port.published, port.protocol) for port in content.ports if port.published}
        taken = {
            (port.published, port.protocol)
            for service in self.services.values()
            for task in service.tasks
            if task.node == node and not task.stopped
            for port in task.content.ports
            if port.mode is PortMode.HOST
        }
        return {number for number, _ in wanted & taken}


def file_key(fleet: str, mount: FileMount) -> FileKey:
    """What a file is kept under."""
    return fleet, f"{mount.kind.value}:{mount.name}", mount.digest


def without_data(target: Target) -> Target:
    """As it is noted: the bytes of files are kept apart."""
    return evolve(target, data={})
