"""A circuit breaker with a bulkhead: one tenant's database that fails keeps nobody else waiting (SPEC §2)."""

from __future__ import annotations

import random
import threading
from types import TracebackType
from typing import Final

from zona_core.errors import StoreUnavailable
from zona_core.ports.clock import Clock

__all__ = ["Circuit"]

#: seconds of the first pause after a failure; each further one in a row doubles them, up to the longest
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
#: calls that may hang at the same time, each for longer than ``PATIENCE`` seconds, before others are refused
MOST_HANGING: Final = 2
PATIENCE: Final = 1.0

#: what is a matter of one document or of configuration, and says nothing of the database's health
_HEALTHY: Final = frozenset({"document_damaged", "store_too_new", "store_outdated", "closed"})


class Circuit:
    """Stands around every call to one database: ``with circuit: …``, nested if need be.

    After a ``StoreUnavailable`` calls are refused at once for a pause that grows exponentially, with jitter; then one
    call tries. While calls hang, only so many threads wait for them. Refusals are ``StoreUnavailable`` with the code
    ``tenant_database_away`` and ``retry_after``.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        #: failures in a row
        self._failures = 0
        self._opens_at = 0.0
        self._trying = False
        #: by thread: when its outermost call began, and how deep it is in calls; the oldest first
        self._calls: dict[int, list[float]] = {}

    @property
    def healthy(self) -> bool:
        """Whether the last call that ended was answered."""
        return not self._failures

    def __enter__(self) -> None:
        me = threading.get_ident()
        within = self._calls.get(me)
        if within is not None:
            within[1] += 1
            return
        now = self._clock.monotonic()
        with self._lock:
            self._refuse_if_hanging(now)
            self._refuse_if_open(now)  # last: it may make this call the one that tries
            self._calls[me] = [now, 1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        me = threading.get_ident()
        within = self._calls[me]
        within[1] -= 1
        if within[1]:
            return
        with self._lock:
            del self._calls[me]
            self._trying = False
            if isinstance(error, StoreUnavailable) and error.code not in _HEALTHY:
                self._fail()
            elif not isinstance(error, KeyboardInterrupt):
                self._failures = 0

    def _refuse_if_open(self, now: float) -> None:
        if not self._failures:
            return
        if now < self._opens_at or self._trying:
            raise self._refusal(max(self._opens_at - now, FIRST_PAUSE))
        self._trying = True

    def _refuse_if_hanging(self, now: float) -> None:
        if len(self._calls) < MOST_HANGING:
            return
        hanging = sum(1 for began, _ in self._calls.values() if now - began > PATIENCE)
        if hanging >= MOST_HANGING:
            raise self._refusal(PATIENCE)

    def _fail(self) -> None:
        self._failures += 1
        pause = min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE)
        self._opens_at = self._clock.monotonic() + pause * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret

    def _refusal(self, retry_after: float) -> StoreUnavailable:
        return StoreUnavailable(
            f"the database of the tenant {self._name} does not answer",
            code="tenant_database_away",
            retry_after=retry_after,
            tenant_code=self._name,
        )
