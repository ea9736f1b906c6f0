"""Draws graphs as SVG, and from that as PNG."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

from zona_core.domain.graphs import generations
from zona_core.errors import NotInstalled
from zona_core.ports.drawing import Drawing
from zona_painting._svg import Picture, painted

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LayeredPainter"]

#: how many pixels of a PNG show one of the SVG's, in each direction; fewer for a picture that would become too large
_ZOOM: Final = 2.0
_MOST_PIXELS: Final = 12_000_000
_LONGEST_SIDE: Final = 32_000

_WITHOUT_TEXT: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
_WITH_TEXT: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<text y="9" font-size="9" font-family="sans-serif">M</text></svg>'
)


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
        render = _renderer()
        picture = _painted(drawing)
        return render(svg_string=picture.text, width=round(picture.width * _zoom(picture)))


def _painted(drawing: Drawing) -> Picture:
    labels = {node.id: node.label or node.id for node in drawing.nodes}
    edges = [(edge.source, edge.target) for edge in drawing.edges]
    return painted(drawing, generations(labels, edges, name=labels.__getitem__))


def _zoom(picture: Picture) -> float:
    by_area = sqrt(_MOST_PIXELS / (picture.width * picture.height))
    return min(_ZOOM, by_area, _LONGEST_SIDE / max(picture.width, picture.height))


def _renderer() -> Callable[..., bytes]:
    try:
        from resvg_py import svg_to_bytes
    except ImportError as exc:
        raise NotInstalled(
            f"pictures cannot be drawn as PNG: {exc}", hint="install zona with its extra pictures; SVG takes nothing"
        ) from exc
    # It draws no text, and does not say so, where it finds no font.
    if svg_to_bytes(svg_string=_WITH_TEXT) == svg_to_bytes(svg_string=_WITHOUT_TEXT):
        raise NotInstalled(
            "pictures cannot be drawn as PNG: this machine has no font",
            hint="install one, such as the package fonts-dejavu-core of Debian; SVG takes nothing",
        )
    return svg_to_bytes
