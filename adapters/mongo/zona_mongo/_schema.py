"""The layout of the database: its version, its collections and their indexes.

A unique index of the port holds for documents with a value in every field. In MongoDB that takes a *partial* index,
which no query for all documents can use. So a unique index without a condition has a companion with the same fields,
``name.order``, which serves queries and orders.

NOTE: MongoDB's own TTL indexes are not used: its monitor would remove documents at a time of its own, when the port has
``expire`` do it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pymongo
from attrs import define
from bson.son import SON
from pymongo import IndexModel
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError

from zona_core.errors import ConfigurationError, DuplicateKey, StoreUnavailable
from zona_core.persistence.checks import checked_where
from zona_core.ports.store import CollectionSpec, Condition, Index

from ._clients import Link
from ._errors import Guard, is_duplicate, key_of
from ._queries import SCALARS, plain_condition
from ._sessions import LOCK, META, Sessions
from ._values import stored_datetime
from ._words import WordIndex

__all__ = ["Layout", "Schema"]

VERSION: Final = 1
_SCHEMA: Final = "schema"
#: MongoDB 6.0: ``$in`` in the conditions of partial indexes is not older
_OLDEST_WIRE: Final = 17
#: seconds that making an index may take
_BUILD: Final = 3_600.0
_EXISTS: Final = 48

Definition = dict[str, Any]


@define(frozen=True)
class Layout:
    """What a collection needs: its indexes' definitions by name."""

    name: str
    indexes: Mapping[str, Definition]
    #: the checked conditions of the port's indexes, by name
    conditions: Mapping[str, dict[str, Condition]]
    #: paths whose types a query must name, so that it can use a partial index
    typed: frozenset[str]
    #: what there is for searching texts; its index is one of ``indexes``
    words: WordIndex | None

    @classmethod
    def of(cls, spec: CollectionSpec) -> Layout:
        """The layout for ``spec``, which has been checked."""
        conditions = {index.name: checked_where(index.where, stored_datetime) for index in spec.indexes}
        indexes: dict[str, Definition] = {}
        for index in spec.indexes:
            indexes[index.name] = _definition(index, conditions[index.name])
            if index.unique and not index.where:
                indexes[f"{index.name}.order"] = {"key": _ordered(index.fields)}
        words = WordIndex(spec) if spec.text else None
        if words is not None:
            indexes[words.name] = words.definition
        typed = (path for index in spec.indexes if index.unique and index.where for path in index.fields)
        return cls(spec.name, indexes, conditions, frozenset(typed), words)


def _definition(index: Index, where: Mapping[str, Condition]) -> Definition:
    partial = {path: plain_condition(condition) for path, condition in where.items()}
    if not index.unique:
        made: Definition = {"key": _ordered(index.fields)}
        return {**made, "partialFilterExpression": partial} if partial else made
    for path in index.fields:
        if path != "_id":
            partial[path] = {**partial.get(path, {}), "$type": list(SCALARS)}
    return {"key": [[path, 1] for path in index.fields], "unique": True, "partialFilterExpression": partial}


def _ordered(fields: Iterable[str]) -> list[list[Any]]:
    """Pages are ordered by the key last."""
    paths = list(fields)
    return [[path, 1] for path in (paths if "_id" in paths else [*paths, "_id"])]


