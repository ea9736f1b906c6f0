"""The threads port: where handlers are called that somebody waits for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

__all__ = ["Threads"]

T = TypeVar("T")


class Threads(Protocol):
    """Runs functions beside the caller, at most so many at a time. Starts nothing before the first ``submit``."""

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Queues ``function``; its result or exception comes in the future."""

    def close(self) -> None:
        """Takes nothing more, drops what has not begun, waits for what has."""
