"""The cache port (SPEC §4.8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

__all__ = ["Cache"]


class Cache(Protocol):
    """Bytes by key, for a while, perhaps shared by several processes. Safe to use from several threads.

    It may forget anything at any time and never says what was not put there. What is kept is right in one of two ways.
    A key carries the generation of what its value was made from, so that a change makes old entries unreachable rather
    than wrong; or its value is put under *tags*, and who changes what it was made from forgets them afterwards.

    No method raises because something shared is away: then nothing is found there and nothing is kept there.
    """

    def get(self, key: str) -> bytes | None:
        """What was put there, unless it was forgotten or is past its time."""

    def put(self, key: str, value: bytes, *, ttl: float, tags: Iterable[str] = ()) -> None:
        """Keeps ``value`` for up to ``ttl`` seconds, or until one of its tags is forgotten.

        If this thread has asked for the key before and found nothing, the value counts as made from then on; else, as
        made now. If one of its tags was forgotten since, it is not kept: it may have been made before the change.
        """

    def forget(self, *tags: str) -> None:
        """What was put under any of the tags is gone: here when the call returns, in other processes by a message.

        To be called when the change can be seen by everyone, so after the commit of its transaction.
        """

    def watch(self, told: Callable[[str | None], None]) -> None:
        """Has ``told`` called with each tag that any process which shares the cache forgets, this one included.

        It is called with None when messages may have been missed: then everything that was built on them is in doubt.
        It is called in whatever thread learns of it, has to be quick, and what it raises is logged.
        """

    @property
    def available(self) -> bool:
        """Whether what is shared answers now; for reports. A cache of one process always answers."""

    def close(self) -> None:
        """Releases connections. Closing twice does nothing."""