class Schema:
    """The layout of one database, as it is and as it should be."""

    def __init__(self, link: Link, sessions: Sessions) -> None:
        self._link = link
        self._sessions = sessions
        self._guard = Guard(link.location.shown, META, sessions.fail)
        self._usable = False

    def require_usable(self) -> None:
        """Raises ``ConfigurationError`` for a server, ``StoreUnavailable`` for a version that this code cannot use.

        An empty database becomes ours.
        """
        if self._usable and not self._link.closed:
            return
        with self._guard:
            _require_fit(self._hello(), self._link.location.shown)
            version = self.version or self._claimed()
        if version > VERSION:
            message = f"the database has schema version {version}, this code knows none newer than {VERSION}"
            raise StoreUnavailable(message, code="store_too_new", hint="Use a newer Zona.", version=version)
        self._usable = True

    @property
    def version(self) -> int:
        """The database's version; 0 for one that is not ours."""
        with self._guard:
            found = self._link.collection(META).find_one({"_id": _SCHEMA})
        return int(found["version"]) if found else 0

    def make(self, layout: Layout) -> bool:
        """Makes the collection and the indexes that are missing; changed ones are left to ``migrate``.

        So is an index of texts where there are documents already. Gives whether texts can be searched, as far as it
        knows.
        """
        with self._guard:
            existing = self._existing(layout.name)
            missing = self._to_make(layout, existing or {})
        if existing is None:
            self._make_collection(layout)
        elif missing:
            self._build(layout, missing, None)
        return layout.words is not None and (existing is None or layout.words.name in missing)

    def _make_collection(self, layout: Layout) -> None:
        """Makes the collection in a transaction: one of others that sees the database without it could not use it."""
        if self._sessions.session is not None:
            self._sessions.after_rollback(lambda: self.make(layout))
        with self._sessions.transaction():
            with self._guard:
                existing = self._existing(layout.name)
            if existing is None:  # nobody has been faster
                self._build(layout, layout.indexes, self._sessions.session)

    def _to_make(self, layout: Layout, existing: Mapping[str, Definition]) -> set[str]:
        missing = layout.indexes.keys() - existing.keys()
        if layout.words is not None and layout.words.name in missing and self._has_documents(layout.name):
            missing.discard(layout.words.name)
        return missing

    def _has_documents(self, name: str) -> bool:
        return self._link.collection(name).find_one({}, {"_id": 1}) is not None

    def is_searchable(self, layout: Layout) -> bool:
        """Whether the index of texts is there as declared."""
        words = layout.words
        with self._guard:
            existing = self._existing(layout.name) or {}
        return words is not None and existing.get(words.name) == words.definition

    def migrate(self, layouts: Iterable[Layout]) -> list[str]:
        """Remakes changed indexes, and the words of documents that lack them; says what was done."""
        self.require_usable()
        return [note for layout in layouts for note in (*self._fill(layout), *self._remake(layout))]

    def differences(self, layouts: Iterable[Layout]) -> list[str]:
        """What differs from what is declared, in sentences."""
        notes = []
        for layout in layouts:
            with self._guard:
                existing = self._existing(layout.name) or {}
            notes += self._word_notes(layout)
            notes += [f"Index {layout.name}.{name} is missing." for name in layout.indexes if name not in existing]
            for name, definition in existing.items():
                if name not in layout.indexes:
                    notes.append(f"Index {layout.name}.{name} is not declared.")
                elif definition != layout.indexes[name]:
                    notes.append(f"Index {layout.name}.{name} is defined in another way than declared.")
        return notes

    def _hello(self) -> dict[str, Any]:
        try:
            return self._link.client.admin.command("hello")
        except PyMongoError:
            self._diagnose()
            raise

    def _diagnose(self) -> None:
        """A server that is there but in no replica set is not found as a part of one: asked directly, it says so."""
        try:
            with pymongo.MongoClient[dict[str, Any]](
                self._link.location.servers, directConnection=True, replicaSet=None, serverSelectionTimeoutMS=1_000
            ) as client:
                hello = client.admin.command("hello")
        except (PyMongoError, ValueError):  # away, or several servers are named
            return
        _require_fit(hello, self._link.location.shown)

    def _claimed(self) -> int:
        """Notes in an empty database what it is; gives the version."""
        database, meta = self._link.database, self._link.collection(META)
        foreign = database.list_collection_names(filter={"name": {"$nin": [META]}})
        if foreign and not self.version:  # nobody else has been faster
            message = f"{self._link.location.shown} has collections of another program"
            raise StoreUnavailable(message, code="store_foreign", hint="Name a database of Zona's own in the URL.")
        try:
            meta.update_one({"_id": LOCK}, {"$setOnInsert": {"count": 0}}, upsert=True)
            meta.update_one({"_id": _SCHEMA}, {"$setOnInsert": {"version": VERSION}}, upsert=True)
        except OperationFailure as exc:
            if not is_duplicate(exc):
                raise
        return self.version

    def _existing(self, name: str) -> dict[str, Definition] | None:
        """The definitions of a collection's indexes, that of the key left out; None if there is no collection."""
        rows = list(self._link.collection(name).list_indexes())
        return {row["name"]: _as_declared(row) for row in rows if row["name"] != "_id_"} if rows else None

    def _build(self, layout: Layout, names: Iterable[str], session: ClientSession | None) -> None:
        """Makes a collection's indexes, and with them the collection."""
        models = [_model(name, layout.indexes[name]) for name in sorted(names)]
        with self._guard:
            try:
                if not models:
                    self._link.database.command("create", layout.name, session=session)
                elif session is not None:
                    self._link.collection(layout.name).create_indexes(models, session=session)
                else:
                    with pymongo.timeout(_BUILD):
                        self._link.collection(layout.name).create_indexes(models)
            except OperationFailure as exc:
                if is_duplicate(exc):
                    raise _impossible(layout, key_of(exc)) from exc
                if exc.code != _EXISTS:
                    raise

    def _word_notes(self, layout: Layout) -> list[str]:
        if layout.words is None:
            return []
        with self._guard:
            wrong = layout.words.wrong(self._link.collection(layout.name))
        return [f"The index of texts of {layout.name} is wrong for {wrong:,} of its documents."] if wrong else []

    def _fill(self, layout: Layout) -> list[str]:
        if layout.words is None:
            return []
        with self._guard:
            filled = layout.words.fill(self._link.collection(layout.name))
        return [f"The index of texts of {layout.name}: made for {filled:,} of its documents."] if filled else []

    def _remake(self, layout: Layout) -> list[str]:
        with self._guard:
            existing = self._existing(layout.name) or {}
            changed = [name for name, found in existing.items() if found != layout.indexes.get(name)]
            for name in changed:
                self._link.collection(layout.name).drop_index(name)
        missing = layout.indexes.keys() - (existing.keys() - set(changed))
        if missing:
            self._build(layout, missing, None)
        return [
            f"Index {layout.name}.{name}: "
            f"{'remade' if name in layout.indexes else 'removed, as it is not declared any more'}."
            for name in changed
        ]


