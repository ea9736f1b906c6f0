"""What all pictures are written with: SVG 1.1, dark on light, with fonts of the system.

Without scripts, styles, references or identifiers.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from zona_painting._text import cut

__all__ = ["FAINT_INK", "HEAD", "INK", "n", "text"]

_FONTS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
INK: Final = "#1f2933"
FAINT_INK: Final = "#52606d"

#: the beginning of every picture; ``width``, ``height`` and the escaped ``title`` are to be filled in
HEAD: Final = f"""<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="{{width}}" height="{{height}}" \
viewBox="0 0 {{width}} {{height}}" font-family="{_FONTS}">
<title>{{title}}</title>
<rect width="{{width}}" height="{{height}}" fill="#ffffff"/>
"""


def text(words: str, at: tuple[float, float], size: float, room: float, style: str = f'fill="{INK}"') -> str:
    """A line of text that begins at ``at``, cut to ``room`` pixels."""
    shown = escape(cut(words, size, room))
    return f'<text x="{n(at[0])}" y="{n(at[1])}" font-size="{size:g}" {style}>{shown}</text>\n'


def n(number: float) -> str:
    """A number with at most one digit behind the point."""
    return f"{number:.1f}".removesuffix(".0")
