"""Containers of a fleet on a single engine: what is there, and what is done to them. Every error is the port's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from zona_core.domain.fleet.names import SERVICE_LABEL
from zona_core.errors import EngineFailed, ZonaError
from zona_core.ports.engines import LogLine

from ._client import Connection
from ._errors import is_conflict, is_missing, translated
from ._labels import KIND_LABEL, filters_of
from ._logs import lines_of, until_parameter
from ._single_recipe import Recipe, ingress_of
from ._single_seen import Seen
from ._streams import chunks_of
from ._together import together

__all__ = ["Containers"]

#: threads that look at containers: what is slow about many of them is this side
_LOOKING: Final = 3
#: of a log that explains a failure
_LINES: Final = 20
_LONGEST_LINE: Final = 300
#: seconds for what only explains a failure
_PATIENCE: Final = 10.0


class Containers:
    """Those of one engine. Safe to use from several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def listed(self, fleet: str, service: str = "") -> list[dict[str, Any]]:
        """All of the fleet, or of one of its services: also those that are no replicas. One call."""
        labels = [f"{SERVICE_LABEL}={service}"] if service else []
        with translated("list containers"):
            found: list[dict[str, Any]] = self._connection.client.containers(
                all=True, filters=filters_of(fleet, *labels)
            )
        return found

    def replicas(self, fleet: str, service: str = "") -> list[Seen]:
        """The replicas of the fleet, or of one of its services; the newest last."""
        rows = sorted(self.listed(fleet, service), key=lambda row: int(row["Created"]))
        ids = [row["Id"] for row in rows if KIND_LABEL not in (row.get("Labels") or {})]
        found = [seen for seen in together(self.seen, ids, threads=_LOOKING) if seen is not None]
        return sorted(found, key=lambda seen: seen.created_at.timestamp() if seen.created_at else 0.0)

    def seen(self, container: str) -> Seen | None:
        """One container; None if there is none."""
        try:
            return Seen(self._connection.read(f"/containers/{container}/json"))
        except EngineFailed as error:
            if is_missing(error):
                return None
            raise

    def create(self, name: str, body: Mapping[str, Any]) -> str:
        """Makes a container that is not begun yet; its id."""
        with translated(f"create {name}"):
            made = self._connection.client.create_container_from_config(dict(body), name)  # type: ignore[no-untyped-call]
            return str(made["Id"])

    def start(self, container: str) -> None:
        """Begins it."""
        with translated("start a container"):
            self._connection.client.start(container)

    def stop(self, container: str, grace: float) -> None:
        """SIGTERM, and after ``grace`` seconds SIGKILL; waits for the end. Nothing happens if it is gone."""
        with _unless_gone(), translated("stop a container"):
            self._connection.client.stop(container, timeout=max(round(grace), 0))

    def remove(self, container: str) -> None:
        """Removes it, also if it runs. Nothing happens if it is gone, or somebody else is at it."""
        with _unless_gone(), translated("remove a container"):
            self._connection.client.remove_container(container, force=True, v=True)

    def stop_all(self, replicas: Iterable[Seen]) -> None:
        """Stops those that run, side by side, each with its own grace."""
        together(lambda seen: self.stop(seen.id, seen.stop_grace), [seen for seen in replicas if seen.alive])

    def stop_each(self, ids: Iterable[str], grace: float) -> None:
        """Stops them, side by side, with the same grace."""
        together(lambda container: self.stop(container, grace), ids)

    def remove_all(self, ids: Iterable[str]) -> None:
        """Removes them, side by side."""
        together(self.remove, ids)

    def join(self, container: str, network: str, aliases: Sequence[str]) -> None:
        """Has it be in a network under these names."""
        with translated(f"join {network}"):
            self._connection.client.connect_container_to_network(container, network, aliases=list(aliases))

    def leave(self, container: str, network: str) -> None:
        """Has it be in a network no more. Nothing happens if it is not, or the network is gone."""
        with _unless_gone(), translated(f"leave {network}"):
            self._connection.client.disconnect_container_from_network(container, network, force=True)

    def join_proxies(self, container: str, recipe: Recipe) -> None:
        """Has proxies find it."""
        self.join(container, ingress_of(recipe.fleet), [recipe.proxy_alias])

    def begin(self, container: str, networks: Sequence[str], aliases: Sequence[str] = ()) -> None:
        """Begins a container that was just made in the first of these networks; in the others it has these names."""
        for network in networks[1:]:
            self.join(container, network, aliases)
        self.start(container)

    def rename(self, container: str, name: str) -> None:
        """Gives it another name."""
        with translated(f"rename a container to {name}"):
            self._connection.client.rename(container, name)

    def resume(self, container: str) -> None:
        """Ends a pause."""
        with translated("resume a container"):
            self._connection.client.unpause(container)

    def change(self, container: str, values: Mapping[str, Any]) -> None:
        """Changes limits or the restart policy, in the engine's words."""
        client = self._connection.client
        with translated("change a container"):
            response = client.post(
                f"{client.base_url}/v{client.api_version}/containers/{container}/update",
                json=dict(values),
                timeout=self._connection.location.timeout,
            )
            client._raise_for_status(response)  # type: ignore[attr-defined]  # the driver's own call knows no PidsLimit

    def last_lines(self, container: str, lines: int = _LINES) -> list[str]:
        """The end of what it wrote, bounded; empty if that cannot be read."""
        params = {"stdout": 1, "stderr": 1, "tail": lines}
        with suppress(ZonaError), self._logs(container, params) as response, translated("read a log"):
            found = list(lines_of(chunks_of(response), _unstamped, stamped=False))
            return [line.text[:_LONGEST_LINE] for line in found[-lines:]]
        return []

    def exit_code(self, container: str) -> int | None:
        """With which it ended last, also if the engine has begun it again since; None if nobody knows."""
        seen = self.seen(container)
        if seen is not None and seen.exit_code is not None:
            return seen.exit_code
        filters = json.dumps({"container": [container], "event": ["die"], "type": ["container"]})
        with suppress(ZonaError), translated("read events"):
            params = {"since": "0", "filters": filters, **until_parameter(self._connection)}
            with self._connection.stream("GET", "/events", params=params, timeout=_PATIENCE) as response:
                events = [json.loads(line) for line in b"".join(chunks_of(response)).splitlines()]
            codes = [event["Actor"]["Attributes"].get("exitCode", "") for event in events]
            return int(codes[-1]) if codes and codes[-1].isdecimal() else None
        return None

    def _logs(self, container: str, params: Mapping[str, Any]) -> Any:
        return self._connection.stream("GET", f"/containers/{container}/logs", params=params, timeout=_PATIENCE)


def _unstamped(time: Any, text: str, error: bool) -> LogLine:
    return LogLine(service="", time=time, text=text, error=error)


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Passes over what the engine refuses because the thing is gone, or already on its way."""
    try:
        yield
    except EngineFailed as error:
        if not (is_missing(error) or is_conflict(error)):
            raise
