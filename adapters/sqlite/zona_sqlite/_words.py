"""Searching texts: a table of the words that each document has, kept right by triggers.

A collection's words are in the table ``collection/words``, in the form that ``zona_core.persistence.words`` gives them:
SQLite's own full-text tables take texts apart in a way of their own, which no other store could follow. The triggers
ask the function ``zona_words``, which ``register`` gives to each connection. So a document and its words change in one
statement, and a program without that function cannot change the one alone.
"""
# ruff: noqa: S608  # what is written into SQL are checked names and paths; values are bound

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

import orjson

from zona_core.persistence.words import AFTER_ALL, Wanted, weights_of
from zona_core.ports.store import CollectionSpec, Condition

from . import _sql
from ._database import Database

__all__ = ["WordIndex", "differences", "is_of_words", "mended", "register"]

#: stands between the values that part a collection; two parts that look alike by it are told apart by the conditions
_BETWEEN: Final = "/"


def register(connection: sqlite3.Connection) -> None:
    """Lets a connection's triggers take texts apart."""
    # NOTE: SQLite can be built so that what a file's schema calls is distrusted; ours is harmless.
    connection.execute("PRAGMA trusted_schema = ON")
    connection.create_function("zona_words", 2, _words, deterministic=True)


def _words(document: str, paths: str) -> str:
    """A document's words and what they count, as a JSON object; what is no document has none."""
    try:
        parsed = orjson.loads(document)
    except ValueError:
        return "{}"
    return orjson.dumps(weights_of(parsed, paths.split())).decode() if isinstance(parsed, dict) else "{}"


def is_of_words(name: str) -> bool:
    """Whether a table or trigger is one of these: no collection and no index can have such a name."""
    return "/" in name


class WordIndex:
    """The words of one collection, and the statements that make their table and its triggers."""

    def __init__(self, spec: CollectionSpec) -> None:
        self._documents = _sql.table(spec.name)
        self._table = _table_of(spec.name)
        self._paths = " ".join(spec.text)
        self._within = spec.text_within
        self._rows = f"{self._rows_of('doc', '_id')}, {self._documents}"
        changed = " OR ".join(
            f"(old.doc -> '$.{path}') IS NOT (new.doc -> '$.{path}')" for path in (*spec.text, *spec.text_within)
        )
        # NOTE: a row may be left of a document that was changed under other tables of Unicode, by another Python.
        add = f"INSERT OR REPLACE INTO {self._table} {self._rows_of('new.doc', 'new._id')};"
        drop = (
            f"DELETE FROM {self._table} WHERE part = {self._part_of('old.doc')} AND key = old._id "
            f"AND word IN (SELECT key FROM json_each(zona_words(old.doc, '{self._paths}')));"
        )
        name = f"{spec.name}/words"
        #: by name, in the order in which they are made
        self._definitions = {
            name: f"CREATE TABLE {self._table} (part TEXT NOT NULL, word TEXT NOT NULL, key TEXT NOT NULL, "
            "weight INTEGER NOT NULL, PRIMARY KEY (part, word, key)) WITHOUT ROWID",
            f"{name}.insert": _trigger(name, "insert", f"INSERT ON {self._documents}", add),
            f"{name}.update": _trigger(
                name, "update", f"UPDATE OF doc ON {self._documents} WHEN {changed}", f"{drop} {add}"
            ),
            f"{name}.delete": _trigger(name, "delete", f"DELETE ON {self._documents}", drop),
        }

    def is_made(self, database: Database) -> bool:
        """Whether it is there as declared."""
        return _existing(database, self._table) == self._definitions

    def make(self, database: Database) -> None:
        """Makes it, in the place of another one, from what documents there are."""
        _drop(database, self._table)
        for sql in self._definitions.values():
            database.execute(sql)
        database.execute(f"INSERT INTO {self._table} {self._rows}")

    def may_be_made(self, database: Database) -> bool:
        """Whether nothing is there yet, nor any document that would have to be read."""
        return not _existing(database, self._table) and not database.rows(f"SELECT 1 FROM {self._documents} LIMIT 1")

    def wrong(self, database: Database) -> int:
        """How many documents have other words than the table says."""
        there = f"SELECT part, word, key, weight FROM {self._table}"
        differing = f"SELECT key FROM (SELECT * FROM ({there} EXCEPT {self._rows}) UNION ALL "
        differing += f"SELECT * FROM ({self._rows} EXCEPT {there}))"
        return int(database.rows(f"SELECT count(DISTINCT key) FROM ({differing})")[0][0])

    def select(self, wanted: Wanted, where: Mapping[str, Condition], clause: _sql.Clause, limit: int) -> _sql.Clause:
        """The statement for the documents that have what is wanted, best first; ``clause`` is ``where``'s."""
        part = _BETWEEN.join(str(where[path]) for path in self._within)
        condition, values = clause
        text = (
            f"SELECT CAST(doc AS BLOB), _id FROM (SELECT key, sum(weight) AS relevance FROM ("
            f"SELECT key, weight FROM {self._table} WHERE part = ? AND word IN (SELECT value FROM json_each(?)) "
            f"UNION ALL SELECT key, max(iif(word = ?, weight, (weight + 1) / 2)) FROM {self._table} "
            "WHERE part = ? AND word >= ? AND word < ? GROUP BY key"
            # NOTE: CROSS JOIN has SQLite look at the documents found, not look for words in all that meet conditions.
            f") GROUP BY key HAVING count(*) = ?) CROSS JOIN {self._documents} ON _id = key "
            f"WHERE {condition} ORDER BY relevance DESC, _id LIMIT ?"
        )
        start = wanted.start
        bound = [part, orjson.dumps(wanted.whole).decode(), start, part, start, start + AFTER_ALL]
        return text, [*bound, len(wanted.whole) + 1, *values, limit]

    def _rows_of(self, document: str, key: str) -> str:
        words = f"json_each(zona_words({document}, '{self._paths}')) AS w"
        return f"SELECT {self._part_of(document)} AS part, w.key AS word, {key} AS key, w.value AS weight FROM {words}"

    def _part_of(self, document: str) -> str:
        parts = [f"ifnull({document} ->> '$.{path}', '')" for path in self._within] or ["''"]
        joined = f" || '{_BETWEEN}' || ".join(parts)
        return f"CAST({joined} AS TEXT)"


