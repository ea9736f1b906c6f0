"""Files that mean harm, or are damaged: refused with one error that says what would be right, within bounds."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import zona_logos._reader
import zona_logos.plugin
from zona_core.errors import InvalidInput, NotInstalled
from zona_core.hookspecs import PluginDetails
from zona_core.ports.logos import LogoReader
from zona_logos._reader import PillowLogoReader


@pytest.fixture(scope="module")
def reader() -> LogoReader:
    return PillowLogoReader()


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def head(width: int, height: int) -> bytes:
    """A PNG's head: one byte of grey a pixel."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def zipped() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("page.html", "<script>canary()</script>")
    return written.getvalue()


def outcome(reader: LogoReader, data: bytes) -> Any:
    """The logo, or the code of the refusal."""
    try:
        return reader.read(data)
    except InvalidInput as error:
        return error.code


END = chunk(b"IEND", b"")
TILE = Image.new("RGB", (16, 16), "teal")
FILES = {
    "PNG": saved(TILE, "PNG"),
    "JPEG": saved(TILE, "JPEG"),
    "progressive": saved(Image.effect_noise((32, 32), 90), "JPEG", progressive=True),
    "GIF": saved(TILE, "GIF"),
    "WEBP": saved(TILE, "WEBP"),
    "lossless": saved(TILE, "WEBP", lossless=True, exif=Image.Exif().tobytes()),
}
BOMB = png(head(50_000, 50_000), chunk(b"IDAT", zlib.compress(bytes(2**20))), END)

