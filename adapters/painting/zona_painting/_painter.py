"""Draws graphs and waterfalls as SVG, and from that as PNG."""

from __future__ import annotations

from zona_core.domain.graphs import generations
from zona_core.ports.drawing import Drawing, Waterfall
from zona_painting._raster import Picture, as_png
from zona_painting._svg import painted
from zona_painting._waterfall import as_bars

__all__ = ["BarPainter", "LayeredPainter"]


class LayeredPainter:
    """See ``zona_core.ports.drawing.GraphPainter``: columns from left to right, each right of what it needs.

    Of nodes or edges that stand twice in a drawing the first counts. Raises ``InvalidInput`` for a cycle
    (``dependency_cycle``) and for an edge to what is not drawn (``unknown_dependency``).
    """

    def svg(self, drawing: Drawing) -> bytes:
        """See ``GraphPainter.svg``."""
        return _painted(drawing).text.encode()

    def png(self, drawing: Drawing) -> bytes:
        """See ``GraphPainter.png``. Twice as large as the SVG, with the fonts of this machine: it must have one."""
        return as_png(lambda: _painted(drawing))


class BarPainter:
    """See ``zona_core.ports.drawing.WaterfallPainter``: a row for each bar below a time axis."""

    def svg(self, waterfall: Waterfall) -> bytes:
        """See ``WaterfallPainter.svg``."""
        return as_bars(waterfall).text.encode()

    def png(self, waterfall: Waterfall) -> bytes:
        """See ``WaterfallPainter.png``. Twice as large as the SVG, with the fonts of this machine: it must have one."""
        return as_png(lambda: as_bars(waterfall))


def _painted(drawing: Drawing) -> Picture:
    labels = {node.id: node.label or node.id for node in drawing.nodes}
    edges = [(edge.source, edge.target) for edge in drawing.edges]
    return painted(drawing, generations(labels, edges, name=labels.__getitem__))
