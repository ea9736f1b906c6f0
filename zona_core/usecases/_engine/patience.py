"""Waiting for the store to come back: a blip neither fails a run nor hangs it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from zona_core.errors import Conflict, StoreUnavailable, ZonaError
from zona_core.usecases._engine.book import ClaimLost

__all__ = ["Patience"]

T = TypeVar("T")

_log: Final = logging.getLogger("zona.runs")

#: seconds between tries; the last one again and again
_PAUSES: Final = (0.05, 0.2, 0.5, 1.0)


class Patience:
    """Repeats what failed because the store is away, for as long as ``holds`` says that the claim is this worker's."""

    def __init__(self, run_id: str, holds: Callable[[], bool]) -> None:
        self._run_id = run_id
        self._holds = holds

    @property
    def holds(self) -> bool:
        """Whether nobody else can have taken over the run."""
        return self._holds()

    def __call__(self, action: Callable[[], T]) -> T:
        """What ``action`` gives; raises ``ClaimLost`` if the store is away for too long, and what ``action`` raises."""
        tries = 0
        while True:
            try:
                return action()
            except (StoreUnavailable, Conflict) as exc:
                if not _passes(exc):
                    raise
                if not self._holds():
                    raise ClaimLost("the store was away for longer than the claim holds") from exc
                _log.warning("the run %s waits for the store: %s", self._run_id, exc)
            time.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1


def _passes(exc: ZonaError) -> bool:
    """Whether the same call may succeed later: what is damaged stays so, and what collided was undone as a whole."""
    return exc.code == "transaction_undone" if isinstance(exc, Conflict) else exc.code != "document_damaged"
