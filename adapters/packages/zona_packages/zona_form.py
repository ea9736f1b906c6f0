"""The form ``zona``: records as lines of canonical text (NDJSON), compressed (Zstandard, RFC 8878), in one file."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from zona_core.ports.packages import PackageLimits, PackageReader, PackageSummary, Record, Signer
from zona_packages._ending import ending_of_record, record_of
from zona_packages._files import begins, file_of
from zona_packages._reader import Part, Reader
from zona_packages._refusals import damaged, too_large
from zona_packages._seen import Seen
from zona_packages._tally import Tally
from zona_packages._text import bounded, canonical, of_canonical, of_known
from zona_packages._upgrades import UPGRADES, Upgrades
from zona_packages._zstd import MAGIC, Compressed, decompressed

__all__ = ["ZonaForm"]


class ZonaForm:
    """See ``zona_core.ports.packages.PackageFormat``. A few MB of memory suffice for a package of any size."""

    takes_folder = False

    def __init__(self, upgrades: Upgrades = UPGRADES) -> None:
        self._upgrades = upgrades

    def write(self, records: Iterable[Record], target: BinaryIO | Path, sign: Signer | None = None) -> PackageSummary:
        """See ``PackageFormat.write``."""
        tally = Tally()
        with Compressed(file_of(target)) as compressed:
            for record in records:
                compressed.add(tally.line(record))
            summary = tally.summary(compressed.digest(), sign)
            compressed.finish(canonical(record_of(summary), "end"))
        return summary

    def open(self, source: BinaryIO | Path, limits: PackageLimits) -> PackageReader:
        """See ``PackageFormat.open``."""
        file = file_of(source)
        start = file.tell()
        return Reader(lambda seen: _parts(file, start, limits, seen), limits, self._upgrades)

    def recognises(self, source: BinaryIO | Path) -> bool:
        """See ``PackageFormat.recognises``."""
        return begins(source, len(MAGIC)) == MAGIC


def _parts(file: BinaryIO, start: int, limits: PackageLimits, seen: Seen | None) -> Generator[Part, None, None]:
    file.seek(start)
    lines = _lines(file, limits)
    known = len(seen) if seen else 0
    for number, line in enumerate(lines, 1):
        where = f"record {number}"
        if seen and number <= known:
            seen.expect(number - 1, line, where)
            yield of_known(line), line, where
            continue
        bounded(line, where, limits)
        record = of_canonical(line, where)
        if record.get("kind") == "end":
            if next(lines, None) is not None:
                raise damaged(where, "there are records after the end")
            yield ending_of_record(record, where)
        else:
            yield record, line, where


def _lines(file: BinaryIO, limits: PackageLimits) -> Iterator[bytes]:
    """The lines without their ends; the last one has an end too."""
    begun: list[bytes] = []
    size = 0
    for piece in decompressed(file, limits):
        *ended, rest = piece.split(b"\n")
        if ended:
            begun.append(ended[0])
            ended[0] = b"".join(begun)
            begun, size = [], 0
            yield from ended
        begun.append(rest)
        size += len(rest)
        if size > limits.record:
            raise too_large("", "bytes in one record", limits.record)
    if size:
        raise damaged("", "the last line has no end")
