"""A directory whose entries are reached one step at a time, so that no link leads anywhere else.

Every name is opened relative to its directory's descriptor and without following links; there is no moment between
looking at something and using it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["Directory"]

_AS_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TO_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # of a pipe one would wait for a writer
_TO_MAKE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Directory:
    """An open directory; a context manager. Everything raises ``OSError``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def at(cls, path: Path) -> Self:
        """The directory at ``path``, which may be a link itself."""
        return cls(os.open(path, _AS_DIRECTORY & ~os.O_NOFOLLOW))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def child(self, name: str, *, make: bool = False) -> Directory:
        """The directory of that name in this one; raises ``NotADirectoryError`` for a link."""
        if make and not self.has(name):
            os.mkdir(name, dir_fd=self._descriptor)
        return Directory(os.open(name, _AS_DIRECTORY, dir_fd=self._descriptor))

    def has(self, name: str) -> bool:
        """Whether there is anything of that name."""
        try:
            os.lstat(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            return False
        return True

    def names(self) -> Iterator[str]:
        """The names of all entries, as they come."""
        with os.scandir(self._descriptor) as entries:
            for entry in entries:
                yield entry.name

    def read(self, name: str, most: int) -> bytes:
        """What a regular file holds, but no more than ``most`` + 1 bytes; raises ``OSError`` for anything else."""
        with os.fdopen(os.open(name, _TO_READ, dir_fd=self._descriptor), "rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            text = file.read(min(found.st_size, most) + 1) or b""
            while len(text) <= most and (more := file.read(most + 1 - len(text))):
                text += more
            return text

    def write(self, name: str, content: bytes) -> None:
        """A new file in the place of what had that name; what a link there led to stays as it is."""
        self.remove(name)
        with os.fdopen(os.open(name, _TO_MAKE, 0o666, dir_fd=self._descriptor), "wb") as file:
            file.write(content)

    def remove(self, name: str) -> None:
        """The file or link is gone; nothing happens if it is not there."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def remove_empty(self, name: str) -> None:
        """The directory of that name is gone if it was empty."""
        try:
            os.rmdir(name, dir_fd=self._descriptor)
        except OSError as exc:
            if exc.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):  # POSIX allows either of the last two
                raise
