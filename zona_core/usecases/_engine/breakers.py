"""Circuit breakers, one for each instance: a remote side that is away is not asked by every run anew."""

from __future__ import annotations

import threading
import time
from typing import Final

from attrs import define

from zona_core.errors import TaskFailed, TaskTimeout

__all__ = ["Breakers"]

#: failures in a row, each a sign that the remote side is away
FAILURES: Final = 8
#: seconds without a call after that; doubled by each probe that fails, up to the longest
PAUSE: Final = 10.0
LONGEST_PAUSE: Final = 300.0
_MOST: Final = 10_000


@define
class _State:
    failures: int = 0
    opens_at: float = 0.0
    pause: float = 0.0
    probing: bool = False


class Breakers:
    """This process's breakers. Safe to use from several threads.

    After ``FAILURES`` failures in a row an instance is not called for a while; then one call, the probe, may pass
    (half open): if it succeeds, all may, else the pause begins anew and is longer.
    """

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self._lock = threading.Lock()
        self._states: dict[tuple[str, int], _State] = {}

    def refusal(self, tenant_code: str, instance_id: int) -> TaskFailed | None:
        """Why the instance is not called now; None if it may be, and then ``report`` has to follow."""
        if not self._states:
            return None
        with self._lock:
            state = self._states.get((tenant_code, instance_id))
            if state is None or state.failures < FAILURES:
                return None
            left = state.opens_at - time.monotonic()
            if left <= 0 and not state.probing:
                state.probing = True
                return None
            pause = max(left, 1.0)
        return TaskFailed(
            f"the instance has failed {state.failures} times in a row and is not called for another {pause:.0f} s",
            code="circuit_open",
            retryable=True,
            retry_after=pause,
        )

    def given_up(self, tenant_code: str, instance_id: int) -> None:
        """Takes note that nobody waits for the end of a call any more: if it was the probe, another one may pass."""
        with self._lock:
            state = self._states.get((tenant_code, instance_id))
            if state is not None:
                state.probing = False

    def report(self, tenant_code: str, instance_id: int, failure: TaskFailed | None) -> None:
        """Takes note of how a call ended; a failure that the remote side answered with counts as a success."""
        away = failure is not None and (isinstance(failure, TaskTimeout) or failure.retryable)
        key = (tenant_code, instance_id)
        if not away and not self._states:
            return
        with self._lock:
            if not away:
                self._states.pop(key, None)
                return
            if len(self._states) >= _MOST:
                self._states.clear()
            state = self._states.setdefault(key, _State(pause=self._pause))
            state.failures += 1
            if state.failures >= FAILURES:
                if state.probing:
                    state.pause = min(2 * state.pause, LONGEST_PAUSE)
                state.opens_at, state.probing = time.monotonic() + state.pause, False
