"""What stands in the way of running services on a single engine, or may."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from zona_core.domain.fleet.names import FLEET_LABEL, SERVICE_LABEL
from zona_core.domain.fleet.specification import Resources
from zona_core.domain.fleet.targets import Target
from zona_core.ports.engines import Finding

from ._client import Connection
from ._errors import translated
from ._single_images import Images
from ._together import together

__all__ = ["findings_of"]

#: seconds that a registry has to say whether it knows an image
_PATIENCE: Final = 10.0
#: the engine's word for what it can limit, what that is, and whether a target asks for it
_LIMITS: Final[Sequence[tuple[str, str, Callable[[Resources], object]]]] = (
    ("MemoryLimit", "memory", lambda resources: resources.memory or resources.reserved_memory),
    ("CpuCfsQuota", "cpus", lambda resources: resources.cpus),
    ("PidsLimit", "pids", lambda resources: resources.pids),
)


def findings_of(
    connection: Connection, images: Images, facts: Mapping[str, Any], fleet: str, targets: Sequence[Target]
) -> list[Finding]:
    """All of them, the serious ones first."""
    found = [
        *_limits(facts, targets),
        *_ports(connection, fleet, targets),
        *_files(targets),
        *_replicas(targets),
        *_images(images, targets),
    ]
    return sorted(found, key=lambda finding: (not finding.serious, finding.code, finding.message))


def _limits(facts: Mapping[str, Any], targets: Sequence[Target]) -> Iterator[Finding]:
    for word, name, asked in _LIMITS:
        users = sorted(target.name for target in targets if asked(target.content.resources))
        if users and not facts.get(word, True):
            yield Finding(
                code=f"no_{name}_limit",
                serious=False,
                message=f"this engine cannot limit {name}, which {', '.join(users)} ask for",
                hint="Let the kernel count it: see its control groups.",
                node=facts.get("Name", ""),
            )


def _ports(connection: Connection, fleet: str, targets: Sequence[Target]) -> Iterator[Finding]:
    with translated("list containers"):
        rows = connection.client.containers()
    taken = {
        (port["PublicPort"], port["Type"]): row
        for row in rows
        for port in row.get("Ports") or ()
        if port.get("PublicPort")
    }
    for target in targets:
        for port in target.content.ports:
            row = taken.get((port.published, port.protocol))
            if row is None or _is_ours(row, fleet, {each.name for each in targets}):
                continue
            name = (row.get("Names") or [row["Id"]])[0].removeprefix("/")
            yield Finding(
                code="port_taken",
                serious=True,
                message=f"the port {port.published}/{port.protocol} of {target.name} is open for the container {name}",
                hint="Choose another port, or remove that container.",
            )


def _is_ours(row: Mapping[str, Any], fleet: str, services: set[str]) -> bool:
    """Whether it gives its ports up in time: plans say who has to be first."""
    labels = row.get("Labels") or {}
    return labels.get(FLEET_LABEL) == fleet and labels.get(SERVICE_LABEL) in services


def _files(targets: Sequence[Target]) -> Iterator[Finding]:
    for target in targets:
        volumes = {PurePosixPath(mount.target) for mount in target.content.mounts}
        for mount in target.content.files:
            folder = PurePosixPath(mount.target).parent
            if folder == PurePosixPath("/") or folder in volumes:
                where = "a volume's folder" if folder in volumes else "the root"
                yield Finding(
                    code="file_place",
                    serious=True,
                    message=f"{target.name}: a single engine cannot put {mount.target} into {where}",
                    hint="Give the file a folder of its own.",
                )


def _replicas(targets: Sequence[Target]) -> Iterator[Finding]:
    for target in targets:
        fixed = [port.published for port in target.content.ports if port.published]
        if fixed and target.replicas > 1:
            yield Finding(
                code="port_taken",
                serious=True,
                message=f"{target.name}: {target.replicas} replicas cannot all open the port {fixed[0]} of one host",
                hint="One replica, or no fixed port: a proxy of the fleet reaches any number of them.",
            )


def _images(images: Images, targets: Sequence[Target]) -> Iterator[Finding]:
    wanted = sorted({target.content.image for target in targets})
    missing = [image for image, has in zip(wanted, together(images.has, wanted), strict=True) if not has]
    for image, known in zip(missing, together(lambda each: images.pullable(each, _PATIENCE), missing), strict=True):
        yield Finding(
            code="image_missing",
            serious=not known,
            message=f"the engine does not have the image {image}"
            + ("; it will be pulled" if known else ", and no registry is found that has it"),
            hint="" if known else "Build or load it, or look whether its registry can be reached.",
        )
