"""Calls of the same kind, side by side: most of the time of each is the engine's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["together"]

T = TypeVar("T")
R = TypeVar("R")

_THREADS: Final = 8


def together(function: Callable[[T], R], items: Iterable[T], *, threads: int = _THREADS) -> list[R]:
    """What ``function`` gives for each item, in order; once all are done, the first error is raised."""
    found = list(items)
    if len(found) < 2:
        return [function(item) for item in found]
    with ThreadPoolExecutor(min(threads, len(found)), thread_name_prefix="zona-docker") as pool:
        calls = [pool.submit(function, item) for item in found]
    return [call.result() for call in calls]
