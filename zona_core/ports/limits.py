"""The rate limit port (SPEC §5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

__all__ = ["RateLimiter", "Refusal", "Verdict"]


class Verdict(NamedTuple):
    """What a limiter says of one request."""

    allowed: bool
    #: how many more there may be now
    remaining: int
    #: seconds until there may be more than that
    reset_after: float


class Refusal(NamedTuple):
    """Which of several limits refuses one request."""

    #: among those that were asked, from 0
    place: int
    #: seconds until it may allow again
    retry_after: float


class RateLimiter(Protocol):
    """Counts requests by key. Safe to use from several threads.

    Where it cannot count (its server is away) it allows: a limit protects a service, it must not take it down.
    """

    def hit(self, key: str, limit: int, per: float) -> Verdict:
        """Counts one request against ``limit`` requests in ``per`` seconds; one that is refused is not counted."""

    def admit(self, asked: Sequence[tuple[str, int]], per: float) -> Refusal | None:
        """Counts one request against the limit of each of several keys (``asked``: pairs) in ``per`` seconds.

        None if all allow it; else which one refuses, and then that one and those after it have not counted.
        """

    def reset(self, key: str) -> None:
        """Forgets what was counted for the key."""

    def close(self) -> None:
        """Releases connections. Closing twice does nothing."""
