"""The reckoning of a sliding window counter, for limiters that count in fixed windows."""

from __future__ import annotations

__all__ = ["until_below"]


def until_below(wanted: int, previous: int, current: int, passed: float) -> float:
    """Windows until fewer than ``wanted`` count, if no more come.

    ``current`` and ``previous`` are the counts of this window and the last one; ``passed`` of this one is over (0-1).
    """
    if wanted < 1:
        return 1.0
    if current < wanted:  # the last window's part gets small enough while this one lasts
        return max(1 - (wanted - current) / previous - passed, 0.0)
    return 1 - passed + (1 - wanted / current)
