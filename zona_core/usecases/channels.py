"""Channels: where people are told of alerts and cases."""

from __future__ import annotations

from zona_core.usecases._area import Area, TenantContext

__all__ = ["Channels"]


class Channels(Area):
    """Where people are told."""

    area = "channels"
    _context: TenantContext
