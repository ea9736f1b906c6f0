"""Deliveries of one tenant that wait to be sent: each is claimed by one worker at a time, and tried a bounded number of
times.

A claim puts a delivery off by the time that an attempt may take at most: if the worker dies, it is due again then. Only
the worker whose claim is the latest one says what became of it. So each is sent at least once; receivers that want it
once go by its id.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from zona_core.domain.notifications import Delivery, DeliveryState
from zona_core.errors import TaskFailed
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Range, Where

__all__ = ["LEASE", "MOST_ATTEMPTS", "Outbox", "pause_after"]

#: attempts before a delivery is given up: over more than three hours
MOST_ATTEMPTS: Final = 12
#: seconds after which a delivery is another worker's if nothing was heard of the attempt
LEASE: Final = 60.0
#: seconds between the first two attempts, and between two at most
_FIRST_PAUSE: Final = 10.0
_LONGEST_PAUSE: Final = 3_600.0
_LONGEST_ERROR: Final = 500
#: what a third party's notifier raises without being foreseen, and what is installed elsewhere, may pass
_MAY_PASS: Final = frozenset({"handler_error", "not_found"})


def pause_after(attempts: int, wish: float | None, chance: float) -> float:
    """Seconds to the next attempt after so many: twice as long each time, 25 % more or less by ``chance`` (0-1).

    Not less than the receiver's ``wish``, and an hour at most.
    """
    usual: float = min(_FIRST_PAUSE * 2.0 ** (attempts - 1), _LONGEST_PAUSE) * (0.75 + chance / 2)
    return min(max(usual, wish or 0.0), _LONGEST_PAUSE)


class Outbox:
    """See the module."""

    def __init__(self, data: TenantData) -> None:
        self._data = data

    def claim(self, worker: str) -> Delivery | None:
        """The delivery that is due longest, which is ``worker``'s for a while; None if there is none."""
        now = self._data.now()
        return self._data.deliveries.modify(
            {"state": DeliveryState.PENDING.value, "due_at": Range(lte=now)},
            sort=[("due_at", 1)],
            count="attempts",
            worker=worker,
            due_at=now + timedelta(seconds=LEASE),
        )

    def settle(self, claimed: Delivery, failure: TaskFailed | None, chance: float) -> DeliveryState | None:
        """Notes what became of an attempt; None if the delivery is another worker's by now, or gone."""
        values = self._sent() if failure is None else self._failed(claimed, failure, chance)
        mine: Where = {"_id": claimed.id, "worker": claimed.worker, "attempts": claimed.attempts}
        after = self._data.deliveries.modify(mine, worker="", **values)
        return None if after is None else after.state

    def _sent(self) -> dict[str, Any]:
        return {"state": DeliveryState.SENT, "sent_at": self._data.now(), "due_at": None, "error": ""}

    def _failed(self, claimed: Delivery, failure: TaskFailed, chance: float) -> dict[str, Any]:
        error = f"{failure.code}: {failure.message}"[:_LONGEST_ERROR]
        may_pass = failure.retryable or failure.code in _MAY_PASS
        if not may_pass or claimed.attempts >= MOST_ATTEMPTS:
            return {"state": DeliveryState.FAILED, "due_at": None, "error": error}
        pause = pause_after(claimed.attempts, failure.retry_after, chance)
        return {"due_at": self._data.now() + timedelta(seconds=pause), "error": error}
