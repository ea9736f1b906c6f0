"""Registers the in-memory store for URLs with the scheme ``memory``, and the in-memory streams of that name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.store import DocumentStore
from zona_core.ports.streams import Streams

__all__ = ["zona_store_adapters", "zona_streams"]


@hookimpl
def zona_store_adapters(details: PluginDetails) -> Mapping[str, Callable[[str], DocumentStore]]:  # noqa: ARG001
    """The scheme ``memory``."""
    return {"memory": _open}


@hookimpl
def zona_streams(details: PluginDetails) -> Mapping[str, Callable[[], Streams]]:  # noqa: ARG001
    """The streams ``memory``."""
    return {"memory": _streams}


def _open(url: str) -> DocumentStore:
    from .memory_store import MemoryStore

    return MemoryStore(url)


def _streams() -> Streams:
    from .memory_streams import MemoryStreams

    return MemoryStreams()
