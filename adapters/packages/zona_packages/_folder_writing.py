"""Writing a package into a folder, over an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from zona_core.errors import InvalidInput, InvalidPackage
from zona_core.ports.packages import PackageLimits, PackageSummary, Record
from zona_packages._directory import Directory
from zona_packages._manifest import MANIFEST, finished, is_foreign, manifest_of, unfinished
from zona_packages._names import Names, slug
from zona_packages._structure import LISTS
from zona_packages._text import INDENTED, readable
from zona_packages._upgrades import UPGRADES, version_of

__all__ = ["FolderWriting"]

_APP: Final = "app.json"
_LIMITS: Final = PackageLimits()


class FolderWriting:
    """A package that is being written; a context manager. Raises ``InvalidInput``: see ``FolderForm.write``.

    Only in folders that ``package.json`` names, and in them only what a package has, is anything replaced or removed.
    From the first change to the last one ``package.json`` says that the package is unfinished.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open = ExitStack()
        #: the folders of the earlier package's apps, and of those that were written, in their order
        self._earlier: set[str] = set()
        self._apps: list[str] = []
        self._app_names = Names()
        #: what was written into the lists of the present app
        self._lists: dict[str, Names] = {}

    def __enter__(self) -> Self:
        with _usable(self._path):
            self._path.mkdir(exist_ok=True)
            self._root = self._open.enter_context(Directory.at(self._path))
            if self._root.has(MANIFEST):
                self._earlier = set(self._named())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, record: Record) -> None:
        """The next record."""
        with _usable(self._path):
            if record["kind"] == "header":
                self._root.write(MANIFEST, unfinished(self._earlier))
            elif record["kind"] == "app":
                self._sweep_last()
                self._begin(record)
            else:
                self._add(record)

    def finish(self, summary: PackageSummary) -> None:
        """All records are there: what the earlier package had beyond them goes, and the new one counts."""
        with _usable(self._path):
            self._sweep_last()
            for name in self._earlier.difference(self._apps):
                if self._root.has(name):
                    self._sweep(name, {})
                    with self._root.child(name) as folder:
                        folder.remove(_APP)
                    self._root.remove_empty(name)
            self._root.write(MANIFEST, finished(self._apps, summary))

    def _named(self) -> list[str]:
        try:
            manifest = manifest_of(self._root.read(MANIFEST, INDENTED * _LIMITS.record), _LIMITS)
        except InvalidPackage as exc:
            raise _taken(self._path / MANIFEST) from exc
        version_of(
            {"kind": "header", **manifest.header}, UPGRADES, MANIFEST
        )  # what a newer version put there is not known
        return manifest.apps

    def _begin(self, record: Record) -> None:
        name = self._app_names.give(slug(record["title"]))
        if name not in self._earlier:
            if self._root.has(name):
                raise _taken(self._path / name)
            self._root.write(MANIFEST, unfinished(self._earlier.union(self._apps, [name])))
        self._apps.append(name)
        self._lists = {}
        with self._root.child(name, make=True) as folder:
            folder.write(_APP, _content(record))

    def _add(self, record: Record) -> None:
        kind = record["kind"]
        names = self._lists.setdefault(LISTS[kind], Names())
        name = names.give(record["task_tag"] if kind == "task" else slug(record["name"])) + ".json"
        with self._root.child(self._apps[-1]) as folder, folder.child(LISTS[kind], make=True) as files:
            files.write(name, _content(record))

    def _sweep_last(self) -> None:
        if self._apps:
            self._sweep(self._apps[-1], self._lists)

    def _sweep(self, app: str, written: Mapping[str, Names]) -> None:
        """Removes the files of records that the app has no more."""
        with self._root.child(app) as folder:
            for name in filter(folder.has, LISTS.values()):
                kept = written[name].given if name in written else frozenset()
                with folder.child(name) as files:
                    for file in list(files.names()):
                        if file.endswith(".json") and not is_foreign(file) and file[:-5] not in kept:
                            files.remove(file)
                folder.remove_empty(name)


def _content(record: Record) -> bytes:
    return readable({name: value for name, value in record.items() if name != "kind"}, record["kind"]) + b"\n"


def _taken(path: Path) -> InvalidInput:
    return InvalidInput(
        f"{path} is there already and is no part of a package",
        code="folder_taken",
        hint="Write the package into a folder of its own, or into that of an earlier one.",
        path=str(path),
    )


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        name = f"{path}/{exc.filename}" if isinstance(exc.filename, str) else path
        raise InvalidInput(f"{name} cannot be written: {exc.strerror}", code="folder_unusable", path=str(path)) from exc
