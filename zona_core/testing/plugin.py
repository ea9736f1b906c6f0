"""Registers what is in memory under the name ``memory``: a store and a container engine by URL, and streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.engines import ContainerEngine
from zona_core.ports.store import DocumentStore
from zona_core.ports.streams import Streams

__all__ = ["zona_container_engines", "zona_store_adapters", "zona_streams"]


@hookimpl
def zona_store_adapters(details: PluginDetails) -> Mapping[str, Callable[[str], DocumentStore]]:  # noqa: ARG001
    """The scheme ``memory``."""
    return {"memory": _open}


@hookimpl
def zona_container_engines(details: PluginDetails) -> Mapping[str, Callable[[str], ContainerEngine]]:  # noqa: ARG001
    """The scheme ``memory``."""
    return {"memory": _engine}


@hookimpl
def zona_streams(details: PluginDetails) -> Mapping[str, Callable[[], Streams]]:  # noqa: ARG001
    """The streams ``memory``."""
    return {"memory": _streams}


def _open(url: str) -> DocumentStore:
    from .memory_store import MemoryStore

    return MemoryStore(url)


def _engine(url: str) -> ContainerEngine:
    from .memory_engine import MemoryEngine

    return MemoryEngine.of_url(url)


def _streams() -> Streams:
    from .memory_streams import MemoryStreams

    return MemoryStreams()
