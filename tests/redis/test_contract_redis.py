"""The cache over Redis keeps the contract: with its near layer, and with the far one alone; so does the limiter."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from real_servers import RedisServer

from zona_core.testing.cache_contract import CacheContract
from zona_core.testing.limiter_contract import ManualTime, RateLimiterContract
from zona_redis.cache import LayeredCache
from zona_redis.limits import RedisRateLimiter


class Hands:
    """The two clocks of a cache, moved by hand together."""

    def __init__(self) -> None:
        self.passed = 0.0

    def today(self) -> float:
        return time.time() + self.passed

    def now(self) -> float:
        return time.monotonic() + self.passed

    def move(self, seconds: float) -> None:
        self.passed += seconds


class LayeredCacheContract(CacheContract):
    """The contract, on a cache over the server."""

    options = ""

    @pytest.fixture
    def hands(self) -> Hands:
        return Hands()

    @pytest.fixture
    def cache(self, hands: Hands, shared_server: RedisServer, prefix: str) -> LayeredCache:
        url = f"{shared_server.url}?prefix={prefix}&timeout=2{self.options}"
        return LayeredCache(url, now=hands.now, today=hands.today)

    @pytest.fixture
    def pass_time(self, hands: Hands) -> Callable[[float], None]:
        return hands.move


class TestBothLayers(LayeredCacheContract):
    """As it is used."""


class TestFarLayerAlone(LayeredCacheContract):
    """Every value comes from Redis."""

    options = "&size=0"


class TestRedisRateLimiter(RateLimiterContract):
    """The contract, on a limiter over the server."""

    @pytest.fixture
    def clock(self) -> ManualTime:
        return ManualTime()

    @pytest.fixture
    def limiter(self, clock: ManualTime, shared_server: RedisServer, prefix: str) -> RedisRateLimiter:
        return RedisRateLimiter(f"{shared_server.url}?prefix={prefix}&timeout=2", now=clock.time)


class TestTheServersTime:
    """Without a clock of its own the limiter goes by the server's."""

    def test_it_counts(self, shared_server: RedisServer, prefix: str) -> None:
        """Windows of the server's time are counted as any others."""
        limiter = RedisRateLimiter(f"{shared_server.url}?prefix={prefix}&timeout=2")
        verdicts = [limiter.hit("a", 3, 86_400.0) for _ in range(4)]
        assert [(verdict.allowed, verdict.remaining) for verdict in verdicts] == [
            (True, 2),
            (True, 1),
            (True, 0),
            (False, 0),
        ]
        assert 0 < verdicts[-1].reset_after <= 2 * 86_400
        limiter.close()
