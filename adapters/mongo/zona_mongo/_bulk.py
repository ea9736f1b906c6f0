"""Many documents at once, wholly or not at all; and what a transaction must know before it writes.

An error of the server's ends its transaction. So within one the keys and unique values that are taken are looked up
before a document is written; without one the documents are sent as they are, and looked up only if one was refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import Factory, define, evolve
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError

from zona_core.errors import DuplicateKey
from zona_core.persistence.checks import value_at
from zona_core.persistence.matching import index_values
from zona_core.ports.store import CollectionSpec, Document, In, Index

from ._clients import Link, MongoCollection
from ._errors import is_duplicate
from ._queries import filter_of
from ._schema import Layout
from ._sessions import Sessions
from ._values import stored_datetime

__all__ = ["Bulk"]

#: documents in one message: large enough to be fast, small enough to be answered in time
_BATCH: Final = 5_000


@define
class _Taken:
    """Keys, and by index and values who has them."""

    keys: set[str] = Factory(set)
    owners: dict[tuple[str, Any], str] = Factory(dict)


class Bulk:
    """Inserting and loading into one collection."""

    def __init__(self, link: Link, sessions: Sessions, spec: CollectionSpec, layout: Layout) -> None:
        self._link = link
        self._sessions = sessions
        self._name = spec.name
        self._typed = layout.typed
        conditions: Mapping[str, Any] = layout.conditions
        self._unique = [evolve(index, where=conditions[index.name]) for index in spec.indexes if index.unique]

    def insert(self, rows: list[Document]) -> list[str]:
        """Adds those whose keys and unique values are free; gives their keys in order."""
        if not rows:
            return []
        if self._sessions.session is None:
            try:
                return self._sessions.atomically(lambda session: self._added(rows, session))
            except BulkWriteError as exc:
                if not is_duplicate(exc):
                    raise
        return self._insert_free(rows)

    def load(self, rows: Mapping[str, Document]) -> None:
        """Puts documents in the place of those with the same keys."""
        keys, documents = list(rows), list(rows.values())

        def put(session: ClientSession) -> None:
            if self._sessions.session is not None:
                self.require_free(documents, session, replacing=True)
            for part in _parts(keys):
                self._collection.delete_many({"_id": {"$in": part}}, session=session)
            self._added(documents, session)

        if rows:
            self._sessions.atomically(put)

    def require_free(self, rows: Sequence[Document], session: ClientSession, *, replacing: bool) -> None:
        """Raises ``DuplicateKey`` if a document, other than those that ``rows`` replace, has a key of one of them."""
        if replacing and not self._unique:
            return
        taken = self._taken(rows, session, others_only=replacing)
        for row in rows:
            fields = self._claimed(row, taken)
            if fields:
                message = f"{self._name} has another document with the same {', '.join(fields)}"
                raise DuplicateKey(message, collection=self._name, fields=fields)

    def _insert_free(self, rows: list[Document]) -> list[str]:
        """Looks up first. What somebody else takes between that and the writing is left out as well."""
        refused: set[int] = set()

        def add(session: ClientSession) -> list[str]:
            taken = self._taken(rows, session)
            free = [row for row in rows if id(row) not in refused and not self._claimed(row, taken)]
            return self._added(free, session)

        while True:
            try:
                return self._sessions.atomically(add)
            except BulkWriteError as exc:
                if not is_duplicate(exc) or self._sessions.session is not None:
                    raise
                refused.add(id(exc.details["writeErrors"][0]["op"]))

    def _added(self, rows: list[Document], session: ClientSession) -> list[str]:
        for part in _parts(rows):
            self._collection.insert_many(part, session=session)
        return [row["_id"] for row in rows]

    def _taken(self, rows: Sequence[Document], session: ClientSession, *, others_only: bool = False) -> _Taken:
        """What of the keys and unique values in ``rows`` stored documents have."""
        taken, mine = _Taken(), {row["_id"] for row in rows} if others_only else ()
        for part in _parts(rows):
            wanted = {"$or": [{"_id": {"$in": [row["_id"] for row in part]}}, *self._wanted(part)]}
            for document in self._collection.find(wanted, None if self._unique else {"_id": 1}, session=session):
                if document["_id"] not in mine:
                    self._note(document, taken)
        return taken

    def _wanted(self, rows: Sequence[Document]) -> Iterator[dict[str, Any]]:
        """Filters for the documents that may have the unique values of ``rows``."""
        for index in self._unique:
            held = [row for row in rows if index_values(index, row) is not None]
            if held:
                values = {path: In(_distinct(value_at(row, path) for row in held)) for path in index.fields}
                yield filter_of({**index.where, **values}, self._typed)

    def _claimed(self, row: Document, taken: _Taken) -> list[str]:
        """Notes that ``row`` has its keys from now on; if one is taken, notes nothing and gives its fields."""
        if row["_id"] in taken.keys:
            return ["_id"]
        for index in self._unique:
            if _values(index, row) in taken.owners:
                return list(index.fields)
        self._note(row, taken)
        return []

    def _note(self, document: Document, taken: _Taken) -> None:
        taken.keys.add(document["_id"])
        for index in self._unique:
            values = _values(index, document)
            if values[1] is not None:
                taken.owners[values] = document["_id"]

    @property
    def _collection(self) -> MongoCollection:
        return self._link.collection(self._name)


def _values(index: Index, document: Document) -> tuple[str, Any]:
    """What ``document`` claims of an index, times as they are stored; None if the index does not hold for it."""
    values = index_values(index, document)
    if values is None:
        return index.name, None
    return index.name, tuple(
        (kind, stored_datetime(value) if isinstance(value, datetime) else value) for kind, value in values
    )


def _distinct(values: Iterator[Any]) -> list[Any]:
    """Each value once, as far as this can be told quickly: most often all are the same tenant's code."""
    seen: dict[Any, Any] = {}
    for value in values:
        seen.setdefault((type(value), value if isinstance(value, str | int | float) else id(value)), value)
    return list(seen.values())


def _parts(rows: Sequence[Any]) -> Iterator[Any]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
