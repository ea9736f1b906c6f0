"""A cache in memory: bounded by bytes; what was not used for the longest time goes first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

__all__ = ["ENTRY_BYTES", "MemoryCache", "NoCache"]

#: what an entry takes besides its key and value, about: a tuple, two objects' headers, its place in the dict
ENTRY_BYTES: Final = 300


class MemoryCache:
    """Keeps what fits into ``size`` bytes; see ``zona_core.ports.cache.Cache``. Closed, it keeps nothing.

    ``now`` gives seconds from any start, never going back.
    """

    def __init__(self, size: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._room = size
        self._now = now
        #: the bytes that the entries take
        self._taken = 0
        #: key → (value, when it is past), the one unused for the longest time first
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """See ``Cache.get``."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if self._now() < entry[1]:
                self._entries.move_to_end(key)
                return entry[0]
            self._forget(key)
            return None

    def put(self, key: str, value: bytes, *, ttl: float) -> None:
        """See ``Cache.put``. What does not fit, or has no time left, is not kept; nor is what was there before it."""
        kept = bytes(value)  # a bytearray could change under our hands
        cost = _cost(key, kept)
        with self._lock:
            self._forget(key)
            if not ttl > 0 or cost > self._room:
                return
            self._entries[key] = (kept, self._now() + ttl)
            self._taken += cost
            while self._taken > self._room:
                self._forget(next(iter(self._entries)))

    def close(self) -> None:
        """See ``Cache.close``."""
        with self._lock:
            self._room = self._taken = 0
            self._entries.clear()

    def __repr__(self) -> str:
        return f"<MemoryCache, {len(self._entries)} entries, {self._taken} of {self._room} bytes>"

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._taken -= _cost(key, entry[0])


class NoCache:
    """Keeps nothing; see ``zona_core.ports.cache.Cache``."""

    def get(self, key: str) -> bytes | None:  # noqa: ARG002  # the port's shape
        """None."""
        return None

    def put(self, key: str, value: bytes, *, ttl: float) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def _cost(key: str, value: bytes) -> int:
    return ENTRY_BYTES + 4 * len(key) + len(value)  # 4: the widest characters a key may have
