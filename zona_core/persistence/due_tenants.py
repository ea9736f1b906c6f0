"""Which tenants have something whose time has come: a view across them, for workers.

Only tenants' codes come out of it. What is then done goes through each tenant's own data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from zona_core.persistence._kind import Kind
from zona_core.persistence.across import AllStores
from zona_core.persistence.database import Database
from zona_core.persistence.tenancy import STAMP, tenant_spec
from zona_core.ports.store import Where

__all__ = ["DueTenants"]

#: tenants that one look tells of
_MOST_TENANTS: Final = 1_000


class DueTenants:
    """See the module. Cheap to make. ``due`` gives the query for a moment of the store's clock.

    A tenant's database that does not answer is left out, and logged.
    """

    def __init__(
        self, database: Database, kind: Kind[Any], due: Callable[[datetime], Where], clock: Callable[[], float]
    ) -> None:
        self._spec = tenant_spec(kind.spec)
        self._due = due
        self._stores = AllStores(database, clock)

    def codes(self) -> list[str]:
        """Those that have documents which the query finds now; raises ``StoreUnavailable`` for the core's store."""
        found: list[str] = []
        for store in self._stores:
            counts = store.collection(self._spec).group_count(STAMP, self._due(store.now()), limit=_MOST_TENANTS)
            found += [code for code in counts if isinstance(code, str)]
        return found
