"""``MemoryEngine``: a container engine in the memory of one process, for tests and trials.

The contract suite holds it to the same rules as real ones. Images work unless a test declares something else.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from zona_core.domain.fleet.specification import Hook
from zona_core.domain.fleet.targets import NetworkTarget, Target, VolumeTarget
from zona_core.domain.fleet.world import EngineKind, Node, NodeState, RunningService, World
from zona_core.errors import ConfigurationError, EngineFailed, RolloutFailed
from zona_core.ports.clock import Clock
from zona_core.ports.engines import EngineEvent, EngineInfo, Finding, LogLine, Report, Unused

from ._memory_controls import Controls
from ._memory_fleet import Call, Host, Kept, Service, Task
from ._memory_images import MemoryImage
from ._memory_leftovers import leftovers, throw_away
from ._memory_rollout import Rollout
from ._memory_shell import knows, ran

__all__ = ["Call", "MemoryEngine", "MemoryImage"]

#: seconds between two looks of somebody who follows
_LOOK: Final = 0.01
_VERSION: Final = "memory"


class MemoryEngine(Controls):
    """A ``ContainerEngine`` in memory; see ``zona_core.ports.engines``.

    Waiting takes no time, unless a ``clock`` is given, by which it waits then. ``images`` says how images behave; those
    that it does not name work. What a test does to the engine and sees of it: ``_memory_controls``.
    """

    def __init__(
        self,
        *,
        kind: EngineKind = EngineKind.SINGLE,
        nodes: int = 1,
        images: Mapping[str, MemoryImage] | None = None,
        clock: Clock | None = None,
    ) -> None:
        names = [f"node-{number}" for number in range(1, nodes + 1)]
        made = {
            name: Node(name=name, id=secrets.token_hex(6), manager=name == names[0], engine_version=_VERSION)
            for name in names
        }
        self._host = Host(kind=kind, nodes=made, clock=clock, images=dict(images or {}))

    @classmethod
    def of_url(cls, url: str) -> MemoryEngine:
        """``memory:``, an engine of its own; ``memory:NAME``, one that all of that name in this process share.

        Options: ``kind=single|swarm``, ``nodes=3``, and images: ``missing=IMAGE``, ``exits=IMAGE``, ``unhealthy=IMAGE``
        (each as often as one likes). They count where the name is new. Raises ``ConfigurationError``.
        """
        parts = urlsplit(url)
        name = parts.netloc + parts.path
        with _lock:
            found = _shared.get(name) if name else None
            made = cls(**_options(parts.query))
            if found is not None:
                made._host = found
            elif name:
                _shared[name] = made._host
            return made

    def info(self) -> EngineInfo:
        """See ``ContainerEngine.info``."""
        host = self._host
        host.called("info", "")
        with host.lock:
            nodes = tuple(host.nodes.values())
            return EngineInfo(kind=host.kind, version=_VERSION, name=nodes[0].name, nodes=nodes)

    def world(self, fleet: str) -> World:
        """See ``ContainerEngine.world``."""
        host = self._host
        host.called("list", fleet)
        with host.lock:
            now = host.now()
            return World(
                kind=host.kind,
                services=tuple(self._shown(service, now) for service in host.of_fleet(fleet)),
                nodes=tuple(host.nodes.values()),
                networks=tuple(sorted(host.networks)),
                volumes=tuple(sorted(host.volumes)),
                taken_at=now,
            )

    def ensure_network(self, fleet: str, network: NetworkTarget) -> None:
        """See ``ContainerEngine.ensure_network``."""
        self._ensure("network", self._host.networks, fleet, network.engine_name, external=network.external)

    def ensure_volume(self, fleet: str, volume: VolumeTarget) -> None:
        """See ``ContainerEngine.ensure_volume``."""
        self._ensure("volume", self._host.volumes, fleet, volume.engine_name, external=volume.external)

    def ensure_roles(self, fleet: str, roles: Mapping[str, Sequence[str]]) -> None:
        """See ``ContainerEngine.ensure_roles``."""
        host = self._host
        wanted = {role: frozenset(nodes) for role, nodes in roles.items()}
        if host.kind is EngineKind.SWARM and host.roles.get(fleet, {}) != wanted:
            host.called("update node", fleet, write=True)
            with host.lock:
                host.roles[fleet] = wanted

    def converge(self, fleet: str, target: Target, report: Report) -> None:
        """See ``ContainerEngine.converge``."""
        Rollout(self._host, fleet, target, report).converge()

    def scale(self, fleet: str, target: Target, report: Report) -> None:
        """See ``ContainerEngine.scale``."""
        Rollout(self._host, fleet, target, report).scale(self._known(fleet, target.engine_name))

    def remove(self, fleet: str, name: str, *, grace: float = 10.0) -> None:  # noqa: ARG002  # they stop at once
        """See ``ContainerEngine.remove``."""
        host = self._host
        host.called("inspect", name)
        service = host.services.get(name)
        if service is None or service.fleet != fleet:
            return
        if host.kind is EngineKind.SWARM:
            host.called("remove service", name, write=True)
        for task in list(service.tasks):
            if host.kind is EngineKind.SINGLE:
                host.called("remove", f"{name}.{task.slot}", write=True)
            host.ended(service, task)
        with host.lock:
            host.services.pop(name, None)
            host.happened("service", "remove", name, fleet, service.target.name)

    def run_once(self, fleet: str, target: Target, hook: Hook) -> tuple[int, str]:
        """See ``ContainerEngine.run_once``: as the image says, or a small shell; what neither knows ends with 0."""
        host = self._host
        rollout = Rollout(host, fleet, target, lambda progress: None)  # noqa: ARG005
        rollout.keep_files()
        host.called("run", target.engine_name, write=True)
        with host.lock:
            image = host.image(target.content.image)
            place = host.place(fleet, target.content)
        if hook.command in image.commands:
            return image.commands[hook.command]
        if not knows(hook.command):
            return 0, ""
        code, lines = ran(hook.command, place, hook.timeout)
        if code is None:
            raise RolloutFailed(f"the hook took more than {hook.timeout:g} s", code="hook_timeout", service=target.name)
        return code, "\n".join(lines)

    def logs(
        self,
        fleet: str,
        services: Sequence[str] = (),
        *,
        follow: bool = False,
        tail: int = 100,
        since: datetime | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[LogLine]:
        """See ``ContainerEngine.logs``."""
        self._host.called("logs", fleet)
        told: dict[str, int] = {}
        yield from self._lines(fleet, services, told, tail, since)
        while follow and not stop():
            self._look([task for service in self._host.of_fleet(fleet) for task in service.tasks])
            yield from self._lines(fleet, services, told, -1, since)

    def events(
        self,
        fleet: str,
        *,
        since: datetime | None = None,
        follow: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[EngineEvent]:
        """See ``ContainerEngine.events``."""
        self._host.called("events", fleet)
        told = 0
        while True:
            with self._host.lock:
                fresh = self._host.events[told:]
            told += len(fresh)
            for event in fresh:
                if event.details["fleet"] == fleet and (since is None or event.time >= since):
                    yield event
            if not follow or stop():
                return
            self._look([])

    def findings(self, fleet: str, targets: Sequence[Target]) -> list[Finding]:  # noqa: ARG002  # the port's shape
        """See ``ContainerEngine.findings``."""
        host = self._host
        host.called("images", "")
        wanted = sorted({target.content.image for target in targets})
        found = [
            Finding(code="image_missing", serious=True, message=f"there is no image {image}", hint="build or load it")
            for image in wanted
            if host.images.get(image, MemoryImage()).missing
        ]
        down = [node.name for node in host.nodes.values() if node.state is NodeState.DOWN]
        return found + [
            Finding(code="node_down", serious=False, message=f"the node {name} does not answer", node=name)
            for name in down
        ]

    def unused(self, fleet: str, *, volumes: bool = False) -> list[Unused]:
        """See ``ContainerEngine.unused``."""
        self._host.called("list unused", fleet)
        with self._host.lock:
            return list(leftovers(self._host, fleet, volumes=volumes))

    def discard(self, fleet: str, unused: Sequence[Unused]) -> list[Unused]:
        """See ``ContainerEngine.discard``."""
        gone = []
        for each in unused:
            with self._host.lock:
                if each not in leftovers(self._host, fleet, volumes=True):
                    continue
            self._host.called(f"remove {each.kind}", each.name, write=True)
            with self._host.lock:
                throw_away(self._host, fleet, each)
            gone.append(each)
        return gone

    def close(self) -> None:
        """See ``ContainerEngine.close``."""

    def _ensure(self, kind: str, there: dict[str, Kept], fleet: str, name: str, *, external: bool) -> None:
        host = self._host
        host.called("inspect", name)
        if name in there:
            return
        if external:
            raise EngineFailed(f"there is no {kind} {name}", code=f"{kind}_missing", name=name)
        host.called(f"create {kind}", name, write=True)
        with host.lock:
            there.setdefault(name, Kept(fleet, host.now()))
            host.happened(kind, "create", name, fleet)

    def _known(self, fleet: str, name: str) -> Service:
        service = self._host.services.get(name)
        if service is None or service.fleet != fleet:
            raise EngineFailed(f"there is no service {name}", code="service_missing", service=name)
        return service

    def _shown(self, service: Service, now: datetime) -> RunningService:
        target, swarm = service.target, self._host.kind is EngineKind.SWARM
        order = sorted(service.tasks, key=lambda task: (task.slot, task.born))
        return RunningService(
            name=target.name,
            engine_name=target.engine_name,
            hash=target.hash,
            content=service.content,
            replicas=target.replicas,
            restarts=target.restarts,
            tenant_code=target.tenant_code,
            # On a Swarm a network says so; a single engine keeps nothing of the policy: whoever converges knows it.
            proxied=None if swarm else target.proxied,
            update=target.update if swarm else None,
            tasks=tuple(task.shown(now, self._host.lost(task)) for task in order),
            rollout=service.rollout,
            message=service.message,
            since=service.since,
        )

    def _lines(
        self, fleet: str, services: Sequence[str], told: dict[str, int], tail: int, since: datetime | None
    ) -> list[LogLine]:
        """Those that were not told yet; notes them."""
        found: list[LogLine] = []
        with self._host.lock:
            now = self._host.now()
            for service in self._host.of_fleet(fleet):
                if not services or service.target.name in services:
                    for task in service.tasks:
                        task.state(now)
                        lines = [
                            line for line in task.life.lines[told.get(task.id, 0) :] if not since or line.time >= since
                        ]
                        told[task.id] = len(task.life.lines)
                        found += [
                            LogLine(service=service.target.name, replica=task.id, node=task.node, time=line.time,
                                    text=line.text, error=line.error)
                            for line in lines[max(len(lines) - tail, 0) if tail >= 0 else 0 :]
                        ]  # fmt: skip
        return sorted(found, key=lambda line: line.time or now)

    def _look(self, tasks: Sequence[Task]) -> None:
        """Waits a moment, in which those who write have half a second."""
        time.sleep(_LOOK)
        self._host.passed(tasks, 0.5)


_shared: Final[dict[str, Host]] = {}
_lock: Final = threading.Lock()


def _options(query: str) -> dict[str, Any]:
    found = parse_qs(query)
    unknown = sorted(set(found) - {"kind", "nodes", "missing", "exits", "unhealthy"})
    kind, nodes = found.get("kind", ["single"])[-1], found.get("nodes", ["1"])[-1]
    if unknown or kind not in list(EngineKind) or not nodes.isdecimal() or not 0 < int(nodes) < 100:
        raise ConfigurationError(
            "the URL of the engine in memory is none that it knows", hint="memory:NAME?kind=swarm&nodes=3"
        )
    return {
        "kind": EngineKind(kind),
        "nodes": int(nodes),
        "images": {
            **dict.fromkeys(found.get("missing", ()), MemoryImage(missing=True)),
            **dict.fromkeys(found.get("exits", ()), MemoryImage(exits=1)),
            **dict.fromkeys(found.get("unhealthy", ()), MemoryImage(healthy=False)),
        },
    }
