"""What is wrong with one service for itself; each path is below the service's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from posixpath import dirname
from typing import Final

from zona_core.domain.services import ServiceDefinition, service_faults
from zona_core.errors import Fault

from ._check_rules import path_faults, range_faults
from .specification import ConfigMount, HealthCheck, Hook, Port, Resources, SecretMount, Service, UpdatePolicy

__all__ = ["own_faults", "policy_faults", "resource_faults"]

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}\Z")
_LABEL: Final = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9._/-]{0,126}[a-zA-Z0-9])?\Z")
#: labels that the fleet and engines set themselves
_TAKEN: Final = ("zona.", "com.docker.", "io.docker.", "org.dockerproject.")
_USER: Final = re.compile(r"(?:[A-Za-z_][\w.-]{0,31}|\d{1,10})(?::(?:[A-Za-z_][\w.-]{0,31}|\d{1,10}))?\Z", re.ASCII)
#: folders that replicas or the system itself have to write to or run from: the folder of a file is read-only where an
#: engine gives files as volumes
_SYSTEM: Final = re.compile(
    r"/|/(?:bin|boot|dev|etc|lib|lib64|proc|root|run|sbin|sys|tmp|usr|var)"
    r"|/usr/(?:bin|lib|sbin|share|local(?:/(?:bin|lib))?)|/var/(?:lib|log|run|tmp)"
)
_DAY: Final = 86_400
_HOUR: Final = 3_600
_TEBIBYTES_16: Final = 16 * 2**40
#: the least that engines take for a limit
_LEAST_MEMORY: Final = 6 * 2**20


def own_faults(service: Service) -> Iterator[Fault]:
    """Ranges, names, paths and what stands twice; not whether what it names exists."""
    yield from service_faults(ServiceDefinition(image=service.image))
    yield from range_faults("replicas", service.replicas, 0, 1_000)
    yield from range_faults("stop_grace", service.stop_grace, 0, _HOUR, "s")
    for part in ("entrypoint", "command"):
        yield from _words(part, getattr(service, part))
    yield from _environment(service.environment)
    yield from _labels(service.labels)
    yield from _ports(service.ports)
    yield from _places(service)
    yield from _owners(service)
    if service.health:
        yield from (fault.under("health") for fault in _health(service.health))
    yield from resource_faults("resources", service.resources)
    yield from policy_faults("update", service.update)
    for moment, hooks in (("pre", service.hooks.pre), ("post", service.hooks.post)):
        for index, hook in enumerate(hooks):
            yield from (fault.under(f"hooks.{moment}[{index}]") for fault in _hook(hook))
    if service.user and not _USER.match(service.user):
        yield Fault("user", f"{service.user[:60]!r} is no user", "a name or a number, and after a : a group")


def resource_faults(path: str, resources: Resources) -> Iterator[Fault]:
    """What is wrong with limits and reservations."""
    yield from range_faults(f"{path}.cpus", resources.cpus, 0, 1_024)
    yield from range_faults(f"{path}.pids", resources.pids, 0, 4_194_304)
    if resources.memory:
        yield from range_faults(f"{path}.memory", resources.memory, _LEAST_MEMORY, _TEBIBYTES_16, "bytes, or 0")
    for name, limit in (("cpus", resources.cpus), ("memory", resources.memory)):
        reserved = getattr(resources, f"reserved_{name}")
        if reserved < 0 or 0 < limit < reserved:
            yield Fault(f"{path}.reserved_{name}", f"{reserved:g} is out of range", f"0 to the limit {name}")


def policy_faults(path: str, update: UpdatePolicy) -> Iterator[Fault]:
    """What is wrong with how replicas are replaced."""
    yield from range_faults(f"{path}.parallelism", update.parallelism, 1, 1_000)
    yield from range_faults(f"{path}.delay", update.delay, 0, _HOUR, "s")
    yield from range_faults(f"{path}.monitor", update.monitor, 0, _HOUR, "s")
    yield from range_faults(f"{path}.deadline", update.deadline, max(1.0, update.monitor), _DAY, "s")


def _words(path: str, words: Sequence[str]) -> Iterator[Fault]:
    for index, word in enumerate(words):
        if "\0" in word:
            yield Fault(f"{path}[{index}]", "has a NUL in it", "a text without one")


def _environment(environment: dict[str, str]) -> Iterator[Fault]:
    for name, value in environment.items():
        if not _VARIABLE.match(name):
            yield Fault(f"environment.{name[:60]}", "is no name", "a letter or _, then letters, digits, _, . and -")
        if "\0" in value:
            yield Fault(f"environment.{name[:60]}", "has a NUL in it", "a text without one")


def _labels(labels: dict[str, str]) -> Iterator[Fault]:
    for name in labels:
        if not _LABEL.match(name):
            yield Fault(f"labels.{name[:60]}", "is no label", "letters, digits and inside of it also . _ / and -")
        elif name.startswith(_TAKEN):
            yield Fault(f"labels.{name[:60]}", "is a label that is set by others", f"none that begins with {_TAKEN[0]}")


def _ports(ports: Sequence[Port]) -> Iterator[Fault]:
    seen: set[tuple[int, int, str]] = set()
    for index, port in enumerate(ports):
        yield from range_faults(f"ports[{index}].target", port.target, 1, 65_535)
        yield from range_faults(f"ports[{index}].published", port.published, 0, 65_535)
        if port.protocol not in ("tcp", "udp"):
            yield Fault(f"ports[{index}].protocol", f"{port.protocol[:20]!r} is no protocol", "tcp or udp")
        key = (port.target, port.published, port.protocol)
        if key in seen:
            yield Fault(f"ports[{index}]", f"{port.target}/{port.protocol} stands twice", "each port once")
        seen.add(key)


def _places(service: Service) -> Iterator[Fault]:
    """Where files, volumes and folders in memory are: paths, none of them two things at once."""
    seen: set[str] = set()
    folders = [
        *((f"volumes[{index}].target", mount.target) for index, mount in enumerate(service.volumes)),
        *((f"tmpfs[{index}]", path) for index, path in enumerate(service.tmpfs)),
    ]
    files = [
        *(
            (f"secrets[{index}].target", each.target or f"/run/secrets/{each.name}")
            for index, each in enumerate(service.secrets)
        ),
        *((f"configs[{index}].target", each.target) for index, each in enumerate(service.configs)),
    ]
    for path, place in (*folders, *files):
        yield from path_faults(path, place)
        if place in seen:
            yield Fault(path, f"{place[:60]!r} stands twice", "a path of its own")
        seen.add(place)
    taken = [place for _, place in folders]
    for path, place in files:
        folder = dirname(place)
        if _SYSTEM.fullmatch(folder):
            yield Fault(path, f"{folder} would be read-only", "a folder of its own, for example /etc/web/web.toml")
        elif any(f"{other}/".startswith(f"{folder}/") for other in taken):
            yield Fault(path, f"a volume or a folder in memory is {folder}, or in it", "a folder of its own")


def _owners(service: Service) -> Iterator[Fault]:
    mounts: list[tuple[str, SecretMount | ConfigMount]] = [
        *((f"secrets[{index}]", mount) for index, mount in enumerate(service.secrets)),
        *((f"configs[{index}]", mount) for index, mount in enumerate(service.configs)),
    ]
    for path, mount in mounts:
        yield from range_faults(f"{path}.mode", mount.mode, 0, 0o7777)
        yield from range_faults(f"{path}.uid", mount.uid, 0, 2**31 - 1)
        yield from range_faults(f"{path}.gid", mount.gid, 0, 2**31 - 1)


def _health(health: HealthCheck) -> Iterator[Fault]:
    if not health.command:
        yield Fault("command", "is empty", "the command and its arguments")
    yield from _words("command", health.command)
    yield from range_faults("interval", health.interval, 0.1, _HOUR, "s")
    yield from range_faults("timeout", health.timeout, 0.1, _HOUR, "s")
    yield from range_faults("retries", health.retries, 1, 100)
    yield from range_faults("start_period", health.start_period, 0, _HOUR, "s")


def _hook(hook: Hook) -> Iterator[Fault]:
    if not hook.command:
        yield Fault("command", "is empty", "the command and its arguments")
    yield from _words("command", hook.command)
    yield from range_faults("timeout", hook.timeout, 0.1, _DAY, "s")
