"""Silences and maintenance windows: alerts that nobody is told of."""

from __future__ import annotations

from zona_core.usecases._area import Area, TenantContext

__all__ = ["Silences"]


class Silences(Area):
    """Alerts that nobody is told of."""

    area = "silences"
    _context: TenantContext
