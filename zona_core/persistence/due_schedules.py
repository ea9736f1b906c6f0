"""Schedules over all tenants: the one view across them, for workers. Only tenants' codes and keys come out of it.

What is then done with a schedule goes through its tenant's own data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zona_core.domain.schedules import ScheduleStatus
from zona_core.persistence.across import AllStores
from zona_core.persistence.collections import SCHEDULES
from zona_core.persistence.database import Database
from zona_core.persistence.tenancy import STAMP, tenant_collection, tenant_spec
from zona_core.ports.store import DocumentStore, Range, Where

__all__ = ["DueSchedules"]

_SPEC: Final = tenant_spec(SCHEDULES.spec)
#: tenants that one look tells of
_MOST_TENANTS: Final = 1_000


class DueSchedules:
    """See the module. Cheap to make. A tenant's database that does not answer is left out, and logged."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._stores = AllStores(database, clock)

    def tenants(self) -> list[str]:
        """Those that have schedules whose time has come."""
        found: list[str] = []
        for store in self._stores:
            counts = store.collection(_SPEC).group_count(STAMP, _due(store), limit=_MOST_TENANTS)
            found += [code for code in counts if isinstance(code, str)]
        return found

    def of(self, tenant_code: str, most: int) -> list[str]:
        """The keys of a tenant's schedules whose time has come, at most so many, those that are due longest first."""
        store = self._database.store_of(tenant_code)
        collection = tenant_collection(store, SCHEDULES.spec, tenant_code)
        page = collection.find(_due(store), sort=[("due_at", 1)], limit=most)
        return [document["_id"] for document in page.items]


def _due(store: DocumentStore) -> Where:
    return {"status": ScheduleStatus.ACTIVE.value, "due_at": Range(lte=store.now())}
