"""A rate limiter in memory: a sliding window counter.

Requests are counted in fixed windows. What counts at a moment is this window's count and the part of the last one's
that reaches into the ``per`` seconds before that moment, as if its requests had come evenly: of a limit of 100 in a
minute, 40 of the last minute's requests count for 30 when a quarter of this minute is over. Two numbers for a key,
however high its limit, and no burst at the edge of two windows.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Sequence
from threading import Lock
from typing import Final

from zona_core.ports.limits import Refusal, Verdict
from zona_core.sliding_window import until_below
from zona_limits._counters import Counters

__all__ = ["MemoryRateLimiter"]

#: counters; two for each key that comes in
_CAPACITY: Final = 400_000
#: seconds added to what is reckoned, since neither clocks nor sums of fractions are exact
_MARGIN: Final = 0.001


class _Windows:
    """The windows of one period: which is the current one, and how names of counters begin in it and the last one."""

    def __init__(self, per: float) -> None:
        self._period = repr(float(per))
        self.number = -1
        self.this = self.last = ""

    def move(self, number: int) -> tuple[str, str]:
        """Makes ``number`` the current one; how names begin now."""
        named = f"{number}/{self._period}/", f"{number - 1}/{self._period}/"
        self.this, self.last = named
        self.number = number
        return named


class _State:
    """What one process counts."""

    def __init__(self, capacity: int) -> None:
        self.lock = Lock()
        self.counters = Counters(capacity)
        #: by the seconds of a period; every period that was asked for
        self.windows: dict[float, _Windows] = {}


class MemoryRateLimiter:
    """See ``zona_core.ports.limits.RateLimiter``. Each process counts for itself; a forked one begins anew.

    Beyond ``capacity`` counters (two for a key, at most) old ones are forgotten. Closed, it forgets everything.
    """

    def __init__(self, *, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._state: _State | None = None
        self._making = Lock()
        _LIMITERS.add(self)

    def hit(self, key: str, limit: int, per: float) -> Verdict:
        """See ``RateLimiter.hit``. Raises ``ValueError`` for a ``per`` that is no time above 0."""
        state = self._state or self._begun()
        with state.lock:
            windows = state.windows.get(per) or _new_windows(state, per)
            since = time.time() / per
            number = int(since)
            passed = since - number
            if number != windows.number:
                windows.move(number)
            name = windows.this + key
            # Read as they stand: the counters of these two windows have not expired.
            counts = state.counters.storage
            current = counts.get(name, 0)
            previous = counts.get(windows.last + key, 0)
            used = int(previous * (1 - passed)) + current
            allowed = used < limit
            if allowed:
                state.counters.count(name, 2 * per)
        if allowed:
            used += 1
            current += 1
        # Of a limit that was lowered more may be used than there is.
        wait = until_below(min(used, limit), previous, current, passed) * per
        return Verdict(allowed, max(limit - used, 0), wait + _MARGIN)

    def admit(self, asked: Sequence[tuple[str, int]], per: float) -> Refusal | None:
        """See ``RateLimiter.admit``."""
        state = self._state or self._begun()
        with state.lock:
            windows = state.windows.get(per) or _new_windows(state, per)
            since = time.time() / per
            number = int(since)
            if number != windows.number:
                windows.move(number)
            left = 1 - (since - number)
            counts, this, last = state.counters.storage, windows.this, windows.last
            found = []
            for key, limit in asked:
                name = this + key
                current = counts.get(name, 0)
                if int(counts.get(last + key, 0) * left) + current >= limit:
                    break
                found.append((name, current))
            else:
                for name, current in found:
                    if current:
                        counts[name] = current + 1
                    else:
                        state.counters.count(name, 2 * per)
                return None
        # Rare, and reckoned by the one who knows how long to wait; if that allows it by now, so be it.
        for index, (key, limit) in enumerate(asked):
            verdict = self.hit(key, limit, per)
            if not verdict.allowed:
                return Refusal(index, verdict.reset_after)
        return None

    def reset(self, key: str) -> None:
        """See ``RateLimiter.reset``."""
        state = self._state or self._begun()
        with state.lock:
            for per, windows in state.windows.items():
                for begin in windows.move(int(time.time() / per)):
                    state.counters.clear(begin + key)

    def close(self) -> None:
        """See ``RateLimiter.close``."""
        self._state = None

    def begin_anew(self) -> None:
        """In a process that was just forked: a thread of the parent may have held a lock, so nothing of it is kept."""
        self._state = None
        self._making = Lock()

    def _begun(self) -> _State:
        with self._making:
            if self._state is None:
                self._state = _State(self._capacity)
            return self._state


_LIMITERS: Final[weakref.WeakSet[MemoryRateLimiter]] = weakref.WeakSet()


def _begin_all_anew() -> None:
    for limiter in list(_LIMITERS):
        limiter.begin_anew()


# NOTE: asking for the process id in each call would be a system call each.
os.register_at_fork(after_in_child=_begin_all_anew)


def _new_windows(state: _State, per: float) -> _Windows:
    if not 0 < per < float("inf"):
        raise ValueError(f"{per!r} is no time above 0")
    return state.windows.setdefault(per, _Windows(per))
