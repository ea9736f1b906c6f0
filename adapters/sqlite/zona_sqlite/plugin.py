"""Registers the store for URLs with the scheme ``sqlite``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.store import DocumentStore

__all__ = ["zona_store_adapters"]


@hookimpl
def zona_store_adapters(details: PluginDetails) -> Mapping[str, Callable[[str], DocumentStore]]:  # noqa: ARG001
    """The scheme ``sqlite``."""
    return {"sqlite": _open}


def _open(url: str) -> DocumentStore:
    from .store import SqliteStore

    return SqliteStore(url)
