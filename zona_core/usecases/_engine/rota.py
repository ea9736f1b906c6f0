"""Whose turn it is: tenants with runs that are due are served one after the other, however many runs each has."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

__all__ = ["Rota"]

#: seconds that a look at all tenants' jobs is good for: it takes the longer the more of them wait
_GOOD_FOR = 0.25


class Rota:
    """The tenants that had runs waiting when it was last looked. Safe to use from several threads."""

    def __init__(self, look: Callable[[], Iterable[str]], clock: Callable[[], float]) -> None:
        self._look = look
        self._clock = clock
        self._lock = threading.Lock()
        self._turns: deque[str] = deque()
        self._looked = float("-inf")

    def __bool__(self) -> bool:
        return bool(self._turns)

    def add(self, tenant_code: str) -> None:
        """The tenant has a run waiting."""
        with self._lock:
            if tenant_code not in self._turns:
                self._turns.append(tenant_code)

    def next(self) -> str | None:
        """Whose turn it is now; it has the last one after that. None if nobody waits, as far as is known."""
        with self._lock:
            if not self._turns:
                return None
            self._turns.rotate(-1)
            return self._turns[-1]

    def remove(self, tenant_code: str) -> None:
        """The tenant has nothing waiting any more."""
        with self._lock:
            if tenant_code in self._turns:
                self._turns.remove(tenant_code)

    def look(self) -> None:
        """Looks who waits, if nobody is known to or the last look was a while ago; raises ``StoreUnavailable``."""
        now = self._clock()
        with self._lock:
            if self._turns and now - self._looked < _GOOD_FOR:
                return
            self._looked = now
        for tenant_code in self._look():
            self.add(tenant_code)
