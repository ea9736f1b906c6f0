"""A rate limiter whose counts are in Redis: one count for all processes; a sliding window counter.

It counts as the limiter in memory does: what counts at a moment is this window's count and the part of the last one's
that reaches into the ``per`` seconds before that moment, as if its requests had come evenly. A key's counts are fields
of one hash, one for each period, so that they are on one server of a cluster and go together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from redis.cluster import RedisCluster

from zona_core.ports.limits import Refusal, Verdict
from zona_core.sliding_window import until_below
from zona_redis._connect import Client
from zona_redis._entries import encoded
from zona_redis._link import Link, Nobody
from zona_redis._location import LIMIT_OPTIONS, Location
from zona_redis._scripts import COUNT

__all__ = ["RedisRateLimiter"]

#: seconds added to what is reckoned, since neither clocks nor sums of fractions are exact
_MARGIN: Final = 0.001

#: which one refuses (from 1; 0 for none); of that or the last one: this window's count, the last one's, what is over
_Counted = tuple[int, int, int, float]


class RedisRateLimiter:
    """See ``zona_core.ports.limits.RateLimiter``; raises ``ConfigurationError`` for a URL that cannot be used.

    The time is the server's, or what ``now`` gives: seconds since 1970. Keys may hold names: only a digest of them gets
    to Redis.
    """

    def __init__(self, url: str, *, now: Callable[[], float] | None = None) -> None:
        location = Location.parsed(url, LIMIT_OPTIONS)
        self._prefix = encoded(f"{location.prefix}:r:")
        self._now = now
        self._link = Link(location, "rate limiter", Nobody())

    def hit(self, key: str, limit: int, per: float) -> Verdict:
        """See ``RateLimiter.hit``. Raises ``ValueError`` for a ``per`` that is no time above 0."""
        _check(per)
        if limit < 1:
            return Verdict(False, 0, per + _MARGIN)
        counted = self._link.run(lambda client: self._counted(client, [(key, limit)], per), None)
        if counted is None:
            return Verdict(True, limit, 0.0)
        place, current, previous, passed = counted
        used = int(previous * (1 - passed)) + current
        return Verdict(not place, max(limit - used, 0), _wait(min(used, limit), counted, per))

    def admit(self, asked: Sequence[tuple[str, int]], per: float) -> Refusal | None:
        """See ``RateLimiter.admit``. One round trip; in a cluster one for each key, and those before have counted."""
        _check(per)
        counted = self._link.run(lambda client: self._admitted(client, asked, per), None) if asked else None
        if counted is None or not counted[0]:
            return None
        place = counted[0] - 1
        return Refusal(place, _wait(asked[place][1], counted, per))

    def reset(self, key: str) -> None:
        """See ``RateLimiter.reset``. Does nothing while Redis is away."""
        self._link.run(lambda client: client.unlink(self._name(key)), 0)

    @property
    def available(self) -> bool:
        """Whether Redis answers now; while it does not, everything is allowed."""
        return self._link.whole

    def close(self) -> None:
        """See ``RateLimiter.close``."""
        self._link.close()

    def _admitted(self, client: Client, asked: Sequence[tuple[str, int]], per: float) -> _Counted:
        if not isinstance(client, RedisCluster):
            return self._counted(client, asked, per)
        counted: _Counted = 0, 0, 0, 0.0
        for place, one in enumerate(asked, 1):
            counted = self._counted(client, [one], per)
            if counted[0]:
                return place, *counted[1:]
        return counted

    def _counted(self, client: Client, asked: Sequence[tuple[str, int]], per: float) -> _Counted:
        now = "" if self._now is None else repr(self._now())
        names = [self._name(key) for key, _ in asked]
        place, current, previous, passed = COUNT(client, names, repr(float(per)), now, *(limit for _, limit in asked))
        return int(place), int(current), int(previous), float(passed)

    def _name(self, key: str) -> bytes:
        return self._prefix + hashlib.blake2b(encoded(key), digest_size=16).hexdigest().encode()


def _check(per: float) -> None:
    if not 0 < per < float("inf"):
        raise ValueError(f"{per!r} is no time above 0")


def _wait(used: int, counted: _Counted, per: float) -> float:
    _, current, previous, passed = counted
    return until_below(used, previous, current, passed) * per + _MARGIN
