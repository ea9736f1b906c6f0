"""Who waits in this process for the end of which run."""

from __future__ import annotations

import threading

from zona_core.domain.runs import Execution

__all__ = ["Watch", "Watches"]


class Watch:
    """Somebody who waits for the end of a run."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        #: the record of its end, if it ended here
        self.run: Execution | None = None

    def wait(self, seconds: float) -> bool:
        """Whether it has ended here within so many seconds."""
        return self._ended.wait(seconds)

    def tell(self, run: Execution) -> None:
        """Ends the waiting."""
        self.run = run
        self._ended.set()


class Watches:
    """All of them, by tenant and run. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], list[Watch]] = {}

    def add(self, key: tuple[str, str]) -> Watch:
        """One more, to be told when the run ends here; ``remove`` it."""
        watch = Watch()
        with self._lock:
            self._known.setdefault(key, []).append(watch)
        return watch

    def remove(self, key: tuple[str, str], watch: Watch) -> None:
        """Tells it nothing any more."""
        with self._lock:
            watches = self._known.get(key, [])
            if watch in watches:
                watches.remove(watch)
            if not watches:
                self._known.pop(key, None)

    def tell(self, key: tuple[str, str], run: Execution) -> None:
        """Tells all who wait for the run."""
        with self._lock:
            watches = self._known.pop(key, [])
        for watch in watches:
            watch.tell(run)
