"""The database file: statements, transactions, patience with other writers, and errors in our own words."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from zona_core.errors import ConfigurationError, Conflict, InvalidInput, NotFound, StoreUnavailable

from ._errors import Errors
from ._links import FORK_WAITS, Connection, Link, Links
from ._location import Location
from ._safety import Safety
from ._turns import WriteTurn

__all__ = ["Database"]

T = TypeVar("T")

#: expression indexes on JSON, ``json_type`` and upserts as used here are older; this is the oldest one tested
_OLDEST: Final = (3, 40, 0)
#: seconds between two attempts to get the write lock: random, up to a bound that doubles from the first to the last
_PAUSES: Final = (0.0005, 0.004)


class Database:
    """One SQLite file in WAL mode, used by any number of threads and processes.

    ``prepare`` are given each new connection.
    """

    def __init__(self, location: Location, *prepare: Callable[[sqlite3.Connection], None]) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            found, needed = sqlite3.sqlite_version, ".".join(map(str, _OLDEST))
            raise ConfigurationError(f"Python's SQLite is {found}; the store needs {needed} or newer")
        self._location = location
        self._prepare = prepare
        self._links = Links(self._connect, location.path, location.busy_timeout)
        self._errors = Errors(location, self._links)
        self._make_file()
        with self._errors:
            self._links.here()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """What a SELECT finds, within this thread's transaction if there is one."""
        try:
            return self._links.here().rows(sql, parameters)
        except sqlite3.Error as exc:
            if not self._errors.is_passing(exc):
                raise self._errors.translated(exc) from exc
        with self._errors:
            return self._patiently(lambda: self._links.here().rows(sql, parameters))

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Runs a statement within ``transaction()``; gives the number of rows that it changed.

        Raises ``sqlite3.IntegrityError`` as it is: only the caller knows what the constraint means.
        """
        return self.execute_each(sql, [parameters])[0]

    def execute_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> list[int]:
        """The same for each of several rows of parameters."""
        with self._errors:
            link = self._links.here()
            if not link.connection.in_transaction:
                raise self._errors.lost()
            return link.execute_each(sql, rows)

    @property
    def version(self) -> tuple[int, int, int, int]:
        """Differs once this thread's connection, or any other (https://sqlite.org/pragma.html#pragma_data_version),
        has changed the database.
        """
        link = self._links.here()
        connection = link.connection
        try:
            with link.lock:
                of_others = connection.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            [(of_others,)] = self.rows("PRAGMA data_version")
        return link.serial, of_others, connection.total_changes, link.undone_count

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has a transaction open."""
        with self._errors:
            return self._links.here().in_transaction

    def after_rollback(self, action: Callable[[], None]) -> None:
        """Has ``action`` run should the transaction at hand be undone."""
        self._links.here().undone.append(action)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several SELECTs within the block see one state of the database."""
        if self.in_transaction:
            yield
            return
        with self._errors:
            link = self._patiently(self._locked_link)
        try:
            with self._errors:
                self._patiently(lambda: link.execute("BEGIN"))
            yield
        finally:
            self._roll_back(link)
            link.lock.release()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements of this thread within the block are kept together or not at all; one within another joins it.

        Raises ``StoreUnavailable`` with code ``store_busy`` if others write for longer than the busy time, and
        ``Conflict`` with code ``transaction_undone`` at the end of a transaction in which a joined block failed; and
        ``StoreUnavailable`` with code ``commit_unknown`` if the disk refuses what was committed.
        """
        if self.in_transaction:
            try:
                yield
            except BaseException:
                self._links.here().doomed = True
                raise
            return
        writing, link = self._begin()
        try:
            before = link.connection.total_changes
            yield
            self._commit(link)
            changed = link.connection.total_changes != before
        except BaseException:
            self._undo(link, writing)
            raise
        _reset(link)
        safety = self._links.safety
        writing.release()
        if changed and self._location.synchronous == "FULL":
            self._wait_for(safety)

    @contextmanager
    def call(self) -> Iterator[None]:
        """The statements of one call: a transaction of its own, or a part of the one at hand.

        A refusal (a taken key, a wrong revision) changes nothing and so leaves the transaction at hand as it is.
        """
        if not self.in_transaction:
            with self.transaction():
                yield
            return
        try:
            yield
        except (Conflict, InvalidInput, NotFound):
            raise
        except BaseException:
            self._links.here().doomed = True
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undoes what the block did within the transaction at hand, and no more, if it raises."""
        self.execute("SAVEPOINT call")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK TO call")
            raise
        finally:
            self.execute("RELEASE call")

    def close(self) -> None:
        """Closes all connections."""
        self._links.close()

    def _begin(self) -> tuple[WriteTurn, Link]:
        writing = self._links.writing
        deadline = time.monotonic() + self._location.busy_timeout
        if not writing.acquire(timeout=self._location.busy_timeout):
            raise self._errors.busy()
        try:
            with self._errors:
                link = self._links.here()  # only now: before, a fork might still have closed it
                self._patiently(lambda: link.execute("BEGIN IMMEDIATE"), deadline)
        except BaseException:
            writing.release()
            raise
        link.in_transaction = True
        return writing, link

    def _locked_link(self) -> Link:
        """This thread's link, locked, so that a fork waits before it closes it."""
        link = self._links.here()
        link.lock.acquire()
        if link is self._links.here():
            return link
        link.lock.release()
        return self._locked_link()

    def _commit(self, link: Link) -> None:
        if link.inherited:
            raise StoreUnavailable("the transaction belongs to the parent process", code="store_forked")
        if link.doomed:
            message = "a part of the transaction failed, so that all of it was undone"
            raise Conflict(message, code="transaction_undone")
        with self._errors, link.lock:
            if not link.connection.in_transaction:
                raise self._errors.lost()
            link.execute("COMMIT")

    def _wait_for(self, safety: Safety) -> None:
        try:
            safety.wait()
        except OSError as exc:
            raise self._errors.unsafe(exc) from exc

    def _undo(self, link: Link, writing: WriteTurn) -> None:
        if link.inherited:
            return
        actions = _reset(link)
        self._roll_back(link)
        link.undone_count += 1
        writing.release()
        for action in actions:
            action()

    def _roll_back(self, link: Link) -> None:
        """Ends SQLite's transaction, at worst with the connection."""
        try:
            with link.lock:
                if link.connection.in_transaction:
                    link.execute("ROLLBACK")
        except sqlite3.Error:
            self._links.drop(link)

    def _patiently(self, action: Callable[[], T], deadline: float | None = None) -> T:
        """``action``, repeated while another connection's lock is in the way."""
        if deadline is None:
            deadline = time.monotonic() + self._location.busy_timeout
        pause, longest = _PAUSES
        while True:
            try:
                return action()
            except sqlite3.Error as exc:
                if not self._errors.is_passing(exc):
                    raise
                if time.monotonic() >= deadline:
                    raise self._errors.busy() from exc
            time.sleep(random.uniform(0, pause))  # noqa: S311  # spreads attempts, hides nothing
            pause = min(2 * pause, longest)

    def _make_file(self) -> None:
        """Makes the file, readable by its owner alone; SQLite gives the same mode to the files beside it."""
        path = self._location.path
        with FORK_WAITS:  # also because closing a file drops this process's locks on it: no connection may exist yet
            try:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            except FileExistsError:
                pass
            except OSError as exc:
                raise StoreUnavailable(f"the database {path} cannot be made: {exc.strerror}") from exc

    def _connect(self) -> Connection:
        connection = sqlite3.connect(
            f"{self._location.path.as_uri()}?mode=rw",  # a file that is gone is not made anew, empty, without a word
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            factory=Connection,
        )
        try:
            self._patiently(lambda: self._configure(connection))
        except BaseException:
            connection.close()
            raise
        return connection

    def _configure(self, connection: Connection) -> None:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StoreUnavailable(
                f"the database {self._location.path} cannot be put into WAL mode: it stays in {mode}"
            )
        connection.execute("PRAGMA synchronous = NORMAL")  # the rest of FULL is ``Safety``'s
        for prepare in self._prepare:
            prepare(connection)


def _reset(link: Link) -> list[Callable[[], None]]:
    """Ends the link's transaction as far as we keep count of it; gives what is to be done if it was undone."""
    actions, link.undone = link.undone, []
    link.in_transaction = link.doomed = False
    return actions
