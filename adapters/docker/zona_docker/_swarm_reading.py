"""What a service of a Swarm is made of, read of the specification that the engine has, whoever made it so. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from zona_core.domain.fleet.names import FLEET_LABEL, ROLE_MARK, role_label
from zona_core.domain.fleet.specification import (
    FailureAction,
    HealthCheck,
    Order,
    Port,
    PortMode,
    Resources,
    UpdatePolicy,
)
from zona_core.domain.fleet.targets import Content, FileKind, FileMount, Mount

from ._swarm_specs import NANOSECONDS, Known

__all__ = ["content_of", "policy_of", "replicas_of"]

Spec = Mapping[str, Any]

#: what a content speaks of; all else that a container was given shows as a label that nobody wanted
_KNOWN: Final = frozenset(
    {
        "Args",
        "Command",
        "Configs",
        "Env",
        "Healthcheck",
        "Image",
        "Init",
        "Isolation",
        "Labels",
        "Mounts",
        "ReadOnly",
        "Secrets",
        "StopGracePeriod",
        "User",
    }
)


def content_of(spec: Spec, known: Known) -> Content:
    """The content; the engine's defaults are left out.

    What a content has no word for (a host name, capabilities, constraints of somebody else) is not passed over: it
    stands among the labels, under the engine's name for it, so that it is seen as what was changed by hand.
    """
    task = spec["TaskTemplate"]
    container = task["ContainerSpec"]
    mounts = container.get("Mounts") or []
    fleet = (spec.get("Labels") or {}).get(FLEET_LABEL, "")
    role, constraints = _placement(task.get("Placement") or {}, fleet)
    networks = {network.get("Target", ""): network for network in task.get("Networks") or []}
    names = {key: name for name, key in known.networks.items()}
    networks = {names.get(key, key): network for key, network in networks.items()}
    aliases, odd = _aliases(networks)
    return Content(
        image=container.get("Image", ""),
        entrypoint=tuple(container.get("Command") or ()),
        command=tuple(container.get("Args") or ()),
        environment=dict(_variables(container)),
        files=tuple(sorted(_files(container, known), key=lambda file: (file.target, file.kind))),
        mounts=tuple(_mount(mount) for mount in mounts if mount.get("Type") != "tmpfs"),
        networks=tuple(sorted(networks)),
        aliases=aliases,
        ports=tuple(_port(port) for port in (spec.get("EndpointSpec") or {}).get("Ports") or []),
        health=_health(container.get("Healthcheck")),
        resources=_resources(task.get("Resources") or {}),
        user=container.get("User", ""),
        read_only=bool(container.get("ReadOnly")),
        init=bool(container.get("Init")),
        tmpfs=tuple(sorted(mount["Target"] for mount in mounts if mount.get("Type") == "tmpfs")),
        stop_grace=_seconds(container.get("StopGracePeriod", 10 * NANOSECONDS)),
        labels={**(container.get("Labels") or {}), **constraints, **odd, **dict(_strays(container))},
        role=role,
    )


def replicas_of(spec: Spec) -> int:
    """How many replicas there are to be."""
    return int((spec["Mode"].get("Replicated") or {}).get("Replicas") or 0)


def policy_of(spec: Spec) -> UpdatePolicy:
    """How the engine replaces replicas; it knows no deadline. Without a word about it, what the engine does then."""
    config = spec.get("UpdateConfig") or {}
    monitor = config.get("Monitor") or 5 * NANOSECONDS
    return UpdatePolicy(
        parallelism=config.get("Parallelism", 1 if not config else 0),
        order=Order(config.get("Order") or Order.STOP_FIRST),
        delay=_seconds(config.get("Delay") or 0),
        monitor=_seconds(monitor) if monitor > 1 else 0.0,
        on_failure=FailureAction.ROLLBACK if config.get("FailureAction") == "rollback" else FailureAction.PAUSE,
    )


def _variables(container: Spec) -> Iterator[tuple[str, str]]:
    for text in container.get("Env") or ():
        name, _, value = text.partition("=")
        yield name, value


def _files(container: Spec, known: Known) -> Iterator[FileMount]:
    stored = {file.id: file for file in known.files}
    for kind, word in ((FileKind.SECRET, "Secret"), (FileKind.CONFIG, "Config")):
        for given in container.get(f"{word}s") or ():
            place = given.get("File")
            if place is None:
                continue
            found = stored.get(given[f"{word}ID"])
            yield FileMount(
                kind=kind,
                # One that the fleet did not make is shown under the engine's name for it.
                name=found.name if found else given[f"{word}Name"],
                digest=found.digest if found else "",
                target=place["Name"],
                uid=int(place.get("UID") or 0),
                gid=int(place.get("GID") or 0),
                mode=int(place.get("Mode") or 0),
            )


def _mount(mount: Spec) -> Mount:
    return Mount(volume=mount.get("Source", ""), target=mount.get("Target", ""), read_only=bool(mount.get("ReadOnly")))


def _aliases(networks: Mapping[str, Spec]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Those of all networks; where networks differ in them, what each has is told as well."""
    found = {name: tuple(sorted(network.get("Aliases") or ())) for name, network in networks.items()}
    everywhere = tuple(sorted({alias for aliases in found.values() for alias in aliases}))
    odd = {f"(Aliases {name})": ",".join(aliases) for name, aliases in found.items() if aliases != everywhere}
    return everywhere, odd


