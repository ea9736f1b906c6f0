"""Transactions: one at a time for each thread, and one at a time for the whole database.

MongoDB lets transactions run side by side and fails one of two that touch the same document, as soon as it does. Who
began it would have to repeat all of it, and a ``with`` block cannot be repeated. So each transaction takes a lock at
first: it changes one document of the database. Whoever finds it taken has seen nothing yet and can begin again.

The lock goes with the transaction. The server undoes one whose process has died only after 60 seconds by its default
(``transactionLifetimeLimitSeconds``); whoever waits for the lock ends it sooner, once it has stood still for a while.
Single calls and bulk calls take no lock.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from attrs import Factory, define
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from zona_core.errors import StoreUnavailable

from ._clients import Link
from ._errors import Guard, is_transient, is_unknown, translated, undone

__all__ = ["LOCK", "META", "Sessions"]

T = TypeVar("T")

_log: Final = logging.getLogger("zona.mongo")

#: a collection whose name no caller can have, and the document in it that transactions change first
META: Final = "zona.meta"
LOCK: Final = "transactions"
#: seconds that a transaction waits for others; longer than the server lets an abandoned one live
_PATIENCE: Final = 75.0
#: seconds after which a transaction that asks for nothing counts as abandoned, and between two looks for such
_ABANDONED: Final = 5.0
_LOOKS: Final = 1.0
#: seconds for which the outcome of a commit is asked for again, and a bulk call that others disturbed is repeated
_PERSISTENCE: Final = 15.0
#: seconds between attempts: random, up to a bound that doubles from the first to the last
_PAUSES: Final = (0.001, 0.016)
#: NOTE: on a replica set a transaction sees one state of the data whatever its read concern; a collection can be made
#: within it with this one only. Confirmed by a majority, it rests on nothing that could be rolled back.
_OPTIONS: Final = (ReadConcern("local"), WriteConcern("majority"), ReadPreference.PRIMARY)


@define
class _Transaction:
    """A thread's transaction."""

    session: ClientSession
    generation: int
    #: a part of it failed: the rest must not be kept
    doomed: bool = False
    #: what is to be done should it be undone
    undone: list[Callable[[], object]] = Factory(list)


