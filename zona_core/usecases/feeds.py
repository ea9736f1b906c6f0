"""Feeds: where events are fetched from, by polling or out of streams (SPEC §1, §4.5)."""

from __future__ import annotations

from zona_core.usecases._area import Area, TenantContext

__all__ = ["Feeds"]


class Feeds(Area):
    """Where events are fetched from."""

    area = "feeds"
    _context: TenantContext
