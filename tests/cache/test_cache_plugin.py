"""Caches are found by the scheme of their URL, through the hook that everyone uses."""

from __future__ import annotations

import pytest

import zona_cache.plugin
from zona_cache._location import size_of
from zona_cache._none import NoCache
from zona_core.errors import ConfigurationError
from zona_core.hookspecs import PluginDetails
from zona_core.memory_cache import DEFAULT_BYTES, MemoryCache
from zona_core.ports.cache import Cache


def opened(url: str) -> Cache:
    """The cache of that URL."""
    return zona_cache.plugin.zona_caches(PluginDetails(version="1"))[url.partition(":")[0]](url)


def test_each_scheme_gives_its_cache() -> None:
    """``memory:`` keeps, ``off:`` does not."""
    assert isinstance(opened("memory:"), MemoryCache)
    assert isinstance(opened("off:"), NoCache)


@pytest.mark.parametrize(
    ("url", "size"),
    [
        ("memory:", DEFAULT_BYTES),
        ("memory:?", DEFAULT_BYTES),
        ("memory:?size=64M", 64 * 1024 * 1024),
        ("memory:?size=5000", 5000),
        ("memory:?size=3k", 3 * 1024),
        ("memory:?size=2G", 2 * 1024**3),
    ],
)
def test_sizes(url: str, size: int) -> None:
    """A size is in bytes, or in multiples of them."""
    assert size_of(url) == size


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("memory://", ""),
        ("memory:x", ""),
        ("off:?size=1", ""),
        ("off://", ""),
        ("memory:?size=", "size"),
        ("memory:?size=0", "size"),
        ("memory:?size=-1", "size"),
        ("memory:?size=1T", "size"),
        ("memory:?size=1.5M", "size"),
        ("memory:?sise=64M", "sise"),
    ],
)
def test_other_urls_are_refused(url: str, path: str) -> None:
    """A URL that says something else names the part that is wrong and what would be right."""
    with pytest.raises(ConfigurationError) as caught:
        opened(url)
    (fault,) = caught.value.faults
    assert (fault.path, bool(fault.expected)) == (path, True)