class Sessions:
    """The transactions of one store."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._guard = Guard(link.location.shown, META, self.fail)
        self._local = threading.local()
        self._queue = threading.Lock()
        self._queue_of = link.generation

    @property
    def session(self) -> ClientSession | None:
        """That of this thread's transaction, if there is one; raises ``Conflict`` if it cannot go on."""
        opened: _Transaction | None = getattr(self._local, "opened", None)
        if opened is None:
            return None
        if opened.generation != self._link.generation:
            raise _forked()
        if opened.doomed:
            raise undone()
        return opened.session

    def fail(self) -> None:
        """Says that this thread's transaction, if there is one, cannot go on."""
        opened: _Transaction | None = getattr(self._local, "opened", None)
        if opened is not None:
            opened.doomed = True

    def after_rollback(self, action: Callable[[], object]) -> None:
        """Has ``action`` run should this thread's transaction be undone."""
        self._local.opened.undone.append(action)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All calls of this thread within the block happen together or not at all; one within another joins it.

        Raises ``StoreUnavailable``: ``store_busy`` if others take too long, ``commit_unknown`` if the servers went away
        at the end; ``Conflict`` with code ``transaction_undone`` if a part failed or somebody else was in the way.
        """
        if getattr(self._local, "opened", None) is not None:
            try:
                yield
            except BaseException:
                self.fail()
                raise
            return
        queue = self._own_queue()
        if not queue.acquire(timeout=_PATIENCE):
            raise self._busy()
        try:
            opened = self._begin()
        except BaseException:
            queue.release()
            raise
        self._local.opened = opened
        try:
            try:
                yield
                self._end(opened)
            finally:
                self._leave(opened, queue)
        except BaseException:
            # Not before the queue is free: what is done now may be a transaction of its own.
            if opened.generation == self._link.generation:
                for action in opened.undone:
                    action()
            raise

    def atomically(self, action: Callable[[ClientSession], T]) -> T:
        """The result of ``action`` within this thread's transaction, or in one of its own, repeated if disturbed."""
        joined = self.session
        if joined is not None:
            return action(joined)
        ends = time.monotonic() + _PERSISTENCE
        pause, longest = _PAUSES
        while True:
            try:
                # NOTE: leaving the session's block undoes what was not committed.
                with self._link.client.start_session() as session:
                    session.start_transaction(*_OPTIONS)
                    result = action(session)
                    _commit(session)
                    return result
            except PyMongoError as exc:
                if not is_transient(exc) or time.monotonic() > ends:
                    raise
            self._wait(pause, ends)
            pause = min(2 * pause, longest)

    def _begin(self) -> _Transaction:
        ends, looks_at = time.monotonic() + _PATIENCE, time.monotonic() + _LOOKS
        pause, longest = _PAUSES
        with self._guard:
            session = self._link.client.start_session()
            try:
                while not self._locked(session):
                    if time.monotonic() > looks_at:
                        self._end_abandoned()
                        looks_at = time.monotonic() + _LOOKS
                    self._wait(pause, ends)
                    pause = min(2 * pause, longest)
            except BaseException:
                session.end_session()
                raise
        return _Transaction(session, self._link.generation)

    def _locked(self, session: ClientSession) -> bool:
        """Begins a transaction; whether it is the only one."""
        session.start_transaction(*_OPTIONS)
        try:
            self._link.collection(META).update_one({"_id": LOCK}, {"$inc": {"count": 1}}, upsert=True, session=session)
        except PyMongoError as exc:
            with suppress(PyMongoError):
                session.abort_transaction()
            # Away servers are an error; one that another transaction is in the way of is not.
            if not is_transient(exc) or getattr(exc, "code", None) is None:
                raise
            return False
        return True

    def _end_abandoned(self) -> None:
        """Ends transactions like this one that stand still: their process has died, or will be told ``Conflict``.

        A user may see and end its own without any further privilege; where that is refused the server's limit counts.
        """
        client = self._link.client
        # NOTE: what the server does just now is no data: it is not to be asked for with any other concern.
        admin = client.get_database("admin", read_concern=ReadConcern("local"))
        own = {"$currentOp": {"allUsers": False, "idleSessions": True}}
        still = {
            "appName": client.options.pool_options.appname,
            "transaction.timeInactiveMicros": {"$gt": int(_ABANDONED * 1_000_000)},
        }
        try:
            found = [{"id": each["lsid"]["id"]} for each in admin.aggregate([own, {"$match": still}])]
            if found:
                admin.command({"killSessions": found})
        except PyMongoError as exc:
            reason = translated(exc, self._link.location.shown, META)
            _log.warning("whether a transaction was abandoned could not be found out: %s", reason)

    def _end(self, opened: _Transaction) -> None:
        if opened.generation != self._link.generation:
            raise _forked()
        if opened.doomed:
            raise undone()
        with self._guard:
            try:
                _commit(opened.session)
            except PyMongoError as exc:
                if not is_unknown(exc):
                    raise
                message = f"{self._link.location.shown} went away at a transaction's end: it may have been kept or not"
                hint = "Look what is stored before repeating it."
                raise StoreUnavailable(message, code="commit_unknown", hint=hint) from exc

    def _leave(self, opened: _Transaction, queue: threading.Lock) -> None:
        """Ends the session, which undoes what was not committed, and lets the next thread in."""
        self._local.opened = None
        if opened.generation != self._link.generation:
            return  # the session is the parent process's, and so is the queue
        with suppress(PyMongoError):
            opened.session.end_session()
        queue.release()

    def _own_queue(self) -> threading.Lock:
        """Threads of one process queue here: fairer and faster than trying for the database's lock."""
        if self._queue_of != self._link.generation:  # after a fork: whoever held it is not in this process
            self._queue, self._queue_of = threading.Lock(), self._link.generation
        return self._queue

    def _wait(self, pause: float, ends: float) -> None:
        if time.monotonic() > ends:
            raise self._busy()
        time.sleep(random.uniform(0, pause))  # noqa: S311  # spreads attempts, hides nothing

    def _busy(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._link.location.shown} was locked by other transactions for {_PATIENCE:g} s",
            code="store_busy",
            hint="Try again; if it lasts, look for a process that keeps a transaction open.",
        )


def _commit(session: ClientSession) -> None:
    """Ends a transaction; while the outcome is unknown it is asked for again, which does nothing twice."""
    ends = time.monotonic() + _PERSISTENCE
    while True:
        try:
            session.commit_transaction()
        except PyMongoError as exc:
            if not is_unknown(exc) or time.monotonic() > ends:
                raise
        else:
            return


def _forked() -> StoreUnavailable:
    return StoreUnavailable("the transaction belongs to the parent process", code="store_forked")
