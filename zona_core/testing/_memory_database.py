"""What the stores of one in-memory database share: its documents, and one writer at a time.

A transaction collects what it changes beside the documents; ending it puts the changes in their place, undoing it
drops them. Readers see whole transactions only, because both happen under one short lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from attrs import Factory, define

from zona_core.errors import Conflict, DuplicateKey, StoreUnavailable
from zona_core.persistence.matching import index_values
from zona_core.ports.store import CollectionSpec, Document, Index

__all__ = ["MemoryDatabase", "Shared", "Stored"]

#: seconds that a writer waits for others
_PATIENCE = 60.0


@define(frozen=True)
class Stored:
    """A document as text, from which copies are made, and parsed, for queries only."""

    text: bytes
    document: Document

    def copy(self) -> Document:
        """A copy that is the caller's own."""
        document: Document = orjson.loads(self.text)
        return document


@define
class _Collection:
    """The documents of a collection, and who has which values of its unique indexes."""

    documents: dict[str, Stored] = Factory(dict)
    indexes: dict[str, Index] = Factory(dict)
    owners: dict[str, dict[tuple[Any, ...], str]] = Factory(dict)


@define
class _Changes:
    """What a transaction changes in a collection: documents by key (None: deleted), owners by index and values."""

    documents: dict[str, Stored | None] = Factory(dict)
    owners: dict[str, dict[tuple[Any, ...], str]] = Factory(dict)


@define
class _Transaction:
    """A thread's transaction."""

    doomed: bool = False
    changes: dict[str, _Changes] = Factory(dict)


class Shared:
    """What all stores of one database have in common."""

    def __init__(self) -> None:
        self.collections: dict[str, _Collection] = {}
        #: held for a moment: while changes are put in their place, and while documents are listed
        self.swap = threading.Lock()
        #: held for the length of a transaction
        self.writing = threading.Lock()
        #: counts changes, and the ends of transactions, which keep or undo them
        self.writes = 0


class MemoryDatabase:
    """Documents by collection and key, as one store object sees them."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._collections = shared.collections
        self._swap = shared.swap
        self._writing = shared.writing
        self._local = threading.local()

    @property
    def version(self) -> int:
        """Differs once anything was changed, by whichever thread or store object."""
        return self._shared.writes

    def declare(self, spec: CollectionSpec) -> None:
        """Makes a collection and its unique indexes; raises ``DuplicateKey`` if its documents forbid one."""
        with self._swap:
            collection = self._collections.setdefault(spec.name, _Collection())
            for index in spec.indexes:
                if index.unique and collection.indexes.get(index.name) != index:
                    owners = _owners(spec.name, index, collection.documents)
                    collection.indexes[index.name], collection.owners[index.name] = index, owners

    def all(self, name: str) -> list[Stored]:
        """The documents of a collection as this thread sees them."""
        with self._swap:
            found: dict[str, Any] = dict(self._collections[name].documents)
        found.update(self._changes(name).documents)
        return [stored for stored in found.values() if stored is not None]

    def one(self, name: str, key: str) -> Stored | None:
        """One document as this thread sees it."""
        changed = self._changes(name).documents
        if key in changed:
            return changed[key]
        with self._swap:
            return self._collections[name].documents.get(key)

    def put(self, name: str, key: str, stored: Stored | None) -> None:
        """Changes a document within the transaction at hand; raises ``DuplicateKey``."""
        changes = self._changes(name)
        self._shared.writes += 1
        claims = {} if stored is None else self._claims(name, key, stored, changes)
        changes.documents[key] = stored
        for index, values in claims.items():
            changes.owners.setdefault(index, {})[values] = key

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes of this thread within the block are kept together or not at all; one within another joins it."""
        joined: _Transaction | None = getattr(self._local, "transaction", None)
        if joined is not None:
            try:
                yield
            except BaseException:
                joined.doomed = True
                raise
            return
        if not self._writing.acquire(timeout=_PATIENCE):
            raise StoreUnavailable(f"the database was locked by other writers for {_PATIENCE:g} s", code="store_busy")
        self._local.transaction = opened = _Transaction()
        try:
            yield
            if opened.doomed:
                message = "a part of the transaction failed, so that all of it was undone"
                raise Conflict(message, code="transaction_undone")
            self._keep(opened)
        finally:
            self._local.transaction = None
            self._shared.writes += 1
            self._writing.release()

    @contextmanager
    def call(self) -> Iterator[None]:
        """The changes of one call: a transaction of its own, or a part of the one at hand; a refusal undoes neither."""
        if getattr(self._local, "transaction", None) is None:
            with self.transaction():
                yield
        else:
            yield

    def _changes(self, name: str) -> _Changes:
        opened: _Transaction | None = getattr(self._local, "transaction", None)
        return _Changes() if opened is None else opened.changes.setdefault(name, _Changes())

    def _claims(self, name: str, key: str, stored: Stored, changes: _Changes) -> dict[str, tuple[Any, ...]]:
        """The values of unique indexes that a document takes; raises ``DuplicateKey`` if another one has them."""
        collection = self._collections[name]
        claims = {}
        for index in collection.indexes.values():
            values = index_values(index, stored.document)
            if values is None:
                continue
            owner = changes.owners.get(index.name, {}).get(values)
            if owner is None or not _still_has(index, values, changes.documents[owner]):
                owner = collection.owners[index.name].get(values)
                if owner in changes.documents:
                    owner = None  # it was deleted or has other values by now
            if owner is not None and owner != key:
                raise _duplicate(name, index)
            claims[index.name] = values
        return claims

    def _keep(self, opened: _Transaction) -> None:
        with self._swap:
            for name, changes in opened.changes.items():
                collection = self._collections[name]
                for key in changes.documents:
                    _disown(collection, key)
                for key, stored in changes.documents.items():
                    if stored is not None:
                        _own(collection, key, stored)


def _owners(name: str, index: Index, documents: dict[str, Stored]) -> dict[tuple[Any, ...], str]:
    owners: dict[tuple[Any, ...], str] = {}
    for key, stored in documents.items():
        values = index_values(index, stored.document)
        if values is not None and owners.setdefault(values, key) != key:
            raise _duplicate(name, index)
    return owners


def _disown(collection: _Collection, key: str) -> None:
    stored = collection.documents.pop(key, None)
    if stored is None:
        return
    for index in collection.indexes.values():
        values = index_values(index, stored.document)
        if values is not None:
            del collection.owners[index.name][values]


def _own(collection: _Collection, key: str, stored: Stored) -> None:
    collection.documents[key] = stored
    for index in collection.indexes.values():
        values = index_values(index, stored.document)
        if values is not None:
            collection.owners[index.name][values] = key


def _still_has(index: Index, values: tuple[Any, ...], stored: Stored | None) -> bool:
    return stored is not None and index_values(index, stored.document) == values


def _duplicate(name: str, index: Index) -> DuplicateKey:
    message = f"{name} has another document with the same {', '.join(index.fields)}"
    return DuplicateKey(message, collection=name, fields=list(index.fields))
