"""Logos as text: one spelling for each picture, and nothing taken that is not one."""

from __future__ import annotations

import base64
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zona_core.domain.logos import DEFAULT_LOGO, LARGEST_IMAGE, LARGEST_TEXT, data_url, logo_faults, parsed
from zona_core.errors import InvalidInput

BEGINNINGS = {
    "image/gif": b"GIF89a",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/webp": b"RIFF\x0a\0\0\0WEBP",
}

#: texts that are no logos, each with a part of what is said about it
REFUSED = {
    "https://example.org/logo.png": "no base64 data URL",
    "data:image/png,%89PNG": "no base64 data URL",
    "data:image/png;charset=utf-8;base64,iVBORw0KGgo=": "no base64 data URL",
    "DATA:image/png;base64,iVBORw0KGgo=": "no base64 data URL",
    "data:image/png;base64": "no base64 data URL",
    "data:image/svg+xml;base64,PHN2Zy8+": "of the type 'image/svg+xml'",
    "data:text/html;base64,PGh0bWw+": "of the type 'text/html'",
    "data:;base64,iVBORw0KGgo=": "of the type ''",
    "data:image/png;base64,": "does not begin as image/png",
    "data:image/png;base64,PGh0bWw+": "does not begin as image/png",
    "data:image/gif;base64,iVBORw0KGgo=": "does not begin as image/gif",
    "data:image/png;base64,iVBORw0KGgo": "not base64 throughout",
    "data:image/png;base64,iVBORw0KGgo=\n": "not base64 throughout",
    "data:image/png;base64,iVBOR w0KGgo=": "not base64 throughout",
    "data:image/png;base64,iVBORw0KGg\u00f6=": "not base64 throughout",
    "data:image/png;base64,iVBORw0KGg\ud800=": "not base64 throughout",
    "data:image/png;base64,iVBORw0KGgo=<script>": "not base64 throughout",
    "data:image/png;base64,iVBORw0KGgp=": "as it is written by encoders",
}


@given(st.sampled_from(sorted(BEGINNINGS)), st.binary(max_size=200))
def test_a_picture_comes_out_as_it_went_in(media_type: str, rest: bytes) -> None:
    """Text and bytes tell the same, both ways."""
    data = BEGINNINGS[media_type] + rest
    text = data_url(media_type, data)
    assert logo_faults(text) == []
    assert parsed(text) == (media_type, data)


@pytest.mark.parametrize(("text", "problem"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_is_no_picture_is_refused(text: str, problem: str) -> None:
    """The fault lies at ``logo`` and says what would be right; the error's code tells programs the same."""
    [fault] = logo_faults(text)
    assert fault.path == "logo"
    assert problem in fault.message
    assert "data:image/png;base64," in fault.expected
    with pytest.raises(InvalidInput) as caught:
        parsed(text)
    assert caught.value.code == "invalid_logo"
    assert caught.value.faults == (fault,)


def test_no_logo_is_right_but_no_picture() -> None:
    """An empty text may stand in a definition; there is nothing to parse in it."""
    assert logo_faults("") == []
    with pytest.raises(InvalidInput):
        parsed("")


@pytest.mark.parametrize("media_type", sorted(BEGINNINGS))
def test_the_largest_picture_fits_and_a_larger_text_does_not(media_type: str) -> None:
    """The bounds of text and picture agree for every type."""
    largest = BEGINNINGS[media_type].ljust(LARGEST_IMAGE, b"\0")
    assert len(data_url(media_type, largest)) <= LARGEST_TEXT
    with pytest.raises(InvalidInput, match=f"{LARGEST_TEXT} at most"):
        data_url(media_type, largest.ljust(LARGEST_IMAGE + 9, b"\0"))


def test_a_text_is_never_made_of_another_type() -> None:
    """What could not be read back is not written."""
    with pytest.raises(InvalidInput, match="svg"):
        data_url("image/svg+xml", b"<svg/>")


@given(st.text(max_size=300))
def test_any_text_is_answered(text: str) -> None:
    """Whatever is checked gives faults or none, never another error."""
    assert logo_faults(f"data:image/png;base64,{text}")
    assert bool(logo_faults(text)) is bool(text)


def test_the_default_logo_is_a_tile_with_round_corners() -> None:
    """It is a logo by its own rules, and looks as its description says."""
    assert logo_faults(DEFAULT_LOGO) == []
    media_type, data = parsed(DEFAULT_LOGO)
    assert media_type == "image/png"
    assert data == base64.b64decode(DEFAULT_LOGO.partition(",")[2])
    with Image.open(BytesIO(data)) as opened:
        tile = opened.convert("RGBA")
    assert tile.size == (64, 64)
    for x in range(64):
        for y in range(64):
            away = max(13 - x, x - 50, 0) ** 2 + max(13 - y, y - 50, 0) ** 2
            expected = (0x3D, 0x6B, 0x8F, 255) if away < 14**2 else (0, 0, 0, 0)
            assert tile.getpixel((x, y)) == expected
