"""Removing events, and what was found in them, that are past the time for which a tenant keeps them.

What counts is when an event was received, not when it happened. Events of cases stay, and so do alerts that are open or
belong to a case. What is interrupted is gone on with the next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from zona_core.domain.alerts import AlertState
from zona_core.domain.tenants import Tenant, TenantStatus
from zona_core.errors import StoreUnavailable
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In, Range, Where
from zona_core.usecases._area import Parts
from zona_core.usecases._engine.duties import Hold

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
        removed, away = 0, 0
        for tenant in self._parts.database.tenants.all(sort=[("tenant_code", 1)]):
            days = _days(tenant, self._parts.settings.event_retention_days)
            if days <= 0 or tenant.status is TenantStatus.MOVING:
                continue
            try:
                data = self._parts.database.tenant(tenant.tenant_code)
                before = data.now() - timedelta(days=days)
                removed += _events(data, hold, before)
                _letters(data, hold, before)
                _alerts(data, hold, before)
            except StoreUnavailable:
                away += 1
        return f"{removed:,} events were removed" + (f", {away:,} tenants were away" if away else "")


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


def _days(tenant: Tenant, usual: float) -> float:
    given = tenant.compliance.get(COMPLIANCE_KEY)
    with suppress(TypeError, ValueError):
        return float(given)  # type: ignore[arg-type]  # which is what TypeError is for
    return usual
