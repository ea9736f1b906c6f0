"""Logos that are read: what becomes of size, colours, orientation, metadata and movement."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import zona_logos.plugin
from zona_core.domain.logos import LARGEST_IMAGE, data_url, logo_faults
from zona_core.hookspecs import PluginDetails
from zona_core.plugins import Plugins
from zona_core.ports.logos import Logo, LogoReader

#: by mode: the kinds of file that can hold it
KINDS = {
    "1": ("PNG", "GIF"),
    "L": ("PNG", "JPEG", "GIF", "WEBP"),
    "LA": ("PNG", "WEBP"),
    "P": ("PNG", "GIF"),
    "RGB": ("PNG", "JPEG", "GIF", "WEBP"),
    "RGBA": ("PNG", "GIF", "WEBP"),
    "CMYK": ("JPEG",),
    "I;16": ("PNG",),
}


@pytest.fixture(scope="module")
def reader() -> LogoReader:
    """The reader as plugins offer it."""
    return Plugins().logo_reader()


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    written = BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def shown(logo: Logo) -> Image.Image:
    """What is to be seen; on the way it is checked that the logo is what it says it is."""
    assert logo.media_type == "image/png"
    assert len(logo.data) <= LARGEST_IMAGE
    assert logo_faults(data_url(logo.media_type, logo.data)) == []
    with Image.open(BytesIO(logo.data), formats=["PNG"]) as opened:
        opened.load()
        assert opened.size == (logo.width, logo.height)
        assert opened.info == {}
        return opened.convert("RGBA")


def chunks_of(png: bytes) -> set[bytes]:
    found, position = set(), 8
    while position < len(png):
        found.add(png[position + 4 : position + 8])
        position += 12 + int.from_bytes(png[position : position + 4])
    return found


def quarters(width: int = 8, height: int = 4) -> Image.Image:
    """A picture whose left upper corner is red, the right one green, the left lower one blue, the other white."""
    picture = Image.new("RGB", (2, 2))
    for at, colour in {(0, 0): "red", (1, 0): "lime", (0, 1): "blue", (1, 1): "white"}.items():
        picture.paste(colour, (*at, at[0] + 1, at[1] + 1))
    return picture.resize((width, height), Image.Resampling.NEAREST)


@st.composite
def pictures(draw: st.DrawFn) -> bytes:
    """Files of any kind, mode and small size, with any pixels."""
    mode = draw(st.sampled_from(sorted(KINDS)))
    size = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    picture = Image.new(mode, size)
    if mode != "I;16":
        length = len(picture.tobytes())
        picture.frombytes((draw(st.binary(min_size=1, max_size=50)) * length)[:length])
    return saved(picture, draw(st.sampled_from(KINDS[mode])))


@given(pictures())
def test_a_logo_that_is_read_again_stays_as_it_is(reader: LogoReader, data: bytes) -> None:
    """Whatever came in: what came out is small, sound, and the same bytes each time it is read."""
    logo = reader.read(data)
    shown(logo)
    assert reader.read(data) == logo
    assert reader.read(logo.data) == logo


@given(st.integers(1, 1_500), st.integers(1, 1_500))
def test_proportions_are_kept(reader: LogoReader, width: int, height: int) -> None:
    """A picture is made smaller to at most 256 pixels, never larger, and both sides alike."""
    logo = reader.read(saved(Image.new("RGB", (width, height), "teal"), "PNG"))
    assert max(logo.width, logo.height) == min(256, max(width, height))
    shrunk = max(width, height) / max(logo.width, logo.height)
    assert abs(logo.width - width / shrunk) < 1
    assert abs(logo.height - height / shrunk) < 1
    assert shown(logo).getpixel((0, 0)) == (0, 128, 128, 255)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_is_turned_upright(reader: LogoReader, kind: str, orientation: int) -> None:
    """By what EXIF says, which is gone afterwards; an orientation that there is not changes nothing."""
    turned_by = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = quarters(64, 32)
    turn = turned_by.get(orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "canary"
    options = {} if kind == "PNG" else {"quality": 100}
    data = saved(upright if turn is None else upright.transpose(turn), kind, exif=exif, **options)
    assert b"canary" in data
    logo = reader.read(data)
    assert b"canary" not in logo.data
    seen = shown(logo)
    assert seen.size == (64, 32)
    for at in ((4, 4), (60, 4), (4, 28), (60, 28)):
        expected, found = upright.getpixel(at), seen.getpixel(at)
        assert all(abs(one - other) < 30 for one, other in zip(expected, found, strict=False))


@pytest.mark.parametrize("exif", [b"MM\0\x2a\0\0\0\x08\0", b"II\x2a\0\xff\xff\xff\xff", b"MM", b"", b"canary" * 30])
def test_damaged_metadata_harm_nothing(reader: LogoReader, exif: bytes) -> None:
    """A picture whose EXIF data cannot be read is taken as it is."""
    assert shown(reader.read(saved(quarters(), "PNG", exif=exif))).getpixel((0, 0)) == (255, 0, 0, 255)
    assert reader.read(saved(quarters(), "JPEG", exif=b"Exif\0\0" + exif)).width == 8


def test_metadata_are_dropped(reader: LogoReader) -> None:
    """Texts, colour profiles, comments and resolutions: nothing but the picture remains."""
    told = PngInfo()
    told.add_text("Comment", "canary")
    told.add_itxt("XML:com.adobe.xmp", "canary", zip=True)
    options = {"dpi": (300, 300), "icc_profile": b"canary" * 30}
    files = [
        saved(quarters(), "PNG", pnginfo=told, **options),
        saved(quarters(), "JPEG", comment=b"canary", xmp=b"canary", **options),
        saved(quarters(), "GIF", comment=b"canary"),
        saved(quarters(), "WEBP", lossless=True, xmp=b"canary", icc_profile=b"canary"),
    ]
    for data in files:
        assert chunks_of(reader.read(data).data) == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_what_moves_the_first_frame_is_taken(reader: LogoReader, kind: str) -> None:
    """A logo stands still, in all three formats that know movement."""
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    logo = reader.read(saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options))
    assert shown(logo).getcolors() == [(81, (255, 0, 0, 255))]
    assert b"acTL" not in logo.data


def test_colours_and_transparency_survive(reader: LogoReader) -> None:
    """Grey of 16 bits, ink, palettes and alpha become what is to be seen."""
    half = Image.new("RGBA", (5, 5), (10, 20, 30, 128))
    palette = Image.new("P", (5, 5), 1)
    palette.putpalette([1, 2, 3, 200, 100, 50])
    rows = [
        (saved(Image.new("I;16", (5, 5), 0x8000), "PNG"), (127, 127, 127, 255)),
        (saved(Image.new("CMYK", (5, 5), (255, 0, 0, 0)), "JPEG"), (0, 255, 255, 255)),
        (saved(half, "PNG"), (10, 20, 30, 128)),
        (saved(half, "WEBP", lossless=True), (10, 20, 30, 128)),
        (saved(palette, "PNG"), (200, 100, 50, 255)),
        (saved(palette, "PNG", transparency=b"\xff\x40"), (200, 100, 50, 64)),
        (saved(palette, "GIF", transparency=1), (200, 100, 50, 0)),
        (saved(Image.new("L", (5, 5), 7), "PNG", transparency=7), (7, 7, 7, 0)),
        (saved(Image.new("1", (5, 5), 1), "PNG"), (255, 255, 255, 255)),
    ]
    for data, expected in rows:
        assert shown(reader.read(data)).getpixel((2, 2)) == expected


def test_a_picture_that_does_not_fit_is_made_smaller_until_it_does(reader: LogoReader) -> None:
    """Noise cannot be compressed: it keeps its proportions and loses pixels, not its place in a definition."""
    noise = Image.effect_noise((300, 200), 100)
    logo = reader.read(saved(Image.merge("RGB", [noise, noise.rotate(180), Image.effect_noise(noise.size, 90)]), "PNG"))
    assert shown(logo).size == (logo.width, logo.height)
    assert 0.5 * LARGEST_IMAGE < len(logo.data) <= LARGEST_IMAGE
    assert logo.width / logo.height == pytest.approx(1.5, rel=0.02)
    assert reader.read(logo.data) == logo


def test_the_reader_is_offered_without_its_library_being_imported() -> None:
    """The hook names it; making one is what takes Pillow."""
    assert list(zona_logos.plugin.zona_logo_readers(PluginDetails(version="1"))) == ["pillow"]
