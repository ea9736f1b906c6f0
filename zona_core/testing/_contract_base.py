"""What the parts of the store contract share: fixtures, a collection, threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeVar

import pytest

from zona_core.ports.store import Collection, CollectionSpec, Document, DocumentStore, In, Index, Sort, Where

__all__ = ["THINGS", "StoreContractBase", "StoreFactory", "all_pages", "in_thread", "in_threads", "keys"]

T = TypeVar("T")
StoreFactory = Callable[[], DocumentStore]

#: longer than anything here takes; reached only where something hangs
PATIENCE: Final = 60.0

THINGS: Final = CollectionSpec(
    name="things",
    indexes=(
        Index(name="by_group", fields=("group", "rank")),
        Index(name="by_code", fields=("code",), unique=True),
        Index(name="title", fields=("group", "title"), unique=True, where={"state": In(("on", "new")), "gone": False}),
        Index(name="until", fields=("until",), ttl=60),
    ),
)


class StoreContractBase:
    """Fixtures; ``store_factory`` is the adapter's to give, and so is ``resolution``."""

    #: the shortest time by which two datetimes in documents can differ
    resolution: ClassVar[timedelta] = timedelta(microseconds=1)

    @pytest.fixture
    def store_factory(self) -> StoreFactory:
        """Opens another store object on the one database of the test, which is empty at its beginning."""
        raise pytest.UsageError("the subclass of DocumentStoreContract lacks the fixture store_factory")

    @pytest.fixture
    def store(self, store_factory: StoreFactory) -> Iterator[DocumentStore]:
        """A store on a fresh database."""
        opened = store_factory()
        yield opened
        opened.close()

    @pytest.fixture
    def other(self, store_factory: StoreFactory) -> Iterator[DocumentStore]:
        """A second store object on the same database."""
        opened = store_factory()
        yield opened
        opened.close()

    @pytest.fixture
    def things(self, store: DocumentStore) -> Collection:
        """An empty collection."""
        return store.collection(THINGS)


def keys(documents: Sequence[Document]) -> list[str]:
    """The documents' keys, in order."""
    return [document["_id"] for document in documents]


def all_pages(collection: Collection, where: Where, sort: Sort, limit: int) -> list[str]:
    """The keys on all pages."""
    found: list[str] = []
    cursor = None
    while True:
        page = collection.find(where, sort=sort, after=cursor, limit=limit)
        assert len(page.items) == limit or page.next is None
        found += keys(page.items)
        cursor = page.next
        if cursor is None:
            return found


def in_threads(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Runs all actions at once, each in a thread of its own; gives their results, raises what the first one raised."""
    results: list[Any] = [None] * len(actions)
    errors: list[BaseException] = []
    start = threading.Barrier(len(actions), timeout=PATIENCE)

    def run(number: int) -> None:
        try:
            start.wait()
            results[number] = actions[number]()
        except BaseException as exc:  # noqa: BLE001  # raised again below
            errors.append(exc)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
    return results


def in_thread(action: Callable[[], T]) -> T:
    """The result of ``action`` in another thread."""
    return in_threads([action])[0]
