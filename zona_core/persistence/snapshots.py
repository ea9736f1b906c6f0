"""Snapshots: JSON made of stored data, kept while that data is unchanged (SPEC §4.8).

Each kind of data has a *generation* in its tenant's database, which changes within the transaction of every change. A
snapshot is kept under the generation that it was made of: no write, of whichever process, can leave a stale one.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Hashable
from typing import Any, Final
from weakref import WeakKeyDictionary

from attrs import define, field

from zona_core.persistence.display import as_data
from zona_core.persistence.tenancy import tenant_collection, tenant_spec
from zona_core.ports.cache import Cache
from zona_core.ports.store import Collection, CollectionSpec, Document, DocumentStore

__all__ = ["GENERATIONS", "Generations", "Snapshot", "Snapshots", "carry_all_generations", "carry_generations"]

GENERATIONS: Final = CollectionSpec(name="generations")
#: seconds; a snapshot that nobody asks for any more goes then
_KEPT: Final = 3_600.0
_ETAG: Final = 24
#: how much a thread notes: a few dozen snapshots of a few dozen tenants
_MOST_LEARNT: Final = 1_024


@define(frozen=True)
class Snapshot:
    """Data as JSON text, with a tag that changes when the data does."""

    json: bytes = field(repr=False)
    etag: str

    @property
    def data(self) -> Any:
        """The data itself."""
        return json.loads(self.json)


class Generations:
    """The generations of tenants' data, by tenant and kind of data, each in the tenant's own store."""

    def __init__(self, store_of: Callable[[str], DocumentStore]) -> None:
        self._store_of = store_of
        self._collections: dict[str, tuple[DocumentStore, Collection]] = {}
        self._seen = threading.local()

    def of(self, tenant_code: str, name: str) -> int:
        """The generation now; what was read is believed for as long as the store says that nothing has changed."""
        learnt = self.learnt(tenant_code)
        number: int | None = learnt.get((tenant_code, name, "generation"))
        if number is None:
            document = self._collection(tenant_code).get(name)
            number = learnt[tenant_code, name, "generation"] = document["number"] if document else 0
        return number

    def learnt(self, tenant_code: str) -> dict[Hashable, Any]:
        """What this thread has noted since the tenant's store changed last: it holds until the next change."""
        store = self._store_of(tenant_code)
        version = store.version()
        if version is None:  # the store cannot tell
            return {}
        noted: WeakKeyDictionary[DocumentStore, tuple[Hashable, dict[Hashable, Any]]]
        noted = self._seen.__dict__.setdefault("noted", WeakKeyDictionary())
        known = noted.get(store)
        if known is None or known[0] != version or len(known[1]) > _MOST_LEARNT:
            known = noted[store] = version, {}
        return known[1]

    def change(self, tenant_code: str, name: str) -> None:
        """Begins a new generation; to be called within the transaction of the change."""
        self._collection(tenant_code).load([_begun(name)])

    def _collection(self, tenant_code: str) -> Collection:
        store, known = self._store_of(tenant_code), self._collections.get(tenant_code)
        if known is None or known[0] is not store:
            known = self._collections[tenant_code] = store, tenant_collection(store, GENERATIONS, tenant_code)
        return known[1]


def _begun(name: str) -> Document:
    """A generation that none was before, of no tenant that had the same code, and of no copy of this store."""
    return {"_id": name, "number": secrets.randbits(62), "revision": 1}


def carry_generations(source: DocumentStore, target: DocumentStore, tenant_code: str) -> None:
    """Has every kind of data that has a generation in one store begin another one in the other.

    Else what a cache kept of the first would count as made of the second.
    """
    kept = tenant_collection(source, GENERATIONS, tenant_code).find(limit=10_000).items
    tenant_collection(target, GENERATIONS, tenant_code).load([_begun(document["_id"]) for document in kept])


def carry_all_generations(source: DocumentStore, target: DocumentStore) -> None:
    """The same for all tenants of a whole store."""
    theirs, spec = target.collection(tenant_spec(GENERATIONS)), tenant_spec(GENERATIONS)
    after: str | None = None
    while True:
        page = source.collection(spec).find(after=after, limit=1_000)
        theirs.load([{**document, **_begun(document["_id"])} for document in page.items])
        after = page.next
        if after is None:
            return


class Snapshots:
    """Keeps snapshots in a cache; one thread makes one, others that want the same wait for it."""

    def __init__(self, generations: Generations, cache: Callable[[], Cache]) -> None:
        self._generations = generations
        self._cache = cache
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, tenant_code: str, kind: str, name: str, make: Callable[[], Any]) -> Snapshot:
        """The snapshot ``name`` of data of one ``kind``; ``make`` reads that data if there is none.

        Not within a transaction: what is undone must not be kept.
        """
        learnt = self._generations.learnt(tenant_code)
        snapshot: Snapshot | None = learnt.get((tenant_code, name, "snapshot"))
        if snapshot is None:
            snapshot = learnt[tenant_code, name, "snapshot"] = self._cached(tenant_code, kind, name, make)
        return snapshot

    def _cached(self, tenant_code: str, kind: str, name: str, make: Callable[[], Any]) -> Snapshot:
        generation = self._generations.of(tenant_code, kind)
        key = f"{tenant_code}/{name}/{generation}"
        kept = self._cache().get(key)
        if kept is None:
            with self._alone(key):
                kept = self._cache().get(key)
                if kept is None:
                    kept = _packed(make())
                    self._cache().put(key, kept, ttl=_KEPT)
        return Snapshot(kept[_ETAG:], kept[:_ETAG].decode())

    def _alone(self, key: str) -> threading.Lock:
        with self._lock:
            if len(self._making) > 1_024:
                self._making.clear()
            return self._making.setdefault(key, threading.Lock())


def _packed(data: Any) -> bytes:
    text = json.dumps(as_data(data), ensure_ascii=False, separators=(",", ":")).encode()
    return hashlib.blake2b(text, digest_size=_ETAG // 2).hexdigest().encode() + text
