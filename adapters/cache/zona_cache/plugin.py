"""Registers the caches ``memory:``, ``memory:?size=64M`` and ``off:``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.cache import Cache

__all__ = ["zona_caches"]


@hookimpl
def zona_caches(details: PluginDetails) -> Mapping[str, Callable[[str], Cache]]:  # noqa: ARG001  # the hook's shape
    """Caches by URL scheme."""
    return {"memory": _memory, "off": _off}


def _memory(url: str) -> Cache:
    from zona_cache._location import size_of
    from zona_core.memory_cache import MemoryCache

    return MemoryCache(size_of(url))


def _off(url: str) -> Cache:
    from zona_cache._location import expect_off
    from zona_cache._none import NoCache

    expect_off(url)
    return NoCache()
