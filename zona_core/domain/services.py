"""Service definitions: what the fleet runs for an app's instances (SPEC §1: Integration, §6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from attrs import Factory, define, setters

from zona_core.errors import Fault

__all__ = ["ServiceDefinition", "ServiceHealth", "ServicePort", "service_faults"]

#: registry/path:tag@digest, as in the OCI distribution specification (names, tags) and image references of Docker
_IMAGE: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?/)?"
    r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\Z"
)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")


@define(kw_only=True, on_setattr=setters.frozen)
class ServicePort:
    """A port that the service listens on."""

    #: inside
    target: int
    #: outside; 0 for one that is free
    published: int = 0
    #: ``tcp`` or ``udp``
    protocol: str = "tcp"


@define(kw_only=True, on_setattr=setters.frozen)
class ServiceHealth:
    """How one sees that the service works: a command inside it; times in seconds."""

    command: tuple[str, ...]
    interval: float = 30.0
    timeout: float = 5.0
    retries: int = 3
    start_period: float = 0.0


@define(kw_only=True, on_setattr=setters.frozen)
class ServiceDefinition:
    """What is deployed for each active instance that asks for it."""

    image: str
    command: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    #: by name; texts may be templates over ``instance``
    parameters: dict[str, Any] = Factory(dict)
    #: environment variables: texts that may be templates over ``instance`` and ``parameters``
    environment: dict[str, str] = Factory(dict)
    health_check: ServiceHealth | None = None


def service_faults(service: ServiceDefinition) -> list[Fault]:
    """What is wrong with a service definition, each fault with its path below it."""
    found = []
    if len(service.image) > 512 or not _IMAGE.match(service.image):
        found.append(Fault("image", f"{service.image[:60]!r} is no image", "for example ghcr.io/team/connector:1.2"))
    found += _port_faults(service.ports)
    for attribute, names in (("parameters", service.parameters), ("environment", service.environment)):
        found += [
            Fault(f"{attribute}.{name[:60]}", "is no name", "a letter or _, then letters, digits and _")
            for name in names
            if not _VARIABLE.match(name)
        ]
    found += [
        Fault(f"environment.{name}", "is no text", "a text")
        for name, value in service.environment.items()
        if not isinstance(value, str)
    ]
    if service.health_check:
        found += (fault.under("health_check") for fault in _health_faults(service.health_check))
    return found


def _port_faults(ports: tuple[ServicePort, ...]) -> Iterator[Fault]:
    seen: set[tuple[int, str]] = set()
    for index, port in enumerate(ports):
        if not 1 <= port.target <= 65_535:
            yield Fault(f"ports[{index}].target", f"{port.target} is no port", "1-65535")
        if not 0 <= port.published <= 65_535:
            yield Fault(f"ports[{index}].published", f"{port.published} is no port", "1-65535, or 0 for a free one")
        if port.protocol not in ("tcp", "udp"):
            yield Fault(f"ports[{index}].protocol", f"{port.protocol[:20]!r} is no protocol", "tcp or udp")
        if (port.target, port.protocol) in seen:
            yield Fault(f"ports[{index}].target", f"{port.target} stands twice", "each port once")
        seen.add((port.target, port.protocol))


def _health_faults(health: ServiceHealth) -> Iterator[Fault]:
    if not health.command:
        yield Fault("command", "is empty", "the command and its arguments")
    rows = (
        ("interval", 1 <= health.interval <= 3_600, "1-3600 s"),
        ("timeout", 1 <= health.timeout <= 3_600, "1-3600 s"),
        ("retries", 1 <= health.retries <= 100, "1-100"),
        ("start_period", 0 <= health.start_period <= 3_600, "0-3600 s"),
    )
    for name, good, right in rows:
        if not good:
            yield Fault(name, f"{getattr(health, name)} is out of range", right)
