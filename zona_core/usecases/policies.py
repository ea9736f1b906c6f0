"""Policies: what becomes of what rules find (SPEC §4.5)."""

from __future__ import annotations

from zona_core.usecases._area import Area, TenantContext

__all__ = ["Policies"]


class Policies(Area):
    """What becomes of what rules find."""

    area = "policies"
    _context: TenantContext
