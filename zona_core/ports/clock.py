"""The clock port: so that tests need neither sleep nor luck."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """Time as the core sees it."""

    def now(self) -> datetime:
        """The time of day: aware, UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""

    def sleep(self, seconds: float) -> None:
        """Waits."""