def mended(database: Database, collection: str, declared: WordIndex | None) -> list[str]:
    """Makes the index of a collection's texts what is declared; says what was done."""
    table = _table_of(collection)
    if declared is None:
        return [f"The index of texts of {collection}: removed, as none is declared any more."] * _drop(database, table)
    if declared.is_made(database) and not declared.wrong(database):
        return []
    declared.make(database)
    return [f"The index of texts of {collection}: made."]


def differences(database: Database, collection: str, declared: WordIndex | None) -> list[str]:
    """What differs from what is declared, in sentences."""
    existing = _existing(database, _table_of(collection))
    if declared is None:
        return [f"An index of texts of {collection} is not declared."] if existing else []
    if not existing:
        return [f"The index of texts of {collection} is missing."]
    if not declared.is_made(database):
        return [f"The index of texts of {collection} is defined in another way than declared."]
    wrong = declared.wrong(database)
    return [f"The index of texts of {collection} is wrong for {wrong:,} of its documents."] if wrong else []


def _trigger(name: str, event: str, when: str, action: str) -> str:
    return f'CREATE TRIGGER "{name}.{event}" AFTER {when} BEGIN {action} END'


def _table_of(collection: str) -> str:
    return _sql.table(f"{collection}/words")


def _existing(database: Database, table: str) -> dict[str, str]:
    """The definitions of a table of words and its triggers, by name."""
    name = table.strip('"')
    rows = database.rows(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name IN (?, ?, ?, ?)",
        [name, *(f"{name}.{event}" for event in ("insert", "update", "delete"))],
    )
    return dict(rows)


def _drop(database: Database, table: str) -> bool:
    """Removes a table of words and its triggers; whether there was any of it."""
    existing = _existing(database, table)
    for name in sorted(existing, reverse=True):  # the table last
        database.execute(f'DROP {"TRIGGER" if "." in name else "TABLE"} "{name}"')
    return bool(existing)
