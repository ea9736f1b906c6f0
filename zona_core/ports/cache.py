"""The cache port (SPEC §4.8)."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Cache"]


class Cache(Protocol):
    """Bytes by key, for a while. Safe to use from several threads.

    It may forget anything at any time and never says what was not put there. Keys carry the generation of what they
    were made from, so that a change makes old entries unreachable rather than wrong.
    """

    def get(self, key: str) -> bytes | None:
        """What was put there, unless it was forgotten or is past its time."""

    def put(self, key: str, value: bytes, *, ttl: float) -> None:
        """Keeps ``value`` for up to ``ttl`` seconds."""

    def close(self) -> None:
        """Releases connections. Closing twice does nothing."""