REFUSED = {
    "empty": (b"", "is empty"),
    "one byte": (b"\x89", "unknown format"),
    "text": (b"logo.png", "unknown format"),
    "HTML that is called PNG": (b"<!DOCTYPE html><html><script>canary()</script></html>", "unknown format"),
    "zip": (zipped(), "unknown format"),
    "BMP": (saved(TILE, "BMP"), "unknown format"),
    "TIFF": (saved(TILE, "TIFF"), "unknown format"),
    "ICO": (saved(TILE, "ICO"), "unknown format"),
    "too many bytes": (FILES["PNG"] + bytes(2 * 2**20), "bytes, at most 2097152"),
    "PNG bomb": (BOMB, "has 50000 × 50000 pixels"),
    "PNG without pixels": (png(head(0, 5), END), "has 0 × 5 pixels"),
    "PNG with two heads": (png(head(2, 2), head(50_000, 50_000), chunk(b"IDAT", b""), END), "cannot be decoded as PNG"),
    "PNG with no head": (png(END), "ends too early"),
    "PNG with another head": (png(chunk(b"IDAT", bytes(13)), END), "a PNG without a head"),
    "PNG of nothing": (png(), "ends too early"),
    "PNG with too little data": (png(head(9, 9), chunk(b"IDAT", zlib.compress(b"")), END), "cannot be decoded as PNG"),
    "GIF bomb": (b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\0", "pixels"),
    "GIF whose frame is one": (
        b"GIF89a"
        + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0)
        + b"\2\0",
        "has 60000 × 60000 pixels",
    ),
    "GIF without a picture": (b"GIF89a" + bytes(7) + b";", "a GIF without a picture"),
    "GIF that only begins": (b"GIF87a", "ends too early"),
    "JPEG bomb": (b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xff\xff\xff\1\1\x11\0\xff\xda\0\2", "has 65535 × 65535 pixels"),
    "JPEG without a frame": (b"\xff\xd8\xff\xda\0\2\xff\xd9", "has 0 × 0 pixels"),
    "JPEG with a hole": (b"\xff\xd8\xff\xe0\0\2hole", "a damaged JPEG"),
    "JPEG of a thousand scans": (
        FILES["progressive"][:-2] + b"\xff\xda\0\6\1\1\0\0\x3f\0" * 1_000,
        "more than 40 scans",
    ),
    "WebP bomb": (b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff\xff\xff\xff\xff\xff", "pixels"),
    "WebP without a picture": (b"RIFF\x0a\0\0\0WEBPICCP" + bytes(30), "a WebP without a picture"),
    "WebP that only begins": (b"RIFF\x0a\0\0\0WEBPVP8 ", "ends too early"),
}

SVGS = [
    b"<svg xmlns='http://www.w3.org/2000/svg'><script>canary()</script></svg>",
    b"\xef\xbb\xbf \n<?xml version='1.0'?>\n<!-- one --><svg/>",
    b"<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'><SVG >",
    b"<?xml version='1.0'?><x:svg xmlns:x='http://www.w3.org/2000/svg'/>",
]


@pytest.mark.parametrize(("data", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_logo_is_refused(reader: LogoReader, data: bytes, problem: str) -> None:
    """One error for all, with its fault at ``logo``, what is wrong and what would be right; and nothing of the file."""
    with pytest.raises(InvalidInput) as caught:
        reader.read(data)
    error = caught.value
    assert error.code == "invalid_logo"
    [fault] = error.faults
    assert fault.path == "logo"
    assert problem in fault.message
    assert "PNG, JPEG, GIF or WebP" in fault.expected
    assert "canary" not in f"{error.as_dict()}"


@pytest.mark.parametrize("data", SVGS, ids=range(len(SVGS)))
def test_svg_is_refused_by_name(reader: LogoReader, data: bytes) -> None:
    """Whoever sends one is told why not, and what to send instead."""
    with pytest.raises(InvalidInput) as caught:
        reader.read(data)
    [fault] = caught.value.faults
    assert "SVG, which may carry programs" in fault.message
    assert "PNG of 256 × 256 pixels" in fault.expected


@pytest.mark.parametrize("kind", FILES)
def test_a_truncated_file_is_no_picture(reader: LogoReader, kind: str) -> None:
    """Cut off anywhere before its last pixels, every format is refused."""
    data = FILES[kind]
    for end in [*range(0, len(data) // 2, 7), len(data) // 2]:
        with pytest.raises(InvalidInput):
            reader.read(data[:end])


@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8),
    st.data(),
)
def test_damage_never_gives_more_than_a_refusal(
    reader: LogoReader, kind: str, damage: list[tuple[int, int]], draw: st.DataObject
) -> None:
    """Any bytes changed, left out or put in: the file is a logo, which reads as itself, or it is refused."""
    data = bytearray(FILES[kind])
    for position, value in damage:
        data[position % len(data)] = value
    at = draw.draw(st.integers(0, len(data)))
    data[at : at + draw.draw(st.integers(0, 20))] = draw.draw(st.binary(max_size=20))
    found = outcome(reader, bytes(data))
    assert found == "invalid_logo" or outcome(reader, found.data) == found


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\x20\0\0\0WEBPVP8 "]), st.binary())
def test_nothing_behind_a_known_beginning_harms(reader: LogoReader, beginning: bytes, rest: bytes) -> None:
    """Bytes at random after a right beginning are refused, too."""
    with pytest.raises(InvalidInput) as caught:
        reader.read(beginning + rest)
    assert caught.value.code == "invalid_logo"


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("rider", [b"<script>canary()</script>", zipped()], ids=["HTML", "zip"])
def test_what_rides_along_is_left_behind(reader: LogoReader, kind: str, rider: bytes) -> None:
    """A file that is a picture and something else comes out as the picture alone."""
    logo = reader.read(FILES[kind] + rider)
    assert b"canary" not in logo.data
    assert not zipfile.is_zipfile(io.BytesIO(logo.data))
    assert logo == reader.read(FILES[kind])


def test_of_ten_thousand_frames_only_the_first_is_looked_at(reader: LogoReader) -> None:
    """The other frames may be as many and as broken as they like."""
    data = FILES["GIF"]
    first = data.index(b",")
    frame = data[first:-1]
    many = data[:first] + frame * 10_000 + b";"
    assert reader.read(many) == reader.read(data)
    assert reader.read(data[:first] + frame + b",broken") == reader.read(data)


def test_a_megabyte_of_comments_is_passed_over(reader: LogoReader) -> None:
    """Comments in blocks of one byte, which take a decoder the square of their length to join, are never joined."""
    data = FILES["GIF"]
    first = data.index(b",")
    comment = b"!\xfe" + b"\1x" * 2**19 + b"\0"
    assert reader.read(data[:first] + comment + data[first:]) == reader.read(data)


def test_a_movie_that_is_damaged_is_still_a_picture(reader: LogoReader) -> None:
    """A PNG that says wrongly that it moves, which makes its decoder warn, is read without a warning."""
    data = FILES["PNG"]
    says_so = chunk(b"acTL", bytes(8)) * 2
    assert reader.read(data[:33] + says_so + data[33:]) == reader.read(data)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is told in kilobytes on Linux")
def test_memory_is_bounded() -> None:
    """The largest pictures that are read, and bombs that are not, take some copies of the pixels and no more."""
    program = """
import io, resource, struct, sys, zlib
from PIL import Image
from zona_core.errors import InvalidInput
from zona_logos._reader import PillowLogoReader
reader = PillowLogoReader()
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
def saved(kind):
    written = io.BytesIO()
    Image.new("RGB", (4096, 2048), "teal").save(written, kind)
    return written.getvalue()
bomb = b"RIFF\\x16\\0\\0\\0WEBPVP8X\\x0a\\0\\0\\0" + bytes(4) + b"\\xff\\x3f\\0\\xff\\x3f\\0"
before = peak()
for data in (sys.stdin.buffer.read(), bomb):
    try:
        reader.read(data)
    except InvalidInput as error:
        print(error.code)
print(peak() - before)
before = peak()
for kind in ("PNG", "JPEG", "GIF", "WEBP"):
    reader.read(saved(kind))
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], input=BOMB, capture_output=True, check=True, timeout=60)
    one, other, bombs, largest = done.stdout.split()
    assert (one, other) == (b"invalid_logo", b"invalid_logo")
    assert int(bombs) < 16
    assert int(largest) < 250


def test_without_its_library_the_reader_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a matter of configuration, not a crash."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, zona_logos._reader.__name__)
    [make] = zona_logos.plugin.zona_logo_readers(PluginDetails(version="1")).values()
    with pytest.raises(NotInstalled) as caught:
        make()
    assert "extra images" in caught.value.hint
