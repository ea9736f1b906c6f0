"""The runs that are under way in this process, or about to be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from zona_core.usecases._engine.drive import Drive

__all__ = ["Roster"]

Key = tuple[str, str]


class Roster:
    """Their drives, by tenant and run. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: set[Key] = set()
        self._drives: dict[Key, Drive] = {}

    def __contains__(self, key: object) -> bool:
        # In the order in which a run goes through them: it is never in neither.
        return key in self._begun or key in self._drives

    def __iter__(self) -> Iterator[Drive]:
        with self._lock:
            return iter(list(self._drives.values()))

    def get(self, key: Key) -> Drive | None:
        """The drive of a run that is under way."""
        return self._drives.get(key)

    def add(self, drive: Drive) -> None:
        """Its run is under way from now on."""
        with self._lock:
            self._drives[drive.key] = drive

    def remove(self, drive: Drive) -> bool:
        """It is over; whether it was under way."""
        with self._lock:
            known = self._drives.get(drive.key) is drive
            if known:
                del self._drives[drive.key]
        return known

    @contextmanager
    def beginning(self, key: Key) -> Iterator[None]:
        """A block in which the run is about to be under way."""
        with self._lock:
            self._begun.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._begun.discard(key)
