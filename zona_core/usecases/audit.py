"""Reading and verifying the audit trail."""

from __future__ import annotations

from attrs import define

from zona_core.domain.audit import GENESIS, AuditRecord, first_break
from zona_core.persistence.database import CORE, TenantData
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Where
from zona_core.usecases._area import Area, SystemContext, TenantContext, use_case

__all__ = ["Audit", "AuditCheck", "CoreAudit"]


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
    """Who changed what in a tenant, and when."""

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
        return _search(self._context.data, target, actor, action, after=after, limit=limit)

    @use_case("audit:read")
    def verify(self) -> AuditCheck:
        """Recomputes the hash chain from its start."""
        return _verify(self._context.data)


class CoreAudit(Area):
    """Who changed what above tenants (tenants themselves), and when."""

    area = "core_audit"
    door = "system"
    _context: SystemContext

    @use_case("core_audit:read")
    def search(
        self,
        *,
        target: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Listing[AuditRecord]:
        """Records, newest first; ``target`` is a collection and key such as ``tenants/acme``."""
        return _search(self._data, target, actor, action, after=after, limit=limit)

    @use_case("core_audit:read")
    def verify(self) -> AuditCheck:
        """Recomputes the hash chain from its start."""
        return _verify(self._data)

    @property
    def _data(self) -> TenantData:
        return self._context.parts.database.tenant(CORE)


def _search(
    data: TenantData, target: str | None, actor: str | None, action: str | None, *, after: str | None, limit: int
) -> Listing[AuditRecord]:
    asked = {"target": target, "actor": actor, "action": action}
    where: Where = {name: value for name, value in asked.items() if value is not None}
    return data.audit.find(where, sort=[("seq", -1)], after=after, limit=limit)


def _verify(data: TenantData) -> AuditCheck:
    checked, previous, cursor = 0, GENESIS, None
    while True:
        page = data.audit.find(sort=[("seq", 1)], after=cursor, limit=1_000)
        broken = first_break(page.items, previous, checked + 1)
        checked += len(page.items)
        if broken is not None or page.next is None:
            return AuditCheck(records=checked, broken_at=broken)
        previous, cursor = page.items[-1].hash, page.next
