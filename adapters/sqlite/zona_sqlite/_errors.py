"""SQLite's errors in our own words."""

from __future__ import annotations

import sqlite3
from types import TracebackType
from typing import Final

from zona_core.errors import StoreUnavailable

from ._links import Links
from ._location import Location

__all__ = ["Errors"]

_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_CODES: Final = {
    sqlite3.SQLITE_CORRUPT: ("store_damaged", "is damaged"),
    sqlite3.SQLITE_NOTADB: ("store_damaged", "is no SQLite database"),
    sqlite3.SQLITE_FULL: ("store_full", "cannot grow: the disk is full"),
    sqlite3.SQLITE_READONLY: ("store_read_only", "cannot be written"),
    sqlite3.SQLITE_CANTOPEN: ("store_unavailable", "cannot be opened"),
}


class Errors:
    """A context in which SQLite's errors become ours, but for what only the caller can explain. It keeps nothing."""

    def __init__(self, location: Location, links: Links) -> None:
        self._location = location
        self._links = links

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(exc, sqlite3.Error) and not isinstance(exc, sqlite3.IntegrityError):
            raise self.translated(exc) from exc

    def translated(self, exc: sqlite3.Error) -> StoreUnavailable:
        """What the caller is told of it."""
        if self._links.closed:
            return StoreUnavailable("the store is closed", code="store_closed")
        if self._links.orphaned:
            message = "this process was forked from within a transaction: it has to open a store of its own"
            return StoreUnavailable(message, code="store_forked")
        if _is_busy(exc):
            return self.busy()
        number = getattr(exc, "sqlite_errorcode", 0) & 0xFF
        code, what = _CODES.get(number, ("store_unavailable", f"cannot be used: {exc}"))
        name = getattr(exc, "sqlite_errorname", type(exc).__name__)
        return StoreUnavailable(f"the database {self._location.path} {what}", code=code, reason=name)

    def is_passing(self, exc: sqlite3.Error) -> bool:
        """Whether another attempt may succeed: somebody has a lock, or a fork closed the connection just now."""
        if isinstance(exc, sqlite3.ProgrammingError):
            return "closed" in str(exc) and not (self._links.closed or self._links.orphaned)
        return _is_busy(exc)

    def lost(self) -> StoreUnavailable:
        """SQLite ends a transaction by itself after grave errors such as a full disk."""
        return StoreUnavailable(f"the database {self._location.path} undid the transaction after an error")

    def busy(self) -> StoreUnavailable:
        """Others have written for longer than the busy time."""
        waited = self._location.busy_timeout
        return StoreUnavailable(
            f"the database {self._location.path} was locked by other writers for {waited:g} s",
            code="store_busy",
            hint="Try again; if it lasts, look for a process that keeps a transaction open.",
        )

    def unsafe(self, exc: OSError) -> StoreUnavailable:
        """The disk has refused what was committed."""
        message = f"the database {self._location.path} may lose what was committed: {exc.strerror}"
        hint = "Look after the disk, and what is stored before repeating it."
        return StoreUnavailable(message, code="commit_unknown", hint=hint)


def _is_busy(exc: sqlite3.Error) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in _BUSY
