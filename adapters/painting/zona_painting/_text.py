"""Texts of strangers in a picture: made fit for XML, measured by estimate, and cut to what there is room for."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

__all__ = ["cut", "one_line", "width_of"]

#: characters that a text keeps at most, whether they are seen or not: marks that are stacked on one letter are not
_MOST: Final = 400
_MOST_SHOWN: Final = 80

#: what turns round the text that follows it
_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: what XML 1.0 §2.2 forbids, and the control characters that it discourages
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

#: widths in the height of the font, of the widest of the usual fonts without serifs: text must not leave its box
_WIDTHS: Final = {
    **dict.fromkeys("fijlrtI.,:;'|!()[]{}/\\- ", 0.42),
    **dict.fromkeys("mwMW@%&", 0.98),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ_+<>=~#", 0.79),
}
_USUAL_WIDTH: Final = 0.65


def one_line(text: str) -> str:
    """``text`` in one line, with nothing that XML cannot hold."""
    plain = _FORBIDDEN.sub("\ufffd", " ".join(_TURNING.sub("", text[: 4 * _MOST]).split()))
    return plain if len(plain) <= _MOST else plain[: _MOST - 1] + "…"


def width_of(text: str, size: float) -> float:
    """About how many pixels ``text`` takes in a font of that size; rather too many than too few."""
    return size * sum(map(_width, text))


def cut(text: str, size: float, room: float) -> str:
    """As much of ``text`` as fits into ``room`` pixels, with an ellipsis where something is left out."""
    if len(text) <= _MOST_SHOWN and width_of(text, size) <= room:
        return text
    left = room / size - 1  # an ellipsis is as wide as the font is high
    end = 0
    for character in text[: _MOST_SHOWN - 1]:
        left -= _width(character)
        if left < 0:
            break
        end += 1
    return text[:end].rstrip() + "…"


@lru_cache(4096)
def _width(character: str) -> float:
    if character in _WIDTHS:
        return _WIDTHS[character]
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0.0
    return 1.1 if unicodedata.east_asian_width(character) in "WF" else _USUAL_WIDTH
