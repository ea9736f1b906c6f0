"""Files that are whole or not there, and faults of the disk in Zona's words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from zona_core.errors import StoreUnavailable

__all__ = ["Draft", "make_folder", "on_disk", "sync_folder"]


@contextmanager
def on_disk(done: str) -> Iterator[None]:
    """What the operating system refuses within the block becomes ``StoreUnavailable``; ``done``: read, written, …"""
    try:
        yield
    except OSError as exc:
        raise StoreUnavailable(
            f"a blob cannot be {done}: {exc.strerror}: {exc.filename or 'the folder of blobs'}",
            code="blobs_unavailable",
        ) from exc


class Draft:
    """A new file in a folder, which goes with the block unless it was moved to its place."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / os.urandom(16).hex()
        self._moved = False

    def __enter__(self) -> Draft:
        with on_disk("written"):
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(handle, "wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what could not be written out is not wanted any more
            self._file.close()
        if not self._moved:
            with suppress(OSError):
                self._path.unlink()

    def write(self, data: bytes) -> None:
        """Appends."""
        with on_disk("written"):
            self._file.write(data)

    def begin_with(self, data: bytes) -> None:
        """Puts ``data`` in the place of as many bytes at the beginning."""
        with on_disk("written"):
            self._file.seek(0)
            self._file.write(data)

    def move(self, place: Path, *, below: Path) -> None:
        """Lets it survive a crash at ``place``, whose folders are made, but for ``below``."""
        with on_disk("written"):
            self._file.flush()
            os.fsync(self._file.fileno())
            for folder in reversed(place.relative_to(below).parents[:-1]):
                make_folder(below / folder)
            self._path.replace(place)
            self._moved = True
            sync_folder(place.parent)


def make_folder(folder: Path) -> None:
    """Makes a folder that nobody else may enter, if there is none; raises ``OSError``."""
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        return
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Lets names that were made, changed or removed in it survive a crash; raises ``OSError``."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
