"""A rate limiter whose counts are in the store: one count for every process, also after a restart.

It is for what must not be got around, such as attempts to log in: each hit is one or two writes. Requests are counted
in fixed windows of ``per`` seconds since 1970; at the edge of two windows there may be twice the limit at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from zona_core.errors import StoreUnavailable
from zona_core.ports.limits import Refusal, Verdict
from zona_core.ports.store import Change, Collection, CollectionSpec, Index, Range

__all__ = ["RATES", "StoreRateLimiter"]

#: a document for each key, period and window: ``count``, and ``until``, when the window is over
RATES: Final = CollectionSpec(name="rates", indexes=(Index(name="expiry", fields=("until",), ttl=0.0),))

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_MORE: Final = Change(increment={"count": 1})


class StoreRateLimiter:
    """See ``zona_core.ports.limits.RateLimiter``.

    ``rates`` is the collection that ``RATES`` describes, ``now`` the store's clock, which all processes share. Keys may
    hold names: only their SHA-256 gets into the store. Not for use within a transaction, whose end in an error would
    undo the count.
    """

    def __init__(self, rates: Collection, now: Callable[[], datetime]) -> None:
        self._rates = rates
        self._now = now

    def hit(self, key: str, limit: int, per: float) -> Verdict:
        """See ``RateLimiter.hit``. Raises ``ValueError`` for a ``per`` that is no time above 0."""
        if not 0 < per < float("inf"):
            raise ValueError(f"{per!r} is no time above 0")
        now = self._now()
        since = (now - _EPOCH).total_seconds()
        window = int(since // per)
        reset_after = (window + 1) * per - since
        if limit < 1:
            return Verdict(False, 0, reset_after)
        until = now + timedelta(seconds=reset_after)
        try:
            count = self._counted(f"{_digest(key)}:{float(per)!r}:{window}", limit, until)
        except StoreUnavailable:
            return Verdict(True, limit, 0.0)
        return Verdict(False, 0, reset_after) if count is None else Verdict(True, limit - count, reset_after)

    def admit(self, asked: Sequence[tuple[str, int]], per: float) -> Refusal | None:
        """See ``RateLimiter.admit``."""
        for index, (key, limit) in enumerate(asked):
            verdict = self.hit(key, limit, per)
            if not verdict.allowed:
                return Refusal(index, verdict.reset_after)
        return None

    def reset(self, key: str) -> None:
        """See ``RateLimiter.reset``. Does nothing while the store is away."""
        digest = _digest(key)
        with suppress(StoreUnavailable):
            self._rates.delete_many({"_id": Range(gt=f"{digest}:", lt=f"{digest};")})  # ";" comes next after ":"

    def close(self) -> None:
        """Does nothing: the store is its owner's to close."""

    def _counted(self, key: str, limit: int, until: datetime) -> int | None:
        """The count with this request; None if it is at the limit, and then nothing is counted."""
        if self._rates.insert_many([{"_id": key, "count": 1, "until": until}]):
            return 1
        # NOTE: nothing is found as well if the key was reset since the line above; the next request counts again.
        found = self._rates.find_and_modify({"_id": key, "count": Range(lt=limit)}, _ONE_MORE)
        return None if found is None else int(found["count"])


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
