"""What rules found, and what people do about it (SPEC §1, §4.5)."""

from __future__ import annotations

from zona_core.usecases._area import Area, TenantContext

__all__ = ["Alerts"]


class Alerts(Area):
    """What rules found."""

    area = "alerts"
    _context: TenantContext
