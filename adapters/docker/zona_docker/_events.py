"""What happens to a fleet's things, from the engine's stream of events.

The engine's own filter knows labels of containers alone, so that it is asked for everything, and what belongs to the
fleet is chosen here. What health checks run is left out: it would drown the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from zona_core.domain.fleet.names import FLEET_LABEL
from zona_core.ports.engines import EngineEvent

from ._client import Connection
from ._errors import translated
from ._labels import service_of
from ._logs import since_parameter, until_parameter
from ._streams import Pump, chunks_of

__all__ = ["read_events"]

_KINDS: Final = ("container", "network", "node", "service", "volume")
#: attributes that are passed on. NOTE: a container's have all its labels, which hold its environment.
_DETAILS: Final = ("exitCode", "image", "signal", "container", "replicas.new", "replicas.old", "state.new", "state.old")
_NOISE: Final = ("exec_create", "exec_start", "exec_die", "exec_detach")
#: seconds between questions whether to stop; the port promises one at most
_ASK: Final = 0.5


def read_events(
    connection: Connection,
    fleet: str,
    *,
    since: datetime | None,
    follow: bool,
    stop: Callable[[], bool],
    hidden: Callable[[str], bool] = lambda name: False,  # noqa: ARG005  # it takes a name and hides none
) -> Iterator[EngineEvent]:
    """The fleet's events; those of things whose names are ``hidden`` are left out. Raises as ``translated``."""
    chosen = {"filters": json.dumps({"type": list(_KINDS)}), **since_parameter(since)}
    events = _followed(connection, chosen, stop) if follow else _past(connection, chosen, stop)
    for event in events:
        if (found := _event_of(fleet, event)) and not hidden(found.name):
            yield found


def _past(connection: Connection, chosen: dict[str, str], stop: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
    chosen = {"since": "0", **chosen, **until_parameter(connection)}
    with (
        connection.stream("GET", "/events", params=chosen, timeout=connection.location.timeout) as response,
        translated("read events"),
    ):
        for event in _decoded(chunks_of(response)):
            if stop():
                return
            yield event


def _followed(connection: Connection, chosen: dict[str, str], stop: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
    pump: Pump[Mapping[str, Any]] = Pump()
    pump.add("events", lambda: connection.stream("GET", "/events", params=chosen), _decoded)
    try:
        while not stop():
            yield from pump.taken(_ASK)
            if not pump.reading():
                yield from pump.taken(0)
                return
    finally:
        pump.close()


def _decoded(chunks: Iterator[bytes]) -> Iterator[Mapping[str, Any]]:
    """Objects of JSON, one a line."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines if line.strip())
    if rest.strip():
        yield json.loads(rest)


def _event_of(fleet: str, event: Mapping[str, Any]) -> EngineEvent | None:
    kind, action = str(event.get("Type", "")), str(event.get("Action", ""))
    actor = event.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    if action.partition(":")[0] in _NOISE:
        return None
    name = str(attributes.get("name") or actor.get("ID", ""))
    service = service_of(fleet, attributes) if kind == "container" else ""
    if kind == "service" and name.startswith(f"{fleet}_"):
        service = name.removeprefix(f"{fleet}_")
    ours = kind == "node" or service or attributes.get(FLEET_LABEL) == fleet or name.startswith(f"{fleet}_")
    if not ours:
        return None
    return EngineEvent(
        time=datetime.fromtimestamp(int(event.get("timeNano", 0)) / 1e9, UTC),
        kind=kind,
        action=action,
        name=name,
        service=service,
        details={key: str(attributes[key]) for key in _DETAILS if key in attributes},
    )
