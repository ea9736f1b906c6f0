"""Reading responses that may never end, side by side, so that it can be ended at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import Final, Generic, TypeVar

import requests

from zona_core.errors import ZonaError

from ._errors import translated

__all__ = ["Pump", "chunks_of"]

T = TypeVar("T")

#: items that wait to be taken before reading pauses
_WAITING: Final = 2_000
#: seconds in which what comes nearly at once is taken together
_TOGETHER: Final = 0.1
#: seconds after which a blocked reader looks whether it is still wanted
_LOOK: Final = 0.5


def chunks_of(response: requests.Response) -> Iterator[bytes]:
    """The body as it comes in."""
    yield from response.raw.stream(decode_content=True)


class Pump(Generic[T]):
    """Reads any number of responses, each in a thread of its own; ``close`` ends them all, also while they wait."""

    def __init__(self) -> None:
        self._items: Queue[T | ZonaError] = Queue(_WAITING)
        self._readers: dict[str, _Reader[T]] = {}

    def add(
        self, key: str, opened: Callable[[], requests.Response], parsed: Callable[[Iterator[bytes]], Iterable[T]]
    ) -> None:
        """Reads one more: what ``opened`` gives, as the items that ``parsed`` makes of its body."""
        self._readers[key] = _Reader(self._items, opened, parsed)
        self._readers[key].start()

    def reading(self) -> set[str]:
        """Keys of those that have not ended."""
        return {key for key, reader in self._readers.items() if reader.is_alive()}

    def taken(self, timeout: float) -> list[T]:
        """What has come, after ``timeout`` seconds at the latest; raises what ended a reader."""
        found: list[T] = []
        with suppress(Empty):
            found.append(_good(self._items.get(timeout=timeout)))
            ends_at = time.monotonic() + _TOGETHER
            while len(found) < _WAITING:
                found.append(_good(self._items.get(timeout=max(ends_at - time.monotonic(), 0))))
        return found

    def close(self) -> None:
        """Ends all of them."""
        for reader in self._readers.values():
            reader.end()
        for reader in self._readers.values():
            reader.join()


def _good(item: T | ZonaError) -> T:
    if isinstance(item, ZonaError):
        raise item
    return item


class _Reader(Thread, Generic[T]):
    def __init__(
        self,
        items: Queue[T | ZonaError],
        opened: Callable[[], requests.Response],
        parsed: Callable[[Iterator[bytes]], Iterable[T]],
    ) -> None:
        super().__init__(daemon=True, name="zona-docker-stream")
        self._items = items
        self._opened = opened
        self._parsed = parsed
        self._ended = Event()
        self._response: requests.Response | None = None
        self._lock = Lock()

    def run(self) -> None:
        """Reads to the end, or until it is not wanted any more."""
        try:
            with self._opened() as response:
                with self._lock:
                    self._response = response
                try:
                    with translated("read a stream"):
                        self._read(response)
                finally:
                    with self._lock:
                        self._response = None
        except ZonaError as error:
            if not self._ended.is_set():
                self._put(error)

    def end(self) -> None:
        """Has it end soon: also if it waits for the engine."""
        self._ended.set()
        with self._lock:
            if self._response is not None:
                # One that has just been read to its end has no connection any more.
                with suppress(ValueError, RuntimeError, OSError):
                    self._response.raw.shutdown()

    def _read(self, response: requests.Response) -> None:
        if self._ended.is_set():
            return
        for item in self._parsed(chunks_of(response)):
            if not self._put(item):
                return

    def _put(self, item: T | ZonaError) -> bool:
        while not self._ended.is_set():
            with suppress(Full):
                self._items.put(item, timeout=_LOOK)
                return True
        return False
