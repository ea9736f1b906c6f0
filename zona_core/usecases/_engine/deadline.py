"""The time that a run may take, waiting included."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from zona_core.usecases._engine.timers import Timer, Timers

__all__ = ["Deadline"]


class Deadline:
    """For one run; ``seconds`` None is without a bound. Not safe for several threads."""

    def __init__(self, timers: Timers, seconds: float | None) -> None:
        self._timers = timers
        self._seconds = seconds
        self._timer: Timer | None = None

    def of(self, started_at: datetime | None) -> datetime | None:
        """When the time of a run is over that was begun then; None: never, or not known yet."""
        if self._seconds is None or started_at is None:
            return None
        return started_at + timedelta(seconds=self._seconds)

    def set(self, started_at: datetime | None, now: datetime, end: Callable[[], None]) -> bool:
        """Has ``end`` called, which has to be quick, once the time is over; whether any of it is left."""
        ends_at = self.of(started_at)
        if ends_at is not None and ends_at > now:
            self._timer = self._timers.after((ends_at - now).total_seconds(), end)
        return ends_at is None or ends_at > now

    def cancel(self) -> None:
        """Nothing is called any more."""
        if self._timer is not None:
            self._timer.cancel()

    def __str__(self) -> str:
        return f"{self._seconds:g} s"
