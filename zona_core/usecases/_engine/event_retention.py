"""Removing events, and what was found in them, that are past the time for which a tenant keeps them.

What counts is when an event was received, not when it happened. Events of cases stay, and so do alerts that are open or
belong to a case. What is interrupted is gone on with the next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from zona_core.domain.alerts import AlertState
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In, Range, Where
from zona_core.usecases._area import Parts
from zona_core.usecases._engine.duties import Hold
from zona_core.usecases._engine.retention import removed_from_all

__all__ = ["COMPLIANCE_KEY", "EventRetention"]

#: of ``Tenant.compliance``: days that the tenant's events are kept; 0: for ever
COMPLIANCE_KEY: Final = "event_retention_days"

#: what is removed in one transaction
_BATCH: Final = 500
_DONE: Final = In([AlertState.CLOSED.value, AlertState.SUPPRESSED.value])


class EventRetention:
    """See the module."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def work(self, hold: Hold) -> str:
        """All tenants' events; raises ``LeaseLost``. A tenant whose database is away is left to the next time."""

        def remove(data: TenantData, before: datetime) -> int:
            removed = _events(data, hold, before)
            _letters(data, hold, before)
            _alerts(data, hold, before)
            return removed

        return removed_from_all(self._parts, COMPLIANCE_KEY, "events", remove)


def _events(data: TenantData, hold: Hold, before: datetime) -> int:
    removed, cursor = 0, None
    while True:
        page = data.events.find(
            {"received_at": Range(lt=before)}, sort=[("received_at", 1)], after=cursor, limit=_BATCH
        )
        ids = [event.id for event in page.items]
        if ids:
            with data.transaction():
                hold.fence()
                gone = sorted(set(ids) - _of_cases(data, ids))
                data.event_links.delete_many({"event_id": In(gone)})
                removed += data.events.delete_many({"_id": In(gone)})
        cursor = page.next
        if cursor is None:
            return removed


def _of_cases(data: TenantData, ids: Sequence[str]) -> set[str]:
    return {link.event_id for link in data.event_links.all({"event_id": In(ids), "kind": "cases"})}


def _letters(data: TenantData, hold: Hold, before: datetime) -> None:
    while True:
        page = data.dead_letters.find({"received_at": Range(lt=before)}, sort=[("received_at", 1)], limit=_BATCH)
        if not page.items:
            return
        with data.transaction():
            hold.fence()
            data.dead_letters.delete_many({"_id": In([letter.id for letter in page.items])})


def _alerts(data: TenantData, hold: Hold, before: datetime) -> None:
    where: Where = {"state": _DONE, "case_id": 0, "updated_at": Range(lt=before), "last_at": Range(lt=before)}
    while True:
        page = data.alerts.find(where, limit=_BATCH)
        if not page.items:
            return
        with data.transaction():
            hold.fence()
            data.event_links.delete_many({"holder": In([f"alerts/{alert.id}" for alert in page.items])})
            data.alerts.delete_many({"_id": In([str(alert.id) for alert in page.items])})
