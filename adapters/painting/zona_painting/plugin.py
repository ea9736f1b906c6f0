"""Registers the graph painter ``layers``, the waterfall painter ``bars`` and the case reporter ``page``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.drawing import GraphPainter, WaterfallPainter
from zona_core.ports.reports import CaseReporter

__all__ = ["zona_case_reporters", "zona_graph_painters", "zona_waterfall_painters"]


@hookimpl
def zona_graph_painters(details: PluginDetails) -> Mapping[str, Callable[[], GraphPainter]]:  # noqa: ARG001
    """Painters of graphs by name."""
    return {"layers": _layers}


@hookimpl
def zona_waterfall_painters(details: PluginDetails) -> Mapping[str, Callable[[], WaterfallPainter]]:  # noqa: ARG001
    """Painters of waterfalls by name."""
    return {"bars": _bars}


@hookimpl
def zona_case_reporters(details: PluginDetails) -> Mapping[str, Callable[[], CaseReporter]]:  # noqa: ARG001
    """Makers of reports on cases by name."""
    return {"page": _page}


def _page() -> CaseReporter:
    from zona_painting._report import PageReporter

    return PageReporter()


def _layers() -> GraphPainter:
    from zona_painting._painter import LayeredPainter

    return LayeredPainter()


def _bars() -> WaterfallPainter:
    from zona_painting._painter import BarPainter

    return BarPainter()
