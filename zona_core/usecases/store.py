"""Maintenance of the document store: above tenants, through the system door."""

from __future__ import annotations

from zona_core.ports.store import StoreReport
from zona_core.usecases._area import Area, SystemContext, use_case

__all__ = ["Maintenance"]


class Maintenance(Area):
    """Bringing the store up to date, and looking whether it is in order."""

    area = "store"
    door = "system"
    _context: SystemContext

    @use_case("store:write")
    def migrate(self) -> StoreReport:
        """Brings the store to this release's schema version; the report's notes say what was done.

        Raises ``StoreUnavailable``: ``store_too_new`` for a version that this release does not know.
        """
        return self._context.parts.database.store.migrate()

    @use_case("store:read")
    def check(self) -> StoreReport:
        """Compares the store with what is declared; the report has a note for each difference, none if all is well."""
        return self._context.parts.database.store.check()
