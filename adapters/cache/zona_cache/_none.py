"""No cache at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from zona_core.memory_cache import Watchers

__all__ = ["NoCache"]


class NoCache:
    """Keeps nothing; see ``zona_core.ports.cache.Cache``. Watchers are told of what this process forgets."""

    #: nothing of it can be away
    available: Final = True

    def __init__(self) -> None:
        self._watchers = Watchers()

    def get(self, key: str) -> bytes | None:  # noqa: ARG002  # the port's shape
        """None."""
        return None

    def put(self, key: str, value: bytes, *, ttl: float, tags: Iterable[str] = ()) -> None:
        """Does nothing."""

    def forget(self, *tags: str) -> None:
        """Tells the watchers."""
        self._watchers.tell(tags)

    def watch(self, told: Callable[[str | None], None]) -> None:
        """See ``Cache.watch``."""
        self._watchers.add(told)

    def close(self) -> None:
        """Does nothing."""
