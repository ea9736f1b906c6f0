"""A collection: one table of JSON documents."""
# ruff: noqa: S608  # what is written into SQL are checked names and paths; values are bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import orjson

from zona_core.errors import InvalidInput, StoreUnavailable
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
from zona_core.persistence.words import checked_search, not_searchable
from zona_core.ports.paging import cursor_after, fingerprint, position_of
from zona_core.ports.store import Change, CollectionSpec, Condition, Document, Page, Scalar, Sort, Where

from . import _sql
from ._database import Database
from ._schema import Layout

__all__ = ["SqliteCollection"]

_ALL: Final[Where] = MappingProxyType({})
#: what ``datetime_text`` gives, as a GLOB pattern: other texts do not expire
_TIME_PATTERN: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9]*Z"
_PASSED_ON: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class SqliteCollection:
    """The documents of one collection; see ``zona_core.ports.store.Collection``."""

    def __init__(self, database: Database, spec: CollectionSpec) -> None:
        self.spec = spec
        self._database = database
        self._name = spec.name
        self._table = _sql.table(spec.name)
        self._indexed = sorted({path for index in spec.indexes for path in index.fields})
        self._conditions = {index.name: checked_where(index.where, datetime_text) for index in spec.indexes}
        self._known: dict[str, dict[str, str]] = {}
        for conditions in self._conditions.values():
            for path, condition in conditions.items():
                literal = _sql.literal_condition(path, condition)
                self._known.setdefault(path, {})[repr(condition)] = literal
        self.layout = Layout.of(spec, self._conditions)
        # NOTE: as a BLOB, because Python would decode TEXT into a str only for the JSON parser to encode it again.
        self._get = f"SELECT CAST(doc AS BLOB) FROM {self._table} WHERE _id = ?"
        self._update = f"UPDATE {self._table} SET doc = ? WHERE _id = ?"
        self._delete = f"DELETE FROM {self._table} WHERE _id = ?"
        self._insert = f"INTO {self._table} (_id, doc) VALUES (?, ?)"

    def get(self, key: str) -> Document | None:
        """See ``Collection.get``."""
        check_key(key)
        rows = self._database.rows(self._get, (key,))
        return self._parsed(rows[0][0], key) if rows else None

    def find(self, where: Where = _ALL, *, sort: Sort = (), after: str | None = None, limit: int = 100) -> Page:
        """See ``Collection.find``."""
        check_limit(limit, 10_000)
        conditions = checked_where(where, datetime_text)
        order = with_key(checked_sort(sort))
        if after is None:
            rows = self._select(conditions, order, _sql.Part("1", [], order), limit + 1)
        else:
            position = position_of(after, fingerprint(self._name, conditions, order), len(order))
            rows = self._select_parts(conditions, order, _sql.after_position(order, position), limit + 1)
        items = [self._parsed(row[0], row[-1]) for row in rows[:limit]]
        if len(rows) <= limit:
            return Page(items=items, next=None)
        return Page(items=items, next=cursor_after(fingerprint(self._name, conditions, order), rows[limit - 1][1:]))

    def _select_parts(
        self, conditions: Mapping[str, Condition], order: _sql.Order, parts: Iterable[_sql.Part], limit: int
    ) -> list[Any]:
        """What lies in the first of ``parts``, and so on until there are ``limit`` rows."""
        rows: list[Any] = []
        with self._database.snapshot():
            for part in parts:
                rows += self._select(conditions, order, part, limit - len(rows))
                if len(rows) == limit:
                    break
        return rows

    def _select(self, conditions: Mapping[str, Condition], order: _sql.Order, part: _sql.Part, limit: int) -> list[Any]:
        """Documents with the values that they are ordered by, the key last."""
        clause, values = _sql.where_clause(conditions, self._known)
        columns = ", ".join(["CAST(doc AS BLOB)", *(_sql.expression(path) for path, _ in order)])
        terms = _sql.order_by(part.order, conditions)
        text = f"SELECT {columns} FROM {self._table} WHERE {clause} AND {part.text} ORDER BY {terms} LIMIT ?"
        return self._database.rows(text, (*values, *part.values, limit))

    def count(self, where: Where = _ALL, *, limit: int = 10_000) -> int:
        """See ``Collection.count``."""
        check_limit(limit, LARGEST_INTEGER)
        clause, values = self._where(where)
        found = f"SELECT 1 FROM {self._table} WHERE {clause} LIMIT ?"
        return int(self._database.rows(f"SELECT count(*) FROM ({found})", (*values, limit))[0][0])

    def group_count(self, path: str, where: Where = _ALL, *, limit: int = 100) -> dict[Scalar, int]:
        """See ``Collection.group_count``."""
        check_path(path)
        check_limit(limit, 10_000)
        clause, values = self._where(where)
        value, kind = _sql.expression(path), _sql.type_of(path)
        rows = self._database.rows(
            f"SELECT {value} AS v, count(*) AS n, min({kind} IN ('true', 'false')) FROM {self._table} WHERE {clause} "
            f"AND ifnull({kind}, 'null') NOT IN ('array', 'object') GROUP BY v ORDER BY n DESC, v LIMIT ?",
            (*values, limit),
        )
        return {bool(value) if boolean else value: count for value, count, boolean in rows}

    def search(self, words: str, where: Where = _ALL, *, limit: int = 100) -> list[Document]:
        """See ``Collection.search``."""
        conditions = checked_where(where, datetime_text)
        wanted = checked_search(self.spec, words, conditions, limit)
        index = self.layout.words
        if index is None or not index.is_made(self._database):
            raise not_searchable(self._name)
        found = index.select(wanted, conditions, _sql.where_clause(conditions, self._known), limit)
        return [self._parsed(*row) for row in self._database.rows(*found)]

    def insert(self, document: Document) -> None:
        """See ``Collection.insert``."""
        key, text = self._new(document)
        with self._database.call():
            self._write(f"INSERT {self._insert}", (key, text))

    def insert_many(self, documents: Iterable[Document]) -> list[str]:
        """See ``Collection.insert_many``."""
        rows = [self._new(document) for document in documents]
        if not rows:
            return []
        with self._database.call():
            changed = self._database.execute_each(f"INSERT OR IGNORE {self._insert}", rows)
        return [key for (key, _), added in zip(rows, changed, strict=True) if added]

    def replace(self, document: Document) -> int:
        """See ``Collection.replace``."""
        check_document(document, self._indexed)
        key, expected = document["_id"], checked_revision(document)
        with self._database.call():
            revision = self._need(key, expected)["revision"] + 1
            self._write(self._update, (_text({**document, "revision": revision}), key))
        return int(revision)

    def patch(self, key: str, change: Change, *, revision: int | None = None) -> Document:
        """See ``Collection.patch``."""
        check_key(key)
        check_change(change)
        with self._database.call():
            document = self._need(key, revision)
            return self._changed(document, change)

    def find_and_modify(self, where: Where, change: Change, *, sort: Sort = ()) -> Document | None:
        """See ``Collection.find_and_modify``."""
        check_change(change)
        conditions = checked_where(where, datetime_text)
        clause, values = _sql.where_clause(conditions, self._known)
        order = _sql.order_by(with_key(checked_sort(sort)), conditions)
        select = f"SELECT CAST(doc AS BLOB), _id FROM {self._table} WHERE {clause} ORDER BY {order} LIMIT 1"
        if not self._database.rows(select, values):
            return None  # whoever polls for work in vain does not keep writers waiting
        with self._database.call():
            rows = self._database.rows(select, values)
            return self._changed(self._parsed(*rows[0]), change) if rows else None

    def increment(self, key: str, path: str, by: int = 1) -> int:
        """See ``Collection.increment``."""
        check_key(key)
        change = Change(increment={path: by})
        check_change(change)
        with self._database.call():
            document = self.get(key)
            if document is None:
                document = {"_id": key, "revision": 0}
                apply_change(document, change)
                self.insert(document)
            else:
                document = self._changed(document, change)
        value: int = value_at(document, path)
        return value

    def delete(self, key: str) -> bool:
        """See ``Collection.delete``."""
        check_key(key)
        with self._database.call():
            return self._database.execute(self._delete, (key,)) > 0

    def delete_many(self, where: Where) -> int:
        """See ``Collection.delete_many``."""
        clause, values = self._where(where)
        with self._database.call():
            return self._database.execute(f"DELETE FROM {self._table} WHERE {clause}", values)

    def load(self, documents: Iterable[Document]) -> None:
        """See ``Collection.load``."""
        rows = loadable(documents, self._indexed)
        texts = {key: _text(document) for key, document in rows.items()}
        with self._database.call(), self._database.savepoint():
            # All go before any comes: a unique value may move from one of these documents to another.
            for key in texts:
                self._database.execute(self._delete, (key,))
            for row in texts.items():
                self._write(f"INSERT {self._insert}", row)

    def expire(self, now: datetime) -> int:
        """Removes what the TTL indexes say is past at ``now``; how many."""
        removed = 0
        for index in self.spec.indexes:
            moment = None if index.ttl is None else time_before(now, index.ttl)
            if moment is None:
                continue
            found = _sql.expression(index.fields[0])
            clause, values = _sql.where_clause(self._conditions[index.name], self._known)
            past = f"FROM {self._table} WHERE {clause} AND {found} <= ? AND {found} GLOB '{_TIME_PATTERN}'"
            values.append(datetime_text(moment))
            if self._database.rows(f"SELECT 1 {past} LIMIT 1", values):
                with self._database.call():
                    removed += self._database.execute(f"DELETE {past}", values)
        return removed

    def _where(self, where: Where) -> _sql.Clause:
        return _sql.where_clause(checked_where(where, datetime_text), self._known)

    def _new(self, document: Document) -> tuple[str, str]:
        check_document(document, self._indexed)
        return document["_id"], _text({**document, "revision": 1})

    def _need(self, key: str, expected: int | None) -> Document:
        return needed(self.get(key), self._name, key, expected)

    def _changed(self, document: Document, change: Change) -> Document:
        apply_change(document, change)
        check_document(document, self._indexed)
        text = _text(document)
        self._write(self._update, (text, document["_id"]))
        return self._parsed(text, document["_id"])

    def _parsed(self, text: bytes | str, key: str) -> Document:
        """The document under ``key``; whoever else writes to the file may have left something that is none."""
        try:
            document: Document = orjson.loads(text)
            whole = document["_id"] == key and type(document["revision"]) is int
        except (ValueError, TypeError, KeyError):
            whole = False
        if not whole:
            message = f"what {self._name} has under the key {key} is no document of Zona's"
            raise StoreUnavailable(message, code="document_damaged", collection=self._name, key=key)
        return document

    def _write(self, statement: str, parameters: tuple[str, str]) -> None:
        try:
            self._database.execute(statement, parameters)
        except sqlite3.IntegrityError as exc:
            raise self.layout.duplicate(exc) from exc


def _text(document: Document) -> str:
    try:
        return orjson.dumps(document, default=_encoded, option=_PASSED_ON).decode()
    except TypeError as exc:
        raise InvalidInput(f"the document cannot be written as JSON: {exc}", code="invalid_document") from exc


def _encoded(value: object) -> Any:
    if isinstance(value, datetime):
        return datetime_text(value)
    raise TypeError(type(value).__name__)
