"""What a replica on a single engine is made of: a service's content as the engine's own data.

https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define

from zona_core.domain.fleet.hashing import canonical, is_of
from zona_core.domain.fleet.names import (
    CONTENT_LABEL,
    FLEET_LABEL,
    HASH_LABEL,
    INGRESS_NETWORK,
    RESTARTS_LABEL,
    SERVICE_LABEL,
    TENANT_LABEL,
    engine_name,
)
from zona_core.domain.fleet.specification import HealthCheck, Port
from zona_core.domain.fleet.targets import Content, Target

from ._labels import KIND_LABEL, noted_content, number_of

__all__ = ["ALONE", "PARKED", "PROXIED_LABEL", "RESTART_POLICY", "SLOT_LABEL", "Recipe", "ingress_of"]

SLOT_LABEL: Final = "zona.slot"
#: of replicas that a proxy reaches
PROXIED_LABEL: Final = "zona.proxied"
#: in the place of a slot in the name of a container that only notes what a service of no replicas is made of
PARKED: Final = "parked"
#: a replica that ends is begun again by the engine, also after the engine itself was begun again
RESTART_POLICY: Final = "unless-stopped"
#: the engine's network for a replica that is in none of the fleet's; it knows no aliases
ALONE: Final = "bridge"
_NANO: Final = 1_000_000_000


@define(frozen=True, kw_only=True)
class Recipe:
    """All that tells one replica of a service from one of another content, and how it is known."""

    fleet: str
    service: str
    content: Content
    hash: str
    restarts: int = 0
    proxied: bool = False
    tenant_code: str = ""

    @classmethod
    def of(cls, fleet: str, target: Target) -> Recipe:
        """What a target asks for."""
        return cls(
            fleet=fleet,
            service=target.name,
            content=target.content,
            hash=target.hash,
            restarts=target.restarts,
            proxied=target.proxied,
            tenant_code=target.tenant_code,
        )

    @classmethod
    def noted(cls, labels: Mapping[str, str]) -> Recipe | None:
        """What a replica with these labels was made of; None if that cannot be read."""
        content = noted_content(labels)
        if content is None:
            return None
        return cls(
            fleet=labels.get(FLEET_LABEL, ""),
            service=labels.get(SERVICE_LABEL, ""),
            content=content,
            hash=labels.get(HASH_LABEL, ""),
            restarts=number_of(labels, RESTARTS_LABEL),
            proxied=PROXIED_LABEL in labels,
            tenant_code=labels.get(TENANT_LABEL, ""),
        )

    @property
    def networks(self) -> tuple[str, ...]:
        """Those that a replica is in from the start: that of the proxies only once it works."""
        found = tuple(name for name in self.content.networks if not self.proxied or name != ingress_of(self.fleet))
        return found or (ALONE,)

    @property
    def aliases(self) -> list[str]:
        """By which others find it in each of those networks."""
        return sorted({*self.content.aliases, engine_name(self.fleet, self.service)})

    @property
    def proxy_alias(self) -> str:
        """By which proxies find it: the name that a Swarm gives to all replicas of a service that work."""
        return f"tasks.{engine_name(self.fleet, self.service)}"

    def made(self, hash: str, restarts: int) -> bool:  # noqa: A002  # what the models call it
        """Whether a replica with that hash, of so many restarts, is one of this recipe."""
        return is_of(hash, self.content) and restarts == self.restarts

    def new_name(self, slot: int | str) -> str:
        """A name for one more container of the service, that no other has."""
        return f"{engine_name(self.fleet, self.service)}.{slot}.{secrets.token_hex(4)}"

    def labels(self, slot: int) -> dict[str, str]:
        """Those of a replica: the service's own, and what is noted."""
        return {
            **self.content.labels,
            FLEET_LABEL: self.fleet,
            SERVICE_LABEL: self.service,
            SLOT_LABEL: str(slot),
            HASH_LABEL: self.hash,
            RESTARTS_LABEL: str(self.restarts),
            CONTENT_LABEL: canonical(self.content),
            **({PROXIED_LABEL: "true"} if self.proxied else {}),
            **({TENANT_LABEL: self.tenant_code} if self.tenant_code else {}),
        }

    def replica(self, slot: int, files: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The container of a replica; ``files`` are the mounts that hold its files."""
        content = self.content
        body = {**self._common(files), "Labels": self.labels(slot)}
        body["ExposedPorts"] = {_port(port): {} for port in content.ports}
        body["HostConfig"] |= {"RestartPolicy": {"Name": RESTART_POLICY}, "PortBindings": _bindings(content.ports)}
        body |= _given("Entrypoint", list(content.entrypoint)) | _given("Cmd", list(content.command))
        if content.health is not None:
            body["Healthcheck"] = _health(content.health)
        return body

    def hook(self, command: Sequence[str], files: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The container of a command that runs once: like a replica, with nothing of it that others would see."""
        labels = {FLEET_LABEL: self.fleet, SERVICE_LABEL: self.service, KIND_LABEL: "hook"}
        body = {**self._common(files), "Labels": {**self.content.labels, **labels}}
        body |= {"Entrypoint": [command[0]], "Cmd": list(command[1:]), "Healthcheck": {"Test": ["NONE"]}}
        body["NetworkingConfig"] = {"EndpointsConfig": {}}
        return body

    def _common(self, files: Sequence[dict[str, Any]]) -> dict[str, Any]:
        content, first = self.content, self.networks[0]
        mounts = [
            {"Type": "volume", "Source": mount.volume, "Target": mount.target, "ReadOnly": mount.read_only}
            for mount in content.mounts
        ]
        host = {
            "NetworkMode": first,
            "Mounts": [*mounts, *files],
            "ReadonlyRootfs": content.read_only,
            "Tmpfs": dict.fromkeys(content.tmpfs, ""),
            **_limits(content),
            **_given("Init", content.init),
        }
        endpoints = {} if first == ALONE else {first: {"Aliases": self.aliases}}
        return {
            "Image": content.image,
            "Env": [f"{name}={value}" for name, value in sorted(content.environment.items())],
            "StopTimeout": math.ceil(content.stop_grace),
            "HostConfig": host,
            "NetworkingConfig": {"EndpointsConfig": endpoints},
            **_given("User", content.user),
        }


def ingress_of(fleet: str) -> str:
    """The network in which proxies reach replicas."""
    return engine_name(fleet, INGRESS_NETWORK)


def _given(name: str, value: Any) -> dict[str, Any]:
    """What is not given stays as the image says."""
    return {name: value} if value else {}


def _limits(content: Content) -> dict[str, Any]:
    """Limits; what a replica reserves of processors has no counterpart on a single engine."""
    resources = content.resources
    return {
        "NanoCpus": round(resources.cpus * _NANO),
        "Memory": resources.memory,
        "MemoryReservation": resources.reserved_memory,
        **_given("PidsLimit", resources.pids),
    }


def _health(check: HealthCheck) -> dict[str, Any]:
    return {
        "Test": ["CMD", *check.command],
        "Interval": round(check.interval * _NANO),
        "Timeout": round(check.timeout * _NANO),
        "StartPeriod": round(check.start_period * _NANO),
        "Retries": check.retries,
    }


def _bindings(ports: Sequence[Port]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        found.setdefault(_port(port), []).append({"HostPort": str(port.published) if port.published else ""})
    return found


def _port(port: Port) -> str:
    return f"{port.target}/{port.protocol}"
