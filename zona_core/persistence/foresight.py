"""A tenant's data as it would be after changes that are not made: for plans that build on one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, cast

from zona_core.persistence.collections import APPS, DEPENDENCIES, TASKS, Kind
from zona_core.persistence.database import Database, TenantData
from zona_core.persistence.matching import matches
from zona_core.persistence.repository import Repository
from zona_core.ports.store import Collection, Document, In, Page, Where

__all__ = ["Foresight"]

T = TypeVar("T")

_FORESEEN = (APPS, TASKS, DEPENDENCIES)
_PAGE = 1_000


class Foresight(TenantData):
    """A tenant's data, in which changes to apps, tasks and what tasks need are seen here and nowhere else.

    They can be found by conditions alone: everything that matches comes, in no order. All else is the tenant's own.
    """

    def __init__(self, database: Database, data: TenantData) -> None:
        super().__init__(database, data.tenant_code, data.store)

    def _repository(self, kind: Kind[T]) -> Repository[T]:
        known = super()._repository(kind)
        if kind not in _FORESEEN:
            return known
        fields = {index.fields[0] for index in kind.spec.indexes}
        return known.within(lambda collection: cast(Collection, _Overlay(collection, fields)))


class _Overlay:
    """A collection with changes laid over it: as much of one as plans are made with."""

    def __init__(self, collection: Collection, fields: Iterable[str]) -> None:
        """``fields``: those by which what was changed is found quickly."""
        self._collection = collection
        self._changed: dict[str, Document | None] = {}
        self._keys: dict[str, dict[Any, set[str]]] = {name: {} for name in fields}

    def get(self, key: str) -> Document | None:
        return self._changed[key] if key in self._changed else self._collection.get(key)

    def find(self, where: Where | None = None, **_: Any) -> Page:
        wanted = where or {}
        beneath = (document for document in self._beneath(wanted) if document["_id"] not in self._changed)
        return Page(items=[*beneath, *self._above(wanted)], next=None)

    def insert(self, document: Document) -> None:
        self._put(document["_id"], {**document, "revision": 1})

    def insert_many(self, documents: Iterable[Document]) -> list[str]:
        keys = []
        for document in documents:
            self.insert(document)
            keys.append(document["_id"])
        return keys

    def replace(self, document: Document) -> int:
        revision = int(document["revision"]) + 1
        self._put(document["_id"], {**document, "revision": revision})
        return revision

    def delete_many(self, where: Where) -> int:
        found = [document["_id"] for document in self.find(where).items]
        for key in found:
            self._put(key, None)
        return len(found)

    def _put(self, key: str, document: Document | None) -> None:
        before = self._changed.get(key)
        for name, keys in self._keys.items():
            if before is not None:
                keys[before.get(name)].discard(key)
            if document is not None:
                keys.setdefault(document.get(name), set()).add(key)
        self._changed[key] = document

    def _beneath(self, where: Where) -> Iterator[Document]:
        after = None
        while True:
            page = self._collection.find(where, after=after, limit=_PAGE)
            yield from page.items
            after = page.next
            if after is None:
                return

    def _above(self, where: Where) -> Iterator[Document]:
        found = (self._changed[key] for key in sorted(self._candidates(where)))
        return (document for document in found if document is not None and matches(document, where))

    def _candidates(self, where: Where) -> Iterable[str]:
        narrowed = [
            set().union(*(self._keys[name].get(value, ()) for value in _values(where[name])))
            for name in where.keys() & self._keys.keys()
        ]
        return min(narrowed, key=len, default=self._changed)


def _values(condition: Any) -> Iterable[Any]:
    return condition.values if isinstance(condition, In) else (condition,)
