"""Secrets and configurations that a Swarm keeps for the fleet.

They never change: another text is another object, whose name has a part of the digest. What no service names any more
is left for ``unused``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from zona_core.domain.fleet.names import engine_name
from zona_core.domain.fleet.targets import Content, FileKind, Target
from zona_core.errors import RolloutFailed

from ._labels import KIND_LABEL, PREFIX, labels_of
from ._swarm_api import SwarmApi
from ._swarm_specs import Known, StoredFile

__all__ = ["known", "store_files", "stored_files", "stored_name"]

#: characters of a secret's or a configuration's name: https://docs.docker.com/reference/cli/docker/secret/create/
_LONGEST: Final = 64
#: of the digest that stand in it
_SHOWN: Final = 12


def stored_name(fleet: str, name: str, digest: str) -> str:
    """What the Swarm calls a file; one whose name would be too long is cut, with a part of its own digest after it."""
    whole = engine_name(fleet, name)
    room = _LONGEST - _SHOWN - 1
    if len(whole) > room:
        mark = hashlib.sha256(whole.encode()).hexdigest()[:8]
        whole = f"{whole[: room - len(mark) - 1]}-{mark}"
    return f"{whole}-{digest[:_SHOWN]}"


def stored_files(api: SwarmApi, fleet: str) -> tuple[StoredFile, ...]:
    """The fleet's files, as specifications speak of them."""
    return tuple(stored(found) for found in api.files(fleet))


def stored(found: Mapping[str, Any]) -> StoredFile:
    """One of them."""
    labels = found["Spec"].get("Labels") or {}
    return StoredFile(
        id=found["ID"],
        kind=FileKind(labels.get(KIND_LABEL, FileKind.CONFIG)),
        stored_name=found["Spec"]["Name"],
        name=labels.get(f"{PREFIX}name", ""),
        digest=labels.get(f"{PREFIX}digest", ""),
    )


def store_files(api: SwarmApi, fleet: str, target: Target) -> None:
    """Has the Swarm keep all that replicas are given; raises ``RolloutFailed`` (``file_missing``)."""
    wanted = {(file.kind, file.name, file.digest) for file in target.content.files}
    there = {(file.kind, file.name, file.digest) for file in stored_files(api, fleet)} if wanted else set()
    missing = sorted(wanted - there)
    for kind, name, digest in missing:
        if digest not in target.data:
            raise RolloutFailed(
                f"{target.name}: the engine does not have the {kind} {name} as it is wanted",
                code="file_missing",
                rolled_back=True,
                service=target.name,
                file=name,
            )
    for kind, name, digest in missing:
        labels = labels_of(fleet, kind.value, name=name, digest=digest)
        api.create_file(kind, stored_name(fleet, name, digest), target.data[digest], labels)


def known(api: SwarmApi, fleet: str, *contents: Content) -> Known:
    """What specifications of these contents refer to, in no more calls than they need."""
    return Known(
        networks={network["Name"]: network["Id"] for network in api.networks()},
        files=stored_files(api, fleet) if any(content.files for content in contents) else (),
        volumes=api.volumes() if any(content.mounts for content in contents) else {},
    )
