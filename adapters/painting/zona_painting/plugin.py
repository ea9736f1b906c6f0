"""Registers the graph painter ``layers``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.drawing import GraphPainter

__all__ = ["zona_graph_painters"]


@hookimpl
def zona_graph_painters(details: PluginDetails) -> Mapping[str, Callable[[], GraphPainter]]:  # noqa: ARG001
    """Painters of graphs by name."""
    return {"layers": _layers}


def _layers() -> GraphPainter:
    from zona_painting._painter import LayeredPainter

    return LayeredPainter()
