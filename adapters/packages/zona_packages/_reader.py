"""What all forms have in common when a package is read: digest, limits, versions, structure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, TypeAlias

from zona_core.errors import InvalidInput, InvalidPackage
from zona_core.ports.packages import PACKAGE_VERSION, PackageLimits, PackageSummary, Record
from zona_packages._ending import Ending
from zona_packages._refusals import damaged, mismatch, too_large
from zona_packages._seen import CHANGED, Seen
from zona_packages._structure import Structure
from zona_packages._text import canonical
from zona_packages._upgrades import Upgrades, upgrade, version_of

__all__ = ["Part", "Reader", "part_of"]

#: a record, its canonical text, where it stands; after the last one, and with nothing behind it, the ending
Part: TypeAlias = tuple[Record, bytes, str] | Ending


def part_of(content: Any, kind: str, where: str, limits: PackageLimits) -> Part:
    """A record whose kind its place tells, as readable forms have them; raises ``InvalidPackage``."""
    if not isinstance(content, dict):
        raise damaged(where, "not an object", "a JSON object")
    if "kind" in content:
        raise damaged(where, "kind is told by the place and may not be a member")
    record = {"kind": kind, **content}
    try:
        text = canonical(record, where)
    except InvalidInput as exc:
        raise damaged(where, f"not JSON: {exc.__cause__}") from exc
    if len(text) > limits.record:
        raise too_large(where, "bytes in one record", limits.record)
    return record, text, where


def _nothing(record: Record) -> None:
    """Nobody wants to be told."""


class Reader:
    """See ``zona_core.ports.packages.PackageReader``. ``parts`` reads a form anew each time, one pass at a time.

    It is given what the check saw, if there was one, and may then leave out what was looked at already. ``renewal``
    says how somebody who changed the package on purpose goes on.
    """

    def __init__(
        self,
        parts: Callable[[Seen | None], Generator[Part, None, None]],
        limits: PackageLimits,
        upgrades: Upgrades,
        renewal: str = "",
    ) -> None:
        self._parts = parts
        self._limits = limits
        self._upgrades = upgrades
        self._renewal = renewal
        self._checked: tuple[PackageSummary, Seen] | None = None

    def check(self, each: Callable[[Record], None] = _nothing) -> PackageSummary:
        """See ``PackageReader.check``."""
        self._checked = None
        structure, digest, seen = Structure(), hashlib.sha256(), Seen()
        version, ending = PACKAGE_VERSION, None
        with closing(self._parts(None)) as parts:
            for part in parts:
                if isinstance(part, Ending):
                    ending = part
                    break
                record, text, where = part
                if not structure.records:
                    version = version_of(record, self._upgrades, where)
                self._admit(seen, text, where)
                digest.update(text)
                digest.update(b"\n")
                record = upgrade(record, version, self._upgrades)
                structure.feed(record, where)
                each(record)
        structure.finish()
        summary = self._summary(structure, digest.digest(), version, ending)
        self._checked = summary, seen
        return summary

    def records(self) -> Iterator[Record]:
        """See ``PackageReader.records``. None is given that the check did not see.

        Raises ``RuntimeError`` for a package that was not checked.
        """
        if self._checked is None:
            raise RuntimeError("a package is checked before its records are used")
        return self._again(*self._checked)

    def _again(self, checked: PackageSummary, seen: Seen) -> Iterator[Record]:
        index, ending = 0, None
        try:
            with closing(self._parts(seen)) as parts:
                for part in parts:
                    if isinstance(part, Ending):
                        ending = part
                        break
                    record, text, where = part
                    seen.expect(index, text, where)
                    index += 1
                    yield upgrade(record, checked.version, self._upgrades)
        except InvalidPackage as exc:
            raise mismatch("", CHANGED) from exc
        if index != len(seen) or ending is None or ending.signature != checked.signature:
            raise mismatch("", CHANGED)

    def _admit(self, seen: Seen, text: bytes, where: str) -> None:
        if seen.size + len(text) >= self._limits.bytes:
            raise too_large(where, "bytes", self._limits.bytes)
        if len(seen) >= self._limits.records:
            raise too_large(where, "records", self._limits.records)
        seen.add(text)

    def _summary(self, structure: Structure, digest: bytes, version: int, ending: Ending | None) -> PackageSummary:
        if ending is None:
            raise damaged("", "the end is missing", "a record end")
        if ending.counts not in (None, (structure.apps, structure.records)):
            raise damaged("end", "apps or records are not as many as it says", f"{structure.apps}, {structure.records}")
        if ending.digest not in (None, digest):
            raise mismatch("digest", "the digest is another one than that of the records", self._renewal)
        return PackageSummary(
            version=version,
            apps=structure.apps,
            records=structure.records,
            digest=digest,
            signature=ending.signature,
        )
