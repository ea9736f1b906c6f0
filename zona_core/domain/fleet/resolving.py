"""From what is wanted to what an engine is given, for one place and one moment (SPEC §6)."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from zona_core.errors import Fault, InvalidInput

from ._files import missing_files
from ._running import Verdict, nodes_by_role, verdict
from ._targets import instance_target, service_target
from .plan import Reason
from .resources import networks_of, volumes_of
from .situation import InstanceService, Situation
from .specification import FleetSpecification, Port
from .targets import Target, Targets
from .world import EngineKind

__all__ = ["resolve"]


def resolve(specification: FleetSpecification, situation: Situation) -> Targets:
    """All services that run in this situation, as an engine is to run them, with what they share.

    Of the specification ``checks`` has to have found no fault. Services come in the order of their names. Raises
    ``InvalidInput`` (``file_missing``) if the situation lacks a file that one of them is given.
    """
    left_out: dict[str, Verdict] = {}
    services: list[Target] = []
    faults: list[Fault] = []
    for name, service in specification.services.items():
        found = verdict(specification, situation, name, role=service.role, toggles=service.toggles)
        if not found.runs:
            left_out[name] = found
        elif missing := missing_files(specification, situation, name):
            faults += missing
        else:
            services.append(service_target(specification, situation, name))
    if faults:
        raise InvalidInput(f"A file is missing: {faults[0]}", code="file_missing", faults=faults)
    for instance, found in _instances(specification, situation, services):
        if found.runs:
            services.append(instance_target(specification, situation, instance))
        else:
            left_out[_free_name(instance, specification)] = found
    running = {target.name for target in services}
    kept = tuple(
        evolve(target, depends_on=tuple(name for name in target.depends_on if name in running)) for target in services
    )
    return Targets(
        fleet=specification.name,
        services=tuple(sorted(kept, key=lambda target: target.name)),
        networks=networks_of(specification, situation.kind, kept),
        volumes=volumes_of(specification, kept),
        roles=_roles(specification, situation),
        left_out={name: found.why[0] for name, found in sorted(left_out.items())},
        left_out_for={name: found.reason for name, found in sorted(left_out.items()) if found.reason},
    )


def _instances(
    specification: FleetSpecification, situation: Situation, services: list[Target]
) -> list[tuple[InstanceService, Verdict]]:
    """Tenants' instances with their verdicts. One that takes a name or a port of a former one does not run.

    So what a tenant says about a service of its own never keeps another one, or the whole fleet, from running.
    """
    rules = specification.integrations
    names = dict.fromkeys(specification.services, "the specification")
    ports = {port: target.name for target in services for port in _open_ports(target.content.ports)}
    found = []
    for instance in situation.instances if rules.enabled else ():
        said = verdict(specification, situation, instance.name, role=rules.role, toggles=rules.toggles)
        mine = _open_ports(instance.ports)
        taken = [f"the port {port} is that of {ports[port]}" for port in mine if port in ports]
        if instance.name in names:
            taken = [f"the name {instance.name} is that of a service of {names[instance.name]}"]
        if said.runs and taken:
            said = Verdict(runs=False, why=tuple(taken), reason=Reason.TENANT)
        elif said.runs:
            ports |= dict.fromkeys(mine, instance.name)
            names[instance.name] = f"the tenant {instance.tenant_code}"
        found.append((instance, said))
    return found


def _free_name(instance: InstanceService, specification: FleetSpecification) -> str:
    """What an instance that does not run is called among those; its own name may be a service's."""
    taken = instance.name in specification.services
    return f"{instance.name} (instance {instance.instance_id})" if taken else instance.name


def _open_ports(ports: Iterable[Port]) -> list[str]:
    return [f"{port.published}/{port.protocol}" for port in ports if port.published]


def _roles(specification: FleetSpecification, situation: Situation) -> dict[str, tuple[str, ...]]:
    """Nodes by role, on an engine that places replicas."""
    return dict(sorted(nodes_by_role(specification, situation).items())) if situation.kind is EngineKind.SWARM else {}
