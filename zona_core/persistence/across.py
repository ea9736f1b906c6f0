"""Looking at one collection of all tenants: the stores that there are, whichever tenants' data is in them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Final

from zona_core.domain.tenants import Placement, TenantStatus
from zona_core.errors import ZonaError
from zona_core.persistence.database import Database
from zona_core.ports.store import DocumentStore

__all__ = ["AllStores"]

_log: Final = logging.getLogger("zona.runs")

#: seconds that the list of tenants with a database of their own is believed
_BELIEF: Final = 5.0


class AllStores:
    """The core's store, and tenants' own. Cheap to make; ``clock`` gives seconds that never go back."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._own: tuple[float, list[str]] = (float("-inf"), [])

    def __iter__(self) -> Iterator[DocumentStore]:
        """Each of them; one that does not answer is left out, and logged."""
        yield self._database.store
        for code in self._with_own_database():
            try:
                store = self._database.store_of(code)
                store.ping()
            except ZonaError as exc:
                _log.warning("the database of the tenant %s cannot be looked at: %s", code, exc)
                continue
            yield store

    def _with_own_database(self) -> list[str]:
        """The tenants that have one, looked up again after a while."""
        if self._database.placements is None:
            return []
        since, codes = self._own
        if self._clock() - since > _BELIEF:
            where = {"status": TenantStatus.ACTIVE.value, "placement": Placement.OWN.value}
            codes = [tenant.tenant_code for tenant in self._database.tenants.all(where)]
            self._own = self._clock(), codes
        return codes
