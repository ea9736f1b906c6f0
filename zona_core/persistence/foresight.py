"""A tenant's data as it would be after changes that are not made: for what is foretold one step after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

from zona_core.domain.actors import Actor
from zona_core.errors import DuplicateKey
from zona_core.persistence.collections import APPS, DEPENDENCIES, INSTANCES, PLAYBOOKS, SCHEDULES, TASKS, Kind
from zona_core.persistence.database import Database, TenantData
from zona_core.persistence.matching import matches
from zona_core.persistence.repository import Repository
from zona_core.ports.store import Collection, CollectionSpec, Document, In, Page, Where

__all__ = ["Foresight"]

T = TypeVar("T")

_FORESEEN = (APPS, TASKS, DEPENDENCIES, INSTANCES, PLAYBOOKS, SCHEDULES)
#: no change: the tenant's own document counts
_BENEATH: Final = object()
_PAGE = 1_000


class Foresight(TenantData):
    """A tenant's data, in which changes are seen here and nowhere else.

    They are those to apps, tasks, what tasks need, instances, playbooks and schedules.

    They can be found by conditions alone: everything that matches comes, in no order. Ids are for show, and less than
    0; nothing goes to the audit trail. All else is the tenant's own.
    """

    def __init__(self, database: Database, data: TenantData, counted: list[str] | None = None) -> None:
        """``counted``: what would be counted for the licence by then, elsewhere and here; it grows."""
        super().__init__(database, data.tenant_code, data.store)
        self.counted = [] if counted is None else counted
        self._last_ids: Counter[str] = Counter()
        self._overlays: list[_Overlay] = []
        self._open_transactions = 0

    def take_ids(self, name: str, count: int = 1) -> list[int]:
        """Ids that were not given here before."""
        first = self._last_ids[name] + 1
        self._last_ids[name] += count
        return [-number for number in range(first, first + count)]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What was changed within the block is undone if it ends in an error."""
        marks = {id(overlay): overlay.mark for overlay in self._overlays}
        self._open_transactions += 1
        try:
            yield
        except BaseException:
            for overlay in self._overlays:
                overlay.back_to(marks.get(id(overlay), 0))
            raise
        finally:
            self._open_transactions -= 1
            if not self._open_transactions:
                for overlay in self._overlays:
                    overlay.settle()

    def record(self, actor: Actor, action: str, target: str, *, before: Any = None, after: Any = None) -> None:
        """Nothing was done that should be recorded."""

    def _repository(self, kind: Kind[T]) -> Repository[T]:
        known = super()._repository(kind)
        if kind not in _FORESEEN:
            return known
        return known.within(lambda collection: cast(Collection, self._overlay(collection, kind.spec)))

    def _overlay(self, collection: Collection, spec: CollectionSpec) -> _Overlay:
        self._overlays.append(_Overlay(collection, spec))
        return self._overlays[-1]


class _Overlay:
    """A collection with changes laid over it: as much of one as is needed to foretell.

    What was changed is found quickly by the first field of each index.
    """

    def __init__(self, collection: Collection, spec: CollectionSpec) -> None:
        self._collection = collection
        self._spec = spec
        self._changed: dict[str, Document | None] = {}
        self._keys: dict[str, dict[Any, set[str]]] = {index.fields[0]: {} for index in spec.indexes}
        #: what was where a change was made, in their order
        self._journal: list[tuple[str, Any]] = []

    def get(self, key: str) -> Document | None:
        return self._changed[key] if key in self._changed else self._collection.get(key)

    def find(self, where: Where | None = None, **_: Any) -> Page:
        wanted = where or {}
        beneath = (document for document in self._beneath(wanted) if document["_id"] not in self._changed)
        return Page(items=[*beneath, *self._above(wanted)], next=None)

    def insert(self, document: Document) -> None:
        self._refuse_taken(document)
        self._put(document["_id"], {**document, "revision": 1})

    def insert_many(self, documents: Iterable[Document]) -> list[str]:
        keys = []
        for document in documents:
            self._put(document["_id"], {**document, "revision": 1})
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

    @property
    def mark(self) -> int:
        """The present moment, for ``back_to``."""
        return len(self._journal)

    def back_to(self, mark: int) -> None:
        """Undoes every change since that moment."""
        while len(self._journal) > mark:
            self._set(*self._journal.pop())

    def settle(self) -> None:
        """What was changed stays so."""
        self._journal.clear()

    def _refuse_taken(self, document: Document) -> None:
        """Raises ``DuplicateKey`` if another one has the name that this one is to have; ids are new."""
        for index in self._spec.indexes:
            if index.unique and index.where and matches(document, index.where):
                named = {name: document[name] for name in index.fields}
                if self.find({**index.where, **named}).items:
                    name = self._spec.name
                    raise DuplicateKey(f"{', '.join(named)} is taken", collection=name, fields=list(named))

    def _put(self, key: str, document: Document | None) -> None:
        self._journal.append((key, self._changed.get(key, _BENEATH)))
        self._set(key, document)

    def _set(self, key: str, document: Any) -> None:
        before = self._changed.pop(key, None)
        for name, keys in self._keys.items():
            if before is not None:
                keys[before.get(name)].discard(key)
            if document is not None and document is not _BENEATH:
                keys.setdefault(document.get(name), set()).add(key)
        if document is not _BENEATH:
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
