"""The plugin's hooks. YAML is imported when the first document is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.importers import AppImporter

__all__ = ["zona_importers"]


@hookimpl
def zona_importers(details: PluginDetails) -> Mapping[str, Callable[[], AppImporter]]:  # noqa: ARG001  # the hook's shape
    """The format ``xsoar``."""
    return {"xsoar": _importer}


def _importer() -> AppImporter:
    from zona_xsoar.importer import XsoarImporter

    return XsoarImporter()
