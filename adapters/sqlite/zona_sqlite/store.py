"""``SqliteStore``: the embedded document store, one file, several threads and processes."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from zona_core.errors import InvalidInput
from zona_core.persistence.checks import check_spec
from zona_core.persistence.converter import new_converter
from zona_core.ports.store import Collection, CollectionSpec, DocumentConverter, StoreReport

from ._collection import SqliteCollection
from ._database import Database
from ._location import Location
from ._schema import Schema
from ._words import register

__all__ = ["SqliteStore"]


class SqliteStore:
    """A ``DocumentStore`` in an SQLite file; see ``zona_core.ports.store``.

    ``url`` is ``sqlite:///relative.db`` or ``sqlite:////absolute.db`` with the options ``synchronous`` (FULL, NORMAL)
    and ``busy_timeout`` (seconds). The file is made if it does not exist, its folder is not.

    Datetimes are kept as text (``zona_core.persistence.converter.datetime_text``).
    ``migrate``, ``check`` and ``expire`` know the collections that this object has been asked for.

    Raises ``ConfigurationError`` for an unfit URL, ``StoreUnavailable`` if the file cannot be opened.
    """

    converter: DocumentConverter
    native_bytes = False

    def __init__(self, url: str) -> None:
        self.converter = new_converter(text_datetimes=True)
        self._database = Database(Location.parsed(url), register)
        try:
            self._schema = Schema(self._database)
        except BaseException:
            self._database.close()
            raise
        self._collections: dict[str, SqliteCollection] = {}

    def collection(self, spec: CollectionSpec) -> Collection:
        """See ``DocumentStore.collection``. Unique indexes may be refused: ``DuplicateKey``."""
        known = self._collections.get(spec.name)
        if known is not None and known.spec == spec:
            return known
        check_spec(spec)
        if spec.name.startswith("sqlite_"):
            raise InvalidInput(f"{spec.name!r} is no name for a collection: SQLite keeps names with sqlite_ to itself")
        self._schema.require_usable()
        made = SqliteCollection(self._database, spec)
        if self._database.in_transaction:
            self._database.after_rollback(lambda: self._schema.make(made.layout))
        self._schema.make(made.layout)
        self._collections[spec.name] = made
        return made

    def transaction(self) -> AbstractContextManager[None]:
        """See ``DocumentStore.transaction``; it takes the database's one write lock."""
        return self._database.transaction()

    def now(self) -> datetime:
        """See ``DocumentStore.now``: the clock of the one machine that the file is on."""
        return datetime.now(UTC)

    def ping(self) -> None:
        """See ``DocumentStore.ping``."""
        self._database.rows("SELECT 1")

    def version(self) -> Hashable:
        """See ``DocumentStore.version``."""
        return self._database.version

    def expire(self) -> int:
        """See ``DocumentStore.expire``."""
        now = self.now()
        return sum(collection.expire(now) for collection in list(self._collections.values()))

    def migrate(self) -> StoreReport:
        """See ``DocumentStore.migrate``; changed indexes are remade, too."""
        notes = self._schema.migrate([collection.layout for collection in self._collections.values()])
        return StoreReport(version=self._schema.version, notes=tuple(notes))

    def check(self) -> StoreReport:
        """See ``DocumentStore.check``."""
        notes = self._schema.differences([collection.layout for collection in self._collections.values()])
        return StoreReport(version=self._schema.version, notes=tuple(notes))

    def close(self) -> None:
        """See ``DocumentStore.close``."""
        self._database.close()
