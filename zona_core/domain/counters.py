"""Counters: integer ids handed out in blocks (SPEC §1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import Factory, define, setters

__all__ = ["Counter"]


@define(kw_only=True, on_setattr=setters.frozen)
class Counter:
    """A tenant's sequence: ``value`` is the last id handed out. Gaps are allowed, duplicates never."""

    tenant_code: str
    counter_name: str
    value: int = 0
    increment_by: int = 1
    metadata: dict[str, Any] = Factory(dict)
    last_updated: datetime | None = None
    revision: int = 0
