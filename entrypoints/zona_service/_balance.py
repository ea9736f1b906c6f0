"""New connections go to the worker process that has the fewest.

All workers listen on one socket, and the kernel wakes all of them for a connection. Who happens to be awake would take
it, and the next one, and clients that keep their connections would stay with one process while the others idle. So each
tells the others how many it has, in memory that all of them share, and who has more than another lets that one try
first: for a moment, as that one may be busy, or hang.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection
from typing import Final

__all__ = ["PAUSE", "Shares"]

#: seconds for which a worker leaves a connection to those that have fewer
PAUSE: Final = 0.005
_SLOTS: Final = 64


class Shares:
    """How many connections each worker has. Made before the first one is forked."""

    def __init__(self) -> None:
        #: for each slot the number of connections and one; 0 for a slot without a worker
        self._counts = memoryview(mmap.mmap(-1, _SLOTS * 4)).cast("i")

    def free(self, taken: Collection[int | None]) -> int | None:
        """A slot for another worker; None if there are more workers than slots: that one takes what it can get."""
        return next((slot for slot in range(_SLOTS) if slot not in taken), None)

    def tell(self, slot: int | None, connections: int) -> None:
        """Says how many a worker has now."""
        if slot is not None:
            self._counts[slot] = connections + 1

    def leave(self, slot: int | None) -> None:
        """Says that the worker has gone."""
        if slot is not None:
            self._counts[slot] = 0

    def is_least(self, slot: int | None, connections: int) -> bool:
        """Whether no other worker has fewer."""
        if slot is None:
            return True
        return all(connections < count for other, count in enumerate(self._counts) if count and other != slot)
