"""One call of a handler: it ends by itself, by its deadline or because nobody waits for it any more, and only once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from zona_core.usecases._engine.crew import Crew, Seat

__all__ = ["Trial"]


class Trial:
    """Whoever closes it first says how it ended. Python cannot stop a handler: its thread is left behind."""

    def __init__(self, crew: Crew) -> None:
        self._lock = threading.Lock()
        self._crew = crew
        self._seat: Seat | None = crew.seat
        self._over = False
        self.gave_up = threading.Event()

    def close(self) -> bool:
        """Whether it was still open."""
        with self._lock:
            first, self._over = not self._over, True
        return first

    def abandon(self, then: Callable[[], None] | None = None) -> None:
        """Ends it, if it is still open, without its handler: tells that, gives its seat away, goes on with ``then``."""
        if not self.close():
            return
        self.gave_up.set()
        if self._seat is not None:
            self._crew.leave_behind(self._seat)
        if then is not None:
            then()
