"""Registers the rate limiter ``memory:``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.errors import ConfigurationError
from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.limits import RateLimiter

__all__ = ["zona_rate_limiters"]


@hookimpl
def zona_rate_limiters(details: PluginDetails) -> Mapping[str, Callable[[str], RateLimiter]]:  # noqa: ARG001
    """Rate limiters by URL scheme."""
    return {"memory": _memory}


def _memory(url: str) -> RateLimiter:
    if url != "memory:":
        raise ConfigurationError(f"the rate limiter's URL {url.partition('?')[0]!r} cannot be used: it is memory:")
    try:
        from zona_limits._memory import MemoryRateLimiter
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            f"the rate limiter memory: cannot be used: {exc}", hint="install zona with its extra http"
        ) from exc
    return MemoryRateLimiter()
