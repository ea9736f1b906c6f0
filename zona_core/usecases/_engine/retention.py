"""Removing runs that are past the time for which a tenant keeps them, with their steps and blobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from zona_core.domain.runs import Execution, RunStatus
from zona_core.domain.tenants import Tenant, TenantStatus
from zona_core.errors import StoreUnavailable
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In, Range, Where
from zona_core.usecases._area import Parts
from zona_core.usecases._engine.duties import Hold
from zona_core.usecases._engine.results import blob_keys

__all__ = ["COMPLIANCE_KEY", "Retention", "removed_from_all"]

#: of ``Tenant.compliance``: days that the tenant's runs are kept; 0: for ever
COMPLIANCE_KEY: Final = "run_retention_days"

#: runs that are looked for at a time, and records that are removed in one transaction
_BATCH: Final = 200
_ENDED: Final = In([status.value for status in RunStatus if status.ended])
_UNDER_WAY: Final = In([status.value for status in RunStatus if not status.ended])


def removed_from_all(parts: Parts, setting: str, what: str, remove: Callable[[TenantData, datetime], int]) -> str:
    """Removes what is older than a tenant's own ``setting`` says, or else the platform's (days); 0: nothing is.

    ``remove`` is given the moment before which things are too old, and gives how many were removed. A tenant whose
    database is away is left to the next time. Gives what was done in words.
    """
    usual = getattr(parts.settings, setting)
    removed, away = 0, 0
    for tenant in parts.database.tenants.all(sort=[("tenant_code", 1)]):
        days = _days(tenant, setting, usual)
        if days <= 0 or tenant.status is TenantStatus.MOVING:
            continue
        try:
            data = parts.database.tenant(tenant.tenant_code)
            removed += remove(data, data.now() - timedelta(days=days))
        except StoreUnavailable:
            away += 1
    return f"{removed:,} {what} were removed" + (f", {away:,} tenants were away" if away else "")


def _days(tenant: Tenant, setting: str, usual: float) -> float:
    given = tenant.compliance.get(setting)
    with suppress(TypeError, ValueError):
        return float(given)  # type: ignore[arg-type]  # which is what TypeError is for
    return usual


class Retention:
    """See the module. Blobs go first, then steps, then the run: whatever is interrupted is gone on with."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def work(self, hold: Hold) -> str:
        """All tenants' runs; raises ``LeaseLost``. A tenant whose database is away is left to the next time."""
        return removed_from_all(
            self._parts, COMPLIANCE_KEY, "runs", lambda data, before: self._tenant(data, hold, before)
        )

    def _tenant(self, data: TenantData, hold: Hold, before: datetime) -> int:
        needed, removed, cursor = _needed(data), 0, None
        where: Where = {
            "parent_id": None,
            "created_at": Range(lt=before),
            "status": _ENDED,
            "ended_at": Range(lt=before),
        }
        while True:
            page = data.runs.find(where, sort=[("created_at", 1)], after=cursor, limit=_BATCH)
            for run in page.items:
                hold.check()
                tree = list(_tree(data, run))
                if run.id not in needed and all(each.status.ended for each in tree):
                    for each in reversed(tree):
                        self._remove(data, hold, each)
                    removed += 1
            cursor = page.next
            if cursor is None:
                return removed

    def _remove(self, data: TenantData, hold: Hold, run: Execution) -> None:
        """Removes one run, whose own runs are gone already."""
        for key in blob_keys(run):
            hold.fence()
            self._parts.blobs.delete(data.tenant_code, key)
        while True:
            steps = data.runs.find({"parent_id": run.id}, limit=_BATCH).items
            with data.transaction():
                hold.fence()
                if not steps:
                    data.runs.delete(run.id)
                    return
                data.runs.delete_many({"_id": In([step.id for step in steps])})


def _tree(data: TenantData, run: Execution) -> Iterator[Execution]:
    """The run and the runs that its steps began, each before those that it began."""
    yield run
    for child in data.runs.all({"parent_id": run.id, "step": None}):
        yield from _tree(data, child)


def _needed(data: TenantData) -> set[str]:
    """Runs whose steps count for one that is under way: those that it repeats, and those that they repeated."""
    needed: set[str] = set()
    for run in data.runs.all({"status": _UNDER_WAY, "replay_of": Range(gt="")}):
        earlier: Execution | None = run
        while earlier is not None and earlier.replay_of and earlier.replay_of not in needed:
            needed.add(earlier.replay_of)
            earlier = data.runs.get(earlier.replay_of)
    return needed
