"""Plans as files: looked at by one, applied by another, and refused if the world has moved in between.

There is no secret in them: the specification is read again from where it was, and the plan's values of secrets are
digests.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from zona_cli._files import writing
from zona_cli._inputs import file_name, json_object
from zona_cli._text import json_text

if TYPE_CHECKING:
    from zona_core.domain.fleet.plan import Plan

__all__ = ["KeptPlan", "read_plan", "write_plan"]

#: of the form of the file
_VERSION: Final = 1


class KeptPlan(NamedTuple):
    """What a plan file says beside the plan itself."""

    #: as ``--fleet`` named it; empty for the one that there is
    fleet: str
    digest: str
    #: whole path of the specification; empty for the one that is stored
    specification: str


def write_plan(target: str, plan: Plan, *, fleet: str, specification: str) -> None:
    """Writes a plan into the file ``target``, ``-``: standard output; ``specification``: where it was made from."""
    from zona_core import as_data

    data = {
        "zona_fleet_plan": _VERSION,
        "fleet": fleet,
        "digest": plan.digest,
        "specification": os.fspath(Path(specification).absolute()) if specification else "",
        "plan": as_data(plan),
    }
    with writing(target, "--out") as file:
        file.write((json_text(data) + "\n").encode())


def read_plan(file: BinaryIO) -> KeptPlan:
    """What ``write_plan`` wrote; raises ``InvalidInput``."""
    from zona_core import Fault, InvalidInput

    data = json_object(file)
    if data.get("zona_fleet_plan") != _VERSION:
        raise InvalidInput(
            f"{file_name(file)} is no plan of a fleet that this release reads", hint="zona fleet plan -o FILE makes one"
        )
    kept = {name: data.get(name) for name in KeptPlan._fields}
    faults = [Fault(name, "is no text", "a text") for name, each in kept.items() if not isinstance(each, str)]
    if faults or not kept["digest"]:
        raise InvalidInput.of(faults or [Fault("digest", "is empty", "the plan's digest")], file_name(file))
    texts: dict[str, Any] = kept
    return KeptPlan(**texts)
