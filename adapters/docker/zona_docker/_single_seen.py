"""A replica as the engine shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from zona_core.domain.fleet.names import HASH_LABEL, RESTARTS_LABEL, SERVICE_LABEL
from zona_core.domain.fleet.specification import Resources
from zona_core.domain.fleet.world import Replica, ReplicaState

from ._labels import number_of
from ._logs import time_of
from ._single_recipe import ALONE, PARKED, SLOT_LABEL, Recipe

__all__ = ["Seen"]

_NANO: Final = 1_000_000_000
#: characters of what a health check wrote
_LONGEST: Final = 300


class Seen:
    """What inspecting a container told. It does not change; look again to see more."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self._state: Mapping[str, Any] = data["State"]
        self._host: Mapping[str, Any] = data["HostConfig"]
        self.id: str = data["Id"]
        self.name: str = data["Name"].removeprefix("/")
        #: whether it is no replica, but notes what a service of no replicas is made of
        self.parked = self.name.split(".")[1:2] == [PARKED]
        self.image: str = data["Config"]["Image"]
        self.labels: Mapping[str, str] = data["Config"].get("Labels") or {}
        self.service = self.labels.get(SERVICE_LABEL, "")
        self.slot = number_of(self.labels, SLOT_LABEL)
        self.hash = self.labels.get(HASH_LABEL, "")
        self.restarts = number_of(self.labels, RESTARTS_LABEL)
        #: times that the engine began it again
        self.begun_again: int = data.get("RestartCount", 0)
        self.paused = bool(self._state.get("Paused"))
        self.restart_policy: str = (self._host.get("RestartPolicy") or {}).get("Name", "")
        self.stop_grace: float = data["Config"].get("StopTimeout") or 10.0

    @cached_property
    def recipe(self) -> Recipe | None:
        """What it was made of, as it is noted."""
        return Recipe.noted(self.labels)

    @property
    def created_at(self) -> datetime | None:
        """When it was made."""
        return time_of(self._data["Created"])

    @property
    def started_at(self) -> datetime | None:
        """When it was begun last."""
        return time_of(self._state.get("StartedAt", ""))

    @property
    def running(self) -> bool:
        """Whether it runs just now; not between two attempts of the engine's to begin it."""
        return bool(self._state.get("Running")) and not self._state.get("Restarting") and not self._state.get("Dead")

    @property
    def alive(self) -> bool:
        """Whether it runs or the engine tries to have it run: whether stopping it would change anything."""
        return bool(self._state.get("Running") or self._state.get("Restarting"))

    @property
    def state(self) -> ReplicaState:
        """How far it is."""
        status = self._state.get("Status")
        if status in ("removing", "created"):
            return ReplicaState.STOPPING if status == "removing" else ReplicaState.PENDING
        if not self.running:
            return ReplicaState.FAILED
        if self.paused:
            return ReplicaState.UNHEALTHY
        return {"starting": ReplicaState.STARTING, "unhealthy": ReplicaState.UNHEALTHY}.get(
            self.health, ReplicaState.HEALTHY
        )

    @property
    def health(self) -> str:
        """What its health check says; empty without one."""
        found = (self._state.get("Health") or {}).get("Status", "")
        return "" if found == "none" else str(found)

    @property
    def exit_code(self) -> int | None:
        """With which it ended; None if it runs, or never ran."""
        return None if self.running or self.started_at is None else int(self._state.get("ExitCode", 0))

    @property
    def message(self) -> str:
        """Why it does not work, in the engine's words; empty if it does."""
        if self.paused:
            return "paused"
        if self._state.get("OOMKilled") and not self.running:
            return "out of memory"
        if error := self._state.get("Error"):
            return str(error)
        if self.state is ReplicaState.FAILED:
            return f"ended with code {self.exit_code}" + (", begun again and again" if self.alive else "")
        if self.state is ReplicaState.UNHEALTHY:
            return self.health_output or "its health check fails"
        return "not begun" if self.state is ReplicaState.PENDING else ""

    @property
    def health_output(self) -> str:
        """What its health check wrote last, bounded."""
        log = (self._state.get("Health") or {}).get("Log") or [{}]
        return " ".join(str(log[-1].get("Output", "")).split())[:_LONGEST]

    @property
    def networks(self) -> dict[str, list[str]]:
        """Names of the networks that it is in, and its names there."""
        found = (self._data.get("NetworkSettings") or {}).get("Networks") or {}
        return {name: list(point.get("Aliases") or ()) for name, point in found.items() if name != ALONE}

    @property
    def resources(self) -> Resources:
        """Its limits; reserved processors are nothing that the engine knows."""
        host = self._host
        return Resources(
            cpus=(host.get("NanoCpus") or 0) / _NANO,
            memory=host.get("Memory") or 0,
            reserved_memory=host.get("MemoryReservation") or 0,
            pids=max(host.get("PidsLimit") or 0, 0),
        )

    @property
    def volumes(self) -> frozenset[str]:
        """Names of the volumes that it mounts."""
        return frozenset(mount["Name"] for mount in self._data.get("Mounts") or () if mount.get("Name"))

    def shown(self, node: str) -> Replica:
        """The same, as the world shows it."""
        return Replica(
            id=self.id[:12],
            slot=self.slot,
            node=node,
            state=self.state,
            hash=self.hash,
            image=self.image,
            since=self.started_at or self.created_at,
            message=self.message,
            exit_code=self.exit_code,
        )
