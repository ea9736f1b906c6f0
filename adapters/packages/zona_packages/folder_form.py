"""The form ``folder``: a file for each record, for version control and review."""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from zona_core.ports.packages import PackageLimits, PackageReader, PackageSummary, Record, Signer
from zona_packages._directory import Directory
from zona_packages._files import folder_of
from zona_packages._folder_writing import FolderWriting
from zona_packages._manifest import MANIFEST, is_foreign, manifest_of
from zona_packages._names import NAME
from zona_packages._reader import Part, Reader, part_of
from zona_packages._refusals import damaged, too_large
from zona_packages._structure import LISTS, place_of
from zona_packages._tally import DigestingTally
from zona_packages._text import INDENTED, bounded, of_readable
from zona_packages._upgrades import UPGRADES, Upgrades

__all__ = ["FolderForm"]

_RENEWAL: Final = "Whoever changed it on purpose takes digest and signature out of package.json; it is then unsigned."
_KINDS: Final = {"app.json", *LISTS.values()}


class FolderForm:
    """See ``zona_core.ports.packages.PackageFormat``. In memory are one record, and the names of an app's files."""

    takes_folder = True

    def __init__(self, upgrades: Upgrades = UPGRADES) -> None:
        self._upgrades = upgrades

    def write(self, records: Iterable[Record], target: BinaryIO | Path, sign: Signer | None = None) -> PackageSummary:
        """See ``PackageFormat.write``.

        Raises ``InvalidInput``: ``folder_taken`` if something that is no package's stands where a part of the package
        would, ``folder_unusable`` if the folder cannot be written. The package there is then incomplete, and says so.
        """
        tally = DigestingTally()
        with FolderWriting(folder_of(target)) as writing:
            for record in records:
                tally.line(record)
                writing.add(record)
            summary = tally.digested(sign)
            writing.finish(summary)
        return summary

    def open(self, source: BinaryIO | Path, limits: PackageLimits) -> PackageReader:
        """See ``PackageFormat.open``. A package without a digest is read as well: people may have edited it."""
        path = folder_of(source)
        return Reader(lambda _: _Reading(limits).parts(path), limits, self._upgrades, _RENEWAL)

    def recognises(self, source: BinaryIO | Path) -> bool:
        """See ``PackageFormat.recognises``."""
        return isinstance(source, Path) and (source / MANIFEST).is_file()


class _Reading:
    """One pass over a folder."""

    def __init__(self, limits: PackageLimits) -> None:
        self._limits = limits
        self._read = 0

    def parts(self, path: Path) -> Generator[Part, None, None]:
        with _readable(""):
            root = Directory.at(path)
        with root:
            manifest = manifest_of(self._text(root, MANIFEST, MANIFEST), self._limits)
            yield part_of(manifest.header, "header", MANIFEST, self._limits)
            if manifest.ending is None:
                raise damaged(MANIFEST, "the package was not written to its end", "one that is written again")
            for app in manifest.apps:
                yield from self._app(root, app)
        yield manifest.ending

    def _app(self, root: Directory, app: str) -> Iterator[Part]:
        with _child(root, app, app) as folder:
            names = set(self._names(folder, app))
            if strange := sorted(names - _KINDS):
                raise damaged(f"{app}/{strange[0]}", "nothing that a package has", ", ".join(sorted(_KINDS)))
            yield self._part(folder, "app", "app.json", f"{app}/app.json")
            for kind, name in LISTS.items():
                if name in names:
                    yield from self._list(folder, kind, f"{app}/{name}")

    def _list(self, folder: Directory, kind: str, path: str) -> Iterator[Part]:
        with _child(folder, LISTS[kind], path) as files:
            # Their order depends on what is in them. They are read twice, so that they need not all be kept.
            places = [self._place(files, kind, name, f"{path}/{name}") for name in self._names(files, path)]
            for _, name in sorted(places):
                yield self._part(files, kind, name, f"{path}/{name}")

    def _names(self, folder: Directory, path: str) -> Iterator[str]:
        """The names of what is in a folder, foreign things aside."""
        with _readable(path):
            for count, name in enumerate(folder.names()):
                if count >= self._limits.records:
                    raise too_large(path, "files", self._limits.records)
                if not is_foreign(name):
                    yield name

    def _place(self, files: Directory, kind: str, name: str, where: str) -> tuple[tuple[int, bool, str], str]:
        if not NAME.fullmatch(name) or not name.endswith(".json"):
            raise damaged(where, "nothing that a package has", "a name of ASCII letters that ends in .json")
        found = of_readable(self._text(files, name, where), where)
        return place_of({**found, "kind": kind} if isinstance(found, dict) else {"kind": kind}, where), name

    def _part(self, folder: Directory, kind: str, name: str, where: str) -> Part:
        return part_of(of_readable(self._text(folder, name, where), where), kind, where, self._limits)

    def _text(self, folder: Directory, name: str, where: str) -> bytes:
        with _readable(where):
            text = folder.read(name, INDENTED * self._limits.record)
        self._read += len(text)
        if self._read > 2 * self._limits.compressed:  # most of it is read twice
            raise too_large(where, "bytes in the files", self._limits.compressed)
        bounded(text, where, self._limits, INDENTED)
        return text


def _child(folder: Directory, name: str, where: str) -> Directory:
    with _readable(where):
        return folder.child(name)


@contextmanager
def _readable(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENOTDIR):
            raise damaged(where, "a link, or not what should be here", "a file or folder of its own") from exc
        raise damaged(where, f"cannot be read: {exc.strerror}") from exc
