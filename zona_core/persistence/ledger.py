"""The ledger of what licences limit: exact counts in the core database, whichever databases the objects are in.

Counted are the live objects of each tenant, and the sum over all tenants. Where a tenant's data is in the core database
an object is counted in the transaction that makes or removes it. A database of its own shares no transaction with the
core; there a *note* in the core goes before the change and is closed after it, and what counts is

    the live objects and those that open notes name, each once.

Whoever closes a note says which of its objects are gone. One that another open note names too is left to that one,
which is told; any other is subtracted. Ids are never given twice, so that what is gone once is gone for good. A note
that is still open long after it was made belongs to a process that died: ``settle`` closes it by what it finds in the
tenant's data. Should its maker be alive after all, it finds the note missing, and has the tenant counted anew.

Every change of the figures is made in a transaction of the core database. Whoever needs the lock of a tenant's database
as well takes that one first.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, evolve

from zona_core.domain.licences import COMMUNITY, PER_TENANT, Licence, QuotaNote, Resource, ResourceUsage
from zona_core.domain.tenants import Tenant
from zona_core.errors import StoreUnavailable, TenantUnavailable
from zona_core.persistence.collections import LIVE_APP, LIVE_INSTANCE
from zona_core.persistence.database import Database, TenantData
from zona_core.persistence.figures import Figures
from zona_core.persistence.repository import Repository
from zona_core.ports.store import Range

__all__ = ["ABANDONED", "Ledger", "Settled", "TenantUsage", "key_of"]

#: seconds after which an open note counts as left behind: no database keeps a transaction open for so long
ABANDONED: Final = 600.0

_MOST: Final = 2**53


@define(frozen=True, kw_only=True)
class TenantUsage:
    """What a tenant holds of what a licence limits."""

    tenant_code: str
    integrations: int = 0
    instances: int = 0


@define(frozen=True, kw_only=True)
class Settled:
    """What became of notes that were left behind."""

    #: how many were closed
    notes: int = 0
    #: how many objects they named that are not there and so count no more
    given_back: int = 0
    #: how many stay open, as their tenant's database cannot be reached
    waiting: int = 0


def key_of(resource: Resource, object_id: int | str) -> str:
    """By what a note names an object: ``instances/12``."""
    return f"{resource.value}/{object_id}"


class Ledger:
    """See the module. Cheap to make."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._figures = Figures(database.store)
        self._notes: Repository[QuotaNote] = database.quota_notes

    # reading

    def totals(self, licence: Licence) -> tuple[ResourceUsage, ...]:
        """How much of each limit is used."""
        self.prepare()
        total = self._figures.total()
        return tuple(
            ResourceUsage(
                resource=each, used=total[each.value], limit=licence.limit(each), peak=total[f"peak_{each.value}"]
            )
            for each in Resource
        )

    @property
    def latest(self) -> int:
        """When something was last added, in seconds since 1970."""
        return int(self._figures.total()["latest"])

    def of_tenants(self, codes: Iterable[str]) -> list[TenantUsage]:
        """What each of these tenants (at most 1,000) holds; nothing for those that have not been counted."""
        wanted = list(codes)
        found = self._figures.of_many(wanted)
        held = {code: {each.value: document[each.value] for each in PER_TENANT} for code, document in found.items()}
        return [TenantUsage(tenant_code=code, **held.get(code, {})) for code in wanted]

    # counting

    def prepare(self, tenant_code: str = "", keys: Iterable[str] = (), licence: Licence = COMMUNITY) -> None:
        """Has counted what never was: all tenants where nothing is, else this one. To be called before a transaction.

        If there is no room for new objects of these keys, what a crash left is cleared up.
        Raises ``StoreUnavailable``, ``TenantUnavailable``.
        """
        if not self._figures.total()["complete"]:
            self.recount(only_new=True)
        if tenant_code and self._figures.of(tenant_code) is None:
            self.recount_tenant(tenant_code)
        if self._figures.full(Counter(map(_resource, keys)), licence):
            self.settle()

    def recount(self, *, only_new: bool = False) -> list[str]:
        """Counts all tenants, others working meanwhile; gives those whose database cannot be reached.

        They keep the figures that they had; one that was never counted is counted when something is first added in it.
        """
        left_out = []
        for tenant in self._tenants():
            code = tenant.tenant_code
            if only_new and self._figures.of(code) is not None:
                continue
            try:
                self.recount_tenant(code)
            except TenantUnavailable:
                continue  # removed meanwhile
            except StoreUnavailable:
                left_out.append(code)
        with self._database.transaction():
            self._figures.sum_up({tenant.tenant_code for tenant in self._tenants()})
        return left_out

    def recount_tenant(self, code: str) -> None:
        """Counts one tenant; raises ``StoreUnavailable``, ``TenantUnavailable`` if there is none of that code."""
        data = self._data(code)
        # The tenant's lock first: nobody's change is then half-way, and all that is read is of one state.
        with self._database.transaction(data.store), self._database.transaction():
            removed = self._database.tenants.get(code) is None
            if removed:
                self._forget(code)
            else:
                counted = Counter({each: self._count(data, each) for each in PER_TENANT})
                noted = {key for note in self._notes_of(code) for key in note.keys}
                counted.update(_resource(key) for key in noted if not self._is_live(data, key))
                self._figures.put(code, counted)
        if removed:
            raise _no_tenant(code)

    # changing

    def add(self, tenant_code: str, keys: Iterable[str], licence: Licence, now: datetime) -> None:
        """Counts new objects of a tenant within the transaction that makes them, its data being in the core database.

        After ``prepare``. Raises ``LicenceLimit`` before anything is written, ``TenantUnavailable``.
        """
        added = Counter(map(_resource, keys))
        with self._database.transaction():
            self._figures.grow(added, licence, int(now.timestamp()))
            if not self._figures.add(tenant_code, added):
                raise _no_tenant(tenant_code)

    def refuse_full(self, keys: Iterable[str], licence: Licence) -> None:
        """Raises ``LicenceLimit`` if ``add`` would, counting nothing; after ``prepare``."""
        full = self._figures.full(Counter(map(_resource, keys)), licence)
        if full is not None:
            raise self._figures.limit_reached(full, licence)

    def reserve(self, tenant_code: str, keys: Iterable[str], licence: Licence, now: datetime) -> QuotaNote:
        """Counts objects that are about to be made in a database of the tenant's own, and notes that; as ``add``."""
        noted = tuple(keys)
        with self._database.transaction():
            self.add(tenant_code, noted, licence, now)
            return self.note(tenant_code, noted)

    def note(self, tenant_code: str, keys: Iterable[str]) -> QuotaNote:
        """Notes that objects, which are counted, may be removed from a database of the tenant's own."""
        now = self._database.store.now()
        return self._notes.insert(
            QuotaNote(id=str(uuid.uuid4()), tenant_code=tenant_code, keys=tuple(keys), made_at=now)
        )

    def gone(self, note: QuotaNote) -> set[str]:
        """What the note names and the tenant's data does not have.

        Raises ``StoreUnavailable``, ``TenantUnavailable`` if the tenant was removed.
        """
        data = self._data(note.tenant_code)
        return {key for key in note.keys if not self._is_live(data, key)}

    def close(self, note: QuotaNote, gone: Iterable[str] = ()) -> int:
        """Closes a note; gives how many objects were subtracted. ``gone``: those of its objects that are not there."""
        with self._database.transaction():
            current = self._notes.get(note.id)
            if current is not None:
                self._notes.delete(note.id)
                return self.subtract(note.tenant_code, {*gone, *current.gone})
        # Somebody took this process for dead and decided by what the data looked like at that moment.
        with suppress(TenantUnavailable):  # removed, with all that it had
            self.recount_tenant(note.tenant_code)
        return 0

    def subtract(self, tenant_code: str, gone: Iterable[str]) -> int:
        """Has removed objects count no more, but those that open notes name; gives how many were subtracted."""
        removed: Counter[Resource] = Counter()
        with self._database.transaction():
            notes = self._notes_of(tenant_code)
            for key in sorted(gone):
                other = next((index for index, note in enumerate(notes) if key in note.keys), None)
                if other is None:
                    removed[_resource(key)] += 1
                elif key not in notes[other].gone:
                    notes[other] = self._notes.replace(evolve(notes[other], gone=(*notes[other].gone, key)))
            self._figures.shrink(tenant_code, removed)
        return removed.total()

    def settle(self, older_than: float = ABANDONED) -> Settled:
        """Closes the notes that are older than so many seconds by what is found in their tenants' data."""
        before = self._database.store.now() - timedelta(seconds=older_than)
        notes = given_back = waiting = 0
        for note in self._notes.all({"made_at": Range(lte=before)}, sort=[("made_at", 1)]):
            try:
                given_back += self.close(note, self.gone(note))
                notes += 1
            except StoreUnavailable:
                waiting += 1
            except TenantUnavailable:
                continue  # removed meanwhile, with its notes
        return Settled(notes=notes, given_back=given_back, waiting=waiting)

    # tenants: their rows are in the core database, so that they are counted in the transaction that changes them

    def add_tenant(self, code: str, licence: Licence, now: datetime) -> None:
        """Counts a tenant that was just made; raises ``LicenceLimit``. After ``prepare``."""
        with self._database.transaction():
            self._figures.grow({Resource.TENANTS: 1}, licence, int(now.timestamp()))
            self._figures.put(code, dict.fromkeys(PER_TENANT, 0))

    def remove_tenant(self, code: str) -> None:
        """Has a tenant, and all that it had, count no more."""
        with self._database.transaction():
            self._forget(code)
            self._figures.remove_tenant()

    def _forget(self, code: str) -> None:
        for note in self._notes_of(code):
            self._notes.delete(note.id)
        self._figures.forget(code)

    def _notes_of(self, code: str) -> list[QuotaNote]:
        return self._notes.all({"tenant_code": code})

    def _tenants(self) -> Iterator[Tenant]:
        after: str | None = None
        while True:
            page = self._database.tenants.find(sort=[("tenant_code", 1)], after=after, limit=1_000)
            yield from page.items
            after = page.next
            if after is None:
                return

    def _data(self, code: str) -> TenantData:
        tenant = self._database.tenants.get(code)
        if tenant is None:
            raise _no_tenant(code)
        self._database.learn(tenant)  # refuses to look into what is on its way to another database
        return self._database.tenant(code)

    @staticmethod
    def _count(data: TenantData, resource: Resource) -> int:
        if resource is Resource.INTEGRATIONS:
            return data.apps.count({"status": LIVE_APP}, limit=_MOST)
        return data.instances.count({"status": LIVE_INSTANCE}, limit=_MOST)

    @staticmethod
    def _is_live(data: TenantData, key: str) -> bool:
        resource, _, object_id = key.partition("/")
        repository: Repository[Any] = data.apps if resource == Resource.INTEGRATIONS else data.instances
        model = repository.get(object_id)
        return model is not None and model.status.value != "deleted"


def _resource(key: str) -> Resource:
    return Resource(key.partition("/")[0])


def _no_tenant(code: str) -> TenantUnavailable:
    return TenantUnavailable(f"there is no tenant {code}", code="tenant_unknown", tenant_code=code)
