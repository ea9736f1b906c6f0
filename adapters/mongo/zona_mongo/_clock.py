"""The clock of the servers, by which all processes go; asked for now and then, and kept going by this machine's."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from zona_core.errors import StoreUnavailable

from ._clients import Link
from ._errors import Guard

__all__ = ["ServerClock"]

#: seconds for which a comparison of the clocks is believed: they drift by less than a millisecond in that time
_BELIEVED: Final = 30.0


class ServerClock:
    """Tells the servers' time in whole milliseconds; it does not go back within a process."""

    def __init__(self, link: Link, guard: Guard) -> None:
        self._link = link
        self._guard = guard
        self._lock = threading.Lock()
        self._started: tuple[datetime, float] | None = None
        self._asked_at = 0.0
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """The time; raises ``StoreUnavailable`` if no server has ever told it."""
        if self._started is None or time.monotonic() - self._asked_at > _BELIEVED:
            self._compare()
        with self._lock:
            self._last = max(self._last, self._reckoned())
            return self._last

    def _reckoned(self) -> datetime:
        assert self._started is not None  # ``now`` has just seen to it
        moment, at = self._started
        moment += timedelta(seconds=time.monotonic() - at)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def _compare(self) -> None:
        before = time.monotonic()
        try:
            with self._guard:
                told: datetime = self._link.client.admin.command("hello")["localTime"]
        except StoreUnavailable:
            if self._started is None or self._link.closed:
                raise
            self._asked_at = before
            return
        after = time.monotonic()
        self._started, self._asked_at = (told.replace(tzinfo=UTC), (before + after) / 2), after
