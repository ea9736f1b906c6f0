"""What all forms have in common when a package is written."""

from __future__ import annotations

import hashlib
from typing import Final

from zona_core.ports.packages import PACKAGE_VERSION, PackageLimits, PackageSummary, Record, Signer
from zona_packages._structure import Structure
from zona_packages._text import bounded, canonical

__all__ = ["DigestingTally", "Tally"]

_LIMITS: Final = PackageLimits()


class Tally:
    """Holds what is written to the rules of what is read, so that a package that was written can be read.

    Raises ``InvalidInput`` for what is not JSON, ``InvalidPackage`` for what a reader would refuse with it.
    """

    def __init__(self) -> None:
        self._structure = Structure()

    def line(self, record: Record) -> bytes:
        """The canonical text of the next record."""
        where = f"record {self._structure.records + 1}"
        text = canonical(record, where)
        bounded(text, where, _LIMITS)
        self._structure.feed(record, where)
        return text

    def summary(self, digest: bytes, sign: Signer | None) -> PackageSummary:
        """What was written."""
        self._structure.finish()
        return PackageSummary(
            version=PACKAGE_VERSION,
            apps=self._structure.apps,
            records=self._structure.records,
            digest=digest,
            signature=sign(digest) if sign else None,
        )


class DigestingTally(Tally):
    """A tally that makes the digest as well."""

    def __init__(self) -> None:
        super().__init__()
        self._sha256 = hashlib.sha256()

    def line(self, record: Record) -> bytes:
        """See ``Tally.line``."""
        text = super().line(record)
        self._sha256.update(text)
        self._sha256.update(b"\n")
        return text

    def digested(self, sign: Signer | None) -> PackageSummary:
        """What was written, with its digest."""
        return self.summary(self._sha256.digest(), sign)
