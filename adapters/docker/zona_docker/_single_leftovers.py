"""What a fleet left behind on a single engine and nothing uses any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from zona_core.errors import EngineFailed
from zona_core.ports.engines import Unused

from ._client import Connection
from ._errors import is_conflict, is_missing, translated
from ._labels import KIND_LABEL, filters_of
from ._logs import time_of
from ._single_containers import Containers
from ._single_files import FILES_KIND, FILLER_KIND
from ._single_recipe import ingress_of

__all__ = ["Leftovers"]

#: kinds of containers that are of use only to the call that made them
_PASSING: Final = (FILLER_KIND, "hook")


class Leftovers:
    """Finds and removes it, on one engine."""

    def __init__(self, connection: Connection, containers: Containers) -> None:
        self._connection = connection
        self._containers = containers

    def found(self, fleet: str, *, volumes: bool) -> list[Unused]:
        """What could be removed; the fleet's own volumes only if they are asked for."""
        return [*self._stale_containers(fleet), *self._volumes(fleet, data=volumes), *self._networks(fleet)]

    def discarded(self, fleet: str, unused: Sequence[Unused]) -> list[Unused]:
        """What of that is gone; what is not found any more, or is in use by now, stays."""
        there = {(each.kind, each.name) for each in self.found(fleet, volumes=True)}
        return [each for each in unused if (each.kind, each.name) in there and self._discard(each)]

    def _stale_containers(self, fleet: str) -> Iterator[Unused]:
        for row in self._containers.listed(fleet):
            if row["Labels"].get(KIND_LABEL) in _PASSING and row["State"] != "running":
                seen = self._containers.seen(row["Id"])
                if seen is not None:
                    yield Unused(kind="container", name=seen.name, created_at=seen.created_at)

    def _volumes(self, fleet: str, *, data: bool) -> Iterator[Unused]:
        with translated("list volumes"):
            found = self._connection.client.volumes(filters={**filters_of(fleet), "dangling": True})
        for volume in found.get("Volumes") or ():
            files = (volume.get("Labels") or {}).get(KIND_LABEL) == FILES_KIND
            if files or data:
                created_at = time_of(volume.get("CreatedAt", ""))
                yield Unused(kind=FILES_KIND if files else "volume", name=volume["Name"], created_at=created_at)

    def _networks(self, fleet: str) -> Iterator[Unused]:
        used = self._joined(fleet)
        with translated("list networks"):
            found = self._connection.client.networks(filters=filters_of(fleet))
        for network in found:
            if network["Name"] not in used:
                yield Unused(kind="network", name=network["Name"], created_at=time_of(network.get("Created", "")))

    def _joined(self, fleet: str) -> set[str]:
        """Networks that a replica is in, or joins once it works."""
        found: set[str] = set()
        for seen in self._containers.replicas(fleet):
            found |= seen.networks.keys()
            if seen.recipe is not None:
                found |= set(seen.recipe.networks)
                found |= {ingress_of(fleet)} if seen.recipe.proxied else set()
        return found

    def _discard(self, each: Unused) -> bool:
        client = self._connection.client
        remove: Mapping[str, Any] = {
            "container": client.remove_container,
            "network": client.remove_network,
        }
        try:
            with translated(f"remove {each.name}"):
                remove.get(each.kind, client.remove_volume)(each.name)
        except EngineFailed as error:
            if is_conflict(error) or is_missing(error):
                return False
            raise
        return True
