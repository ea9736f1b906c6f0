"""Maintenance of the document store: above tenants, through the system door."""

from __future__ import annotations

from contextlib import suppress

from attrs import define

from zona_core.errors import StoreUnavailable
from zona_core.persistence.collections import KINDS
from zona_core.persistence.limits import RATES
from zona_core.persistence.snapshots import GENERATIONS
from zona_core.persistence.tenancy import tenant_spec
from zona_core.ports.store import DocumentStore, StoreReport
from zona_core.usecases._area import Area, SystemContext, use_case

__all__ = ["Expired", "Maintenance"]


@define(frozen=True, kw_only=True)
class Expired:
    """How many documents were past their time."""

    documents: int


class Maintenance(Area):
    """Bringing the store up to date, and looking whether it is in order."""

    area = "store"
    door = "system"
    _context: SystemContext

    @use_case("store:write")
    def migrate(self) -> StoreReport:
        """Brings schema version and indexes to what this release declares; the report's notes say what was done.

        Raises ``StoreUnavailable``: ``store_too_new`` for a version that this release does not know.
        """
        store = self._store
        upgraded = store.migrate()  # before the collections are declared: an outdated store refuses to give any
        _declare_all(store)
        remade = store.migrate()
        return StoreReport(version=remade.version, notes=(*upgraded.notes, *remade.notes))

    @use_case("store:read")
    def check(self) -> StoreReport:
        """Compares the store with what this release declares: a note for each difference, none if all is well."""
        store = self._store
        with suppress(StoreUnavailable):  # outdated: the report says so
            _declare_all(store)
        return store.check()

    @use_case("store:write")
    def expire(self) -> Expired:
        """Removes for good what is past its time: old sessions, kept answers of keyed calls, counts of rate limits."""
        _declare_all(self._store)
        return Expired(documents=self._store.expire())

    @property
    def _store(self) -> DocumentStore:
        return self._context.parts.database.store


def _declare_all(store: DocumentStore) -> None:
    """Lets the store know of every collection there is, not only of those that this process used so far."""
    for kind in KINDS:
        store.collection(kind.spec if kind.core else tenant_spec(kind.spec))
    store.collection(RATES)
    store.collection(tenant_spec(GENERATIONS))
