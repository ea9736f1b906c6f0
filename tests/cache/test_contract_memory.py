"""The cache in memory keeps the contract, and its bounds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from zona_cache._none import NoCache
from zona_core.memory_cache import ENTRY_BYTES, MemoryCache
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
    """``off:`` takes everything and gives nothing, but who watches it learns what this process forgets."""
    cache, told = NoCache(), []
    cache.watch(told.append)
    cache.put("a", b"1", ttl=60, tags=["x"])
    assert cache.get("a") is None
    cache.forget("x", "y")
    assert told == ["x", "y"]
    assert cache.available
    cache.close()


def test_nothing_kept_is_shown() -> None:
    """A cache's repr has neither keys nor values."""
    cache = MemoryCache(1_000_000)
    cache.put("some key", b"some value", ttl=60)
    assert "some" not in repr(cache)


def test_tags_count_as_bytes() -> None:
    """What an entry's tags take is given back with it, however it goes."""
    cache = MemoryCache(100_000)
    cache.put("a", b"1", ttl=60)
    plain = repr(cache)
    for leave in (lambda: cache.forget("x"), cache.doubt, lambda: cache.put("b", b"", ttl=0)):
        cache.put("b", bytes(100), ttl=60, tags=["x", "y" * 1_000])
        assert repr(cache) != plain
        leave()
        assert repr(cache) == plain
    cache.put("b", b"", ttl=60, tags=["y" * 100_000])
    assert (cache.get("b"), repr(cache)) == (None, plain)


def test_evicted_entries_leave_no_tags_behind() -> None:
    """A tag is known for as long as an entry has it."""
    cache = MemoryCache(5_000)
    for number in range(1_000):
        cache.put(str(number), b"", ttl=60, tags=[f"t{number}", "all"])
    assert 1 < len(cache._keys) < 15
    cache.forget("all")
    assert cache._keys == {}


def test_doubt_takes_whatever_has_tags() -> None:
    """What was kept by its key alone stays; what was asked for before is not kept under any tag; watchers learn it."""
    cache, told = MemoryCache(100_000), []
    cache.watch(told.append)
    cache.put("plain", b"1", ttl=60)
    cache.put("tagged", b"2", ttl=60, tags=["x"])
    assert cache.get("late") is None
    cache.doubt()
    cache.put("late", b"3", ttl=60, tags=["y"])
    assert [cache.get(key) for key in ("plain", "tagged", "late")] == [b"1", None, None]
    cache.put("late", b"4", ttl=60, tags=["y"])
    assert cache.get("late") == b"4"
    assert told == [None]


def test_many_forgotten_tags_need_no_room() -> None:
    """Only the latest ones are known; what was asked for before the others were forgotten is not kept under any tag."""
    cache = MemoryCache(100_000)
    assert cache.get("a") is None
    cache.forget("first")
    for number in range(10_000):
        cache.forget(f"t{number}")
    cache.put("a", b"old", ttl=60, tags=["never forgotten"])
    assert cache.get("a") is None
    assert len(cache._forgotten) == 4_096


def test_many_keys_that_nobody_puts_need_no_room() -> None:
    """A thread knows the latest ones that it asked for."""
    cache = MemoryCache(100_000)
    for number in range(10_000):
        cache.get(str(number))
    assert len(cache._asked._moments) == 1_024
    cache.forget("x")
    cache.put("9999", b"old", ttl=60, tags=["x"])
    assert cache.get("9999") is None


FORKED = """
import os, signal
from zona_core.memory_cache import MemoryCache

cache = MemoryCache(100_000)
told = []
cache.watch(told.append)
cache.put("a", b"1", ttl=60, tags=["x"])
assert cache.get("late") is None
cache.forget("y")
told.clear()
with cache._lock:  # as if another thread were at work at this very moment
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        assert cache.get("a") is None
        cache.put("a", b"2", ttl=60, tags=["x"])
        assert cache.get("a") == b"2"
        cache.put("late", b"old", ttl=60, tags=["y"])
        assert cache.get("late") is None
        cache.forget("x")
        os._exit(0 if cache.get("a") is None and told == ["x"] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert cache.get("a") == b"1" and told == []
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_begins_with_an_empty_one() -> None:
    """A child neither waits for a lock that its parent held nor changes what the parent keeps."""
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")