def _port(port: Spec) -> Port:
    return Port(
        target=port.get("TargetPort", 0),
        published=port.get("PublishedPort", 0),
        protocol=port.get("Protocol", "tcp"),
        mode=PortMode(port.get("PublishMode", "ingress")),
    )


def _health(check: Spec | None) -> HealthCheck | None:
    """The engine's defaults (30 s, 30 s, 3) stand for what was not said."""
    test = (check or {}).get("Test") or []
    if check is None or not test:
        return None
    match test:
        case ["CMD", *words]:
            command = tuple(words)
        case ["CMD-SHELL", text]:
            command = ("/bin/sh", "-c", text)
        case _:
            command = ()  # switched off by hand
    return HealthCheck(
        command=command,
        interval=_seconds(check.get("Interval") or 30 * NANOSECONDS),
        timeout=_seconds(check.get("Timeout") or 30 * NANOSECONDS),
        retries=check.get("Retries") or 3,
        start_period=_seconds(check.get("StartPeriod") or 0),
    )


def _resources(resources: Spec) -> Resources:
    limits, kept = resources.get("Limits") or {}, resources.get("Reservations") or {}
    return Resources(
        cpus=_seconds(limits.get("NanoCPUs", 0)),
        memory=limits.get("MemoryBytes", 0),
        reserved_cpus=_seconds(kept.get("NanoCPUs", 0)),
        reserved_memory=kept.get("MemoryBytes", 0),
        pids=limits.get("Pids", 0),
    )


def _placement(placement: Spec, fleet: str) -> tuple[str, dict[str, str]]:
    """The role, and what else replicas' places are limited by."""
    role, others = "", []
    before, after = f"node.labels.{role_label(fleet, '')}", f"=={ROLE_MARK}"
    for constraint in placement.get("Constraints") or ():
        text = constraint.replace(" ", "")
        if not role and text.startswith(before) and text.endswith(after):
            role = text.removeprefix(before).removesuffix(after)
        else:
            others.append(text)
    strays = {
        f"(Placement.{key})": _text(placement[key]) for key in ("MaxReplicas", "Preferences") if placement.get(key)
    }
    return role, strays | ({"(Placement.Constraints)": ",".join(others)} if others else {})


def _strays(container: Spec) -> Iterator[tuple[str, str]]:
    for key, value in container.items():
        if key not in _KNOWN and value and value != {"Nameservers": None}:
            yield f"({key})", _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _seconds(billionths: int) -> float:
    return billionths / NANOSECONDS
