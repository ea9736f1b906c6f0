"""Claims: a feed is in one worker's hands at a time, under a lease that has to be renewed and a token as its fence."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from zona_core.domain.feeds import FeedState
from zona_core.errors import ZonaError
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Range, Where
from zona_core.usecases._area import TenantContext
from zona_core.usecases._heartbeats import Heartbeats

__all__ = ["Claim", "FeedLost", "claimed", "due_of"]

_log: Final = logging.getLogger("zona.feeds")

#: seconds that a claim outlasts what its holder believes, so that the holder knows first
_MARGIN: Final = 0.1


class FeedLost(ZonaError):
    """The feed is another's by now, was changed or switched off, or this process is to stop."""

    code = "feed_lost"


def due_of(kind: str, now: Any) -> Where:
    """The query for feeds that nobody has in hand and whose time has come."""
    return {"kind": kind, "due_at": Range(lte=now)}


def claimed(context: TenantContext, where: Where, seconds: float) -> Claim | None:
    """The feed that is due longest of those that ``where`` finds, in this process's hands for so many seconds."""
    began = time.monotonic()
    with context.data.transaction():
        now = context.data.now()
        state = context.data.feed_states.modify(
            where,
            sort=[("due_at", 1)],
            count="token",
            owner=f"{socket.gethostname()}/{os.getpid()}",
            due_at=now + timedelta(seconds=seconds),
        )
    return None if state is None else Claim(lambda: context.data, state, seconds, began)


class Claim:
    """A feed in hand. ``state`` and ``write`` are for the thread that has it; the rest is safe for all.

    Whether it still holds is judged by this process's monotonic clock, counted from before the renewal was asked for: a
    process that was frozen knows that it is over before it asks anybody.
    """

    def __init__(self, data: Callable[[], TenantData], state: FeedState, seconds: float, began: float) -> None:
        self._data = data
        self._seconds = seconds
        self._renewed = began
        self._over = threading.Event()
        #: as it was last written here
        self.state = state

    @property
    def gone(self) -> bool:
        """Whether its holder must not go on."""
        return self._over.is_set() or time.monotonic() >= self._renewed + self._seconds - _MARGIN

    def check(self) -> None:
        """Raises ``FeedLost`` if its holder must not go on."""
        if self.gone:
            raise FeedLost(f"the feed {self.state.id} is in this worker's hands no more")

    def wait(self, seconds: float) -> None:
        """Waits; raises ``FeedLost`` as soon as its holder must not go on."""
        self._over.wait(seconds)
        self.check()

    def stop(self) -> None:
        """Has its holder go on no more."""
        self._over.set()

    def write(self, **values: Any) -> None:
        """Sets attributes of the state and makes the lease last, within the caller's transaction.

        Raises ``FeedLost`` if the feed is another's: the transaction is not to be kept then.
        """
        self.check()
        self.state = self._written(self._until(), values)

    def give_back(self, **values: Any) -> None:
        """Sets attributes, ``due_at`` among them, and leaves the feed to others. It is over then.

        Raises ``StoreUnavailable``; nothing happens if the feed is another's.
        """
        self._over.set()
        with self._data().transaction():
            state = self._data().feed_states.modify(self._mine, owner="", **values)
        self.state = state or self.state

    @contextmanager
    def renewed(self, heartbeats: Heartbeats) -> Iterator[None]:
        """A block during which it is renewed."""
        with heartbeats.during(self._renew, self._seconds / 4):
            yield

    def _renew(self) -> None:
        if self._over.is_set():
            return
        began = time.monotonic()
        try:
            with self._data().transaction():  # among others, so that it is in no batch's way
                self._written(self._until(), {})
        except FeedLost:
            pass
        except ZonaError as exc:
            _log.warning("the claim on the feed %s could not be renewed: %s", self.state.id, exc)
        except Exception:  # noqa: BLE001  # the next time may succeed; until then the lease lasts
            _log.exception("the claim on the feed %s could not be renewed", self.state.id)
        else:
            self._renewed = began

    def _written(self, until: Any, values: dict[str, Any]) -> FeedState:
        state = self._data().feed_states.modify(self._mine, due_at=until, **values)
        if state is None:
            self._over.set()
            raise FeedLost(f"the feed {self.state.id} is another worker's by now, or was changed")
        return state

    def _until(self) -> Any:
        return self._data().now() + timedelta(seconds=self._seconds)

    @property
    def _mine(self) -> Where:
        return {"_id": str(self.state.id), "owner": self.state.owner, "token": self.state.token}
