"""What stands in the way of running a fleet on a Swarm, as far as a manager can tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zona_core.domain.fleet.names import FLEET_LABEL, ROLE_MARK, SERVICE_LABEL, role_label
from zona_core.domain.fleet.specification import PortMode
from zona_core.domain.fleet.targets import Target
from zona_core.domain.fleet.world import Node, NodeState
from zona_core.errors import EngineFailed
from zona_core.ports.engines import Finding

from ._swarm_api import SwarmApi, asked
from ._swarm_tasks import node_of
from ._together import together

__all__ = ["findings_of"]

Object = Mapping[str, Any]


def findings_of(
    api: SwarmApi, fleet: str, targets: Sequence[Target], *, endpoint_mode: str, local: bool
) -> list[Finding]:
    """See ``ContainerEngine.findings``; ``local``: the manager runs on this machine's kernel."""
    nodes = [node_of(node) for node in api.nodes()]
    return [
        *_kernel(targets, endpoint_mode, local=local),
        *_versions(nodes),
        *_managers(nodes),
        *_states(nodes),
        *_roles(fleet, targets, nodes),
        *_ports(fleet, targets, nodes, api.all_services()),
        *_images(api, targets),
    ]


def _kernel(targets: Sequence[Target], endpoint_mode: str, *, local: bool) -> Iterator[Finding]:
    """Virtual addresses and ports of the whole Swarm are the kernel's IPVS: without it nobody answers there."""
    ingress = [target.name for target in targets for port in target.content.ports if port.mode is PortMode.INGRESS]
    if endpoint_mode != "vip" and ingress:
        yield Finding(
            code="ingress_impossible",
            serious=True,
            message=f"{ingress[0]} has a port of the mode ingress, which {endpoint_mode} does not have",
            hint="use the port mode host, or endpoint_mode=vip in the setting container_engine",
        )
    if endpoint_mode == "vip" and targets and local and not _has_ipvs():
        yield Finding(
            code="ipvs",
            serious=True,
            message="this kernel does not have IPVS: services cannot reach one another by their virtual addresses",
            hint="modprobe ip_vs on each node, or have endpoint_mode=dnsrr in container_engine and ports of hosts",
        )


def _has_ipvs() -> bool:
    """Whether it is there, or could be loaded: its file appears once somebody uses it."""
    if Path("/proc/net/ip_vs").exists() or Path("/sys/module/ip_vs").exists():
        return True
    modules = Path("/lib/modules") / Path("/proc/sys/kernel/osrelease").read_text().strip()
    names = (modules / name for name in ("modules.dep", "modules.builtin"))
    return any("/ip_vs.ko" in name.read_text() for name in names if name.is_file())


def _versions(nodes: Sequence[Node]) -> Iterator[Finding]:
    by_version = defaultdict(list)
    for node in nodes:
        by_version[node.engine_version].append(node.name)
    if len(by_version) > 1:
        told = "; ".join(f"{version}: {', '.join(sorted(names))}" for version, names in sorted(by_version.items()))
        yield Finding(
            code="engine_version",
            serious=False,
            message=f"the nodes' engines differ: {told}",
            hint="bring them to one version",
        )


def _managers(nodes: Sequence[Node]) -> Iterator[Finding]:
    """https://docs.docker.com/engine/swarm/admin_guide/#add-manager-nodes-for-fault-tolerance"""
    count = sum(node.manager for node in nodes)
    if count % 2 == 0:
        yield Finding(
            code="managers_even",
            serious=False,
            message=f"the Swarm has {count} managers, and bears the loss of no more than with {count - 1}",
            hint="have an odd number: 3 bear the loss of one, 5 that of two",
        )


def _states(nodes: Sequence[Node]) -> Iterator[Finding]:
    for node in nodes:
        if node.state is NodeState.DOWN:
            yield Finding(
                code="node_down", serious=False, message=f"the node {node.name} does not answer", node=node.name
            )
    if not any(node.state is NodeState.READY for node in nodes):
        yield Finding(
            code="no_node",
            serious=True,
            message="no node takes replicas",
            hint="docker node update --availability active",
        )


def _roles(fleet: str, targets: Sequence[Target], nodes: Sequence[Node]) -> Iterator[Finding]:
    for role in sorted({target.content.role for target in targets} - {""}):
        having = [node for node in nodes if node.labels.get(role_label(fleet, role)) == ROLE_MARK]
        if not any(node.state is NodeState.READY for node in having):
            where = f"only nodes that take none: {', '.join(node.name for node in having)}" if having else "no node"
            yield Finding(
                code="role_missing",
                serious=True,
                message=f"the role {role} is that of {where}",
                hint="zona fleet apply marks the nodes that the specification's roles name",
            )


def _ports(
    fleet: str, targets: Sequence[Target], nodes: Sequence[Node], services: Sequence[Object]
) -> Iterator[Finding]:
    """Ports that another service has, of the fleet or not, and more replicas than there are nodes for their port."""
    own = {target.engine_name for target in targets}
    taken = {
        (port["PublishedPort"], port.get("Protocol", "tcp")): _owner(service, fleet)
        for service in services
        if service["Spec"]["Name"] not in own
        for port in (service.get("Endpoint") or {}).get("Ports") or ()
        if port.get("PublishedPort")
    }
    ready = sum(node.state is NodeState.READY for node in nodes)
    for target in targets:
        for port in target.content.ports:
            holder = taken.get((port.published, port.protocol)) if port.published else None
            if holder:
                yield Finding(
                    code="port_taken",
                    serious=True,
                    message=f"{target.name}: the port {port.published}/{port.protocol} is that of {holder}",
                    hint="publish another port, or remove that service",
                )
            elif port.published and port.mode is PortMode.HOST and target.replicas > ready:
                yield Finding(
                    code="port_taken",
                    serious=True,
                    message=f"{target.name}: {target.replicas} replicas want the port {port.published}/{port.protocol}"
                    f" of a node each, and {ready} nodes take replicas",
                    hint="have no more replicas than nodes",
                )


def _owner(service: Object, fleet: str) -> str:
    spec = service["Spec"]
    labels = spec.get("Labels") or {}
    return str(labels.get(SERVICE_LABEL, spec["Name"]) if labels.get(FLEET_LABEL) == fleet else spec["Name"])


def _images(api: SwarmApi, targets: Sequence[Target]) -> Iterator[Finding]:
    """Those that the manager does not have and no registry gives. What workers have, no manager is told."""
    with asked("list images"):
        there = {
            tag for image in api.client.images() for tag in (*(image["RepoTags"] or ()), *(image["RepoDigests"] or ()))
        }
    wanted = sorted({target.content.image for target in targets})
    unknown = [image for image in wanted if image not in there and f"{image}:latest" not in there]
    for image, found in zip(unknown, together(lambda image: _in_registry(api, image), unknown), strict=True):
        if not found:
            yield Finding(
                code="image_missing",
                serious=True,
                message=f"the manager does not have the image {image}, and no registry gives it",
                hint="push it to a registry that all nodes reach, or load it into each node",
            )


def _in_registry(api: SwarmApi, image: str) -> bool:
    try:
        with asked(f"ask the registry for {image}"):
            api.client.inspect_distribution(image)
    except EngineFailed:
        return False
    return True
