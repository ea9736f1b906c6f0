"""One service as an engine is to run it: of the specification, or of a tenant's instance."""

from __future__ import annotations

from attrs import evolve

from ._files import file_mounts
from ._sources import instance_sources, service_sources
from .hashing import content_hash
from .names import DEFAULT_NETWORK, INGRESS_NETWORK, engine_name
from .resources import network_names, proxies_of, volume_name
from .situation import InstanceService, Situation
from .specification import FleetSpecification, Order, Port, PortMode, UpdatePolicy
from .targets import Content, FileKind, FileMount, Mount, Target
from .world import EngineKind

__all__ = ["instance_target", "service_target"]


def service_target(specification: FleetSpecification, situation: Situation, name: str) -> Target:
    """A service of the specification; ``depends_on`` still names also what does not run."""
    service = specification.services[name]
    files, data = file_mounts(specification, situation, name)
    networks = list(service.networks or (DEFAULT_NETWORK,))
    # On a single engine a replica joins that network once it works; a Swarm's DNS knows only replicas that work.
    if name in proxies_of(specification) or (service.routes and situation.kind is EngineKind.SWARM):
        networks.append(INGRESS_NETWORK)
    content = Content(
        image=service.image,
        entrypoint=service.entrypoint,
        command=service.command,
        environment=dict(sorted(service.environment.items())),
        files=files,
        mounts=tuple(
            sorted(
                (
                    Mount(volume=volume_name(specification, each.name), target=each.target, read_only=each.read_only)
                    for each in service.volumes
                ),
                key=lambda mount: mount.target,
            )
        ),
        networks=network_names(specification, networks),
        aliases=(name,),
        ports=_sorted_ports(service.ports),
        health=service.health,
        resources=service.resources,
        user=service.user,
        read_only=service.read_only,
        init=service.init,
        tmpfs=tuple(sorted(set(service.tmpfs))),
        stop_grace=service.stop_grace,
        labels=dict(sorted(service.labels.items())),
        role=_placed(service.role, situation),
    )
    target = Target(
        name=name,
        engine_name=engine_name(specification.name, name),
        group=service.group,
        accessory=service.accessory,
        content=content,
        hash=content_hash(content),
        replicas=service.replicas,
        update=_policy(service.update, service.ports),
        hooks=service.hooks,
        depends_on=tuple(sorted(set(service.depends_on))),
        proxied=bool(service.routes),
        sources=service_sources(specification, situation, name, content),
        data=data,
    )
    return _with_overrides(target, situation)


def instance_target(specification: FleetSpecification, situation: Situation, instance: InstanceService) -> Target:
    """The service of a tenant's instance: its app says what it runs, the specification how."""
    rules = specification.integrations
    content = Content(
        image=instance.image,
        command=instance.command,
        environment=dict(sorted(instance.environment.items())),
        # NOTE: any user of the replica may read them: which one the image runs as, nobody said.
        files=tuple(
            FileMount(kind=FileKind.SECRET, name=name, target=f"/run/secrets/{name}", digest=found.digest, mode=0o444)
            for name, found in sorted(instance.files.items())
        ),
        networks=network_names(specification, rules.networks or (DEFAULT_NETWORK,)),
        aliases=(instance.name,),
        ports=_sorted_ports(instance.ports),
        health=instance.health,
        resources=rules.resources,
        role=_placed(rules.role, situation),
    )
    target = Target(
        name=instance.name,
        engine_name=engine_name(specification.name, instance.name),
        group=rules.group,
        content=content,
        hash=content_hash(content),
        replicas=instance.replicas,
        update=_policy(rules.update, instance.ports),
        depends_on=tuple(sorted(set(rules.depends_on))),
        tenant_code=instance.tenant_code,
        instance_id=instance.instance_id,
        sources=instance_sources(instance, content),
        data={found.digest: found.data for found in instance.files.values() if found.data is not None},
    )
    return _with_overrides(target, situation)


def _with_overrides(target: Target, situation: Situation) -> Target:
    scaled = situation.scaled.get(target.name)
    target = evolve(target, restarts=situation.restarts.get(target.name, 0))
    if scaled is None or scaled == target.replicas:
        return target
    return evolve(target, replicas=scaled, overrides=(f"replicas: {scaled} by hand instead of {target.replicas}",))


def _policy(update: UpdatePolicy, ports: tuple[Port, ...]) -> UpdatePolicy:
    """A port of a host cannot be that of the old and the new replica at once, so the old one has to go first."""
    taken = any(port.published and port.mode is PortMode.HOST for port in ports)
    return evolve(update, order=Order.STOP_FIRST) if taken else update


def _sorted_ports(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    return tuple(sorted(ports, key=lambda port: (port.target, port.protocol, port.published)))


def _placed(role: str, situation: Situation) -> str:
    """The role that an engine has to look for: a single engine has nothing to choose from."""
    return role if situation.kind is EngineKind.SWARM else ""
