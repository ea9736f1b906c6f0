"""What a worker does at intervals: it looks for what is due, for what others want, and for workers that died."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from zona_core.errors import StoreUnavailable
from zona_core.usecases._area import Parts
from zona_core.usecases._engine.chores import chores_of
from zona_core.usecases._engine.delivering import Delivering
from zona_core.usecases._engine.duties import Duties
from zona_core.usecases._engine.firing import Firing
from zona_core.usecases._feeds.feeding import Feeding

if TYPE_CHECKING:
    from zona_core.usecases._engine.engine import Engine

__all__ = ["Rounds"]

_log: Final = logging.getLogger("zona.runs")

#: seconds between two looks at what others want of runs that are under way here
_LOOKS: Final = 0.5


class Rounds:
    """One thread; each round is short, and what fails for a moment is tried again in the next.

    Its parts do not depend on one another: a tenant whose database is away keeps nobody else's runs waiting.
    """

    def __init__(self, engine: Engine, parts: Parts) -> None:
        self._engine = engine
        self._reaps = parts.settings.lease_seconds / 2
        self._firing = Firing(parts, engine.begun)
        self._delivering = Delivering(parts, lambda: engine.worker)
        self._feeding = Feeding(parts)
        self._duties = Duties(
            lambda: parts.database, chores_of(parts), lambda: engine.worker, parts.settings.lease_seconds
        )
        self._reaped = float("-inf")
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins, unless it has begun already."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="zona-rounds", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends, after the round that is under way; duties are broken off."""
        self._stopped.set()
        self._duties.stop()
        self._delivering.stop()
        self._feeding.stop()

    def _work(self) -> None:
        while not self._stopped.wait(_LOOKS):
            picks = (self._check, self._reap, self._engine.pick)
            for part in (*picks, self._fire, self._deliver, self._feed, self._do_duties):
                self._done(part)

    def _done(self, part: Callable[[], None]) -> None:
        try:
            part()
        except StoreUnavailable as exc:
            _log.warning("a part of a round was broken off: %s", exc)
        except Exception:  # noqa: BLE001  # the next round may succeed
            if not self._stopped.is_set():
                _log.exception("a part of a round was broken off")

    def _check(self) -> None:
        away: StoreUnavailable | None = None
        for drive in self._engine.drives:
            try:
                drive.check()
            except StoreUnavailable as exc:
                away = exc
        if away is not None:
            raise away

    def _reap(self) -> None:
        if time.monotonic() - self._reaped >= self._reaps:
            self._engine.reap()
            self._reaped = time.monotonic()

    def _fire(self) -> None:
        if self._engine.working:
            self._firing.look()

    def _deliver(self) -> None:
        if self._engine.working:
            self._delivering.look()

    def _feed(self) -> None:
        if self._engine.working:
            self._feeding.begin()

    def _do_duties(self) -> None:
        if self._engine.working:
            self._duties.look()
