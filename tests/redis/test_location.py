"""What the URLs of Redis say; what is wrong with one is named, and nothing of it is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import pytest

from zona_core.errors import ConfigurationError
from zona_core.hookspecs import PluginDetails
from zona_core.memory_cache import DEFAULT_BYTES
from zona_redis import plugin
from zona_redis._location import CACHE_OPTIONS, LIMIT_OPTIONS, Kind, Location
from zona_redis.cache import LayeredCache
from zona_redis.limits import RedisRateLimiter


def parsed(url: str) -> Location:
    """The location of a cache's URL."""
    return Location.parsed(url, CACHE_OPTIONS)


def test_one_server() -> None:
    """Host, port and database, with defaults for what is not said."""
    plain = parsed("redis://cache.example.com")
    assert (plain.kind, plain.tls, plain.addresses) == (Kind.ALONE, False, (("cache.example.com", 6379),))
    assert (plain.database, plain.username, plain.password) == (0, None, None)
    assert (plain.size, plain.prefix, plain.timeout) == (DEFAULT_BYTES, "zona", 0.1)
    full = parsed("rediss://us%40er:p%3Aw%2F@[::1]:7000/3?size=5M&prefix=a:b&timeout=0.25")
    assert (full.tls, full.addresses, full.database) == (True, (("::1", 7000),), 3)
    assert (full.username, full.password) == ("us@er", "p:w/")
    assert (full.size, full.prefix, full.timeout) == (5 * 2**20, "a:b", 0.25)
    assert full.shown == "[::1]:7000"


def test_a_password_without_a_user() -> None:
    """The default user has a password only."""
    location = parsed("redis://:secret@host")
    assert (location.username, location.password) == (None, "secret")


def test_sentinels() -> None:
    """Several sentinels, a database and the service's name."""
    location = parsed("redis+sentinel://:pw@a,b:1,[::2]:3/2/my%20master")
    assert (location.kind, location.database, location.service) == (Kind.SENTINEL, 2, "my master")
    assert location.addresses == (("a", 26379), ("b", 1), ("::2", 3))


def test_a_cluster() -> None:
    """Some of its nodes."""
    location = parsed("rediss+cluster://a,b:7001")
    assert (location.kind, location.tls, location.addresses) == (Kind.CLUSTER, True, (("a", 6379), ("b", 7001)))


def test_no_near_layer() -> None:
    """A size of 0 is one, too."""
    assert parsed("redis://host?size=0").size == 0


@pytest.mark.parametrize(
    ("url", "paths"),
    [
        ("redis:host", [""]),
        ("memcached://host", [""]),
        ("redis+other://host", [""]),
        ("redis://host#part", [""]),
        ("redis://", [""]),
        ("redis://a,b", [""]),
        ("redis://host:0", [""]),
        ("redis://host:65536", [""]),
        ("redis://ho st", [""]),
        ("redis://user@host", [""]),
        ("redis://host/x", [""]),
        ("redis://host/0/service", [""]),
        ("redis+sentinel://host/0", [""]),
        ("redis+sentinel://host", [""]),
        ("redis+sentinel://a,,b/0/service", [""]),
        ("redis+cluster://host/1", [""]),
        ("redis://host?sise=1", ["sise"]),
        ("redis://host?size=1T", ["size"]),
        ("redis://host?size=", ["size"]),
        ("redis://host?size=1&size=1", ["size"]),
        ("redis://host?prefix=", ["prefix"]),
        ("redis://host?prefix=a b", ["prefix"]),
        ("redis://host?timeout=0", ["timeout"]),
        ("redis://host?timeout=nan", ["timeout"]),
        ("redis://host?timeout=60", ["timeout"]),
        ("redis://host:x/y?size=z&timeout=z&other=z", ["", "", "size", "timeout", "other"]),
    ],
)
def test_other_urls_are_refused(url: str, paths: list[str]) -> None:
    """Every fault is named with its place and with what would be right."""
    with pytest.raises(ConfigurationError) as caught:
        parsed(url)
    assert [fault.path for fault in caught.value.faults] == paths
    assert all(fault.expected for fault in caught.value.faults)


def test_a_limiter_has_no_near_layer() -> None:
    """What is an option of the cache is none of the limiter."""
    with pytest.raises(ConfigurationError) as caught:
        Location.parsed("redis://host?size=1M", LIMIT_OPTIONS)
    assert [fault.path for fault in caught.value.faults] == ["size"]


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:se/cret@host",
        "redis://user:se?cret@host",
        "redis://user:se#cret@host",
        "redis://user:se@cret@host:x",
        "redis://user:cret@ho st",
        "redis://user:cret@host?size=cret",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    """Not even one that is not encoded as it should be."""
    with pytest.raises(ConfigurationError) as caught:
        parsed(url)
    assert "cret" not in f"{caught.value!r} {caught.value} {caught.value.as_dict()}"


def test_a_location_hides_who_it_is() -> None:
    """Neither user nor password are in its repr."""
    assert "cret" not in repr(parsed("redis://cretuser:secret@host"))


def test_the_plugin_opens_both() -> None:
    """Each scheme gives a cache and a limiter, which connect when they are used, not before."""
    details = PluginDetails(version="1")
    caches, limiters = plugin.zona_caches(details), plugin.zona_rate_limiters(details)
    assert set(caches) == set(limiters)
    for scheme, factory in caches.items():
        path = "/0/service" if scheme.endswith("sentinel") else ""
        cache, limiter = factory(f"{scheme}://:secret@host{path}"), limiters[scheme](f"{scheme}://:secret@host{path}")
        assert isinstance(cache, LayeredCache)
        assert isinstance(limiter, RedisRateLimiter)
        assert "secret" not in f"{cache!r}{limiter!r}"
        cache.close()
        limiter.close()


@pytest.mark.parametrize("hook", [plugin.zona_caches, plugin.zona_rate_limiters])
def test_without_the_driver_it_says_what_to_install(
    hook: Callable[..., Mapping[str, Callable[[str], object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the extra is not installed, that is a matter of configuration."""
    for name in [name for name in sys.modules if name.startswith("zona_redis.") and name != "zona_redis.plugin"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError) as caught:
        hook(PluginDetails(version="1"))["redis"]("redis://host")
    assert "extra redis" in caught.value.hint