def _model(name: str, definition: Definition) -> IndexModel:
    options = {option: value for option, value in definition.items() if option != "key"}
    return IndexModel([(path, direction) for path, direction in definition["key"]], name=name, **options)


def _as_declared(row: Mapping[str, Any]) -> Definition:
    """What the server says of an index, in the form of ``_definition``."""
    found: Definition = dict(SON(row).to_dict())
    found["key"] = [[path, direction] for path, direction in row["key"].items()]
    return {option: value for option, value in found.items() if option not in ("v", "name", "ns")}


def _impossible(layout: Layout, fields: list[str]) -> DuplicateKey:
    message = f"a unique index of {layout.name} cannot be made: documents share the same {', '.join(fields)}"
    return DuplicateKey(message, collection=layout.name, fields=fields)


def _require_fit(hello: Mapping[str, Any], shown: str) -> None:
    """Raises ``ConfigurationError`` for a server without transactions, or one that is too old."""
    if hello.get("maxWireVersion", 0) < _OLDEST_WIRE:
        raise ConfigurationError(f"{shown} is too old a MongoDB", hint="Version 6.0 or newer is needed.")
    if hello.get("setName") or hello.get("msg") == "isdbgrid":
        return
    host = shown.partition("://")[2].partition("/")[0]
    initiate = f"""python -c "import pymongo; pymongo.MongoClient('{host}', directConnection=True)"""
    initiate += """.admin.command('replSetInitiate')\""""
    what = "belongs to a replica set that has not been initiated" if hello.get("isreplicaset") else "stands alone"
    restart = "" if hello.get("isreplicaset") else "Restart it with --replSet rs0; then once "
    raise ConfigurationError(
        f"{shown} {what}: there are transactions in replica sets only, be it of one server",
        code="store_standalone",
        hint=f"{restart}rs.initiate() in mongosh, or {initiate}",
    )
