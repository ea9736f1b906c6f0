"""The package format port: apps on their way between installations, as a sequence of records.

A record is a JSON object with its ``kind``. A package is ``header``; then, for each app, ``app`` and what belongs to it
(``task``, ``playbook``, ``rule``, ``schedule``); then ``end``. ``docs/packages.md`` specifies them, with a JSON Schema.

The *digest* is SHA-256 over the canonical text of all records before ``end``, whatever form the package has: of each
its JSON with sorted keys, without white space, in UTF-8, and a line feed. A signature is one of
``zona-package``, a line feed and the digest's 32 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

from attrs import define

__all__ = [
    "PACKAGE_NAME",
    "PACKAGE_VERSION",
    "PackageFormat",
    "PackageLimits",
    "PackageSummary",
    "Record",
    "Signature",
    "Signer",
]

#: what a header's ``format`` says
PACKAGE_NAME = "zona-package"
#: the version that is written; older ones are upgraded when they are read, newer ones refused
PACKAGE_VERSION = 1

Record: TypeAlias = dict[str, Any]


@define(frozen=True, kw_only=True)
class Signature:
    """A signature of a package's digest."""

    #: name of the scheme
    algorithm: str
    #: fingerprint of the public key: SHA-256 of its raw form, in hexadecimal
    key: str
    value: bytes


#: digest → its signature
Signer: TypeAlias = Callable[[bytes], Signature]


@define(frozen=True, kw_only=True)
class PackageLimits:
    """How much is read before a package is refused (``package_too_large``, ``package_too_deep``)."""

    #: of the file as it is
    compressed: int = 256 * 1024**2
    #: of all records
    bytes: int = 2 * 1024**3
    #: of one record
    record: int = 16 * 1024**2
    records: int = 1_000_000
    #: how many objects and lists stand in one another
    depth: int = 64


@define(frozen=True, kw_only=True)
class PackageSummary:
    """What a package is, once all of it was written or checked."""

    version: int
    apps: int
    records: int
    #: SHA-256, 32 bytes
    digest: bytes
    signature: Signature | None


class PackageFormat(Protocol):
    """One form of packages: ``zona`` (zstd-compressed NDJSON, RFC 8878), ``json`` (one readable document), ``folder``.

    It checks structure, kinds, order, counts, limits and digest; what the records mean is not its concern.
    """

    #: whether ``write`` and ``open`` take the path of a folder rather than a file
    takes_folder: bool

    def write(self, records: Iterable[Record], target: BinaryIO | Path, sign: Signer | None = None) -> PackageSummary:
        """Writes ``records``, which begin with ``header`` and have no ``end``, as they come.

        The same records give the same bytes. A folder is made, or what an earlier package left in it replaced.
        Raises ``InvalidInput`` if there are more apps than the form can hold.
        """

    def open(self, source: BinaryIO | Path, limits: PackageLimits) -> PackageReader:
        """A reader of what is there; a file must be seekable. Nothing is read yet."""

    def recognises(self, source: BinaryIO | Path) -> bool:
        """Whether that looks like a package of this form; a file is left where it stood."""


class PackageReader(Protocol):
    """A package that is read twice: once wholly, to be checked, then record by record.

    Both raise ``InvalidPackage`` (an ``InvalidDocument``) with a code for each reason: ``package_damaged``,
    ``package_too_new``, ``package_too_large``, ``package_too_deep``, ``digest_mismatch``, and faults with paths
    (``record 12``, ``tasks/lookup.json``). Time and memory are bounded whatever the input.
    """

    def check(self, each: Callable[[Record], None] = ...) -> PackageSummary:
        """Reads all, tells ``each`` record before ``end`` (upgraded to the present version), checks the digest."""

    def records(self) -> Iterator[Record]:
        """The records before ``end``, upgraded; only after ``check``. Others than then raise ``digest_mismatch``."""
