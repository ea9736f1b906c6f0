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

The cache has room for a few ten thousand bytes at least and is closed by the suite. A cache may forget at any time: the
suite asks for what was put there a moment ago with nothing in between. This module needs pytest.
"""

from __future__ import annotations

import threading
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

    def test_what_was_under_a_forgotten_tag_is_gone(self, cache: Cache) -> None:
        """An entry goes with any one of its tags; those under others, or under none, stay."""
        cache.put("both", b"1", ttl=60, tags=("x", "y"))
        cache.put("x", b"2", ttl=60, tags=["x"])
        cache.put("y", b"3", ttl=60, tags=iter(["y", "y"]))
        cache.put("none", b"4", ttl=60)
        assert [cache.get(key) for key in ("both", "x", "y", "none")] == [b"1", b"2", b"3", b"4"]
        cache.forget("x")
        assert [cache.get(key) for key in ("both", "x", "y", "none")] == [None, None, b"3", b"4"]

    def test_forgetting_what_is_not_there(self, cache: Cache) -> None:
        """No tag, a tag that nothing is under, and a tag named like a key or like a part of another do no harm."""
        cache.put("a", b"1", ttl=60, tags=["long"])
        cache.forget()
        cache.forget("a", "lon", "long ", "LONG", "")
        assert cache.get("a") == b"1"

    @pytest.mark.parametrize("tag", ["", "é/密:\0", "x" * 500, "{a}{b}", "*"])
    def test_any_text_is_a_tag(self, cache: Cache, tag: str) -> None:
        """Whatever characters a tag has, it is a tag like any other."""
        cache.put("a", b"1", ttl=60, tags=[tag])
        assert cache.get("a") == b"1"
        cache.forget(tag)
        assert cache.get("a") is None

    def test_many_tags(self, cache: Cache) -> None:
        """An entry may have many tags, and many may be forgotten at once."""
        tags = [f"tag {number}" for number in range(100)]
        cache.put("all", b"1", ttl=60, tags=tags)
        cache.put("other", b"2", ttl=60, tags=["another"])
        assert cache.get("all") == b"1"
        cache.forget(*(f"tag {number}" for number in range(99, 2_000)))
        assert [cache.get("all"), cache.get("other")] == [None, b"2"]

    def test_a_forgotten_tag_can_be_used_again(self, cache: Cache) -> None:
        """What is put under a tag after it was forgotten is kept, again and again."""
        for number in range(3):
            value = b"%d" % number
            cache.put("a", value, ttl=60, tags=["x"])
            assert cache.get("a") == value
            cache.forget("x")
        cache.put("a", b"last", ttl=60, tags=["x"])
        assert cache.get("a") == b"last"

    def test_the_latest_value_has_its_own_tags(self, cache: Cache) -> None:
        """The tags of a value that was replaced count no more, the new value's do."""
        cache.put("a", b"1", ttl=60, tags=["x"])
        cache.put("a", b"2", ttl=60, tags=["y"])
        cache.forget("x")
        assert cache.get("a") == b"2"
        cache.forget("y")
        assert cache.get("a") is None
        cache.put("a", b"3", ttl=60)
        cache.forget("x", "y")
        assert cache.get("a") == b"3"

    def test_what_was_made_before_a_change_is_not_kept(self, cache: Cache) -> None:
        """Who asked for a value before a tag was forgotten may have made it of what is no more."""
        assert [cache.get("a"), cache.get("b"), cache.get("c")] == [None] * 3
        cache.forget("x")
        cache.put("a", b"old", ttl=60, tags=["x", "z"])
        cache.put("b", b"unchanged", ttl=60, tags=["y"])
        cache.put("c", b"no tags", ttl=60)
        assert [cache.get("a"), cache.get("b"), cache.get("c")] == [None, b"unchanged", b"no tags"]

    def test_what_another_thread_made_before_a_change_is_not_kept(self, cache: Cache) -> None:
        """It counts when the thread that puts has asked, whoever forgets."""
        asked, forgotten = threading.Event(), threading.Event()

        def make() -> None:
            assert cache.get("a") is None
            asked.set()
            assert forgotten.wait(60)
            cache.put("a", b"old", ttl=60, tags=["x"])

        def change() -> None:
            assert asked.wait(60)
            cache.forget("x")
            forgotten.set()

        in_threads([make, change])
        assert cache.get("a") is None

    def test_watchers_are_told(self, cache: Cache) -> None:
        """Each of them learns of each tag before ``forget`` returns, also when one of them fails."""
        first: list[str | None] = []
        second: list[str | None] = []

        def failing(tag: str | None) -> None:
            first.append(tag)
            raise RuntimeError("of the watcher")

        cache.watch(failing)
        cache.watch(second.append)
        cache.forget("x", "y")
        cache.forget("x")
        assert [tag for tag in first if tag is not None] == ["x", "y", "x"]
        assert [tag for tag in second if tag is not None] == ["x", "y", "x"]

    def test_it_is_available(self, cache: Cache) -> None:
        """A cache that works says so."""
        assert cache.available is True

    def test_closing_twice(self, cache: Cache) -> None:
        """A cache may be closed again."""
        cache.put("a", b"1", ttl=60)
        cache.close()
        cache.close()
