"""Logos: pictures of strangers, decoded within bounds and encoded anew."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Final

from PIL import Image

from zona_core.domain.logos import LARGEST_IMAGE
from zona_core.errors import Fault, InvalidInput
from zona_core.ports.logos import Logo
from zona_logos._files import PictureFile, examined

__all__ = ["PillowLogoReader"]

#: bytes of a file that is read at all
_LARGEST_FILE: Final = 2 * 2**20
#: pixels that are decoded: 32 MiB of them, of which a decoder may hold a few copies
_MOST_PIXELS: Final = 2**23
#: pixels of the longer side of what comes out
_SIDE: Final = 256
#: by how much a picture is made smaller while it is too large as a file
_STEP: Final = 0.85

_SVG: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?=<).*?<(?:\w+:)?svg[\s/>]", re.DOTALL | re.IGNORECASE)
_EXPECTED: Final = "a PNG, JPEG, GIF or WebP file of at most 2 MiB and 8 million pixels"

#: by EXIF's orientation: what makes the picture upright
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PillowLogoReader:
    """See ``zona_core.ports.logos.LogoReader``.

    Whatever comes in, a PNG comes out, in red, green, blue and, where anything is see-through, alpha: it is the one
    format of the four that every browser shows, keeps transparency, and gives the same pixels when it is read again. So
    reading what was read gives the same bytes. The longer side has at most 256 pixels, fewer if the file would not fit
    into a definition otherwise. Of what moves the first frame is taken; a logo stands still. Colour profiles are
    dropped without being applied.
    """

    def read(self, data: bytes) -> Logo:
        """See ``LogoReader.read``."""
        source = _examined(data)
        picture = _decoded(source)
        picture = _small(picture, _SIDE)
        if source.orientation in _UPRIGHT:
            picture = picture.transpose(_UPRIGHT[source.orientation])
        encoded, shown = _encoded(picture), picture
        while len(encoded) > LARGEST_IMAGE:
            shown = _small(picture, int(max(shown.size) * _STEP))
            encoded = _encoded(shown)
        return Logo(media_type="image/png", data=encoded, width=shown.width, height=shown.height)


def _examined(data: bytes) -> PictureFile:
    if not data:
        raise _refused("is empty")
    if len(data) > _LARGEST_FILE:
        raise _refused(f"has {len(data)} bytes, at most {_LARGEST_FILE} are read")
    try:
        found = examined(data)
    except ValueError as exc:
        raise _refused(str(exc)) from exc
    if found is None:
        if _SVG.match(data[:4096]):
            raise _refused("is SVG, which may carry programs", "the same picture as a PNG of 256 × 256 pixels")
        raise _refused("is of an unknown format")
    if not 0 < found.width * found.height <= _MOST_PIXELS:
        raise _refused(f"has {found.width} × {found.height} pixels")
    return found


def _decoded(source: PictureFile) -> Image.Image:
    """The first frame in red, green, blue and alpha; no more than the decoder of the file's own format runs."""
    try:
        with Image.open(BytesIO(source.data), formats=[source.format]) as opened:
            picture = _coloured(opened) if opened.size == (source.width, source.height) else None
    except Exception as exc:  # damaged data raises whatever a decoder comes across
        raise _refused(f"cannot be decoded as {source.format}: it ends too early or is damaged") from exc
    if picture is None:
        raise _refused("tells its size twice, and not the same")
    picture.info.clear()  # what is kept there is written out again
    return picture


def _coloured(opened: Image.Image) -> Image.Image:
    if opened.mode == "I;16":  # greys of 16 bits would be cut off at 255, and the one that is see-through is not known
        opened = opened.point(lambda grey: grey / 257)
        opened.info.pop("transparency", None)
    return opened.convert("RGBA")


def _small(picture: Image.Image, side: int) -> Image.Image:
    """``picture`` with a longer side of at most ``side`` pixels, in proportion."""
    longest = max(picture.size)
    if longest <= side:
        return picture
    width, height = (max(1, round(length * side / longest)) for length in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _encoded(picture: Image.Image) -> bytes:
    opaque = picture.getchannel("A").getextrema() == (255, 255)
    written = BytesIO()
    (picture.convert("RGB") if opaque else picture).save(written, "PNG", optimize=True)
    return written.getvalue()


def _refused(problem: str, expected: str = _EXPECTED) -> InvalidInput:
    return InvalidInput(
        f"The logo cannot be used: it {problem}", code="invalid_logo", faults=[Fault("logo", problem, expected)]
    )
