"""librdkafka's log lines as records of the logger ``zona.kafka``."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import Any, Final

from ._options import Options

__all__ = ["LOG", "DriverLog"]

LOG: Final = logging.getLogger("zona.kafka")

#: seconds in which one complaint is written once: while brokers are away there are twenty a second
QUIET: Final = 60.0
#: what differs from one complaint to the next: how long a connection was in which state, the thread's name
_VARYING: Final = re.compile(r"\(after \d+ms.*?\)|\[thrd:.*?\]:?")
_REMEMBERED: Final = 1_000


class DriverLog:
    """What a client is given as its ``logger``. No line says the password, and none the configuration.

    Called wherever a client is polled, thus from several threads.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._written: dict[str, float] = {}

    def log(self, level: int, message: str, *arguments: Any) -> None:
        """As ``logging.Logger.log``; what was written within the last minute is left out."""
        text = self._options.hidden(message % arguments if arguments else message)
        if self._is_new(_VARYING.sub("", text)):
            LOG.log(level, "%s", text)

    def _is_new(self, complaint: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - self._written.get(complaint, -QUIET) < QUIET:
                return False
            if len(self._written) >= _REMEMBERED:
                self._written.clear()
            self._written[complaint] = now
        return True
