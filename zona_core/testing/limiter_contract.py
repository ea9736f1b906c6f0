"""What every ``RateLimiter`` must do, as tests.

An adapter's author subclasses ``RateLimiterContract`` in a test module and gives it the fixtures ``limiter`` and
``clock``::

    class TestMyLimiter(RateLimiterContract):
        @pytest.fixture
        def clock(self):
            return ManualTime()

        @pytest.fixture
        def limiter(self, clock):
            return MyLimiter(now=clock.time)

The limiter takes the time from the clock, counts nothing yet, and is closed by the suite. Windows may be fixed or
slide: the suite says only what holds for both. This module needs pytest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import pytest

from zona_core.ports.limits import RateLimiter

from ._contract_base import in_threads

__all__ = ["ManualTime", "RateLimiterContract"]

PER: Final = 60.0


class ManualTime:
    """A clock that stands still until it is moved; it begins where a window of any whole length up to an hour does."""

    def __init__(self) -> None:
        self._seconds = 1_700_000_000.0 // 3600 * 3600

    def time(self) -> float:
        """Seconds since 1970."""
        return self._seconds

    def now(self) -> datetime:
        """The same as an aware datetime in UTC."""
        return datetime.fromtimestamp(self._seconds, UTC)

    def advance(self, seconds: float) -> None:
        """Moves it."""
        self._seconds += seconds


class RateLimiterContract:
    """The contract; see ``zona_core.ports.limits``."""

    @pytest.fixture
    def clock(self) -> ManualTime:
        """The time that the limiter goes by."""
        raise pytest.UsageError("the subclass of RateLimiterContract lacks the fixture clock")

    @pytest.fixture
    def limiter(self, clock: ManualTime) -> RateLimiter:  # noqa: ARG002  # the fixture's shape
        """A limiter that has counted nothing."""
        raise pytest.UsageError("the subclass of RateLimiterContract lacks the fixture limiter")

    @pytest.fixture(autouse=True)
    def closed_limiter(self, limiter: RateLimiter) -> Iterator[None]:
        """Closes the limiter after each test."""
        yield
        limiter.close()

    def test_so_many_and_no_more(self, limiter: RateLimiter) -> None:
        """The limit's number of requests is allowed, each telling how many are left; the next one is refused."""
        verdicts = [limiter.hit("a", 3, PER) for _ in range(5)]
        assert [(verdict.allowed, verdict.remaining) for verdict in verdicts] == [
            (True, 2),
            (True, 1),
            (True, 0),
            (False, 0),
            (False, 0),
        ]

    @pytest.mark.parametrize("start", [0.0, 1.0, 29.0, 59.0])
    def test_the_time_it_names_is_enough(self, limiter: RateLimiter, clock: ManualTime, start: float) -> None:
        """After ``reset_after`` seconds a refused request is allowed, wherever in its window it came."""
        clock.advance(start)
        for _ in range(7):
            limiter.hit("a", 7, PER)
        for _ in range(10):
            refused = limiter.hit("a", 7, PER)
            assert not refused.allowed
            assert 0 < refused.reset_after <= 2 * PER
            clock.advance(refused.reset_after)
            allowed = limiter.hit("a", 7, PER)
            assert allowed.allowed
            for _ in range(allowed.remaining):
                assert limiter.hit("a", 7, PER).allowed

    def test_a_limit_of_one(self, limiter: RateLimiter, clock: ManualTime) -> None:
        """One request in each period, and the time that is named is right for it, too."""
        for _ in range(4):
            assert limiter.hit("a", 1, PER).allowed
            refused = limiter.hit("a", 1, PER)
            assert not refused.allowed
            clock.advance(refused.reset_after)

    def test_all_is_free_again(self, limiter: RateLimiter, clock: ManualTime) -> None:
        """Two periods later nothing counts any more."""
        for _ in range(3):
            limiter.hit("a", 3, PER)
        clock.advance(2 * PER)
        assert limiter.hit("a", 3, PER).remaining == 2

    def test_what_is_refused_does_not_count(self, limiter: RateLimiter, clock: ManualTime) -> None:
        """Refusals neither put off the time when there may be more nor take anything from it."""
        for _ in range(2):
            limiter.hit("a", 2, PER)
        first = limiter.hit("a", 2, PER)
        for _ in range(50):
            limiter.hit("a", 2, PER)
        assert limiter.hit("a", 2, PER).reset_after == pytest.approx(first.reset_after)
        clock.advance(first.reset_after)
        assert limiter.hit("a", 2, PER).allowed

    def test_keys_have_nothing_to_do_with_one_another(self, limiter: RateLimiter) -> None:
        """Each key has counts of its own, however alike keys look and whatever characters they have."""
        for key in ("a", "A", "a/", "a:1", "/a", "a\0", "", "é", "\ud800", "x" * 5000):
            assert limiter.hit(key, 1, PER).allowed
            assert not limiter.hit(key, 1, PER).allowed

    def test_periods_are_counted_apart(self, limiter: RateLimiter) -> None:
        """A key may have a limit in the second and another one in the hour."""
        assert limiter.hit("a", 1, 1.0).allowed
        assert limiter.hit("a", 1, 3600.0).allowed
        assert limiter.hit("a", 1, 0.5).allowed
        assert not limiter.hit("a", 1, 1).allowed
        assert not limiter.hit("a", 1, 3600).allowed

    def test_another_limit_judges_the_same_count(self, limiter: RateLimiter) -> None:
        """A limit that is raised or lowered holds at once, for what was counted before."""
        for _ in range(4):
            limiter.hit("a", 4, PER)
        assert not limiter.hit("a", 2, PER).allowed
        assert limiter.hit("a", 6, PER).remaining == 1

    def test_a_limit_of_none(self, limiter: RateLimiter) -> None:
        """A limit of 0 allows nothing."""
        verdict = limiter.hit("a", 0, PER)
        assert (verdict.allowed, verdict.remaining) == (False, 0)
        assert verdict.reset_after > 0

    def test_several_limits_at_once(self, limiter: RateLimiter) -> None:
        """All have counted, or it says which one refuses; neither that one nor those after it have counted then."""
        asked = [("a", 3), ("b", 2), ("c", 3)]
        assert limiter.admit(asked, PER) is None
        assert limiter.admit(asked, PER) is None
        refusal = limiter.admit(asked, PER)
        assert refusal is not None
        assert refusal.place == 1
        assert 0 < refusal.retry_after <= 2 * PER
        assert [limiter.hit(key, 10, PER).remaining for key in ("b", "c")] == [7, 7]
        assert limiter.admit([], PER) is None

    def test_hits_and_admissions_are_one_count(self, limiter: RateLimiter, clock: ManualTime) -> None:
        """What was counted by one method counts for the other, and it is free again at the time that is named."""
        limiter.hit("a", 2, PER)
        assert limiter.admit([("a", 2)], PER) is None
        assert not limiter.hit("a", 2, PER).allowed
        refusal = limiter.admit([("a", 2)], PER)
        assert refusal is not None
        clock.advance(refusal.retry_after)
        assert limiter.admit([("a", 2)], PER) is None

    def test_reset(self, limiter: RateLimiter) -> None:
        """What was counted for a key is forgotten in all its periods, and of no other key."""
        for key in ("a", "ab"):
            for per in (1.0, PER):
                limiter.hit(key, 1, per)
        limiter.reset("a")
        limiter.reset("never seen")
        assert [limiter.hit("a", 1, per).allowed for per in (1.0, PER)] == [True, True]
        assert [limiter.hit("ab", 1, per).allowed for per in (1.0, PER)] == [False, False]

    @pytest.mark.parametrize("per", [0, -1.0, float("inf"), float("nan")])
    def test_a_period_is_a_time(self, limiter: RateLimiter, per: float) -> None:
        """What is no time above 0 raises ``ValueError``."""
        with pytest.raises(ValueError, match="no time"):
            limiter.hit("a", 1, per)

    def test_threads_do_not_get_past_it(self, limiter: RateLimiter) -> None:
        """Of requests in several threads just as many are allowed as of requests in one."""

        def hits() -> int:
            return sum(limiter.hit("a", 40, PER).allowed for _ in range(20))

        assert sum(in_threads([hits] * 6)) == 40

    def test_closing_twice(self, limiter: RateLimiter) -> None:
        """A limiter may be closed again."""
        limiter.hit("a", 1, PER)
        limiter.close()
        limiter.close()
