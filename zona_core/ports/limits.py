"""The rate limit port (SPEC §5)."""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["RateLimiter", "Verdict"]


class Verdict(NamedTuple):
    """What a limiter says of one request."""

    allowed: bool
    #: how many more there may be now
    remaining: int
    #: seconds until there may be more than that
    reset_after: float


class RateLimiter(Protocol):
    """Counts requests by key. Safe to use from several threads.

    Where it cannot count (its server is away) it allows: a limit protects a service, it must not take it down.
    """

    def hit(self, key: str, limit: int, per: float) -> Verdict:
        """Counts one request against ``limit`` requests in ``per`` seconds; one that is refused is not counted."""

    def reset(self, key: str) -> None:
        """Forgets what was counted for the key."""

    def close(self) -> None:
        """Releases connections. Closing twice does nothing."""
