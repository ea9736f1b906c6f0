"""Pictures of what happened in the course of time: what is in them, and where it stands."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zona_core.plugins import Plugins
from zona_core.ports.drawing import Bar, Look, Stretch, Waterfall, WaterfallPainter

SVG = "{http://www.w3.org/2000/svg}"
ZERO = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def painter() -> WaterfallPainter:
    """The painter as plugins offer it."""
    return Plugins().waterfall_painter()


def at(seconds: float) -> datetime:
    return ZERO + timedelta(seconds=seconds)


def bar(label: str, begin: float, end: float, look: Look = Look.DONE, *stretches: Stretch, detail: str = "") -> Bar:
    return Bar(label=label, look=look, begin=at(begin), end=at(end), stretches=stretches, detail=detail)


def drawn(painter: WaterfallPainter, *bars: Bar, notes: tuple[str, ...] = (), title: str = "Run") -> ET.Element:
    return ET.fromstring(painter.svg(Waterfall(title=title, subtitle="of today", bars=bars, notes=notes)))


def rows(root: ET.Element) -> list[ET.Element]:
    return [group for group in root.iter(f"{SVG}g") if group.get("class") == "bar"]


def blocks(row: ET.Element) -> list[tuple[float, float, float]]:
    """Left, width and height of a row's rectangles: first the thin line, then what was done."""
    return [(float(r.get("x")), float(r.get("width")), float(r.get("height"))) for r in row.iter(f"{SVG}rect")]  # type: ignore[arg-type]


def test_bars_stand_where_their_times_are(painter: WaterfallPainter) -> None:
    """One that begins in the middle of the whole begins in the middle of the chart, attempts likewise."""
    tried = Stretch(begin=at(5), end=at(7.5), look=Look.FAILED)
    whole, half = rows(drawn(painter, bar("a", 0, 10), bar("b", 5, 10, Look.FAILED, tried)))
    [(left, wide, _)] = blocks(whole)
    (begin, length, thin), (attempt, attempt_wide, thick) = blocks(half)
    assert begin == attempt == pytest.approx(left + wide / 2, abs=0.1)
    assert length == pytest.approx(wide / 2, abs=0.1)
    assert attempt_wide == pytest.approx(wide / 4, abs=0.1)
    assert thick > thin


def test_a_look_is_told_without_its_colour(painter: WaterfallPainter) -> None:
    """Each look has a mark of its own, the word stands in the legend and in what is shown on hovering."""
    bars = [bar(look.value, 0, 1, look) for look in Look]
    root = drawn(painter, *bars)
    marks = [next(row.iter(f"{SVG}path")).get("d") for row in rows(root)]
    assert len(set(marks)) == len(Look)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    for look in Look:
        assert texts.count(look.value) >= 2  # the label, and the legend
        assert any(look.value in (row[0].text or "") for row in rows(root))


def test_only_what_did_not_end_well_is_crossed(painter: WaterfallPainter) -> None:
    """A block of a failed attempt has a cross in it, one of a successful attempt has none."""
    well, badly = (Stretch(begin=at(a), end=at(a + 4), look=look) for a, look in ((0, Look.DONE), (5, Look.FAILED)))
    [good] = rows(drawn(painter, bar("a", 0, 9, Look.DONE, well)))
    [both] = rows(drawn(painter, bar("a", 0, 9, Look.DONE, well, badly)))
    assert [len(list(row.iter(f"{SVG}path"))) for row in (good, both)] == [1, 2]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "100 ms"), (4.8, "1 s"), (90, "15 s"), (3_000, "10 min"), (20_000, "1 h"), (700_000, "2 d")],
)
def test_the_axis_has_a_unit_that_fits(painter: WaterfallPainter, seconds: float, told: str) -> None:
    """From milliseconds to days, at most nine marks, the first of them 0."""
    texts = [text.text for text in drawn(painter, bar("a", 0, seconds)).iter(f"{SVG}text")]
    axis = [text for text in texts if text and re.fullmatch(r"0|[\d.]+ (ms|s|min|h|d)", text)]
    assert axis[0] == "0"
    assert told in axis
    assert len(axis) <= 9


@given(st.lists(st.text(max_size=200), min_size=1, max_size=5), st.text(max_size=300))
def test_whatever_texts_there_are_the_picture_is_sound(names: list[str], note: str) -> None:
    """It parses, has only the elements that it is made of, and refers to nothing."""
    painter = Plugins().waterfall_painter()
    waterfall = Waterfall(title=names[0], bars=[bar(name, 0, 1, detail=name) for name in names], notes=[note, *names])
    svg = painter.svg(waterfall)
    root = ET.fromstring(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {"svg", "title", "rect", "g", "path", "text"}
    assert not re.search(rb"href|url\(|style=", re.sub(rb">[^<]*<", b"><", svg))
    assert painter.svg(waterfall) == svg


def test_all_is_within_the_picture(painter: WaterfallPainter) -> None:
    """Long labels and notes are cut or wrapped, bars do not leave the chart."""
    words = " ".join(["lookup_of_something"] * 30)
    root = drawn(painter, bar(words, 0, 3, detail=words), bar("b", 2, 3), notes=(words,), title=words)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for rect in root.iter(f"{SVG}rect"):
        assert float(rect.get("x", 0)) + float(rect.get("width", 0)) <= width
        assert float(rect.get("y", 0)) + float(rect.get("height", 0)) <= height
    lines = [text for text in root.iter(f"{SVG}text") if "lookup_of" in (text.text or "")]
    assert len(lines) >= 4
    assert all(float(text.get("y", 0)) < height for text in lines)


def test_nothing_at_all_is_a_picture_too(painter: WaterfallPainter) -> None:
    """Without bars, and with one that took no time."""
    assert rows(drawn(painter)) == []
    assert len(rows(drawn(painter, bar("a", 3, 3)))) == 1


def test_it_is_drawn_as_png(painter: WaterfallPainter) -> None:
    """Twice the size of the SVG, and not blank."""
    waterfall = Waterfall(title="Run", bars=[bar("a", 0, 1)])
    root = ET.fromstring(painter.svg(waterfall))
    with Image.open(BytesIO(painter.png(waterfall))) as image:
        assert image.width == 2 * int(root.get("width", 0))
        assert len(image.getcolors(100_000) or ()) > 3
