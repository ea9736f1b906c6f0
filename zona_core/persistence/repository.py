"""Typed collections: models in, models out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final, Generic, TypeVar

from attrs import define, evolve

from zona_core.errors import NotFound, StoreUnavailable, ZonaError
from zona_core.persistence.collections import Kind
from zona_core.persistence.notes import CLEAN, noted
from zona_core.persistence.sealing import Sealer
from zona_core.ports.store import Change, Collection, Document, DocumentConverter, Page, Scalar, Sort, Where

__all__ = ["Listing", "Repository"]

T = TypeVar("T")

_MOST_KNOWN: Final = 4_096
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})


@define(frozen=True, kw_only=True)
class Listing(Generic[T]):
    """A page of models, and the cursor for the next one (None: this is the last)."""

    items: list[T]
    next: str | None = None


class Repository(Generic[T]):
    """The models of one kind, in one tenant or in the core database."""

    def __init__(self, kind: Kind[T], collection: Collection, converter: DocumentConverter, sealer: Sealer) -> None:
        self._kind = kind
        self._collection = collection
        self._converter = converter
        self._sealer = sealer
        #: under which keys models were found by name
        self._known: dict[Hashable, str] = {}

    def within(self, collection: Callable[[Collection], Collection]) -> Repository[T]:
        """The same models in another collection, made of this one's."""
        return Repository(self._kind, collection(self._collection), self._converter, self._sealer)

    def get(self, key: int | str) -> T | None:
        """The model with that key, or None."""
        document = self._collection.get(str(key))
        return None if document is None else self._model(document)

    def need(self, key: int | str) -> T:
        """The model with that key; raises ``NotFound``."""
        model = self.get(key)
        if model is None:
            name = self._kind.spec.name
            raise NotFound(f"there is nothing with the key {key} in {name}", collection=name, key=str(key))
        return model

    def find(
        self, where: Where | None = None, *, sort: Sort = (), after: str | None = None, limit: int = 100
    ) -> Listing[T]:
        """A page of those that match, in the order of ``sort``."""
        page = self._collection.find(where or {}, sort=sort, after=after, limit=limit)
        return Listing(items=[self._model(document) for document in page.items], next=page.next)

    def documents(self, where: Where, *, sort: Sort = (), after: str | None = None, limit: int = 100) -> Page:
        """Like ``find``, but documents as they are stored, for kinds without secrets: to copy, not to decide by."""
        if self._kind.secrets:
            raise ZonaError(f"documents of {self._kind.spec.name} hold sealed secrets")
        return self._collection.find(where, sort=sort, after=after, limit=limit)

    def all(self, where: Where | None = None, *, sort: Sort = ()) -> list[T]:
        """All that match; for sets known to be small (an app's tasks, an app's instances)."""
        models: list[T] = []
        cursor: str | None = None
        while True:
            page = self.find(where, sort=sort, after=cursor, limit=1_000)
            models += page.items
            cursor = page.next
            if cursor is None:
                return models

    def one(self, where: Where) -> T | None:
        """One that matches, or None; for queries by a unique key."""
        items = self.find(where, limit=1).items
        return items[0] if items else None

    def named(self, name: Hashable, where: Where, is_it: Callable[[T], bool]) -> T | None:
        """The one that ``where``, a query by a unique key, finds; None if there is none.

        It is first looked for where it was found last under ``name``, as that is much faster than a query, and counts
        there only if it still ``is_it``: nobody can tell the difference.
        """
        key = self._known.get(name)
        found = None if key is None else self.get(key)
        if found is not None and is_it(found):
            return found
        found = self.one(where)
        if found is not None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[name] = self._kind.key(found)
        return found

    def count(self, where: Where | None = None, *, limit: int = 10_000) -> int:
        """How many match, counted up to ``limit``."""
        return self._collection.count(where or {}, limit=limit)

    def group_count(self, path: str, where: Where | None = None, *, limit: int = 100) -> dict[Scalar, int]:
        """How many match for each value at ``path``."""
        return self._collection.group_count(path, where or {}, limit=limit)

    def search(self, words: str, where: Where | None = None, *, limit: int = 100) -> list[T]:
        """Those that match and have every word of ``words``, the most relevant first; see ``Collection.search``."""
        return [self._model(document) for document in self._collection.search(words, where or {}, limit=limit)]

    def insert(self, model: T) -> T:
        """Stores a new model; raises ``DuplicateKey``. Gives it with its revision."""
        self._collection.insert(self._document(model))
        return self._with_revision(model, 1)

    def insert_many(self, models: Iterable[T]) -> list[str]:
        """Stores those whose keys are free; gives the keys of those."""
        return self._collection.insert_many(self._document(model) for model in models)

    def replace(self, model: T) -> T:
        """Stores a changed model; raises ``NotFound``, ``RevisionConflict``, ``DuplicateKey``."""
        return self._with_revision(model, self._collection.replace(self._document(model)))

    def rewrite(self, models: Iterable[T]) -> None:
        """Stores changed models, all in a few calls: those that were read within the transaction that this is in.

        Nobody can have come between, so no revision is looked at; each has the next one.
        """
        documents = [self._document(model) for model in models]
        for document in documents:
            document["revision"] += 1
        if documents:
            self._collection.load(documents)

    def modify(self, where: Where, *, sort: Sort = (), count: str = "", **values: Any) -> T | None:
        """Sets attributes of the first that matches, in one step, and gives it as it is then; None if none matches.

        ``count`` names a number that is raised by one. Not for secrets. Of two calls at a time no two alter the same
        state of a document.
        """
        change = self._change(values, count)
        document = self._collection.find_and_modify(where, change, sort=sort)
        return None if document is None else self._model(document)

    def delete(self, key: int | str) -> bool:
        """Removes the model with that key; whether there was one."""
        return self._collection.delete(str(key))

    def delete_many(self, where: Where) -> int:
        """Removes all that match; how many there were."""
        return self._collection.delete_many(where)

    def _document(self, model: T) -> Document:
        document: Document = self._converter.unstructure(model)
        document["_id"] = self._kind.key(model)
        return self._sealer.seal(noted(document) if self._kind.noted else document)

    def model(self, document: Document) -> T:
        """The model of one of ``documents``."""
        return self._model(document)

    def _model(self, document: Document) -> T:
        try:
            return self._converter.structure(self._sealer.unseal(document), self._kind.model)
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise _damaged(self._kind.spec.name, document["_id"], exc) from exc

    def _change(self, values: Mapping[str, Any], count: str) -> Change:
        """Attributes as documents have them: what is empty is left out."""
        plain = {name: self._converter.unstructure(value) for name, value in values.items()}
        gone = (CLEAN,) if self._kind.noted else ()  # nobody has looked at the document as it will be
        return Change(
            set={name: value for name, value in plain.items() if value not in _EMPTY},
            unset=(*(name for name, value in plain.items() if value in _EMPTY), *gone),
            increment={count: 1} if count else {},
        )

    @staticmethod
    def _with_revision(model: T, revision: int) -> T:
        changed: Any = evolve(model, revision=revision)  # type: ignore[misc]  # every kind's model is an attrs class
        return changed  # type: ignore[no-any-return]


def _damaged(collection: str, key: str, exc: Exception) -> StoreUnavailable:
    """The error for a document that is no model any more: what converting it raised is told in a sentence."""
    reason = f"{exc} is missing" if isinstance(exc, KeyError) else str(exc)[:200]
    message = f"the document {key} of {collection} cannot be read: {reason}"
    return StoreUnavailable(message, code="document_damaged", collection=collection, key=key)
