"""Registers the cache and the rate limiter for Redis' URL schemes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from zona_core.errors import ConfigurationError
from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.cache import Cache
from zona_core.ports.limits import RateLimiter

__all__ = ["zona_caches", "zona_rate_limiters"]

#: one server, one behind TLS, those that sentinels watch over, a cluster
_SCHEMES: Final = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")


@hookimpl
def zona_caches(details: PluginDetails) -> Mapping[str, Callable[[str], Cache]]:  # noqa: ARG001  # the hook's shape
    """Caches by URL scheme."""
    return dict.fromkeys(_SCHEMES, _cache)


@hookimpl
def zona_rate_limiters(
    details: PluginDetails,  # noqa: ARG001  # the hook's shape
) -> Mapping[str, Callable[[str], RateLimiter]]:
    """Rate limiters by URL scheme."""
    return dict.fromkeys(_SCHEMES, _rate_limiter)


def _cache(url: str) -> Cache:
    try:
        from zona_redis.cache import LayeredCache
    except ModuleNotFoundError as exc:
        raise _missing(exc) from exc
    return LayeredCache(url)


def _rate_limiter(url: str) -> RateLimiter:
    try:
        from zona_redis.limits import RedisRateLimiter
    except ModuleNotFoundError as exc:
        raise _missing(exc) from exc
    return RedisRateLimiter(url)


def _missing(cause: ModuleNotFoundError) -> ConfigurationError:
    return ConfigurationError(f"Redis cannot be used: {cause}", hint="install zona with its extra redis")
