"""Schedules over all tenants: which tenants have some that are due, and the keys of those.

What is then done with a schedule goes through its tenant's own data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from zona_core.domain.schedules import ScheduleStatus
from zona_core.persistence.collections import SCHEDULES
from zona_core.persistence.database import Database
from zona_core.persistence.due_tenants import DueTenants
from zona_core.persistence.tenancy import tenant_collection
from zona_core.ports.store import Range, Where

__all__ = ["DueSchedules"]


class DueSchedules(DueTenants):
    """See ``DueTenants``."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        super().__init__(database, SCHEDULES, _due, clock)
        self._database = database

    def of(self, tenant_code: str, most: int) -> list[str]:
        """The keys of a tenant's schedules whose time has come, at most so many, those that are due longest first."""
        store = self._database.store_of(tenant_code)
        collection = tenant_collection(store, SCHEDULES.spec, tenant_code)
        page = collection.find(_due(store.now()), sort=[("due_at", 1)], limit=most)
        return [document["_id"] for document in page.items]


def _due(now: datetime) -> Where:
    return {"status": ScheduleStatus.ACTIVE.value, "due_at": Range(lte=now)}
