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
    #: each a ``Secret``: ``request`` is SHA-256 of what was asked, which may hold a password that could be guessed by
    #: it; ``answer`` what was answered, as JSON text, once the call has ended
    secrets: dict[str, Any] = Factory(dict)
    expires_at: datetime
    revision: int = 0
