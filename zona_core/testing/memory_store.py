"""``MemoryStore``: a document store in the memory of one process, for tests and trials.

The contract suite holds it to the same rules as real databases, durability apart. Queries make no use of indexes:
finding costs what the collection is large.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import evolve

from zona_core.errors import ConfigurationError, StoreUnavailable
from zona_core.persistence.checks import check_spec, checked_where
from zona_core.persistence.converter import datetime_text, new_converter
from zona_core.ports.store import Collection, CollectionSpec, DocumentConverter, Index, StoreReport

from ._memory_collection import MemoryCollection
from ._memory_database import MemoryDatabase, Shared

__all__ = ["MemoryStore"]

_VERSION: Final = 1


class MemoryStore:
    """A ``DocumentStore`` in memory; see ``zona_core.ports.store``.

    ``memory://`` is a database of its own; ``memory://name`` one that all stores of that name in this process share,
    as long as the process lives. ``clock`` stands in for the system's clock.
    """

    converter: DocumentConverter
    native_bytes = False

    def __init__(self, url: str = "memory://", *, clock: Callable[[], datetime] | None = None) -> None:
        self.converter = new_converter(text_datetimes=True)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._database: MemoryDatabase | None = MemoryDatabase(_shared_of(url))
        self._collections: dict[str, tuple[CollectionSpec, MemoryCollection]] = {}

    def collection(self, spec: CollectionSpec) -> Collection:
        """See ``DocumentStore.collection``. Unique indexes may be refused: ``DuplicateKey``."""
        known = self._collections.get(spec.name)
        if known is not None and known[0] == spec:
            return known[1]
        check_spec(spec)
        checked = evolve(spec, indexes=tuple(map(_checked_index, spec.indexes)))
        self._open().declare(checked)
        made = MemoryCollection(self._open, checked)
        self._collections[spec.name] = (spec, made)
        return made

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See ``DocumentStore.transaction``."""
        with self._open().transaction():
            yield

    def now(self) -> datetime:
        """See ``DocumentStore.now``."""
        return self._clock()

    def ping(self) -> None:
        """See ``DocumentStore.ping``."""
        self._open()

    def version(self) -> Hashable:
        """See ``DocumentStore.version``."""
        return self._open().version

    def expire(self) -> int:
        """See ``DocumentStore.expire``; it knows the collections that this object has been asked for."""
        self._open()
        now = self.now()
        return sum(collection.expire(now) for _, collection in list(self._collections.values()))

    def migrate(self) -> StoreReport:
        """See ``DocumentStore.migrate``: there are no older versions."""
        self._open()
        return StoreReport(version=_VERSION)

    def check(self) -> StoreReport:
        """See ``DocumentStore.check``."""
        self._open()
        return StoreReport(version=_VERSION)

    def close(self) -> None:
        """See ``DocumentStore.close``."""
        self._database = None

    def _open(self) -> MemoryDatabase:
        if self._database is None:
            raise StoreUnavailable("the store is closed", code="store_closed")
        return self._database


def _checked_index(index: Index) -> Index:
    where: Any = checked_where(index.where, datetime_text)
    return evolve(index, where=where)


_NAMED: Final[dict[str, Shared]] = {}
_NAMED_LOCK: Final = threading.Lock()


def _shared_of(url: str) -> Shared:
    parts = urlsplit(url)
    if parts.scheme != "memory" or parts.path or parts.query or parts.fragment:
        raise ConfigurationError(f"{parts.scheme}://… is no URL of a memory store: memory:// or memory://name")
    if not parts.netloc:
        return Shared()
    with _NAMED_LOCK:
        return _NAMED.setdefault(parts.netloc, Shared())
