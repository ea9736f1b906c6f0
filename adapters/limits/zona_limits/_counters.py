"""The counters of the library ``limits``, without its threads.

``limits.storage.MemoryStorage`` starts a thread for every hundredth of a second in which something is counted, and that
thread looks at every counter there is. Starting it costs fifty times what counting costs, it keeps the process from
ending, and it does not survive a fork. Here each new counter has two old ones looked at instead: what has expired goes
as fast as it comes, and no call pays for many.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Final

from limits.storage import MemoryStorage

__all__ = ["Counters"]

_LOOKS: Final = 2


class _Settled(threading.Timer):
    """A timer that is never started and says that it runs, so that the storage starts no other."""

    def __init__(self) -> None:
        super().__init__(0, lambda: None)

    def is_alive(self) -> bool:
        return True


class Counters(MemoryStorage):
    """Counters that expire. Not safe to use from several threads: its owner has the lock.

    Beyond ``capacity`` of them, a new one takes the place of one that is old.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.timer.cancel()
        self.timer.join()
        self.timer = _Settled()
        self._capacity = capacity
        # Whose turn it is to be looked at comes first. A dict would have to search for its first key.
        self._turns: OrderedDict[str, float] = OrderedDict()
        self.expirations = self._turns

    def __len__(self) -> int:
        return len(self._turns)

    def count(self, key: str, seconds: float) -> None:
        """Adds one to a counter; a new one expires ``seconds`` from now."""
        if key in self._turns:
            self.storage[key] += 1  # as ``incr`` does it, without its detours
        else:
            self._look()
            self.incr(key, seconds)

    def _look(self) -> None:
        now = time.time()
        for _ in range(min(_LOOKS, len(self._turns))):
            key = next(iter(self._turns))
            if self._turns[key] <= now or len(self._turns) >= self._capacity:
                self.clear(key)
            else:
                self._turns.move_to_end(key)
