"""Whether Redis answers, told once when that changes."""

from __future__ import annotations

import logging
import re
import threading
from typing import Final

from redis.exceptions import AuthenticationError, RedisError, ResponseError

__all__ = ["Health"]

_LOG: Final = logging.getLogger("zona.queue")
_CODE: Final = re.compile(r"[A-Z]{2,}")


class Health:
    """What the threads of one executor know of Redis; ``shown`` is where it is, for people."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._lock = threading.Lock()
        #: whether it answered when it was last asked
        self.good = True

    def failed(self, why: Exception) -> None:
        """It did not answer, or refused."""
        with self._lock:
            was_good, self.good = self.good, False
        if was_good:
            told = "the queue in Redis at %s is away, workers look for runs by themselves: %s"
            _LOG.warning(told, self._shown, _described(why))

    def answered(self) -> None:
        """It answered."""
        with self._lock:
            was_good, self.good = self.good, True
        if not was_good:
            _LOG.info("the queue in Redis at %s answers again", self._shown)


def _described(why: Exception) -> str:
    """An error without what the server says of a command."""
    name = type(why).__name__
    if isinstance(why, AuthenticationError | ResponseError):
        code = _CODE.match(str(why))
        return f"{name} ({code[0]})" if code else name
    return f"{name}: {why}" if isinstance(why, RedisError | OSError) else name
