"""``MongoStore``: the document store on a MongoDB replica set, for any number of processes."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from datetime import datetime

from zona_core.persistence.checks import check_spec
from zona_core.ports.store import Collection, CollectionSpec, DocumentConverter, StoreReport

from ._clients import Link
from ._clock import ServerClock
from ._collection import MongoDocuments
from ._errors import Guard
from ._location import Location
from ._schema import VERSION, Schema
from ._sessions import META, Sessions
from ._values import new_mongo_converter

__all__ = ["MongoStore"]


class MongoStore:
    """A ``DocumentStore`` in a database of MongoDB 6.0 or newer; see ``zona_core.ports.store``.

    ``url`` is a connection string (https://www.mongodb.com/docs/manual/reference/connection-string/) with the
    database's name, ``zona`` if there is none. Reads ask the primary for what a majority of the servers has, writes
    wait for a majority. Opening waits for nothing: the first call finds out whether the servers are there, and while
    they are not each raises ``StoreUnavailable``.

    Documents hold times natively, to the millisecond, and bytes. ``migrate``, ``check`` and ``expire`` know the
    collections that this object has been asked for.

    Raises ``ConfigurationError`` for an unfit URL. The first call may as well: code ``store_standalone`` for a server
    that is in no replica set, and for one that is too old.
    """

    converter: DocumentConverter
    native_bytes = True

    def __init__(self, url: str) -> None:
        self.converter = new_mongo_converter()
        self._link = Link(Location.parsed(url))
        self._sessions = Sessions(self._link)
        self._schema = Schema(self._link, self._sessions)
        self._guard = Guard(self._link.location.shown, META, self._sessions.fail)
        self._clock = ServerClock(self._link, self._guard)
        self._collections: dict[str, MongoDocuments] = {}

    def __repr__(self) -> str:
        return f"MongoStore({self._link.location.shown!r})"

    def collection(self, spec: CollectionSpec) -> Collection:
        """See ``DocumentStore.collection``. Unique indexes may be refused: ``DuplicateKey``."""
        known = self._collections.get(spec.name)
        if known is not None and known.spec == spec:
            return known
        check_spec(spec)
        self._schema.require_usable()
        made = MongoDocuments(self._link, self._sessions, self._schema, spec)
        made.searchable = self._schema.make(made.layout)
        self._collections[spec.name] = made
        return made

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See ``DocumentStore.transaction``: one at a time in the whole database, reading side by side."""
        self._schema.require_usable()
        with self._sessions.transaction():
            yield

    def now(self) -> datetime:
        """See ``DocumentStore.now``: the primary's clock."""
        return self._clock.now()

    def ping(self) -> None:
        """See ``DocumentStore.ping``."""
        with self._guard:
            self._link.client.admin.command("ping")

    def version(self) -> Hashable | None:
        """See ``DocumentStore.version``: None, as other processes' changes can be told by a round trip only."""
        _ = self._link.client  # a closed store refuses this, too
        return None

    def expire(self) -> int:
        """See ``DocumentStore.expire``."""
        self._schema.require_usable()
        now = self.now()
        return sum(collection.expire(now) for collection in list(self._collections.values()))

    def migrate(self) -> StoreReport:
        """See ``DocumentStore.migrate``: changed indexes are remade, one after the other."""
        notes = self._schema.migrate([collection.layout for collection in self._collections.values()])
        return StoreReport(version=VERSION, notes=tuple(notes))

    def check(self) -> StoreReport:
        """See ``DocumentStore.check``; the servers see to the integrity of their files themselves."""
        self._schema.require_usable()
        notes = self._schema.differences([collection.layout for collection in self._collections.values()])
        return StoreReport(version=self._schema.version, notes=tuple(notes))

    def close(self) -> None:
        """See ``DocumentStore.close``."""
        self._link.close()
