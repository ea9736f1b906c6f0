"""Reading and verifying the audit trail."""

from __future__ import annotations

from attrs import define

from zona_core.domain.audit import GENESIS, AuditRecord, first_break
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Where
from zona_core.usecases._area import Area, TenantContext, use_case

__all__ = ["Audit", "AuditCheck"]


@define(frozen=True, kw_only=True)
class AuditCheck:
    """Whether the chain holds: how many records were checked, and the number at which it breaks, if it does."""

    records: int
    broken_at: int | None

    @property
    def intact(self) -> bool:
        """Whether nothing was changed, removed or slipped in."""
        return self.broken_at is None


class Audit(Area):
    """Who changed what, and when."""

    area = "audit"
    _context: TenantContext

    @use_case("audit:read")
    def search(
        self,
        *,
        target: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Listing[AuditRecord]:
        """Records, newest first; ``target`` is a collection and key such as ``apps/12``."""
        asked = {"target": target, "actor": actor, "action": action}
        where: Where = {name: value for name, value in asked.items() if value is not None}
        return self._context.data.audit.find(where, sort=[("seq", -1)], after=after, limit=limit)

    @use_case("audit:read")
    def verify(self) -> AuditCheck:
        """Recomputes the hash chain from its start."""
        checked, previous, cursor = 0, GENESIS, None
        while True:
            page = self._context.data.audit.find(sort=[("seq", 1)], after=cursor, limit=1_000)
            broken = first_break(page.items, previous, checked + 1)
            checked += len(page.items)
            if broken is not None or page.next is None:
                return AuditCheck(records=checked, broken_at=broken)
            previous, cursor = page.items[-1].hash, page.next
