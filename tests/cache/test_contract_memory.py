"""The cache in memory keeps the contract, and its bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zona_cache._memory import ENTRY_BYTES, MemoryCache, NoCache
from zona_core.testing.cache_contract import CacheContract


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += seconds


class TestMemoryCache(CacheContract):
    """The contract, on the cache in memory."""

    @pytest.fixture
    def hand(self) -> Hand:
        return Hand()

    @pytest.fixture
    def cache(self, hand: Hand) -> MemoryCache:
        return MemoryCache(1_000_000, now=hand)

    @pytest.fixture
    def pass_time(self, hand: Hand) -> Callable[[float], None]:
        return hand.move


def room_for(count: int, size: int) -> int:
    """The bytes that ``count`` values of ``size`` bytes under keys of one character take."""
    return count * (ENTRY_BYTES + 4 + size)


def kept(cache: MemoryCache, keys: str) -> str:
    """Those of the keys whose values are kept; asking uses them, in this order."""
    return "".join(key for key in keys if cache.get(key) is not None)


def test_what_was_not_used_for_the_longest_time_goes_first() -> None:
    """Where there is no room, reading and putting anew keep an entry, age alone does not."""
    cache = MemoryCache(room_for(3, 100))
    for key in "abc":
        cache.put(key, bytes(100), ttl=60)
    cache.get("a")
    cache.put("b", bytes(100), ttl=60)
    cache.put("d", bytes(100), ttl=60)
    assert kept(cache, "abcd") == "abd"


def test_a_large_value_takes_the_room_of_several() -> None:
    """So many go as the new value needs, and no more."""
    cache = MemoryCache(room_for(4, 100))
    for key in "abcd":
        cache.put(key, bytes(100), ttl=60)
    cache.put("e", bytes(400), ttl=60)
    assert kept(cache, "abcde") == "cde"


def test_what_is_larger_than_the_room_is_not_kept() -> None:
    """Nothing makes way for a value that does not fit, but the one that it replaces."""
    cache = MemoryCache(room_for(2, 100))
    for key in "ab":
        cache.put(key, bytes(100), ttl=60)
    cache.put("a", bytes(10_000), ttl=60)
    assert kept(cache, "ab") == "b"


def test_room_that_was_given_back_can_be_used() -> None:
    """Replaced, expired and evicted values leave no trace in the count of bytes."""
    hand = Hand()
    cache = MemoryCache(room_for(2, 100), now=hand)
    for turn in range(50):
        cache.put("ab"[turn % 2], bytes(turn), ttl=1)
        cache.put("c", bytes(100), ttl=1)
        hand.move(turn % 3)
        kept(cache, "abc")
    hand.move(1)
    assert kept(cache, "abc") == ""
    assert repr(cache) == f"<MemoryCache, 0 entries, 0 of {room_for(2, 100)} bytes>"
    for key in "ab":
        cache.put(key, bytes(100), ttl=60)
    assert kept(cache, "ab") == "ab"


def test_a_closed_cache_keeps_nothing() -> None:
    """After ``close`` everything is forgotten, and so is what comes later."""
    cache = MemoryCache(1_000_000)
    cache.put("a", b"1", ttl=60)
    cache.close()
    assert cache.get("a") is None
    cache.put("a", b"1", ttl=60)
    assert cache.get("a") is None


def test_no_cache_keeps_nothing() -> None:
    """``off:`` takes everything and gives nothing."""
    cache = NoCache()
    cache.put("a", b"1", ttl=60)
    assert cache.get("a") is None
    cache.close()


def test_nothing_kept_is_shown() -> None:
    """A cache's repr has neither keys nor values."""
    cache = MemoryCache(1_000_000)
    cache.put("some key", b"some value", ttl=60)
    assert "some" not in repr(cache)
