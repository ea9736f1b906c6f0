"""What replicas of a Swarm wrote, through the manager: each line says which task, on which node, wrote it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import requests

from zona_core.domain.fleet.names import SERVICE_LABEL
from zona_core.ports.engines import LogLine

from ._client import Connection
from ._logs import LogSource, lines_of, read_logs, since_parameter
from ._streams import chunks_of
from ._swarm_api import SwarmApi, asked
from ._swarm_tasks import node_of
from ._swarm_world import is_service
from ._together import together

__all__ = ["opened", "read_line", "service_logs"]

_TASK: Final = "com.docker.swarm.task.id"
_NODE: Final = "com.docker.swarm.node.id"
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def service_logs(
    connection: Connection,
    api: SwarmApi,
    fleet: str,
    services: Sequence[str],
    *,
    follow: bool,
    tail: int,
    since: datetime | None,
    stop: Callable[[], bool],
) -> Iterator[LogLine]:
    """See ``ContainerEngine.logs``."""

    def sources() -> list[LogSource]:
        nodes = {node["ID"]: node_of(node).name for node in api.nodes()}
        found = [service for service in api.services(fleet) if is_service(service)]
        names = {service["ID"]: service["Spec"]["Labels"][SERVICE_LABEL] for service in found}
        return [source(key, name, nodes) for key, name in names.items() if not services or name in services]

    def source(key: str, name: str, nodes: Mapping[str, str]) -> LogSource:
        def begun(after: datetime | None) -> requests.Response:
            return opened(connection, key, follow=follow, tail=tail if after is None else -1, since=after or since)

        return LogSource(key=key, opened=begun, line=read_line(name, nodes))

    if follow:
        yield from read_logs(sources, follow=True, stop=stop)
        return
    for line in heapq.merge(*together(_whole, sources() if tail else ()), key=_order):
        if stop():
            return
        yield line


def _whole(source: LogSource) -> list[LogLine]:
    """All lines of a service: the manager mixes those of its tasks as they come in."""
    with source.opened(None) as response, asked("read logs"):
        return sorted(lines_of(chunks_of(response), source.line), key=_order)


def _order(line: LogLine) -> datetime:
    return line.time or _NEVER


def opened(
    connection: Connection, service: str, *, follow: bool = False, tail: int = -1, since: datetime | None = None
) -> requests.Response:
    """The stream of a service's lines; the caller closes it. ``tail``: of each task; -1: all."""
    parameters: dict[str, Any] = {
        "stdout": "1",
        "stderr": "1",
        "details": "1",
        "timestamps": "1",
        "follow": "1" if follow else "0",
        "tail": "all" if tail < 0 else str(tail),
        **since_parameter(since),
    }
    timeout = None if follow else connection.location.timeout
    return connection.stream("GET", f"/services/{service}/logs", params=parameters, timeout=timeout)


def read_line(service: str, nodes: Mapping[str, str]) -> Callable[[datetime | None, str, bool], LogLine]:
    """Makes lines of a service's stream; ``nodes``: their names by id."""

    def line(time: datetime | None, text: str, error: bool) -> LogLine:
        details, _, rest = text.partition(" ")
        known = dict(detail.partition("=")[::2] for detail in details.split(","))
        node = known.get(_NODE, "")
        return LogLine(
            service=service, replica=known.get(_TASK, ""), node=nodes.get(node, node), time=time, text=rest, error=error
        )

    return line
