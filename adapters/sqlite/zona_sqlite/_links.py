"""Connections to the database file: one for each thread, none shared between processes.

A connection must neither be used nor be closed in a process that was forked from its own, and SQLite keeps notes of
this process's locks that a child would inherit and believe (https://sqlite.org/howtocorrupt.html, 2.6). Hence a fork
waits until no transaction is open here, all connections are closed before it, and parent and child open new ones when
they need them. Only a fork from within a transaction cannot do so; the child is then refused the store.

Python warns of connections that are dropped without being closed: a thread's connection is closed when it ends.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from ._safety import Safety
from ._turns import WriteTurn

__all__ = ["FORK_WAITS", "Connection", "Link", "Links"]


_SERIALS: Final = itertools.count()


class Connection(sqlite3.Connection):
    """A connection that closes itself when it is dropped, except in a process that inherited it.

    NOTE: It must be the connection itself that does so: when garbage is collected, Python may finalise what is referred
    to before what refers to it.
    """

    #: the process that opened it; 0 while nobody has
    _process = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._process = os.getpid()

    @property
    def inherited(self) -> bool:
        """Whether it belongs to the process that this one was forked from."""
        return self._process != os.getpid()

    def keep(self) -> None:
        """Python must never free, and so never close, an inherited connection."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))

    def __del__(self) -> None:
        if not self._process:
            return
        if self.inherited:
            self.keep()
        else:
            self.close()


class Link:
    """A thread's connection and its transaction; they end with the thread."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        #: another one for each link of this process
        self.serial = next(_SERIALS)
        #: held while the connection is used, so that ``close`` in another thread waits for the call to end
        self.lock = threading.RLock()
        #: counts transactions that were undone, which SQLite's own counters do not tell
        self.undone_count = 0
        #: whether a ``transaction()`` block is open
        self.in_transaction = False
        #: a block within the transaction failed: the rest of it must not be kept
        self.doomed = False
        #: what is to be done should the transaction be undone
        self.undone: list[Callable[[], None]] = []

    def __del__(self) -> None:
        # NOTE: a connection refers to itself by its cache of statements: it would stay open until garbage is collected.
        self.close()

    @property
    def inherited(self) -> bool:
        """Whether it belongs to the process that this one was forked from."""
        return self.connection.inherited

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """What a statement finds."""
        with self.lock:
            return self.connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Runs a statement; gives the number of rows that it changed."""
        with self.lock:
            return self.connection.execute(sql, parameters).rowcount

    def execute_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> list[int]:
        """The same for each of several rows of parameters."""
        with self.lock:
            run = self.connection.cursor().execute
            return [run(sql, row).rowcount for row in rows]

    def close(self) -> None:
        """Closes the connection, once the call that may be using it has ended."""
        if self.inherited:
            self.connection.keep()
            return
        with self.lock:
            self.connection.close()


class Links:
    """The links of one store in all threads of this process."""

    def __init__(self, connect: Callable[[], Connection], path: Path, patience: float) -> None:
        self._connect = connect
        self._path = path
        self._patience = patience
        self.closed = False
        #: whether this is a child process forked from within a transaction
        self.orphaned = False
        self._paused = False
        self._start()
        with FORK_WAITS:
            _ALL.add(self)

    def _start(self) -> None:
        self._local = threading.local()
        self._open: weakref.WeakSet[Link] = weakref.WeakSet()
        self._guard = threading.Lock()
        #: threads of one process queue here for the database's one write lock: fairer and faster than polling for it
        self.writing = WriteTurn()
        #: what commits wait for before they count
        self.safety = Safety(self._path)

    def here(self) -> Link:
        """This thread's link, made when first asked for.

        Raises ``sqlite3.ProgrammingError`` if the store is closed or must not be used in this process.
        """
        try:
            link: Link = self._local.link
        except AttributeError:
            link = self._new()
        return link

    def _new(self) -> Link:
        with self._guard:
            if self.closed or self.orphaned:
                raise sqlite3.ProgrammingError("the store is closed")
            link = Link(self._connect())
            self._open.add(link)
            self._local.link = link
            return link

    def drop(self, link: Link) -> None:
        """Closes this thread's link; the next call makes a new one."""
        link.close()
        if getattr(self._local, "link", None) is link:
            del self._local.link

    def close(self) -> None:
        """Closes every thread's connection."""
        with self._guard:
            self.closed = True
            links = list(self._open)
        for link in links:
            link.close()

    def before_fork(self) -> None:
        """Waits for the transactions of other threads to end and closes all connections."""
        mine: Link | None = getattr(self._local, "link", None)
        own_transaction = mine is not None and mine.in_transaction
        self._paused = not own_transaction and self.writing.acquire(timeout=self._patience)
        self._guard.acquire()
        if self._paused:
            for link in list(self._open):
                link.close()

    def after_fork_in_parent(self) -> None:
        """Lets the threads go on, with new connections."""
        if self._paused:
            self._local = threading.local()
            self.writing.release()
        self._guard.release()

    def after_fork_in_child(self) -> None:
        """Begins anew; not even locks are the parent's."""
        self.orphaned = self.orphaned or not self._paused
        for link in list(self._open):
            link.close()
        self._start()


_ALL: weakref.WeakSet[Links] = weakref.WeakSet()
#: held for a moment where no fork may happen, such as while a store is opened
FORK_WAITS = threading.Lock()
#: held from before a fork to after it
_FORKING = threading.Lock()
#: what the fork under way has paused: what comes after it concerns these, and no store opened since
_PAUSED: list[Links] = []


def _before_fork() -> None:
    _FORKING.acquire()
    while True:
        FORK_WAITS.acquire()
        new = [links for links in _ALL if links not in _PAUSED]
        if not new:
            return
        FORK_WAITS.release()  # a transaction that is waited for may open a store
        for links in new:
            links.before_fork()
            _PAUSED.append(links)


def _after_fork(action: Callable[[Links], None]) -> Callable[[], None]:
    def act() -> None:
        for links in _PAUSED:
            action(links)
        _PAUSED.clear()
        FORK_WAITS.release()
        _FORKING.release()

    return act


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork(Links.after_fork_in_parent),
    after_in_child=_after_fork(Links.after_fork_in_child),
)
