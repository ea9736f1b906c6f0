"""From older versions to the present one.

``UPGRADES`` has for each older version the function that makes of one of its records one of the next version's. The
first version is the only one yet, so there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from zona_core.ports.packages import PACKAGE_VERSION, Record
from zona_packages._refusals import damaged, too_new
from zona_packages._structure import is_header

__all__ = ["UPGRADES", "Upgrades", "upgrade", "version_of"]

Upgrades: TypeAlias = Mapping[int, Callable[[Record], Record]]

UPGRADES: Final[Upgrades] = MappingProxyType({})


def version_of(header: Record, upgrades: Upgrades, where: str) -> int:
    """The version that a header names; raises ``package_too_new``, or ``package_damaged`` for what is no header."""
    if not is_header(header):
        raise damaged(where, "not the header of a package", '"format": "zona-package" and a "version"')
    version: int = header["version"]
    if version > PACKAGE_VERSION:
        raise too_new(version)
    if len(header) > 3:
        raise damaged(where, "the header has more members", "kind, format and version")
    if missing := [step for step in range(version, PACKAGE_VERSION) if step not in upgrades]:
        raise damaged(where, f"there never was a version {missing[0]}", f"version {PACKAGE_VERSION}")
    return version


def upgrade(record: Record, version: int, upgrades: Upgrades) -> Record:
    """The record as the present version has it."""
    if version == PACKAGE_VERSION:
        return record
    if record.get("kind") == "header":
        return {**record, "version": PACKAGE_VERSION}
    for step in range(version, PACKAGE_VERSION):
        record = upgrades[step](record)
    return record
