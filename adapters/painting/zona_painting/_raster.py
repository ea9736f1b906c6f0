"""Pictures in SVG as PNG, by ``resvg_py``."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

from attrs import define

from zona_core.errors import NotInstalled

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Picture", "as_png"]

#: how many pixels of a PNG show one of the SVG's, in each direction; fewer for a picture that would become too large
_ZOOM: Final = 2.0
_MOST_PIXELS: Final = 12_000_000
_LONGEST_SIDE: Final = 32_000

_WITHOUT_TEXT: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
_WITH_TEXT: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<text y="9" font-size="9" font-family="sans-serif">M</text></svg>'
)


@define(frozen=True)
class Picture:
    """An SVG document, and how large it is in pixels."""

    text: str
    width: int
    height: int


def as_png(paint: Callable[[], Picture]) -> bytes:
    """What ``paint`` gives as PNG, twice as large, with the fonts of this machine; raises ``NotInstalled`` first."""
    render = _renderer()
    picture = paint()
    return render(svg_string=picture.text, width=round(picture.width * _zoom(picture)))


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
