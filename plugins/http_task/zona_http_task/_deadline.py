"""The time that one attempt has, for everything it does."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Final

from urllib3.util import wait_for_read

from zona_core.errors import TaskFailed, TaskTimeout

__all__ = ["Deadline"]

#: seconds after which a waiting read looks up to see whether the caller gave up
_LOOK_UP: Final = 0.25


class Deadline:
    """A point in time after which nothing more is waited for; also looks whether the caller gave up.

    NOTE: the resolution of a name cannot be interrupted (``getaddrinfo``); its own limits are the system resolver's.
    """

    def __init__(self, seconds: float, abandoned: Callable[[], bool] = lambda: False) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._abandoned = abandoned

    def left(self) -> float:
        """Seconds that are left, more than 0.

        Raises ``TaskTimeout`` if there are none, ``TaskFailed`` (``abandoned``) if the caller gave up.
        """
        if self._abandoned():
            raise TaskFailed("The request was given up by its caller", code="abandoned")
        left = self._end - time.monotonic()
        if left <= 0:
            raise TaskTimeout(f"The request was not answered in full within {self._seconds:g} s", retryable=True)
        return left

    def await_readable(self, sock: socket.socket) -> None:
        """Returns when ``sock`` has something to read, with its timeout set to what is left; raises like ``left``."""
        pending = getattr(sock, "pending", lambda: 0)  # TLS may hold decrypted bytes that the socket knows nothing of
        while not pending() and not wait_for_read(sock, timeout=min(self.left(), _LOOK_UP)):
            pass
        sock.settimeout(self.left())
