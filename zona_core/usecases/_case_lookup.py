"""Finding cases by their numbers."""

from __future__ import annotations

from zona_core.domain.cases import Case, CaseStatus
from zona_core.errors import NotFound, StoreUnavailable
from zona_core.persistence.database import TenantData

__all__ = ["case_at", "case_of"]


def case_at(data: TenantData, case_id: int) -> Case:
    """The case with that number, also if it was merged into another; raises ``NotFound``."""
    found = data.cases.get(case_id)
    if found is None:
        raise NotFound(f"there is no case {case_id}", collection="cases", hint="zona cases list shows those there are")
    return found


def case_of(data: TenantData, case_id: int) -> Case:
    """The case with that number or, if it was merged into another, that one; raises ``NotFound``."""
    found, seen = case_at(data, case_id), {case_id}
    while found.status is CaseStatus.MERGED:
        if found.merged_into in seen:
            raise StoreUnavailable(f"the case {case_id} is merged into itself", code="document_damaged")
        seen.add(found.merged_into)
        found = case_at(data, found.merged_into)
    return found
