"""``SwarmEngine``: a fleet as services of a Docker Swarm.

::

    swarm:[HOST][?endpoint_mode=vip|dnsrr]

HOST is that of a manager, and the other options are those of every engine: see ``_client``. With ``vip``, as is usual,
a service has an address of its own behind which the kernel's IPVS chooses a replica; where the kernel has none,
``dnsrr`` has names give the replicas' own addresses, and ports can only be those of hosts.

How soon a node that does not answer is seen is the Swarm's: ``docker swarm update --dispatcher-heartbeat``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from zona_core.domain.fleet.specification import Hook
from zona_core.domain.fleet.targets import NetworkTarget, Target, VolumeTarget
from zona_core.domain.fleet.world import EngineKind, World
from zona_core.errors import ConfigurationError, Fault
from zona_core.ports.engines import EngineEvent, EngineInfo, Finding, LogLine, Report, Unused

from ._client import Connection, Location
from ._events import read_events
from ._swarm_api import SwarmApi, asked
from ._swarm_findings import findings_of
from ._swarm_jobs import run_once
from ._swarm_logs import service_logs
from ._swarm_removal import remove_service
from ._swarm_resources import ensure_network, ensure_roles, ensure_volume
from ._swarm_rollout import Rollout
from ._swarm_tasks import node_of
from ._swarm_unused import discard, unused
from ._swarm_world import world_of

__all__ = ["SwarmEngine"]

_MODES: Final = ("vip", "dnsrr")
#: seconds beyond the time that replicas are given to end
_REMOVING: Final = 60.0
#: what the job of a hook is called: its events are nobody's concern
_HOOK: Final = re.compile(r"-hook-[0-9a-f]{8}(\.|$)")


class SwarmEngine:
    """A ``ContainerEngine`` on a Swarm, through one of its managers; see ``zona_core.ports.engines``."""

    def __init__(self, location: Location, *, endpoint_mode: str = "vip") -> None:
        self._connection = Connection(location)
        self._api = SwarmApi(self._connection)
        self._endpoint_mode = endpoint_mode

    @classmethod
    def of_url(cls, url: str) -> SwarmEngine:
        """Reads ``swarm:[HOST][?…]``; connects when it is first used. Raises ``ConfigurationError``."""
        location = Location.parsed(url, options=("endpoint_mode",))
        mode = location.options.get("endpoint_mode", "vip")
        if mode not in _MODES:
            fault = Fault("endpoint_mode", "there is no such mode", " or ".join(_MODES))
            raise ConfigurationError(f"the container engine's URL cannot be used: {fault}", faults=[fault])
        return cls(location, endpoint_mode=mode)

    def info(self) -> EngineInfo:
        """See ``ContainerEngine.info``."""
        with asked("ask which engine this is"):
            found = self._api.client.info()
        nodes = sorted((node_of(node) for node in self._api.nodes()), key=lambda node: node.name)
        return EngineInfo(kind=EngineKind.SWARM, version=found["ServerVersion"], name=found["Name"], nodes=tuple(nodes))

    def world(self, fleet: str) -> World:
        """See ``ContainerEngine.world``: five calls, seven if services have files."""
        return world_of(self._api, fleet)

    def ensure_network(self, fleet: str, network: NetworkTarget) -> None:
        """See ``ContainerEngine.ensure_network``: an overlay, unless the target says something else."""
        ensure_network(self._api, fleet, network)

    def ensure_volume(self, fleet: str, volume: VolumeTarget) -> None:
        """See ``ContainerEngine.ensure_volume``: the manager's; other nodes make theirs when they first need it."""
        ensure_volume(self._api, fleet, volume)

    def ensure_roles(self, fleet: str, roles: Mapping[str, Sequence[str]]) -> None:
        """See ``ContainerEngine.ensure_roles``."""
        ensure_roles(self._api, fleet, roles)

    def converge(self, fleet: str, target: Target, report: Report) -> None:
        """See ``ContainerEngine.converge``."""
        Rollout(self._api, fleet, target, report, endpoint_mode=self._endpoint_mode).converge()

    def scale(self, fleet: str, target: Target, report: Report) -> None:
        """See ``ContainerEngine.scale``."""
        Rollout(self._api, fleet, target, report, endpoint_mode=self._endpoint_mode).scale()

    def remove(self, fleet: str, name: str, *, grace: float = 10.0) -> None:
        """See ``ContainerEngine.remove``; replicas have the time to end that their content gives them."""
        remove_service(self._api, fleet, name, seconds=grace + _REMOVING)

    def run_once(self, fleet: str, target: Target, hook: Hook) -> tuple[int, str]:
        """See ``ContainerEngine.run_once``."""
        return run_once(self._connection, self._api, fleet, target, hook)

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
        """See ``ContainerEngine.logs``: also of replicas that have ended, while the Swarm remembers them."""
        return service_logs(
            self._connection, self._api, fleet, services, follow=follow, tail=tail, since=since, stop=stop
        )

    def events(
        self,
        fleet: str,
        *,
        since: datetime | None = None,
        follow: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[EngineEvent]:
        """See ``ContainerEngine.events``: of services and nodes; of containers only the manager's own."""
        return read_events(
            self._connection,
            fleet,
            since=since,
            follow=follow,
            stop=stop,
            hidden=lambda name: _HOOK.search(name) is not None,
        )

    def findings(self, fleet: str, targets: Sequence[Target]) -> list[Finding]:
        """See ``ContainerEngine.findings``."""
        local = self._connection.location.host.startswith("unix:")
        return findings_of(self._api, fleet, targets, endpoint_mode=self._endpoint_mode, local=local)

    def unused(self, fleet: str, *, volumes: bool = False) -> list[Unused]:
        """See ``ContainerEngine.unused``; volumes of other nodes than the manager are not seen."""
        return unused(self._api, fleet, volumes=volumes)

    def discard(self, fleet: str, things: Sequence[Unused]) -> list[Unused]:
        """See ``ContainerEngine.discard``."""
        return discard(self._api, fleet, things)

    def close(self) -> None:
        """See ``ContainerEngine.close``."""
        self._connection.close()
