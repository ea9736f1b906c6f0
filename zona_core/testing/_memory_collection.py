"""A collection in memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import orjson

from zona_core.errors import DuplicateKey, InvalidInput
from zona_core.persistence.changes import apply_change, check_change, needed
from zona_core.persistence.checks import (
    LARGEST_INTEGER,
    check_document,
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
from zona_core.persistence.converter import datetime_text
from zona_core.persistence.matching import matches, sort_values
from zona_core.persistence.words import checked_search, weights_of
from zona_core.ports.paging import cursor_after, fingerprint, position_of
from zona_core.ports.store import Change, CollectionSpec, Document, Index, Page, Range, Scalar, Sort, Where

from ._memory_database import MemoryDatabase, Stored
from ._memory_queries import sort_key

__all__ = ["MemoryCollection"]

_ALL: Final[Where] = MappingProxyType({})
#: what ``datetime_text`` gives: other texts do not expire
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_PASSED_ON: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class MemoryCollection:
    """The documents of one collection; see ``zona_core.ports.store.Collection``."""

    def __init__(self, open_database: Callable[[], MemoryDatabase], spec: CollectionSpec) -> None:
        self.spec = spec
        self._name = spec.name
        self._open = open_database
        self._indexed = sorted({path for index in spec.indexes for path in index.fields})

    def get(self, key: str) -> Document | None:
        """See ``Collection.get``."""
        check_key(key)
        stored = self._open().one(self._name, key)
        return None if stored is None else stored.copy()

    def find(self, where: Where = _ALL, *, sort: Sort = (), after: str | None = None, limit: int = 100) -> Page:
        """See ``Collection.find``."""
        check_limit(limit, 10_000)
        conditions = checked_where(where, datetime_text)
        order = with_key(checked_sort(sort))
        query = fingerprint(self._name, conditions, order)
        found = self._matching(conditions, order)
        if after is not None:
            start = sort_key(position_of(after, query, len(order)), order)
            found = [stored for stored in found if start < sort_key(sort_values(stored.document, order), order)]
        last = sort_values(found[limit - 1].document, order) if len(found) > limit else None
        cursor = None if last is None else cursor_after(query, last)
        return Page(items=[stored.copy() for stored in found[:limit]], next=cursor)

    def count(self, where: Where = _ALL, *, limit: int = 10_000) -> int:
        """See ``Collection.count``."""
        check_limit(limit, LARGEST_INTEGER)
        return min(limit, len(self._matching(where)))

    def group_count(self, path: str, where: Where = _ALL, *, limit: int = 100) -> dict[Scalar, int]:
        """See ``Collection.group_count``."""
        check_path(path)
        check_limit(limit, 10_000)
        values = [value_at(stored.document, path) for stored in self._matching(where)]
        scalars = [value for value in values if not isinstance(value, dict | list)]
        counts = Counter(sorted(scalars, key=lambda value: isinstance(value, bool)))  # of equals the first is the key
        ranked = sorted(counts, key=lambda value: (-counts[value], sort_key([value], [(path, 1)])))
        return {value: counts[value] for value in ranked[:limit]}

    def search(self, words: str, where: Where = _ALL, *, limit: int = 100) -> list[Document]:
        """See ``Collection.search``."""
        conditions = checked_where(where, datetime_text)
        wanted = checked_search(self.spec, words, conditions, limit)
        found = self._matching(conditions, [("_id", 1)])
        ranked = [(wanted.relevance(weights_of(stored.document, self.spec.text)), stored) for stored in found]
        ranked.sort(key=lambda hit: -hit[0])
        return [stored.copy() for relevance, stored in ranked[:limit] if relevance]

    def insert(self, document: Document) -> None:
        """See ``Collection.insert``."""
        key, stored = self._new(document)
        with self._open().call():
            self._add(key, stored)

    def insert_many(self, documents: Iterable[Document]) -> list[str]:
        """See ``Collection.insert_many``."""
        added = []
        rows = [self._new(document) for document in documents]
        with self._open().call():
            for key, stored in rows:
                try:
                    self._add(key, stored)
                except DuplicateKey:
                    continue
                added.append(key)
        return added

    def replace(self, document: Document) -> int:
        """See ``Collection.replace``."""
        check_document(document, self._indexed)
        key, expected = document["_id"], checked_revision(document)
        with self._open().call():
            revision: int = self._need(key, expected)["revision"] + 1
            self._open().put(self._name, key, _stored({**document, "revision": revision}))
        return revision

    def patch(self, key: str, change: Change, *, revision: int | None = None) -> Document:
        """See ``Collection.patch``."""
        check_key(key)
        check_change(change)
        with self._open().call():
            return self._changed(self._need(key, revision), change)

    def find_and_modify(self, where: Where, change: Change, *, sort: Sort = ()) -> Document | None:
        """See ``Collection.find_and_modify``."""
        check_change(change)
        order = with_key(checked_sort(sort))
        with self._open().call():
            found = self._matching(where, order)
            return self._changed(found[0].copy(), change) if found else None

    def increment(self, key: str, path: str, by: int = 1) -> int:
        """See ``Collection.increment``."""
        check_key(key)
        change = Change(increment={path: by})
        check_change(change)
        with self._open().call():
            changed = self._changed(self.get(key) or {"_id": key, "revision": 0}, change)
        value: int = value_at(changed, path)
        return value

    def delete(self, key: str) -> bool:
        """See ``Collection.delete``."""
        check_key(key)
        with self._open().call():
            found = self._open().one(self._name, key) is not None
            self._open().put(self._name, key, None)
        return found

    def delete_many(self, where: Where) -> int:
        """See ``Collection.delete_many``."""
        with self._open().call():
            found = self._matching(where)
            for stored in found:
                self._open().put(self._name, stored.document["_id"], None)
        return len(found)

    def load(self, documents: Iterable[Document]) -> None:
        """See ``Collection.load``."""
        rows = {key: _stored(document) for key, document in loadable(documents, self._indexed).items()}
        with self._open().call():
            before = {key: self._open().one(self._name, key) for key in rows}
            try:
                self._put_all(rows)
            except DuplicateKey:
                self._put_all(before)
                raise

    def _put_all(self, rows: Mapping[str, Stored | None]) -> None:
        # All go before any comes: a unique value may move from one of these documents to another.
        for key in rows:
            self._open().put(self._name, key, None)
        for key, stored in rows.items():
            self._open().put(self._name, key, stored)

    def expire(self, now: datetime) -> int:
        """Removes what the TTL indexes say is past at ``now``; how many."""
        removed = 0
        for index in self.spec.indexes:
            moment = None if index.ttl is None else time_before(now, index.ttl)
            if moment is not None:
                removed += self._expire(index, datetime_text(moment))
        return removed

    def _expire(self, index: Index, moment: str) -> int:
        path = index.fields[0]
        with self._open().call():
            found = self._matching({**index.where, path: Range(lte=moment)})
            past = [stored for stored in found if _TIME.fullmatch(value_at(stored.document, path))]
            for stored in past:
                self._open().put(self._name, stored.document["_id"], None)
        return len(past)

    def _matching(self, where: Where, order: Sequence[tuple[str, int]] = ()) -> list[Stored]:
        conditions = checked_where(where, datetime_text)
        found = [stored for stored in self._open().all(self._name) if matches(stored.document, conditions)]
        return sorted(found, key=lambda stored: sort_key(sort_values(stored.document, order), order))

    def _new(self, document: Document) -> tuple[str, Stored]:
        check_document(document, self._indexed)
        return document["_id"], _stored({**document, "revision": 1})

    def _add(self, key: str, stored: Stored) -> None:
        if self._open().one(self._name, key) is not None:
            message = f"{self._name} has another document with the same _id"
            raise DuplicateKey(message, collection=self._name, fields=["_id"])
        self._open().put(self._name, key, stored)

    def _need(self, key: str, expected: int | None) -> Document:
        return needed(self.get(key), self._name, key, expected)

    def _changed(self, document: Document, change: Change) -> Document:
        apply_change(document, change)
        check_document(document, self._indexed)
        stored = _stored(document)
        self._open().put(self._name, document["_id"], stored)
        return stored.copy()


def _stored(document: Document) -> Stored:
    try:
        text = orjson.dumps(document, default=_encoded, option=_PASSED_ON)
    except TypeError as exc:
        raise InvalidInput(f"the document cannot be written as JSON: {exc}", code="invalid_document") from exc
    return Stored(text, orjson.loads(text))


def _encoded(value: object) -> Any:
    if isinstance(value, datetime):
        return datetime_text(value)
    raise TypeError(type(value).__name__)
