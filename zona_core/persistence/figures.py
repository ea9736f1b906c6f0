"""The figures of the ledger: how many live objects each tenant has, and the sum over all tenants.

One document of the core database for each tenant and one for the total. Each method that changes something is to be
called within a transaction of the core database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from zona_core.domain.licences import PER_TENANT, Licence, Resource, Usage
from zona_core.errors import LicenceLimit
from zona_core.persistence.collections import LICENCE_USAGE
from zona_core.ports.store import Change, Collection, Document, DocumentStore, In, Range

__all__ = ["Figures"]

_TOTAL: Final = LICENCE_USAGE.key(Usage())


class Figures:
    """The figures in a core database."""

    def __init__(self, store: DocumentStore) -> None:
        self._usage: Collection = store.collection(LICENCE_USAGE.spec)

    def total(self) -> Document:
        """The sums, each with its peak; ``complete`` says whether all tenants have been counted."""
        return self._usage.get(_TOTAL) or _new_total()

    def of(self, tenant_code: str) -> Document | None:
        """A tenant's figures; None if it was never counted."""
        return self._usage.get(_key(tenant_code))

    def of_many(self, codes: Iterable[str]) -> dict[str, Document]:
        """The figures of those (at most 1,000) that have been counted, by code."""
        wanted = [_key(code) for code in codes]
        found = self._usage.find({"_id": In(wanted)}, limit=1_000).items if wanted else []
        return {document["tenant_code"]: document for document in found}

    def full(self, added: Mapping[Resource, int], licence: Licence) -> Resource | None:
        """What there is no room for, if so many are added."""
        total = self.total()
        for each, more in added.items():
            limit = licence.limit(each)
            if limit is not None and total[each.value] + more > limit:
                return each
        return None

    def add(self, tenant_code: str, added: Mapping[Resource, int]) -> bool:
        """Adds to a tenant's figures, not to the total; whether there are any."""
        return self._change(_key(tenant_code), added)

    def grow(self, added: Mapping[Resource, int], licence: Licence, at: int) -> None:
        """Adds to the total at that second since 1970; raises ``LicenceLimit`` before anything is written.

        The limit is a condition of the change itself, so that nothing can come between looking and adding.
        """
        total = self.total()
        peaks = {_peak(each): max(total[_peak(each)], total[each.value] + more) for each, more in added.items()}
        room = {
            each.value: Range(lte=limit - more)
            for each, more in added.items()
            if (limit := licence.limit(each)) is not None
        }
        change = Change(set={**peaks, "latest": max(total["latest"], at)}, increment=_by_name(added))
        if self._usage.find_and_modify({"_id": _TOTAL, **room}, change) is None:
            raise self.limit_reached(self.full(added, licence) or next(iter(added)), licence)

    def shrink(self, tenant_code: str, removed: Mapping[Resource, int]) -> None:
        """Subtracts from a tenant's figures and from the total; nothing for a tenant that was never counted."""
        less = {each: -number for each, number in removed.items()}
        if less and self._change(_key(tenant_code), less):
            self._change(_TOTAL, less)

    def put(self, tenant_code: str, figures: Mapping[Resource, int]) -> None:
        """Sets a tenant's figures, and changes the total by as much."""
        key, before = _key(tenant_code), self.of(tenant_code)
        if before is None:
            self._usage.insert({"_id": key, "tenant_code": tenant_code, **_by_name(figures)})
        else:
            self._usage.patch(key, Change(set=_by_name(figures)))
        more = {each: number - (before[each.value] if before else 0) for each, number in figures.items()}
        self._usage.insert_many([_new_total()])  # if it is missing
        self._change(_TOTAL, more)

    def forget(self, tenant_code: str) -> None:
        """Drops a tenant's figures, and subtracts them from the total."""
        before = self.of(tenant_code)
        if before is not None:
            self._change(_TOTAL, {each: -before[each.value] for each in PER_TENANT})
            self._usage.delete(_key(tenant_code))

    def remove_tenant(self) -> None:
        """Has the total count a tenant less."""
        self._change(_TOTAL, {Resource.TENANTS: -1})

    def sum_up(self, codes: set[str]) -> None:
        """Makes the total the sum over the tenants there are, and drops what belongs to none."""
        sums = Counter({Resource.TENANTS: len(codes), **dict.fromkeys(PER_TENANT, 0)})
        for document in self._of_tenants():
            if document["tenant_code"] in codes:
                sums.update({each: document[each.value] for each in PER_TENANT})
            else:
                self._usage.delete(document["_id"])
        self._usage.insert_many([_new_total()])  # if it is missing
        total = self.total()
        peaks = {_peak(each): max(total[_peak(each)], number) for each, number in sums.items()}
        self._usage.patch(_TOTAL, Change(set={**_by_name(sums), **peaks, "complete": 1}))

    def limit_reached(self, resource: Resource, licence: Licence) -> LicenceLimit:
        """The error for want of room."""
        limit, used, kind = licence.limit(resource), self.total()[resource.value], licence.type.value
        return LicenceLimit(
            f"there is no room for more {resource.value}: {used} in use, {limit} allowed by the licence ({kind})",
            code="licence_limit",
            hint="zona licence show tells what is allowed; remove what is needed no more, or install another licence",
            resource=resource.value,
            limit=limit,
            used=used,
            licence_type=kind,
        )

    def _change(self, key: str, by: Mapping[Resource, int]) -> bool:
        return self._usage.find_and_modify({"_id": key}, Change(increment=_by_name(by))) is not None

    def _of_tenants(self) -> Iterator[Document]:
        after: str | None = None
        while True:
            page = self._usage.find({"tenant_code": Range(gt="")}, after=after, limit=1_000)
            yield from page.items
            after = page.next
            if after is None:
                return


def _key(tenant_code: str) -> str:
    return LICENCE_USAGE.key(Usage(tenant_code=tenant_code))


def _peak(resource: Resource) -> str:
    return f"peak_{resource.value}"


def _by_name(figures: Mapping[Resource, int]) -> dict[str, int]:
    return {each.value: number for each, number in figures.items()}


def _new_total() -> Document:
    zeros = {name: 0 for each in Resource for name in (each.value, _peak(each))}
    return {"_id": _TOTAL, "tenant_code": "", **zeros, "complete": 0, "latest": 0}
