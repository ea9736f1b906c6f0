"""Circuit breakers, one for each instance: a remote side that is away is not asked by every run anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
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
    pause: float = PAUSE
    #: whose call is the probe; empty: none is under way
    probe: str = ""


class Breakers:
    """This process's breakers. Safe to use from several threads. ``clock`` gives seconds that only grow.

    After ``FAILURES`` failures in a row an instance is not called for a while; then one call, the probe, may pass
    (half open): if it succeeds, all may, else the pause begins anew and is longer.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._states: dict[tuple[str, int], _State] = {}

    def refusal(self, tenant_code: str, instance_id: int, caller: str) -> TaskFailed | None:
        """Why the instance is not called now; None if ``caller`` may, and then ``report`` or ``given_up`` follows."""
        if not self._states:
            return None
        with self._lock:
            state = self._states.get((tenant_code, instance_id))
            if state is None or state.failures < FAILURES:
                return None
            left = state.opens_at - self._clock()
            if left <= 0 and state.probe in ("", caller):
                state.probe = caller
                return None
            pause = max(left, 1.0)
        return TaskFailed(
            f"the instance has failed {state.failures} times in a row and is not called for another {pause:.0f} s",
            code="circuit_open",
            retryable=True,
            retry_after=pause,
        )

    def given_up(self, tenant_code: str, instance_id: int, caller: str) -> None:
        """Takes note that a call was not made, or is not waited for: if it was the probe, another one may pass."""
        if not self._states:
            return
        with self._lock:
            state = self._states.get((tenant_code, instance_id))
            if state is not None and state.probe == caller:
                state.probe = ""

    def report(self, tenant_code: str, instance_id: int, caller: str, failure: TaskFailed | None) -> None:
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
            state = self._states.setdefault(key, _State())
            state.failures += 1
            if state.probe == caller:
                state.pause, state.probe = min(2 * state.pause, LONGEST_PAUSE), ""
                state.opens_at = self._clock() + state.pause
            elif state.failures == FAILURES:
                state.opens_at = self._clock() + state.pause
