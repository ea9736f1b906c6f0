"""Maintenance of the document store: above tenants, through the system door."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import define

from zona_core.domain.duties import Duty
from zona_core.domain.secrets import Secret
from zona_core.domain.tenants import Placement, TenantStatus
from zona_core.errors import Conflict, StoreUnavailable
from zona_core.persistence.collections import KINDS
from zona_core.persistence.database import CORE
from zona_core.persistence.ledger import Ledger
from zona_core.persistence.limits import RATES
from zona_core.persistence.snapshots import GENERATIONS
from zona_core.persistence.tenancy import tenant_spec
from zona_core.ports.store import DocumentStore, StoreReport
from zona_core.usecases._area import Area, SystemContext, use_case

if TYPE_CHECKING:
    from zona_core.persistence.copying import Copied

__all__ = ["Expired", "Maintenance"]


@define(frozen=True, kw_only=True)
class Expired:
    """How many documents were past their time."""

    documents: int


class Maintenance(Area):
    """Bringing the store up to date, and looking whether it is in order; tenants' own databases included."""

    area = "store"
    door = "system"
    _context: SystemContext

    @use_case("store:write")
    def migrate(self) -> StoreReport:
        """Brings schema version and indexes to what this release declares; the report's notes say what was done.

        Raises ``StoreUnavailable``: ``store_too_new`` for a version that this release does not know.
        """
        return self._of_all(_migrated)

    @use_case("store:read")
    def check(self) -> StoreReport:
        """Compares the store with what this release declares: a note for each difference, none if all is well."""
        return self._of_all(_checked)

    @use_case("store:write")
    def expire(self) -> Expired:
        """Removes for good what is past its time: old sessions, kept answers of keyed calls, counts of rate limits.

        The licence's counts that a crash left undecided are settled, too, and counted among what was removed.
        """
        removed = Ledger(self._context.parts.database).settle().notes
        for _, store in self._stores():
            _declare_all(store)
            removed += store.expire()
        return Expired(documents=removed)

    @use_case("store:read")
    def duties(self) -> builtins.list[Duty]:
        """What one worker of the fleet does at a time, by name: when it is due, who has it in hand, how it went."""
        return self._context.parts.database.duties.all(sort=[("_id", 1)])

    @use_case("store:write")
    def copy(self, to: str | Secret, *, overwrite: bool = False) -> builtins.list[Copied]:
        """Copies all that is in the core database to the store at the URL ``to``; each collection with its digest.

        Nobody should write meanwhile: what differs in the end is an error. Tenants with databases of their own stay
        where they are. ``overwrite`` has a store that is not empty emptied first.
        Raises ``ConfigurationError``, ``StoreUnavailable`` (``copy_differs``), ``Conflict`` (``target_not_empty``).
        """
        from zona_core.persistence.copying import copy_all, core_sides
        from zona_core.persistence.snapshots import carry_all_generations

        target = self._context.parts.open_store(to.reveal() if isinstance(to, Secret) else to)
        try:
            sides = core_sides(self._core, target)
            for _, side in sides:
                if overwrite:
                    side.collection.delete_many({})
                elif side.collection.count(limit=1):
                    raise Conflict("the store to copy to is not empty", code="target_not_empty", hint="--overwrite")
            done = copy_all(sides)
            carry_all_generations(self._core, target)
        finally:
            target.close()
        return done

    def _of_all(self, asked: Callable[[DocumentStore], StoreReport]) -> StoreReport:
        """The core database's report, with the notes on tenants' own."""
        report = asked(self._core)
        notes = list(report.notes)
        for code, store in self._own_stores():
            try:
                notes += (f"{code}: {note}" for note in asked(store).notes)
            except StoreUnavailable as exc:
                notes.append(f"{code}: {exc.message}")
        return StoreReport(version=report.version, notes=tuple(notes))

    def _stores(self) -> Iterator[tuple[str, DocumentStore]]:
        yield CORE, self._core
        yield from self._own_stores()

    def _own_stores(self) -> Iterator[tuple[str, DocumentStore]]:
        database = self._context.parts.database
        with suppress(StoreUnavailable):  # outdated: nothing can be read before it is migrated
            for tenant in database.tenants.all({"placement": Placement.OWN.value}, sort=[("tenant_code", 1)]):
                if tenant.status is not TenantStatus.MOVING:  # whoever moves it looks after both its databases
                    yield tenant.tenant_code, database.store_of(tenant.tenant_code)

    @property
    def _core(self) -> DocumentStore:
        return self._context.parts.database.store


def _migrated(store: DocumentStore) -> StoreReport:
    upgraded = store.migrate()  # before the collections are declared: an outdated store refuses to give any
    _declare_all(store)
    remade = store.migrate()
    return StoreReport(version=remade.version, notes=(*upgraded.notes, *remade.notes))


def _checked(store: DocumentStore) -> StoreReport:
    with suppress(StoreUnavailable):  # outdated: the report says so
        _declare_all(store)
    return store.check()


def _declare_all(store: DocumentStore) -> None:
    """Lets the store know of every collection there is, not only of those that this process used so far."""
    for kind in KINDS:
        store.collection(kind.spec if kind.core else tenant_spec(kind.spec))
    store.collection(RATES)
    store.collection(tenant_spec(GENERATIONS))
