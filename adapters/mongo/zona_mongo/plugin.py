"""Registers the store for URLs with the schemes ``mongodb`` and ``mongodb+srv``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.errors import ConfigurationError
from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.store import DocumentStore

__all__ = ["zona_store_adapters"]


@hookimpl
def zona_store_adapters(details: PluginDetails) -> Mapping[str, Callable[[str], DocumentStore]]:  # noqa: ARG001
    """The schemes of MongoDB's connection strings."""
    return {"mongodb": _open, "mongodb+srv": _open}


def _open(url: str) -> DocumentStore:
    try:
        from zona_mongo.store import MongoStore
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            f"a store on MongoDB cannot be used: {exc}", hint="install zona with its extra mongo"
        ) from exc
    return MongoStore(url)
