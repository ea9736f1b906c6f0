"""A process as a worker among others: known by its lease in the core database, which it has to renew."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from zona_core.domain.jobs import Worker
from zona_core.errors import StoreUnavailable
from zona_core.persistence.database import Database
from zona_core.ports.store import Range, Where

__all__ = ["Membership"]

_log: Final = logging.getLogger("zona.runs")


class Membership:
    """A worker's lease. Its times are the store's: the machines' clocks may differ.

    Whether it still holds is judged by this process's monotonic clock, counted from before the renewal was asked for:
    a process that was frozen knows that its lease is over before it asks anybody.
    """

    def __init__(self, database: Database, seconds: float, lost: Callable[[], None]) -> None:
        self._database = database
        self._seconds = seconds
        self._lost = lost
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._joining = threading.Lock()
        self._renewed = 0.0
        #: empty: none yet
        self.id = ""

    @property
    def holds(self) -> bool:
        """Whether nobody else can have taken over this worker's jobs."""
        return bool(self.id) and time.monotonic() < self._renewed + self._seconds

    def join(self) -> None:
        """Becomes a worker, unless it is one, and stays one until ``leave``; raises ``StoreUnavailable``."""
        with self._joining:
            if not self.id:
                self._join()

    def _join(self) -> None:
        began = time.monotonic()
        now, worker_id = self._database.store.now(), str(uuid.uuid4())
        self._database.workers.insert(
            Worker(
                id=worker_id,
                host=socket.gethostname(),
                pid=os.getpid(),
                until=now + timedelta(seconds=self._seconds),
                started_at=now,
            )
        )
        self._renewed, self.id = began, worker_id
        if self._thread is None:
            self._thread = threading.Thread(target=self._renew, name="zona-lease", daemon=True)
            self._thread.start()

    def leave(self) -> None:
        """Is no worker any more: whatever it still holds may be taken over at once."""
        self._stopped.set()
        if self.id:
            try:
                self._database.workers.delete(self.id)
            except StoreUnavailable:  # the lease will run out
                _log.warning("the worker %s could not take its leave", self.id, exc_info=True)
            self.id = ""

    def _renew(self) -> None:
        while not self._stopped.wait(self._seconds / 4):
            try:
                self._renew_once()
            except StoreUnavailable as exc:
                _log.warning("the lease of the worker %s could not be renewed: %s", self.id, exc)
            except Exception:  # noqa: BLE001  # the next renewal may succeed
                _log.exception("the lease of the worker %s could not be renewed", self.id)

    def _renew_once(self) -> None:
        began = time.monotonic()
        now = self._database.store.now()
        where: Where = {"_id": self.id, "until": Range(gte=now)}
        if self._database.workers.modify(where, until=now + timedelta(seconds=self._seconds)) is not None:
            self._renewed = began
        elif not self._stopped.is_set():
            _log.warning("the lease of the worker %s ran out: others go on with its runs", self.id)
            self.id = ""
            self._lost()
            self.join()
