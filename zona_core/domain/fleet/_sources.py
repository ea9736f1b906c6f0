"""Where each part of a service comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ._flat import flat
from .names import DEFAULT_NETWORK, INGRESS_NETWORK, engine_name
from .situation import InstanceService, Situation
from .specification import FleetSpecification
from .targets import Content, FileKind, Source

__all__ = ["instance_sources", "service_sources"]

#: parts of an instance's service that its app says; the specification says the others
_OF_APP: Final = frozenset({"image", "command", "environment", "files", "ports", "health"})


def service_sources(
    specification: FleetSpecification, situation: Situation, name: str, content: Content
) -> tuple[Source, ...]:
    """Of each part of the content, and of the number of replicas, where the specification or somebody says it."""
    above = f"services.{name}"
    files = {mount.target: (mount.kind, mount.name) for mount in content.files}
    routed = {config for config, found in specification.configs.items() if found.routes}
    origins: dict[str, str] = {}
    for path in flat(content):
        part, _, key = path.partition(".")
        if part == "aliases":
            origins[path] = f"{above}: its name"
        elif part == "networks":
            origins[path] = _network_origin(specification, name, key)
        elif part == "files":
            kind, file = files[key]
            made = kind is FileKind.CONFIG and file in routed
            origins[path] = f"configs.{file}: made from the routes through {name}" if made else f"{kind.value}s.{file}"
        elif part == "mounts":
            origins[path] = f"{above}.volumes: {key}"
        else:
            origins[path] = f"{above}.{path}"
    origins["replicas"] = "scaled by hand" if name in situation.scaled else f"{above}.replicas"
    return _sources(origins)


def instance_sources(instance: InstanceService, content: Content) -> tuple[Source, ...]:
    """Of each part of the content: what the instance says of it, its app, or the specification's ``integrations``."""
    said = {source.path: source.origin for source in instance.sources}
    app = f"tenant {instance.tenant_code}, instance {instance.instance_id}"
    origins = {}
    for path in flat(content):
        part = path.partition(".")[0]
        default = f"{app}: its app's service definition" if part in _OF_APP else "integrations"
        origins[path] = said.get(path) or said.get(part) or default
    # Parameters are no part of the content, but much of it is made of them.
    origins |= {path: origin for path, origin in said.items() if path.startswith("parameters.")}
    return _sources(origins)


def _network_origin(specification: FleetSpecification, name: str, engine: str) -> str:
    service = specification.services[name]
    if engine == engine_name(specification.name, INGRESS_NETWORK) and INGRESS_NETWORK not in service.networks:
        return f"services.{name}.routes" if service.routes else f"routes through {name}"
    if not service.networks and engine == engine_name(specification.name, DEFAULT_NETWORK):
        return "the network of services that name none"
    return f"services.{name}.networks"


def _sources(origins: Mapping[str, str]) -> tuple[Source, ...]:
    return tuple(Source(path=path, origin=origin) for path, origin in sorted(origins.items()))
