"""``docker:``, one Docker engine: services are containers, and Zona itself replaces them one by one (SPEC §6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import requests
from attrs import evolve

from zona_core.domain.fleet.hashing import content_hash
from zona_core.domain.fleet.names import SERVICE_LABEL
from zona_core.domain.fleet.specification import Hook
from zona_core.domain.fleet.targets import NetworkTarget, Target, VolumeTarget
from zona_core.domain.fleet.world import EngineKind, World
from zona_core.errors import EngineFailed
from zona_core.ports.engines import EngineEvent, EngineInfo, Finding, LogLine, Report, Unused

from ._client import Connection, Location
from ._errors import is_missing, translated
from ._events import read_events
from ._labels import KIND_LABEL, labels_of
from ._logs import LogSource, read_logs, since_parameter
from ._single_containers import Containers
from ._single_files import Files
from ._single_findings import findings_of
from ._single_hooks import run_hook
from ._single_images import Images
from ._single_leftovers import Leftovers
from ._single_recipe import Recipe
from ._single_rollout import Rollout
from ._single_slots import fits
from ._single_world import Host, world_of

__all__ = ["SingleEngine"]


class SingleEngine:
    """A ``ContainerEngine``; see ``zona_core.ports.engines``. It is connected to when it is first used."""

    def __init__(self, location: Location) -> None:
        self._connection = Connection(location)
        self._containers = Containers(self._connection)
        self._files = Files(self._connection, self._containers)
        self._images = Images(self._connection)
        self._leftovers = Leftovers(self._connection, self._containers)
        self._host = Host(self._connection)

    @classmethod
    def of_url(cls, url: str) -> SingleEngine:
        """The engine of a URL (``_client``); raises ``ConfigurationError``."""
        return cls(Location.parsed(url))

    def info(self) -> EngineInfo:
        """See ``ContainerEngine.info``."""
        node = self._host.node()
        with translated("ask the engine for its version"):
            self._connection.client.ping()
        return EngineInfo(kind=EngineKind.SINGLE, version=node.engine_version, name=node.name, nodes=(node,))

    def world(self, fleet: str) -> World:
        """See ``ContainerEngine.world``. Of services it has what their containers tell: one of none is not there."""
        return world_of(self._connection, self._containers, self._host, fleet)

    def ensure_network(self, fleet: str, network: NetworkTarget) -> None:
        """See ``ContainerEngine.ensure_network``."""
        client, name = self._connection.client, network.engine_name
        with translated(f"look for the network {name}"):
            if any(found["Name"] == name for found in client.networks(names=[name])):
                return
        if network.external:
            raise EngineFailed(f"there is no network {name}", code="network_missing", name=name)
        with translated(f"create the network {name}"):
            client.create_network(
                name,
                driver=network.driver or "bridge",
                options=dict(network.options) or None,
                internal=network.internal,
                check_duplicate=True,
                labels=labels_of(fleet, "network"),
            )

    def ensure_volume(self, fleet: str, volume: VolumeTarget) -> None:
        """See ``ContainerEngine.ensure_volume``."""
        client, name = self._connection.client, volume.engine_name
        try:
            with translated(f"look for the volume {name}"):
                client.inspect_volume(name)
        except EngineFailed as error:
            if not is_missing(error):
                raise
            if volume.external:
                raise EngineFailed(f"there is no volume {name}", code="volume_missing", name=name) from error
        else:
            return
        with translated(f"create the volume {name}"):
            client.create_volume(
                name,
                driver=volume.driver,
                driver_opts=dict(volume.options) or None,
                labels=labels_of(fleet, "volume"),
            )

    def ensure_roles(self, fleet: str, roles: Mapping[str, Sequence[str]]) -> None:
        """See ``ContainerEngine.ensure_roles``."""

    def converge(self, fleet: str, target: Target, report: Report) -> None:
        """See ``ContainerEngine.converge``."""
        recipe = _recipe(fleet, target)
        replicas = self._containers.replicas(fleet, target.name)
        if target.replicas:
            self._images.ensure(target.name, target.content.image, target.update.deadline)
        Rollout(
            containers=self._containers,
            recipe=recipe,
            wanted=target.replicas,
            policy=target.update,
            mounts=partial(self._files.ensure, recipe, target.data),
            report=report,
            replicas=replicas,
            fit=fits(recipe),
        ).run()

    def scale(self, fleet: str, target: Target, report: Report) -> None:
        """See ``ContainerEngine.scale``. Raises ``EngineFailed`` (``service_missing``) without any replica."""
        replicas = self._containers.replicas(fleet, target.name)
        noted = next((seen.recipe for seen in reversed(replicas) if seen.recipe is not None), None)
        if noted is None:
            name = target.engine_name
            raise EngineFailed(f"there is no service {name}", code="service_missing", service=target.name)
        recipe = evolve(noted, proxied=target.proxied)
        Rollout(
            containers=self._containers,
            recipe=recipe,
            wanted=target.replicas,
            policy=target.update,
            mounts=partial(self._files.ensure, recipe, target.data),
            report=report,
            replicas=replicas,
            fit=lambda seen: seen.alive and not seen.parked,
            reverts=False,
        ).run()

    def remove(self, fleet: str, name: str, *, grace: float = 10.0) -> None:
        """See ``ContainerEngine.remove``."""
        rows = self._containers.listed(fleet, name.removeprefix(f"{fleet}_"))
        self._containers.stop_each([row["Id"] for row in rows if row["State"] != "exited"], grace)
        self._containers.remove_all(row["Id"] for row in rows)

    def run_once(self, fleet: str, target: Target, hook: Hook) -> tuple[int, str]:
        """See ``ContainerEngine.run_once``. The command stands for the image's entry point as well."""
        recipe = _recipe(fleet, target)
        self._images.ensure(target.name, target.content.image, target.update.deadline)
        return run_hook(self._containers, recipe, hook, self._files.ensure(recipe, target.data))

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
        node = self._host.node().name
        options = {"tail": "all" if tail < 0 else str(tail), "follow": int(follow), **since_parameter(since)}

        def sources() -> list[LogSource]:
            rows = self._containers.listed(fleet)
            return [
                self._log_source(seen_row, node, options)
                for seen_row in rows
                if KIND_LABEL not in seen_row["Labels"] and seen_row["State"] != "created"
                if not services or seen_row["Labels"].get(SERVICE_LABEL) in services
            ]

        return read_logs(sources, follow=follow, stop=stop)

    def events(
        self,
        fleet: str,
        *,
        since: datetime | None = None,
        follow: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[EngineEvent]:
        """See ``ContainerEngine.events``."""
        return read_events(self._connection, fleet, since=since, follow=follow, stop=stop)

    def findings(self, fleet: str, targets: Sequence[Target]) -> list[Finding]:
        """See ``ContainerEngine.findings``. One that is too old raises ``EngineUnavailable`` (``engine_too_old``)."""
        return findings_of(self._connection, self._images, self._host.facts(), fleet, targets)

    def unused(self, fleet: str, *, volumes: bool = False) -> list[Unused]:
        """See ``ContainerEngine.unused``."""
        return self._leftovers.found(fleet, volumes=volumes)

    def discard(self, fleet: str, unused: Sequence[Unused]) -> list[Unused]:
        """See ``ContainerEngine.discard``."""
        return self._leftovers.discarded(fleet, unused)

    def close(self) -> None:
        """See ``ContainerEngine.close``."""
        self._connection.close()

    def _log_source(self, row: Mapping[str, Any], node: str, options: Mapping[str, Any]) -> LogSource:
        container, name = row["Id"], row["Names"][0].removeprefix("/")
        service = row["Labels"].get(SERVICE_LABEL, "")

        def opened(since: datetime | None) -> requests.Response:
            params = {"stdout": 1, "stderr": 1, "timestamps": 1, **options}
            if since is not None:
                params |= {"tail": "all", **since_parameter(since)}
            return self._connection.stream("GET", f"/containers/{container}/logs", params=params)

        def line(time: datetime | None, text: str, error: bool) -> LogLine:
            return LogLine(service=service, replica=name, node=node, time=time, text=text, error=error)

        return LogSource(key=container, opened=opened, line=line, live=row["State"] == "running")


def _recipe(fleet: str, target: Target) -> Recipe:
    """The target's recipe; a target that nobody has put a hash on gets one."""
    return Recipe.of(fleet, target if target.hash else evolve(target, hash=content_hash(target.content)))
