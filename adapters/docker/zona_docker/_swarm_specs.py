"""A service of a Swarm as the engine's API has it: made of a target. Pure.

``_swarm_reading`` goes the other way, and what it reads of a specification made here is the very same content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from attrs import Factory, define

from zona_core.domain.fleet.hashing import content_hash
from zona_core.domain.fleet.names import CONTENT_LABEL, FLEET_LABEL, HASH_LABEL, ROLE_MARK, role_label
from zona_core.domain.fleet.specification import HealthCheck, Port, PortMode, Resources, UpdatePolicy
from zona_core.domain.fleet.targets import Content, FileKind, FileMount, Mount, Target
from zona_core.errors import EngineFailed, RolloutFailed

from ._labels import labels_of, target_labels

__all__ = ["NANOSECONDS", "Known", "Spec", "StoredFile", "job_spec", "same", "service_spec", "with_numbers"]

NANOSECONDS: Final = 1_000_000_000

#: seconds that Swarm waits before it begins a replica again that has ended
_RESTART_DELAY: Final = 5

#: as the engine's API has it
Spec = dict[str, Any]


@define(frozen=True, kw_only=True)
class StoredFile:
    """A secret or a configuration that the Swarm keeps. It never changes: a new text is a new one."""

    id: str
    kind: FileKind
    #: what the Swarm calls it
    stored_name: str
    #: within the fleet
    name: str
    digest: str


@define(frozen=True, kw_only=True)
class Known:
    """What specifications name by ids and what they repeat of it, as the manager shows it."""

    #: ids by name
    networks: Mapping[str, str] = Factory(dict)
    files: Sequence[StoredFile] = ()
    #: driver and options by name, of those that the manager has
    volumes: Mapping[str, Mapping[str, Any]] = Factory(dict)


def service_spec(fleet: str, target: Target, known: Known, *, endpoint_mode: str) -> Spec:
    """The whole specification.

    Raises ``EngineFailed`` (``network_missing``, ``ingress_impossible``) and ``RolloutFailed`` (``file_missing``).
    """
    content = target.content
    if endpoint_mode != "vip" and any(port.mode is PortMode.INGRESS for port in content.ports):
        raise EngineFailed(
            f"{target.name}: ports of the mode ingress take the endpoint mode vip",
            code="ingress_impossible",
            hint="use the port mode host, or endpoint_mode=vip in the setting container_engine",
            service=target.name,
        )
    return {
        "Name": target.engine_name,
        "Labels": _labels(fleet, target),
        "TaskTemplate": {
            "ContainerSpec": _container(content, fleet, target.name, known),
            "Resources": _resources(content.resources),
            "RestartPolicy": {"Condition": "any", "Delay": _RESTART_DELAY * NANOSECONDS},
            "Placement": _placement(fleet, content.role),
            "Networks": _networks(content, target.name, known),
            "ForceUpdate": target.restarts,
            "Runtime": "container",
        },
        "Mode": {"Replicated": {"Replicas": target.replicas}},
        **_policies(target.update),
        "EndpointSpec": {"Mode": endpoint_mode, "Ports": [_port(port) for port in content.ports]},
    }


def with_numbers(spec: Spec, target: Target) -> Spec:
    """A specification as it is but for the number of replicas and how they are replaced."""
    return {
        **deepcopy(spec),
        "Mode": {"Replicated": {"Replicas": target.replicas}},
        **_policies(target.update),
    }


def job_spec(fleet: str, name: str, target: Target, command: Sequence[str], known: Known) -> Spec:
    """A service that runs a command once in a container like the target's; no request ever reaches it.

    NOTE: it has one replica that is never begun again, and is none of Swarm's own jobs: when one of those is removed,
    Docker 20.10 lets its container run on, and keeps it for ever.
    """
    content = target.content
    container = _container(content, fleet, target.name, known)
    # A job has ended when its command has: there is nothing whose health could be seen.
    container |= {"Args": list(command), "Healthcheck": {"Test": ["NONE"]}}
    networks = [{"Target": network["Target"]} for network in _networks(content, target.name, known)]
    return {
        "Name": name,
        "Labels": labels_of(fleet, "hook"),
        "TaskTemplate": {
            "ContainerSpec": container,
            "Resources": _resources(content.resources),
            "RestartPolicy": {"Condition": "none"},
            "Placement": _placement(fleet, content.role),
            "Networks": networks,
        },
        "Mode": {"Replicated": {"Replicas": 1}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }


def same(one: Any, other: Any) -> bool:
    """Whether two specifications say the same; what the engine adds by itself (its defaults) says nothing."""
    return bool(_told(one) == _told(other))


def _told(value: Any) -> Any:
    if isinstance(value, Mapping):
        told = {key: item for key, item in value.items() if _DEFAULTS.get(key, "") != item}
        kept = {key: item if key in _OF_OTHERS else _told(item) for key, item in told.items()}
        return {key: item for key, item in kept.items() if item not in (None, "", 0, [], {})}
    return [_told(item) for item in value] if isinstance(value, list) else value


#: mappings whose keys are somebody else's: an empty value is one there
_OF_OTHERS: Final = ("Labels", "Options", "DriverOpts")
#: what an engine notes where nothing was said
_DEFAULTS: Final = {"Isolation": "default", "Runtime": "container"}


def _labels(fleet: str, target: Target) -> dict[str, str]:
    """Labels of the service: to change them replaces no container. The content stands in it anyway."""
    found = {**target_labels(fleet, target), HASH_LABEL: target.hash or content_hash(target.content)}
    del found[CONTENT_LABEL]
    return found


def _container(content: Content, fleet: str, service: str, known: Known) -> Spec:
    spec: Spec = {
        "Image": content.image,
        "Command": list(content.entrypoint),
        "Args": list(content.command),
        "Env": [f"{name}={value}" for name, value in sorted(content.environment.items())],
        "Labels": dict(content.labels),
        "User": content.user,
        "ReadOnly": content.read_only,
        "Init": content.init,
        "StopGracePeriod": _nanoseconds(content.stop_grace),
        "Mounts": [
            *(_mount(mount, fleet, known) for mount in content.mounts),
            *({"Type": "tmpfs", "Target": folder} for folder in content.tmpfs),
        ],
        "Secrets": [_file(file, service, known) for file in content.files if file.kind is FileKind.SECRET],
        "Configs": [_file(file, service, known) for file in content.files if file.kind is FileKind.CONFIG],
    }
    if content.health is not None:
        spec["Healthcheck"] = _health(content.health)
    return spec


def _health(health: HealthCheck) -> Spec:
    return {
        "Test": ["CMD", *health.command],
        "Interval": _nanoseconds(health.interval),
        "Timeout": _nanoseconds(health.timeout),
        "Retries": health.retries,
        "StartPeriod": _nanoseconds(health.start_period),
    }


def _mount(mount: Mount, fleet: str, known: Known) -> Spec:
    """Each node makes the volume from this when it first needs it, as the manager's own was made."""
    spec: Spec = {"Type": "volume", "Source": mount.volume, "Target": mount.target, "ReadOnly": mount.read_only}
    volume = known.volumes.get(mount.volume)
    if volume is not None and (volume.get("Labels") or {}).get(FLEET_LABEL) == fleet:
        driver = {"Name": volume["Driver"], "Options": dict(volume.get("Options") or {})}
        spec["VolumeOptions"] = {"Labels": {FLEET_LABEL: fleet}, "DriverConfig": driver}
    return spec


