"""What every ``Cache`` must do, as tests.

An adapter's author subclasses ``CacheContract`` in a test module and gives it the fixtures ``cache`` and
``pass_time``::

    class TestMyCache(CacheContract):
        @pytest.fixture
        def cache(self):
            return MyCache(now=...)

        @pytest.fixture
        def pass_time(self, cache):
            return lambda seconds: ...

The cache has room for a few thousand bytes at least and is closed by the suite. A cache may forget at any time: the
suite asks for what was put there a moment ago with nothing in between. This module needs pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from zona_core.ports.cache import Cache

from ._contract_base import in_threads

__all__ = ["CacheContract"]


class CacheContract:
    """The contract; see ``zona_core.ports.cache``."""

    @pytest.fixture
    def cache(self) -> Cache:
        """An empty cache."""
        raise pytest.UsageError("the subclass of CacheContract lacks the fixture cache")

    @pytest.fixture
    def pass_time(self) -> Callable[[float], None]:
        """Lets so many seconds pass for the cache."""
        raise pytest.UsageError("the subclass of CacheContract lacks the fixture pass_time")

    @pytest.fixture(autouse=True)
    def closed_cache(self, cache: Cache) -> Iterator[None]:
        """Closes the cache after each test."""
        yield
        cache.close()

    @pytest.mark.parametrize("key", ["a", "", "é/密:\0", "x" * 500])
    @pytest.mark.parametrize("value", [b"", b"\0\xff", bytes(1000)])
    def test_what_was_put_there(self, cache: Cache, key: str, value: bytes) -> None:
        """A value is given as it was put there, again and again."""
        cache.put(key, value, ttl=60)
        assert [cache.get(key), cache.get(key)] == [value, value]

    def test_what_was_never_put_there(self, cache: Cache) -> None:
        """A key that is not there gives None, and so does one that is like another."""
        cache.put("a", b"1", ttl=60)
        assert [cache.get("b"), cache.get("A"), cache.get("a "), cache.get("")] == [None] * 4

    def test_the_latest_counts(self, cache: Cache) -> None:
        """A value takes the place of the one before it, with its own time."""
        cache.put("a", b"1", ttl=60)
        cache.put("a", b"22", ttl=60)
        assert cache.get("a") == b"22"

    def test_it_is_kept_for_its_time(self, cache: Cache, pass_time: Callable[[float], None]) -> None:
        """Before its time is over a value is there, then no more; reading it prolongs nothing."""
        cache.put("short", b"1", ttl=10)
        cache.put("long", b"2", ttl=1000)
        pass_time(9)
        assert [cache.get("short"), cache.get("long")] == [b"1", b"2"]
        pass_time(1)
        assert [cache.get("short"), cache.get("long")] == [None, b"2"]

    def test_a_new_value_has_a_new_time(self, cache: Cache, pass_time: Callable[[float], None]) -> None:
        """The time of the value before it does not count."""
        cache.put("a", b"1", ttl=10)
        pass_time(8)
        cache.put("a", b"2", ttl=10)
        pass_time(8)
        assert cache.get("a") == b"2"

    @pytest.mark.parametrize("ttl", [0, -1.0, float("nan")])
    def test_no_time_at_all(self, cache: Cache, ttl: float) -> None:
        """What is to be kept for no time is not kept, and neither is what it replaces."""
        cache.put("a", b"1", ttl=60)
        cache.put("a", b"2", ttl=ttl)
        assert cache.get("a") is None

    def test_what_is_kept_does_not_change(self, cache: Cache) -> None:
        """Changing the buffer from which a value was put changes nothing that is kept."""
        buffer = bytearray(b"before")
        cache.put("a", buffer, ttl=60)  # type: ignore[arg-type]  # what a careless caller does
        buffer[:] = b"after!"
        assert cache.get("a") == b"before"

    def test_threads(self, cache: Cache) -> None:
        """In several threads each key gives one of the values that were put there whole, or None."""
        values = [bytes([number]) * 100 for number in range(4)]

        def use(value: bytes) -> set[bytes | None]:
            seen = set()
            for turn in range(500):
                cache.put(f"k{turn % 7}", value, ttl=60)
                seen.add(cache.get(f"k{(turn * 3) % 7}"))
            return seen

        seen = set().union(*in_threads([lambda value=value: use(value) for value in values]))  # type: ignore[misc]
        assert seen <= {None, *values}

    def test_closing_twice(self, cache: Cache) -> None:
        """A cache may be closed again."""
        cache.put("a", b"1", ttl=60)
        cache.close()
        cache.close()
