"""Calls that are done once, however often they are sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import Factory, define, setters

__all__ = ["KeyedCall"]


@define(kw_only=True, on_setattr=setters.frozen)
class KeyedCall:
    """A call that carried an idempotency key."""

    #: SHA-256 of who calls what with which key
    id: str
    #: SHA-256 of what was asked
    fingerprint: str
    #: ``answer``: what was answered, as JSON text; a ``Secret``. Empty while the call is under way.
    secrets: dict[str, Any] = Factory(dict)
    expires_at: datetime
    revision: int = 0
