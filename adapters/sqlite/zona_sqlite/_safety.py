"""Commits made safe from a loss of power, those of many threads by one write to the disk.

SQLite writes each commit of ``synchronous = FULL`` to the disk by itself, while it holds the one write lock. Here a
commit ends as with ``NORMAL`` (https://sqlite.org/pragma.html#pragma_synchronous): whole, in order, and in the hands of
the operating system; the lock is free for others. Then whoever committed waits until the write-ahead log has been
written to the disk, and that is done once for all who wait. Others may read what was committed a moment before it is
safe; whatever they commit thereupon lies behind it in the log, and is never safe without it.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Final

from attrs import define

__all__ = ["Safety"]

#: macOS has no ``fdatasync``
_flushed: Final = getattr(os, "fdatasync", os.fsync)


@define(eq=False)
class _Round:
    """One write to the disk, for all who ask before it begins."""

    ended: bool = False
    error: OSError | None = None


class Safety:
    """The write-ahead log of one database in this process. It must not outlive a fork."""

    def __init__(self, database: Path) -> None:
        self._log = Path(f"{database.resolve()}-wal")  # where a link leads to is where SQLite has it
        self._changed = threading.Condition()
        self._next = _Round()
        self._busy = False
        self._descriptor = -1

    def __del__(self) -> None:
        # NOTE: SQLite locks the database and its ``-shm`` file: closing these would drop the locks, this one does not.
        self._forget()

    def wait(self) -> None:
        """Returns once all that was committed before the call is on the disk. Raises ``OSError`` if it may not be."""
        with self._changed:
            mine = self._next
            while self._busy and not mine.ended:
                self._changed.wait()
            if not mine.ended:
                self._busy, self._next = True, _Round()
        if not mine.ended:
            self._run(mine)
        if mine.error is not None:
            raise mine.error

    def _run(self, mine: _Round) -> None:
        try:
            self._flush()
        except OSError as exc:
            mine.error = exc
        finally:
            with self._changed:
                mine.ended, self._busy = True, False
                self._changed.notify_all()

    def _flush(self) -> None:
        try:
            there: Any = os.stat(self._log)
        except FileNotFoundError:
            return  # SQLite removes it only when all of it is in the database and on the disk
        if self._descriptor < 0 or not os.path.samestat(there, os.fstat(self._descriptor)):
            self._forget()
            self._descriptor = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
        _flushed(self._descriptor)

    def _forget(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
