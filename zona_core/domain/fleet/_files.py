"""The files that a service is given: secrets, configurations, and what the fleet writes itself."""

from __future__ import annotations

import hashlib
from typing import Final

from zona_core.errors import Fault

from ._running import kept_by_hand
from .routing import haproxy_configuration
from .situation import FileData, Situation
from .specification import ConfigMount, FleetSpecification, Route, SecretMount
from .targets import FileKind, FileMount

__all__ = ["file_mounts", "missing_files"]

_SECRETS: Final = "/run/secrets/"


def file_mounts(
    specification: FleetSpecification, situation: Situation, name: str
) -> tuple[tuple[FileMount, ...], dict[str, bytes]]:
    """The files of a service, and the bytes of those that are at hand by their digests; missing ones are left out."""
    mounts, data = [], {}
    for kind, mount, target, _ in _mounts(specification, name):
        found = _data(specification, situation, name, kind, mount.name)
        if found is None:
            continue
        mounts.append(
            FileMount(
                kind=kind,
                name=mount.name,
                target=target,
                digest=found.digest,
                uid=mount.uid,
                gid=mount.gid,
                mode=mount.mode,
            )
        )
        if found.data is not None:
            data[found.digest] = found.data
    return tuple(sorted(mounts, key=lambda mount: mount.target)), data


def missing_files(specification: FleetSpecification, situation: Situation, name: str) -> list[Fault]:
    """A fault for each file of a service that the situation lacks."""
    return [
        Fault(path, f"there is no value for the {kind.value} {mount.name}", "a value, or the fleet that has it already")
        for kind, mount, _, path in _mounts(specification, name)
        if _data(specification, situation, name, kind, mount.name) is None
    ]


def _mounts(specification: FleetSpecification, name: str) -> list[tuple[FileKind, SecretMount | ConfigMount, str, str]]:
    """Each with its path in replicas and its path in the specification."""
    service = specification.services[name]
    return [
        *(
            (FileKind.SECRET, secret, secret.target or _SECRETS + secret.name, f"services.{name}.secrets[{index}]")
            for index, secret in enumerate(service.secrets)
        ),
        *(
            (FileKind.CONFIG, config, config.target, f"services.{name}.configs[{index}]")
            for index, config in enumerate(service.configs)
        ),
    ]


def _data(
    specification: FleetSpecification, situation: Situation, service: str, kind: FileKind, name: str
) -> FileData | None:
    config = specification.configs.get(name) if kind is FileKind.CONFIG else None
    if config and config.routes:
        return _written(haproxy_configuration(specification.name, service, _routes(specification, situation, service)))
    given = situation.files.get((kind, name))
    if given is None and config and not config.file:
        return _written(config.content)
    return given


def _written(text: str) -> FileData:
    data = text.encode()
    return FileData(digest=hashlib.sha256(data).hexdigest(), data=data)


def _routes(specification: FleetSpecification, situation: Situation, proxy: str) -> list[tuple[str, Route]]:
    """The routes through a proxy, also those of services that somebody stopped: to stop one changes no proxy."""
    return [
        (name, route)
        for name, service in sorted(specification.services.items())
        for route in service.routes
        if route.proxy == proxy and kept_by_hand(specification, situation, name)
    ]
