"""Whose turn it is to write, among the threads of one process."""

from __future__ import annotations

import threading
import time
from typing import Final

__all__ = ["WriteTurn"]

#: seconds after which a thread that waits has nobody come before it any more
_LONG: Final = 0.05


class WriteTurn:
    """A lock for the threads of one process, which queue here for the database's one write lock.

    A plain lock goes to whoever asks first once it is free. That is fast, as nobody has to be woken; but threads that
    write again and again can keep it from one that sleeps for as long as they like. So a thread that has waited for
    long shuts a gate behind which all who come later have to wait; those before it are few, and do not come back.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._gate = threading.Lock()

    def acquire(self, timeout: float) -> bool:
        """Takes the turn; False if that takes longer than so many seconds."""
        ends_at = time.monotonic() + timeout
        if not self._gate.acquire(timeout=timeout):
            return False
        self._gate.release()
        if self._turn.acquire(timeout=min(_LONG, _left(ends_at))):
            return True
        if not self._gate.acquire(timeout=_left(ends_at)):
            return False
        try:
            return self._turn.acquire(timeout=_left(ends_at))
        finally:
            self._gate.release()

    def release(self) -> None:
        """Gives the turn to whoever is next."""
        self._turn.release()


def _left(ends_at: float) -> float:
    return max(0.0, ends_at - time.monotonic())
