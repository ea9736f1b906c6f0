"""A collection: reading, counting, and single documents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import bson
import pymongo
from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from zona_core.errors import DuplicateKey, StoreUnavailable
from zona_core.persistence.changes import apply_change, check_change, needed
from zona_core.persistence.checks import (
    LARGEST_INTEGER,
    check_key,
    check_limit,
    check_path,
    checked_revision,
    checked_sort,
    checked_where,
    loadable,
    time_before,
    value_at,
    with_key,
)
from zona_core.persistence.words import changes_text, checked_search, not_searchable
from zona_core.ports.paging import cursor_after, fingerprint, invalid_cursor, position_of
from zona_core.ports.store import Change, CollectionSpec, Document, Page, Range, Scalar, Sort, Where

from ._bulk import Bulk
from ._clients import Link, MongoCollection
from ._errors import Guard, is_too_large
from ._queries import after_position, counted_value, filter_of, place_of, update_of
from ._schema import Layout, Schema
from ._sessions import Sessions
from ._values import NATIVE, OPTIONS, check_row, cursor_value, stored_datetime, value_of_cursor
from ._words import WORDS

__all__ = ["MongoDocuments"]

_ALL: Final[Where] = MappingProxyType({})
#: from here on a sum of fractions may leave what a document can hold
_HUGE: Final = 1e290
#: seconds for what may go through a whole collection
_LONG: Final = 600.0


class MongoDocuments:
    """The documents of one collection; see ``zona_core.ports.store.Collection``."""

    def __init__(self, link: Link, sessions: Sessions, schema: Schema, spec: CollectionSpec) -> None:
        self.spec = spec
        self.layout = Layout.of(spec)
        self._words = self.layout.words
        self._schema = schema
        #: whether the index of texts is known to be there
        self.searchable = False
        self._link = link
        self._sessions = sessions
        self._name = spec.name
        self._indexed = sorted({path for index in spec.indexes for path in index.fields})
        self._guard = Guard(link.location.shown, spec.name, sessions.fail)
        self._changing = Guard(link.location.shown, spec.name, sessions.fail, changes=True)
        self._bulk = Bulk(link, sessions, spec, self.layout)

    def get(self, key: str) -> Document | None:
        """See ``Collection.get``."""
        check_key(key)
        with self._guard:
            found = self._collection.find_one({"_id": key}, session=self._sessions.session)
        return None if found is None else self._whole(found)

    def find(self, where: Where = _ALL, *, sort: Sort = (), after: str | None = None, limit: int = 100) -> Page:
        """See ``Collection.find``."""
        check_limit(limit, 10_000)
        conditions = checked_where(where, stored_datetime)
        order = with_key(checked_sort(sort))
        query = fingerprint(self._name, conditions, order)
        wanted = filter_of(conditions, self.layout.typed)
        if after is not None:
            wanted = after_position(wanted, order, _position(after, query, len(order)))
        with self._guard:
            # NOTE: decoded here, they spare the driver an object for each document: a fifth of the whole time.
            batches: Any = self._collection.find_raw_batches(
                wanted, sort=order, limit=limit + 1, batch_size=limit + 1, session=self._sessions.session
            )
            rows = [row for batch in batches for row in bson.decode_all(batch, OPTIONS)]
        items = [self._whole(row) for row in rows[:limit]]
        return Page(items=items, next=self._cursor(query, items[-1], order) if len(rows) > limit else None)

    def count(self, where: Where = _ALL, *, limit: int = 10_000) -> int:
        """See ``Collection.count``."""
        check_limit(limit, LARGEST_INTEGER)
        wanted = self._filter(where)
        with self._guard:
            return self._collection.count_documents(wanted, limit=limit, session=self._sessions.session)

    def group_count(self, path: str, where: Where = _ALL, *, limit: int = 100) -> dict[Scalar, int]:
        """See ``Collection.group_count``."""
        check_path(path)
        check_limit(limit, 10_000)
        stages = [
            {"$match": self._filter(where)},
            *counted_value(path),
            {"$sort": {"count": -1, "_id": 1}},
            {"$limit": limit},
        ]
        with self._guard:
            rows = self._collection.aggregate(stages, session=self._sessions.session).to_list()
        return {bool(row["_id"]) if row["truths"] else row["_id"]: row["count"] for row in rows}

    def search(self, words: str, where: Where = _ALL, *, limit: int = 100) -> list[Document]:
        """See ``Collection.search``."""
        conditions = checked_where(where, stored_datetime)
        wanted = checked_search(self.spec, words, conditions, limit)
        index = self._words
        self.searchable = self.searchable or self._schema.is_searchable(self.layout)
        if index is None or not self.searchable:
            raise not_searchable(self._name)
        matching = filter_of(conditions, self.layout.typed)
        with self._guard:
            found = self._sessions.atomically(
                lambda session: index.search(self._collection, wanted, matching, limit, session)
            )
        return [self._whole(row) for row in found]

    def insert(self, document: Document) -> None:
        """See ``Collection.insert``."""
        row = self._new(document)
        session = self._sessions.session
        with self._guard:
            if session is not None:
                self._bulk.require_free([row], session, replacing=False)
            self._collection.insert_one(row, session=session)

    def insert_many(self, documents: Iterable[Document]) -> list[str]:
        """See ``Collection.insert_many``."""
        rows = [self._new(document) for document in documents]
        with self._guard:
            return self._bulk.insert(rows)

    def load(self, documents: Iterable[Document]) -> None:
        """See ``Collection.load``."""
        rows = loadable(documents, self._indexed, native=NATIVE)
        with self._guard:
            self._bulk.load({key: self._worded(dict(document)) for key, document in rows.items()})

    def replace(self, document: Document) -> int:
        """See ``Collection.replace``."""
        check_row(document, self._indexed)
        key, expected = document["_id"], checked_revision(document)
        row = {**document, "revision": expected + 1}
        session = self._sessions.session
        if session is not None:
            needed(self.get(key), self._name, key, expected)
        while not self._put(row, expected, session):
            needed(self.get(key), self._name, key, expected)
        return expected + 1

    def patch(self, key: str, change: Change, *, revision: int | None = None) -> Document:
        """See ``Collection.patch``."""
        check_key(key)
        check_change(change)
        wanted: dict[str, Any] = {"_id": key} if revision is None else {"_id": key, "revision": revision}
        while True:
            changed = self._altered(wanted, {"_id": 1}, change)
            if changed is not None:
                return changed
            needed(self.get(key), self._name, key, revision)

    def find_and_modify(self, where: Where, change: Change, *, sort: Sort = ()) -> Document | None:
        """See ``Collection.find_and_modify``."""
        check_change(change)
        return self._altered(self._filter(where), dict(with_key(checked_sort(sort))), change)

    def increment(self, key: str, path: str, by: int = 1) -> int:
        """See ``Collection.increment``."""
        check_key(key)
        change = Change(increment={path: by})
        check_change(change)
        if self._sessions.session is None:
            return self._incremented(key, path, change)
        document = self._altered({"_id": key}, {"_id": 1}, change)
        if document is None:
            document = {"_id": key, "revision": 0}
            apply_change(document, change)
            self.insert(document)
        value: int = value_at(document, path)
        return value

    def delete(self, key: str) -> bool:
        """See ``Collection.delete``."""
        check_key(key)
        with self._guard:
            return self._collection.delete_one({"_id": key}, session=self._sessions.session).deleted_count > 0

    def delete_many(self, where: Where) -> int:
        """See ``Collection.delete_many``."""
        wanted = self._filter(where)
        with self._guard, pymongo.timeout(_LONG):
            try:
                return self._sessions.atomically(
                    lambda session: self._collection.delete_many(wanted, session=session).deleted_count
                )
            except PyMongoError as exc:
                if not is_too_large(exc) or self._sessions.session is not None:
                    raise
            # More than a transaction can hold: each goes on its own, and who is interrupted can go on where it ended.
            return self._collection.delete_many(wanted).deleted_count

    def expire(self, now: datetime) -> int:
        """Removes what the TTL indexes say is past at ``now``, each document on its own; how many."""
        removed = 0
        for index in self.spec.indexes:
            moment = None if index.ttl is None else time_before(now, index.ttl)
            if moment is not None:
                past = {**self.layout.conditions[index.name], index.fields[0]: Range(lte=moment)}
                with self._guard, pymongo.timeout(_LONG):
                    removed += self._collection.delete_many(
                        filter_of(past, self.layout.typed), session=self._sessions.session
                    ).deleted_count
        return removed

    @property
    def _collection(self) -> MongoCollection:
        return self._link.collection(self._name)

    def _filter(self, where: Where) -> dict[str, Any]:
        return filter_of(checked_where(where, stored_datetime), self.layout.typed)

    def _incremented(self, key: str, path: str, change: Change) -> int:
        while True:
            try:
                with self._changing:
                    changed: Document = self._collection.find_one_and_update(  # type: ignore[assignment]  # upserted
                        {"_id": key}, update_of(change), {path: 1}, upsert=True, return_document=ReturnDocument.AFTER
                    )
            except DuplicateKey as exc:
                if exc.details["fields"] != ["_id"]:
                    raise
                continue  # somebody else made the document in this very moment
            value: int = value_at(changed, path)
            return value

    def _altered(self, wanted: dict[str, Any], order: dict[str, int], change: Change) -> Document | None:
        """The first document that matches, after the change; None if none does."""
        self._check_values(change)
        session = self._sessions.session
        if session is not None or self._takes_reading(change):
            return self._altered_here(wanted, order, change, session)
        with self._changing:
            changed = self._collection.find_one_and_update(
                wanted, update_of(change), sort=order, return_document=ReturnDocument.AFTER
            )
        return None if changed is None else self._whole(changed)

    def _altered_here(
        self, wanted: dict[str, Any], order: dict[str, int], change: Change, session: ClientSession | None
    ) -> Document | None:
        """The same by reading the document, changing it and putting it there unless somebody else changed it meanwhile.

        Within a transaction what the server would refuse is found here: its error would end the transaction.
        """
        while True:
            with self._guard:
                document = self._collection.find_one(wanted, sort=order, session=session)
            if document is None:
                return None
            expected = self._whole(document)["revision"]
            apply_change(document, change)
            check_row(document, self._indexed)
            if self._put(document, expected, session):
                return document

    def _takes_reading(self, change: Change) -> bool:
        """Whether the server alone cannot make the change: it knows no words, and its sums may leave 64 bits."""
        if self._words is not None and changes_text(change, self.spec.text):
            return True
        return any(isinstance(by, float) and abs(by) > _HUGE for by in change.increment.values())

    def _new(self, document: Document) -> Document:
        check_row(document, self._indexed)
        return self._worded({**document, "revision": 1})

    def _worded(self, document: Document) -> Document:
        return document if self._words is None else self._words.worded(document)

    def _put(self, row: Document, expected: int, session: ClientSession | None) -> bool:
        """Puts a document in the place of its earlier revision, if that is still there."""
        place, row = {"_id": row["_id"], "revision": expected}, self._worded(row)
        with self._guard:
            if session is not None:
                self._bulk.require_free([row], session, replacing=True)
            if any(name.startswith("$") for name in row):
                # What looks like an operator on the first level has to be quoted.
                pipeline = [{"$replaceWith": {"$literal": row}}]
                return self._collection.update_one(place, pipeline, session=session).matched_count > 0
            return self._collection.replace_one(place, row, session=session).matched_count > 0

    def _check_values(self, change: Change) -> None:
        """That a document could hold what is to be set."""
        sample: Document = {"_id": "sample", "revision": 0}
        apply_change(sample, Change(set=change.set))
        check_row(sample, self._indexed)

    def _whole(self, document: Document) -> Document:
        """``document``; whoever else writes to the database may have left something that is none."""
        key = document["_id"]
        if type(key) is not str or type(document.get("revision")) is not int:
            message = f"what {self._name} has under the key {key} is no document of Zona's"
            raise StoreUnavailable(message, code="document_damaged", collection=self._name, key=str(key))
        if self._words is not None:
            document.pop(WORDS, None)
        return document

    def _cursor(self, query: str, last: Document, order: Iterable[tuple[str, int]]) -> str:
        *values, key = [place_of(last, path, direction) for path, direction in order]
        return cursor_after(query, [*map(cursor_value, values), key])


def _position(cursor: str, query: str, count: int) -> list[Any]:
    *values, key = position_of(cursor, query, count)
    try:
        return [*map(value_of_cursor, values), key]
    except ValueError:
        raise invalid_cursor() from None
