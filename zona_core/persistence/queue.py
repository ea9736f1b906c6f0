"""Jobs over all tenants: the one view across them, for workers. Only tenants' codes and keys come out of it.

What is then done with a job goes through its tenant's own data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from zona_core.persistence.across import AllStores
from zona_core.persistence.collections import JOBS
from zona_core.persistence.database import Database
from zona_core.persistence.tenancy import STAMP, tenant_spec
from zona_core.ports.store import Collection, DocumentStore, Range, Scalar

__all__ = ["JobQueue"]

_SPEC: Final = tenant_spec(JOBS.spec)
#: tenants that one look tells of
_MOST_TENANTS: Final = 1_000


class JobQueue:
    """See the module. Cheap to make. A tenant's database that does not answer is left out, and logged."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._stores = AllStores(database, clock)

    def due(self) -> dict[str, int]:
        """The tenants that have jobs which nobody has claimed and whose time has come, and how many each."""
        found: dict[str, int] = {}
        for store in self._stores:
            now = store.now()
            where = {"worker": None, "due_at": Range(lte=now)}
            found |= _texts(self._collection(store).group_count(STAMP, where, limit=_MOST_TENANTS))
        return found

    def claimed(self) -> dict[str, int]:
        """The workers that jobs name, and how many each."""
        found: dict[str, int] = {}
        for store in self._stores:
            for worker, count in _texts(self._collection(store).group_count("worker", {}, limit=_MOST_TENANTS)).items():
                found[worker] = found.get(worker, 0) + count
        return found

    def held_by(self, worker: str) -> Iterator[tuple[str, str]]:
        """Tenant and run of each job that the worker has claimed."""
        for store in self._stores:
            collection, cursor = self._collection(store), None
            while True:
                page = collection.find({"worker": worker}, sort=[("_id", 1)], after=cursor, limit=1_000)
                for document in page.items:
                    tenant_code = document[STAMP]
                    yield tenant_code, document["_id"].removeprefix(f"{tenant_code}/")
                cursor = page.next
                if cursor is None:
                    break

    @staticmethod
    def _collection(store: DocumentStore) -> Collection:
        return store.collection(_SPEC)


def _texts(counts: Mapping[Scalar, int]) -> dict[str, int]:
    return {key: count for key, count in counts.items() if isinstance(key, str)}