def _file(file: FileMount, service: str, known: Known) -> Spec:
    wanted = (file.kind, file.name, file.digest)
    for stored in known.files:
        if (stored.kind, stored.name, stored.digest) == wanted:
            word = "Secret" if file.kind is FileKind.SECRET else "Config"
            place = {"Name": file.target, "UID": str(file.uid), "GID": str(file.gid), "Mode": file.mode}
            return {f"{word}ID": stored.id, f"{word}Name": stored.stored_name, "File": place}
    raise RolloutFailed(
        f"{service}: the {file.kind} {file.name} is not with the engine in the version that is wanted",
        code="file_missing",
        rolled_back=True,
        service=service,
        file=file.name,
    )


def _resources(resources: Resources) -> Spec:
    return {
        "Limits": {
            "NanoCPUs": _nanoseconds(resources.cpus),
            "MemoryBytes": resources.memory,
            "Pids": resources.pids,
        },
        "Reservations": {
            "NanoCPUs": _nanoseconds(resources.reserved_cpus),
            "MemoryBytes": resources.reserved_memory,
        },
    }


def _placement(fleet: str, role: str) -> Spec:
    return {"Constraints": [f"node.labels.{role_label(fleet, role)}=={ROLE_MARK}"]} if role else {}


def _networks(content: Content, service: str, known: Known) -> list[Spec]:
    missing = [name for name in content.networks if name not in known.networks]
    if missing:
        raise EngineFailed(
            f"{service}: there is no network {missing[0]}", code="network_missing", service=service, network=missing[0]
        )
    return [{"Target": known.networks[name], "Aliases": list(content.aliases)} for name in content.networks]


def _port(port: Port) -> Spec:
    return {
        "Protocol": port.protocol,
        "TargetPort": port.target,
        "PublishedPort": port.published,
        "PublishMode": port.mode.value,
    }


def _policies(policy: UpdatePolicy) -> Spec:
    """How Swarm replaces replicas, and how it goes back.

    Going back does not stop at a replica that fails: what was there before is the best there is.
    """
    common = {
        "Parallelism": policy.parallelism,
        "Delay": _nanoseconds(policy.delay),
        # Zero would be the engine's default of five seconds.
        "Monitor": max(1, _nanoseconds(policy.monitor)),
        "Order": policy.order.value,
    }
    return {
        "UpdateConfig": {**common, "FailureAction": policy.on_failure.value},
        "RollbackConfig": {**common, "FailureAction": "continue"},
    }


def _nanoseconds(value: float) -> int:
    """Billionths: what the engine counts times and processors in."""
    return round(value * NANOSECONDS)
