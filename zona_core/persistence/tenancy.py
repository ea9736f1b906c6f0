"""Isolation, in one place below the use-cases (SPEC §2): a tenant's view of a shared collection.

Keys are prefixed with the tenant's code, documents stamped with it, queries filtered by it, and whatever comes back is
checked for ownership. The view is a ``Collection`` itself and passes the same contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

from attrs import asdict

from zona_core.errors import DuplicateKey, InvalidInput, ZonaError
from zona_core.persistence.checks import check_key, check_path, check_spec
from zona_core.ports.store import (
    Change,
    Collection,
    CollectionSpec,
    Condition,
    Document,
    DocumentStore,
    In,
    Index,
    Page,
    Range,
    Scalar,
    Sort,
    Where,
)

__all__ = ["STAMP", "TenantCollection", "tenant_collection", "tenant_spec"]

P = ParamSpec("P")
T = TypeVar("T")

#: the attribute that says whose a document is
STAMP: Final = "tenant_code"


def tenant_spec(spec: CollectionSpec) -> CollectionSpec:
    """``spec`` for many tenants in one collection: every index begins with the stamp, that of texts as well."""
    check_spec(spec)
    return CollectionSpec(
        name=spec.name,
        indexes=tuple(
            index
            if index.ttl is not None
            else Index(name=index.name, fields=(STAMP, *index.fields), unique=index.unique, where=index.where)
            for index in spec.indexes
        ),
        text=spec.text,
        text_within=(STAMP, *spec.text_within) if spec.text else (),
    )


def _own_words(method: Callable[P, T]) -> Callable[P, T]:
    """What the store says of a taken unique key, in the words of the tenant's own declaration."""

    @wraps(method)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except DuplicateKey as exc:
            fields = [field for field in exc.details.get("fields", ()) if field != STAMP]
            message = exc.message.replace(f"{STAMP}, ", "")
            raise DuplicateKey(message, **{**exc.details, "fields": fields}) from exc

    return told


@_own_words
def tenant_collection(store: DocumentStore, spec: CollectionSpec, tenant_code: str) -> Collection:
    """The tenant's view of the collection that ``spec`` describes."""
    return TenantCollection(store.collection(tenant_spec(spec)), tenant_code)


class TenantCollection:
    """One tenant's documents of a collection."""

    def __init__(self, inner: Collection, tenant_code: str) -> None:
        self._inner = inner
        self._tenant = tenant_code
        self._prefix = f"{tenant_code}/"

    def get(self, key: str) -> Document | None:
        """See ``Collection.get``."""
        document = self._inner.get(self._key(key))
        return None if document is None else self._own(document)

    def find(self, where: Where | None = None, *, sort: Sort = (), after: str | None = None, limit: int = 100) -> Page:
        """See ``Collection.find``."""
        page = self._inner.find(self._mine(where), sort=sort, after=after, limit=limit)
        return Page(items=[self._own(document) for document in page.items], next=page.next)

    def count(self, where: Where | None = None, *, limit: int = 10_000) -> int:
        """See ``Collection.count``."""
        return self._inner.count(self._mine(where), limit=limit)

    def group_count(self, path: str, where: Where | None = None, *, limit: int = 100) -> dict[Scalar, int]:
        """See ``Collection.group_count``."""
        return self._inner.group_count(path, self._mine(where), limit=limit)

    def search(self, words: str, where: Where | None = None, *, limit: int = 100) -> list[Document]:
        """See ``Collection.search``."""
        return [self._own(document) for document in self._inner.search(words, self._mine(where), limit=limit)]

    @_own_words
    def insert(self, document: Document) -> None:
        """See ``Collection.insert``."""
        self._inner.insert(self._stamped(document))

    @_own_words
    def insert_many(self, documents: Iterable[Document]) -> list[str]:
        """See ``Collection.insert_many``."""
        added = self._inner.insert_many(self._stamped(document) for document in documents)
        return [key.removeprefix(self._prefix) for key in added]

    @_own_words
    def replace(self, document: Document) -> int:
        """See ``Collection.replace``."""
        return self._inner.replace(self._stamped(document))

    @_own_words
    def patch(self, key: str, change: Change, *, revision: int | None = None) -> Document:
        """See ``Collection.patch``."""
        return self._own(self._inner.patch(self._key(key), _harmless(change), revision=revision))

    @_own_words
    def find_and_modify(self, where: Where, change: Change, *, sort: Sort = ()) -> Document | None:
        """See ``Collection.find_and_modify``."""
        document = self._inner.find_and_modify(self._mine(where), _harmless(change), sort=sort)
        return None if document is None else self._own(document)

    @_own_words
    def increment(self, key: str, path: str, by: int = 1) -> int:
        """See ``Collection.increment``; the document must exist, so that it carries the stamp."""
        if self.get(key) is None:
            self._inner.insert_many([{"_id": self._key(key), STAMP: self._tenant}])
        return self._inner.increment(self._key(key), path, by)

    def delete(self, key: str) -> bool:
        """See ``Collection.delete``."""
        return self._inner.delete(self._key(key))

    def delete_many(self, where: Where) -> int:
        """See ``Collection.delete_many``."""
        return self._inner.delete_many(self._mine(where))

    @_own_words
    def load(self, documents: Iterable[Document]) -> None:
        """See ``Collection.load``."""
        self._inner.load(self._stamped(document) for document in documents)

    def _mine(self, where: Where | None) -> Where:
        _refuse_stamp(where or {})
        return {STAMP: self._tenant, **self._own_key(where or {})}

    def _own_key(self, where: Where) -> Where:
        return {path: self._prefixed(wanted) if path == "_id" else wanted for path, wanted in where.items()}

    def _prefixed(self, condition: Condition) -> Condition:
        """A condition on the key, as it stands behind the prefix; texts keep their order there."""
        if isinstance(condition, In):
            return In(self._prefix + value for value in condition.values if isinstance(value, str))
        if isinstance(condition, Range):
            bounds = asdict(condition).items()
            return Range(**{name: self._prefix + bound for name, bound in bounds if isinstance(bound, str)})
        return self._prefix + condition if isinstance(condition, str) else condition

    def _stamped(self, document: Document) -> Document:
        return {**document, "_id": self._key(document.get("_id")), STAMP: self._tenant}

    def _key(self, key: Any) -> str:
        check_key(key)
        return self._prefix + cast("str", key)

    def _own(self, document: Document) -> Document:
        key = document["_id"]
        if document.pop(STAMP, None) != self._tenant or not key.startswith(self._prefix):
            raise ZonaError("the store answered with another tenant's document", code="isolation_breach")
        document["_id"] = key[len(self._prefix) :]
        return document


def _refuse_stamp(paths: Mapping[str, object] | Iterable[str]) -> None:
    for path in paths:
        check_path(path)
    if any(path.split(".", 1)[0] == STAMP for path in paths):
        raise InvalidInput(f"{STAMP} is not the caller's to choose", code="invalid_query")


def _harmless(change: Change) -> Change:
    _refuse_stamp(change.set)
    _refuse_stamp(change.unset)
    _refuse_stamp(change.increment)
    return change
