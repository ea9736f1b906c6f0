"""Picture files by their content: of what kind one is, how large its picture, and the parts that are the picture.

This runs before any decoder does. A decoder that is handed a file as it came allocates what the file's head asks for,
reads every text, profile and frame in it, and warns by the process-wide ``warnings``. Handed what is left here, it
finds one picture of a known size and nothing else. The formats: PNG (RFC 2083), JPEG (ITU-T T.81), GIF89a, WebP
(RFC 9649); the latter is left as it is, since its decoder looks at no more than the first frame.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from attrs import define

__all__ = ["PictureFile", "examined"]


@define(frozen=True, kw_only=True)
class PictureFile:
    """One picture of a file."""

    #: as Pillow calls it
    format: str
    width: int
    height: int
    #: the file less what is not the picture
    data: bytes
    #: how it is to be turned to be seen upright: EXIF's tag 0x0112, 1 (as it is) to 8
    orientation: int = 1


def examined(data: bytes) -> PictureFile | None:
    """The first picture of a file; None if it is of none of the four formats.

    Raises ``ValueError``, whose text is the end of a sentence about the picture, if the file does not hold together.
    """
    for beginning, examine in _FORMATS.items():
        if beginning.match(data):
            try:
                return examine(data)
            except (struct.error, IndexError) as exc:
                raise ValueError("ends too early or is damaged") from exc
    return None


#: chunks of a PNG that make the picture; all others are texts, profiles, times or further frames
_PNG_KEPT: Final = frozenset((b"PLTE", b"tRNS", b"IDAT", b"IEND"))


def _png(data: bytes) -> PictureFile:
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    if kind != b"IHDR" or length != 13:
        raise ValueError("is a PNG without a head")
    position = 33
    kept, exif = [data[:position]], b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind in _PNG_KEPT:
            kept.append(data[position:end])
        elif kind == b"eXIf":
            exif = data[position + 8 : end - 4]
        position = end
    return PictureFile(format="PNG", width=width, height=height, data=b"".join(kept), orientation=_orientation(exif))


#: scans of a JPEG: encoders make about ten, each costs a walk over all pixels, and an empty one needs but a few bytes
_MOST_SCANS: Final = 40
_JPEG_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: tables, frames, restart intervals; APP0 and APP14 tell how colours are meant
_JPEG_KEPT: Final = _JPEG_SIZES | {0xC4, 0xCC, 0xDB, 0xDD, 0xE0, 0xEE}


def _jpeg(data: bytes) -> PictureFile:
    kept, exif = [data[:2]], b""
    width = height = 0
    position = 2
    while (marker := data[position + 1]) != 0xDA:
        if data[position] != 0xFF:
            raise ValueError("is a damaged JPEG")
        if marker == 0xFF:  # padding
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        end = position + 2 + length
        if marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, position + 5)
        if marker in _JPEG_KEPT:
            kept.append(data[position:end])
        elif marker == 0xE1 and not exif and data.startswith(b"Exif\0\0", position + 4):
            exif = data[position + 10 : end]
        position = end
    scans = data[position:]
    if scans.count(b"\xff\xda") > _MOST_SCANS:
        raise ValueError(f"is a JPEG of more than {_MOST_SCANS} scans")
    return PictureFile(
        format="JPEG", width=width, height=height, data=b"".join([*kept, scans]), orientation=_orientation(exif)
    )


def _gif(data: bytes) -> PictureFile:
    """The first frame; of what may precede it only the extension that says which colour is see-through."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _colours(flags)
    kept = [data[:position]]
    while (block := data[position]) == 0x21:
        end = _after_blocks(data, position + 2)
        if data[position + 1] == 0xF9:
            kept.append(data[position:end])
        position = end
    if block != 0x2C:
        raise ValueError("is a GIF without a picture")
    left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", data, position + 1)
    end = _after_blocks(data, position + 11 + _colours(flags))
    kept.append(data[position:end])
    return PictureFile(
        format="GIF",
        width=max(width, left + frame_width),  # a frame may reach beyond its screen, which then grows
        height=max(height, top + frame_height),
        data=b"".join([*kept, b";"]),
    )


def _colours(flags: int) -> int:
    """The length of a GIF's colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, position: int) -> int:
    """Where a GIF goes on after a row of blocks, each with its length before it, the last of length 0."""
    while length := data[position]:
        position += length + 1
    return position + 1


def _webp(data: bytes) -> PictureFile:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise ValueError("is a WebP without a picture")
    return PictureFile(format="WEBP", width=width, height=height, data=data, orientation=_orientation(_webp_exif(data)))


def _webp_exif(data: bytes) -> bytes:
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"EXIF":
            return data[position + 8 : position + 8 + length].removeprefix(b"Exif\0\0")
        position += 8 + length + (length & 1)
    return b""


def _orientation(exif: bytes) -> int:
    """EXIF's orientation: an entry of the first directory of a TIFF file. 1 if it is not told, or not in earnest."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, directory)
        for entry in range(entries):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", exif, directory + 2 + 12 * entry)
            if tag == 0x0112:
                return value if (kind, count) == (3, 1) and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


_FORMATS: Final[Mapping[re.Pattern[bytes], Callable[[bytes], PictureFile]]] = MappingProxyType(
    {
        re.compile(rb"\x89PNG\r\n\x1a\n"): _png,
        re.compile(rb"\xff\xd8\xff"): _jpeg,
        re.compile(rb"GIF8[79]a"): _gif,
        re.compile(rb"RIFF.{4}WEBP", re.DOTALL): _webp,
    }
)
