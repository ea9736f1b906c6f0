"""Logos as they are kept in an app's or a task's ``logo``: nothing, or a picture as a ``data:`` URL (RFC 2397).

Only one spelling is taken: ``data:MEDIA_TYPE;base64,…`` with one of four media types, in lower case, and base64 as
RFC 4648 §4 has it, padded and without line breaks. So the same picture is always the same text.

What is checked here is the text and that it begins as its type does. It is no proof that the picture can be shown:
that takes a ``LogoReader``, which decodes it and encodes it anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import define, setters

from zona_core.errors import Fault, InvalidInput

__all__ = [
    "DEFAULT_LOGO",
    "LARGEST_IMAGE",
    "LARGEST_TEXT",
    "StoredLogo",
    "data_url",
    "digest_of",
    "logo_faults",
    "logo_reference",
    "parsed",
]

#: characters of a logo's text
LARGEST_TEXT: Final = 65_536
#: bytes of a picture that fit into it, whatever its type
LARGEST_IMAGE: Final = (LARGEST_TEXT - len("data:image/jpeg;base64,")) // 4 * 3

#: by media type: how such a file begins
_BEGINNINGS: Final[Mapping[str, re.Pattern[bytes]]] = MappingProxyType(
    {
        "image/gif": re.compile(rb"GIF8[79]a"),
        "image/jpeg": re.compile(rb"\xff\xd8\xff"),
        "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
        "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    }
)
_REFERENCE: Final = "sha256:"
_REFERENCED: Final = re.compile(r"sha256:[0-9a-f]{64}\Z")
_EXPECTED: Final = "nothing, or data:image/png;base64,… with a PNG, JPEG, GIF or WebP picture"

#: The logo of an app that brings none: a tile of 64 × 64 pixels in #3d6b8f whose corners are rounded with a radius of
#: 14 and see-through. A palette PNG of one bit a pixel, made by Pillow (``optimize=True``) from the two colours; it is
#: kept as text so that it needs no library. ``tests/logos/test_logo_texts.py`` draws the same tile and compares.
DEFAULT_LOGO: Final = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQMAAACQp+OdAAAABlBMVEUAAAA9a49y2uPRAAAAAnRSTlMA/1uRIrUAAABYSURBVHja7dK7"
    "FYAwDEPRZ0GRMiNkFEZnlIyQMkUOoRCfFShwo3vsUg4mAKEFAHatRlEysrKRVIxVmyFxTcwLz+bHl7HgCud72p2HqjHUjK5uNA2jxv02"
    "J2pND4BKyqyyAAAAAElFTkSuQmCC"
)


@define(kw_only=True, on_setattr=setters.frozen)
class StoredLogo:
    """A picture as it is stored, once for all who show it: they refer to it as ``sha256:`` and its digest."""

    #: SHA-256 of the picture, in hexadecimal
    digest: str
    #: its ``data:`` URL
    url: str
    revision: int = 0


def logo_reference(data: bytes) -> str:
    """How apps and tasks refer to the stored picture ``data``."""
    return _REFERENCE + hashlib.sha256(data).hexdigest()


def digest_of(text: str) -> str:
    """The digest in a reference to a stored picture; empty if ``text`` is none."""
    return text.removeprefix(_REFERENCE) if _REFERENCED.match(text) else ""


def data_url(media_type: str, data: bytes) -> str:
    """The text that keeps the picture ``data``; raises ``InvalidInput`` if that would not be a logo."""
    text = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    parsed(text)
    return text


def parsed(text: str) -> tuple[str, bytes]:
    """The media type and the bytes of a logo's text; raises ``InvalidInput`` (``invalid_logo``; fault at ``logo``)."""
    try:
        return _parsed(text)
    except ValueError as exc:
        raise InvalidInput(
            f"The logo is not valid: {exc}", code="invalid_logo", faults=[Fault("logo", str(exc), _EXPECTED)]
        ) from exc


def logo_faults(text: str) -> list[Fault]:
    """What is wrong with the ``logo`` of an app or a task, at the path ``logo``. An empty one is right."""
    try:
        if text:
            _parsed(text)
    except ValueError as exc:
        return [Fault("logo", str(exc), _EXPECTED)]
    return []


def _parsed(text: str) -> tuple[str, bytes]:
    """Raises ``ValueError``, which says what is wrong and holds nothing of the text but its media type."""
    if len(text) > LARGEST_TEXT:
        raise ValueError(f"has {len(text)} characters, {LARGEST_TEXT} at most")
    head, comma, encoded = text.partition(",")
    scheme, _, described = head.partition(":")
    media_type, _, encoding = described.partition(";")
    if scheme != "data" or encoding != "base64" or not comma:
        raise ValueError("is no base64 data URL")
    beginning = _BEGINNINGS.get(media_type)
    if beginning is None:
        raise ValueError(f"is of the type {media_type[:40]!r}")
    try:
        data = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as exc:
        raise ValueError("is not base64 throughout") from exc
    if base64.b64encode(data).decode() != encoded:  # several texts for the same bytes
        raise ValueError("is not base64 as it is written by encoders")
    if not beginning.match(data):
        raise ValueError(f"does not begin as {media_type} does")
    return media_type, data
