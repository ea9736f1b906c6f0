"""The container engine port: what runs a fleet's services (SPEC §6).

Names that an engine is given are whole (``Target.engine_name``); each thing it makes carries the label ``zona.fleet``
with the fleet's name, and nothing without that label is ever changed or removed. Safe to use from several threads,
each at another service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import Factory, define

from zona_core.domain.fleet.specification import Hook
from zona_core.domain.fleet.targets import NetworkTarget, Target, VolumeTarget
from zona_core.domain.fleet.world import EngineKind, Node, World

__all__ = ["ContainerEngine", "EngineEvent", "EngineInfo", "Finding", "LogLine", "Progress", "Report", "Unused"]


@define(frozen=True, kw_only=True)
class EngineInfo:
    """Which engine answers."""

    kind: EngineKind
    version: str = ""
    #: of the host that answers
    name: str = ""
    nodes: tuple[Node, ...] = ()


@define(frozen=True, kw_only=True)
class Progress:
    """How far one service is."""

    service: str
    #: replicas with the wanted content that work, of how many
    done: int = 0
    wanted: int = 0
    message: str = ""


#: is told of progress; called from the thread that converges
Report = Callable[[Progress], None]


@define(frozen=True, kw_only=True)
class LogLine:
    """A line that a replica wrote."""

    service: str
    replica: str = ""
    node: str = ""
    time: datetime | None = None
    text: str
    #: whether it was written to standard error
    error: bool = False


@define(frozen=True, kw_only=True)
class EngineEvent:
    """Something that happened to a part of the fleet."""

    time: datetime
    #: ``container``, ``service``, ``node``, ``network``, ``volume``
    kind: str
    #: ``start``, ``die``, ``health_status: unhealthy``, ``update``: the engine's words
    action: str
    name: str
    #: within the fleet; empty where it is none's
    service: str = ""
    details: Mapping[str, str] = Factory(dict)


@define(frozen=True, kw_only=True)
class Finding:
    """Something about an engine that will stand in the way, or may."""

    #: ``ipvs``, ``engine_version``, ``image_missing``, ``port_taken``, …
    code: str
    #: whether services cannot work because of it
    serious: bool
    message: str
    #: what would be right
    hint: str = ""
    node: str = ""


@define(frozen=True, kw_only=True)
class Unused:
    """Something that the fleet left behind and nothing uses any more."""

    #: ``secret``, ``config``, ``files``, ``container``, ``network``, ``volume``
    kind: str
    name: str
    created_at: datetime | None = None


class ContainerEngine(Protocol):
    """One engine, or the manager of several. Every method raises ``EngineUnavailable`` if it does not answer."""

    def info(self) -> EngineInfo:
        """Which engine this is, and its nodes."""

    def world(self, fleet: str) -> World:
        """All that there is of a fleet, in a bounded number of calls however many services it has.

        What a node that does not answer has is ``LOST`` there.
        """

    def ensure_network(self, fleet: str, network: NetworkTarget) -> None:
        """Makes the network unless there is one of that name; raises ``EngineFailed`` (``network_missing``)."""

    def ensure_volume(self, fleet: str, volume: VolumeTarget) -> None:
        """Makes the volume unless there is one of that name; raises ``EngineFailed`` (``volume_missing``)."""

    def ensure_roles(self, fleet: str, roles: Mapping[str, Sequence[str]]) -> None:
        """Marks each node with the roles it has, and with none else; nothing on a single engine."""

    def converge(self, fleet: str, target: Target, report: Report) -> None:
        """Has the service be as the target says, and returns once so many replicas work, for ``update.monitor`` long.

        Replicas with another content or of fewer restarts are replaced as the policy says, no more than are to be; what
        is as it is to be is left alone, container for container. What a former call left in the middle is finished.
        Files whose data the target lacks have to be with the engine already.

        Raises ``RolloutFailed`` (``image_missing``, ``replica_exited``, ``replica_unhealthy``, ``rollout_timeout``,
        ``port_taken``, ``file_missing``, ``placement_impossible``): ``rolled_back`` says whether all is as it was.
        With the policy ``pause`` it is not, and stays so.
        """

    def scale(self, fleet: str, target: Target, report: Report) -> None:
        """Has the service have so many replicas, and its policy, and returns once they work; content is left alone.

        Raises as ``converge``; nothing is changed back.
        """

    def remove(self, fleet: str, name: str, *, grace: float = 10.0) -> None:
        """Has the service of that engine name be gone; volumes stay. Nothing happens if there is none."""

    def run_once(self, fleet: str, target: Target, hook: Hook) -> tuple[int, str]:
        """Runs a hook's command in a container like the target's; the exit code and the end of what it wrote.

        Raises ``RolloutFailed`` (``image_missing``, ``hook_timeout``).
        """

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
        """Lines of services (names within the fleet; empty: all), the oldest first as far as replicas' clocks agree.

        ``tail``: how many of each replica, at most; -1: all. ``follow`` goes on until ``stop`` says so, which is asked
        at least once a second.
        """

    def events(
        self,
        fleet: str,
        *,
        since: datetime | None = None,
        follow: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[EngineEvent]:
        """What happens to the fleet, from ``since`` on; without ``follow`` up to now. ``stop`` as for ``logs``."""

    def findings(self, fleet: str, targets: Sequence[Target]) -> list[Finding]:
        """What stands in the way of running these here."""

    def unused(self, fleet: str, *, volumes: bool = False) -> list[Unused]:
        """What could be removed; volumes only if they are asked for."""

    def discard(self, fleet: str, unused: Sequence[Unused]) -> list[Unused]:
        """Removes what ``unused`` gave, unless something uses it by now; gives what is gone."""

    def close(self) -> None:
        """Ends connections. Closing twice does nothing."""
