"""Cases: what people look into (SPEC §1, §4.5)."""

from __future__ import annotations

from zona_core.usecases._area import Area, TenantContext

__all__ = ["Cases"]


class Cases(Area):
    """What people look into."""

    area = "cases"
    _context: TenantContext
