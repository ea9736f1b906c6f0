"""The form ``json``: one app as one document that people read and compare."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

from zona_core.errors import InvalidInput
from zona_core.ports.packages import PackageLimits, PackageReader, PackageSummary, Record, Signer
from zona_packages._ending import ending_of_members, members_of
from zona_packages._files import begins, file_of
from zona_packages._reader import Part, Reader, part_of
from zona_packages._refusals import damaged
from zona_packages._scanner import Scanner
from zona_packages._structure import LISTS
from zona_packages._tally import DigestingTally
from zona_packages._text import INDENTED, bounded, of_readable, readable
from zona_packages._upgrades import UPGRADES, Upgrades

__all__ = ["JsonForm"]

_RENEWAL: Final = "Whoever changed it on purpose takes digest and signature out of the document; it is then unsigned."
_KIND_OF: Final = {name: kind for kind, name in LISTS.items()}
#: the members of a document, in their order; the first ones have to be there
_REQUIRED: Final = ("format", "version", "app")
_MEMBERS: Final = (*_REQUIRED, *_KIND_OF, "digest", "signature")
#: how much of a file is looked at to recognise it
_LOOK: Final = 4096
_LOOKS_RIGHT: Final = re.compile(rb'\s*\{.*"format"\s*:\s*"zona-package"', re.DOTALL)


class JsonForm:
    """See ``zona_core.ports.packages.PackageFormat``. One record at a time is in memory, both ways."""

    takes_folder = False

    def __init__(self, upgrades: Upgrades = UPGRADES) -> None:
        self._upgrades = upgrades

    def write(self, records: Iterable[Record], target: BinaryIO | Path, sign: Signer | None = None) -> PackageSummary:
        """See ``PackageFormat.write``. Raises ``InvalidInput`` (``too_many_apps``) when the second app comes."""
        tally, document = DigestingTally(), _Document(file_of(target))
        for record in records:
            tally.line(record)
            document.add(record)
        summary = tally.digested(sign)
        document.finish(members_of(summary))
        return summary

    def open(self, source: BinaryIO | Path, limits: PackageLimits) -> PackageReader:
        """See ``PackageFormat.open``. A document without a digest is read as well: people may have edited it."""
        file = file_of(source)
        start = file.tell()
        return Reader(lambda _: _parts(file, start, limits), limits, self._upgrades, _RENEWAL)

    def recognises(self, source: BinaryIO | Path) -> bool:
        """See ``PackageFormat.recognises``."""
        return bool(_LOOKS_RIGHT.match(begins(source, _LOOK)))


class _Document:
    """A document that is being written."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        #: what is open: nothing yet, the document after its app, or one of its lists
        self._open = ""

    def add(self, record: Record) -> None:
        kind = record["kind"]
        content = {name: value for name, value in record.items() if name != "kind"}
        if kind == "header":
            self._target.write(readable(content, kind).removesuffix(b"\n}"))
        elif kind == "app":
            if self._open:
                raise InvalidInput("the form json holds one app only", code="too_many_apps", hint="Use the form zona.")
            self._target.write(b',\n  "app": ' + _indented(content, kind, b"  "))
            self._open = "app"
        else:
            name = LISTS[kind]
            begin = b"," if self._open == name else self._closed() + b',\n  "%b": [' % name.encode()
            self._target.write(begin + b"\n    " + _indented(content, kind, b"    "))
            self._open = name

    def finish(self, members: dict[str, Any]) -> None:
        if not self._open:
            raise InvalidInput("the form json holds exactly one app, and there is none")
        self._target.write(self._closed() + b"," + readable(members, "digest").removeprefix(b"{") + b"\n")

    def _closed(self) -> bytes:
        return b"" if self._open == "app" else b"\n  ]"


def _indented(content: dict[str, Any], kind: str, margin: bytes) -> bytes:
    return readable(content, kind).replace(b"\n", b"\n" + margin)


def _parts(file: BinaryIO, start: int, limits: PackageLimits) -> Generator[Part, None, None]:
    file.seek(start)
    scanner = Scanner(file, limits)
    found: dict[str, Any] = {}
    for name in _members(scanner, limits):
        if name in _KIND_OF:
            yield from _list(scanner, name, limits)
        elif name == "app":
            yield part_of(_value(scanner, name, limits), "app", name, limits)
        else:
            found[name] = _value(scanner, name, limits)
        if name == "version":
            yield part_of({"format": found.pop("format"), "version": found.pop("version")}, "header", "", limits)
    scanner.finish()
    yield ending_of_members(found, "")


def _members(scanner: Scanner, limits: PackageLimits) -> Generator[str, None, None]:
    """The names of the members; after each the scanner stands before its value, which the caller takes."""
    left = list(_MEMBERS)
    closing = b""
    scanner.take(b"{", "")
    while closing != b"}":
        may = left[:1] if left and left[0] in _REQUIRED else left
        name = _value(scanner, "", limits)
        if name not in may:
            raise damaged("", f"the member {str(name)[:60]!r} may not stand here", " or ".join(may) or "the end")
        del left[: left.index(name) + 1]
        scanner.take(b":", name)
        yield name
        closing = scanner.peek("")
        scanner.take(b"}" if closing == b"}" else b",", "")
    if left and left[0] in _REQUIRED:
        raise damaged("", f"the member {left[0]!r} is missing")


def _list(scanner: Scanner, name: str, limits: PackageLimits) -> Generator[Part, None, None]:
    scanner.take(b"[", name)
    index = 0
    while scanner.peek(name) != b"]":
        if index:
            scanner.take(b",", name)
        where = f"{name}[{index}]"
        yield part_of(_value(scanner, where, limits), _KIND_OF[name], where, limits)
        index += 1
    scanner.take(b"]", name)


def _value(scanner: Scanner, where: str, limits: PackageLimits) -> Any:
    text = scanner.value(where)
    bounded(text, where, limits, INDENTED)
    return of_readable(text, where)
