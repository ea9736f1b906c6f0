"""What is wrong with a specification, all of it at once (SPEC §4.6: every fault is named)."""

from __future__ import annotations

from collections.abc import Iterator

from zona_core.domain.graphs import find_cycle
from zona_core.errors import Fault

from ._check_rules import (
    FLEET_NAME,
    NAME,
    SERVICE_NAME,
    name_faults,
    range_faults,
    reference_fault,
    reference_faults,
)
from ._route_checks import route_faults
from ._service_checks import own_faults, policy_faults, resource_faults
from .names import DEFAULT_NETWORK, INGRESS_NETWORK
from .specification import FleetSpecification, Service

__all__ = ["specification_faults"]

_FORMS = ("", "haproxy")


def specification_faults(specification: FleetSpecification) -> list[Fault]:
    """Every fault, each with its path (``services.web.ports[0].target``); empty if there is none."""
    return [
        *_names(specification),
        *_roles_and_networks(specification),
        *_files(specification),
        *(
            fault.under(f"services.{name}")
            for name, service in specification.services.items()
            for fault in (*own_faults(service), *_references(specification, service))
        ),
        *_dependencies(specification),
        *_open_ports(specification),
        *route_faults(specification),
        *_integrations(specification),
        *range_faults("rollouts.parallelism", specification.rollouts.parallelism, 1, 64),
        *range_faults("rollouts.deadline", specification.rollouts.deadline, 1, 86_400, "s"),
    ]


def _names(specification: FleetSpecification) -> Iterator[Fault]:
    yield from name_faults("name", specification.name, FLEET_NAME)
    for name in specification.services:
        yield from name_faults(f"services.{name[:60]}", name, SERVICE_NAME)
    for part in ("roles", "toggles", "networks", "volumes", "configs", "secrets"):
        for name in getattr(specification, part):
            yield from name_faults(f"{part}.{name[:60]}", name, NAME)


def _roles_and_networks(specification: FleetSpecification) -> Iterator[Fault]:
    for name, role in specification.roles.items():
        if not (role.hosts or role.labels or role.setting):
            yield Fault(f"roles.{name}", "no host can have it", "hosts, labels or setting = true")
        if "" in role.hosts:
            yield Fault(f"roles.{name}.hosts", "has an empty name in it", "host names")
    for name in (DEFAULT_NETWORK, INGRESS_NETWORK):
        if name in specification.networks and specification.networks[name].external:
            yield Fault(f"networks.{name}.external", "that network is the fleet's own", "another name for it")


def _files(specification: FleetSpecification) -> Iterator[Fault]:
    for name, config in specification.configs.items():
        if config.routes not in _FORMS:
            yield Fault(f"configs.{name}.routes", f"{config.routes[:60]!r} is no form", "haproxy")
        if sum(bool(part) for part in (config.content, config.file, config.routes)) > 1:
            yield Fault(f"configs.{name}", "its text is given more than once", "one of content, file and routes")
    for name, secret in specification.secrets.items():
        if bool(secret.environment) is bool(secret.file):
            yield Fault(f"secrets.{name}", "comes from nowhere, or from two places", "one of environment and file")


def _references(specification: FleetSpecification, service: Service) -> Iterator[Fault]:
    """What a service names and nothing has; paths below the service."""
    for part, known, what in (
        ("secrets", specification.secrets, "secret"),
        ("configs", specification.configs, "configuration"),
        ("volumes", specification.volumes, "volume"),
    ):
        for index, mount in enumerate(getattr(service, part)):
            yield from reference_fault(f"{part}[{index}].name", mount.name, known, what)
    yield from reference_faults("networks", service.networks, _networks(specification), "network")
    yield from reference_faults("toggles", _bare(service.toggles), specification.toggles, "toggle")
    if service.role:
        yield from reference_fault("role", service.role, specification.roles, "role")


def _dependencies(specification: FleetSpecification) -> Iterator[Fault]:
    services = specification.services
    edges = []
    for name, service in services.items():
        path = f"services.{name}.depends_on"
        if name in service.depends_on:
            yield Fault(f"{path}[{service.depends_on.index(name)}]", "is the service itself", "another one")
        yield from reference_faults(path, service.depends_on, services, "service")
        edges += [(needed, name) for needed in service.depends_on if needed in services and needed != name]
    if cycle := find_cycle(services, edges):
        # NOTE: an arrow of the graph leads from what is needed; people read it the other way round.
        words = " → ".join(reversed(cycle))
        yield Fault(f"services.{cycle[0]}.depends_on", f"goes round in a circle: {words}", "no way back to the service")


def _open_ports(specification: FleetSpecification) -> Iterator[Fault]:
    """Ports that two services would open, unless no host can ever have both."""
    seen: dict[tuple[int, str], list[str]] = {}
    for name, service in specification.services.items():
        for index, port in enumerate(service.ports):
            if not port.published:
                continue
            others = seen.setdefault((port.published, port.protocol), [])
            for other in others:
                if other != name and not _apart(service, specification.services[other]):
                    where = f"services.{name}.ports[{index}].published"
                    yield Fault(where, f"{port.published}/{port.protocol} is that of {other}", "another port, or 0")
            others.append(name)


def _apart(one: Service, other: Service) -> bool:
    """Whether two services never run on one host: a toggle that one has on and the other off, or two roles."""
    opposite = {name.removeprefix("!") if name.startswith("!") else f"!{name}" for name in other.toggles}
    return bool(opposite & set(one.toggles)) or bool(one.role and other.role and one.role != other.role)


def _integrations(specification: FleetSpecification) -> Iterator[Fault]:
    rules = specification.integrations
    found = [
        *reference_faults("networks", rules.networks, _networks(specification), "network"),
        *reference_faults("toggles", _bare(rules.toggles), specification.toggles, "toggle"),
        *reference_faults("depends_on", rules.depends_on, specification.services, "service"),
        *(reference_fault("role", rules.role, specification.roles, "role") if rules.role else ()),
        *resource_faults("resources", rules.resources),
        *policy_faults("update", rules.update),
    ]
    yield from (fault.under("integrations") for fault in found)


def _networks(specification: FleetSpecification) -> set[str]:
    return {DEFAULT_NETWORK, INGRESS_NETWORK, *specification.networks}


def _bare(toggles: tuple[str, ...]) -> list[str]:
    return [toggle.removeprefix("!") for toggle in toggles]
