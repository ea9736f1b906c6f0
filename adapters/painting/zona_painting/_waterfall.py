"""What happened in the course of time as SVG 1.1: a row for each bar, its mark and label before it, an axis above.

A look is told by colour and by mark; what was done is a block, waiting is a thin line: nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from typing import Final
from xml.sax.saxutils import escape

from attrs import define

from zona_core.ports.drawing import Bar, Look, Stretch, Waterfall
from zona_painting._pen import FAINT_INK, HEAD, INK, n, text
from zona_painting._raster import Picture
from zona_painting._text import cut, one_line, width_of

__all__ = ["as_bars"]

_GRID: Final = "#e4e7eb"
_COLOURS: Final = {
    Look.DONE: "#2f855a",
    Look.FAILED: "#c53030",
    Look.LATE: "#b7600b",
    Look.STOPPED: "#52606d",
    Look.UNDER_WAY: "#2b6cb0",
    Look.WAITING: "#9aa5b1",
}
#: strokes in a square of 10 by 10 pixels
_MARKS: Final = {
    Look.DONE: "M1.5 5.5L4 8L8.5 2",
    Look.FAILED: "M2 2L8 8M8 2L2 8",
    Look.LATE: "M5 1A4 4 0 1 1 4.99 1M5 2.5V5L7 6.5",
    Look.STOPPED: "M2 2H8V8H2z",
    Look.UNDER_WAY: "M2.5 1.5L8 5L2.5 8.5z",
    Look.WAITING: "M3.2 2V8M6.8 2V8",
}

#: pixels
_MARGIN: Final = 28.0
_TITLE_SIZE, _SUBTITLE_SIZE, _LABEL_SIZE, _SMALL_SIZE = 18.0, 11.5, 12.5, 10.5
_TITLE_ROOM, _AXIS_ROOM, _ROW = 52.0, 24.0, 22.0
_NARROWEST_LABELS, _WIDEST_LABELS, _WIDEST_DETAILS, _CHART = 120.0, 300.0, 260.0, 620.0
_STEP_IN, _MARK_ROOM, _GAP = 14.0, 18.0, 14.0
_BLOCK, _THIN, _LEAST = 12.0, 4.0, 2.0
_CROSSED: Final = 9.0
_CROSSED_OUT: Final = frozenset({Look.FAILED, Look.LATE, Look.STOPPED})
_LINE, _MOST_LINES = 16.0, 6

#: seconds between two lines of the axis
_STEPS: Final = (
    *(step * 10.0**power for power in range(-3, 1) for step in (1, 2, 5)),
    10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 21_600.0, 43_200.0,
    *(86_400.0 * days for days in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)),
)  # fmt: skip
_MOST_STEPS: Final = 8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@define(frozen=True)
class _Frame:
    """Where columns begin, in pixels, and how time becomes place."""

    begin: datetime
    seconds: float
    labels: float
    details: float

    @property
    def chart(self) -> float:
        return _MARGIN + self.labels + _GAP

    @property
    def width(self) -> int:
        return ceil(self.chart + _CHART + (_GAP + self.details if self.details else 0) + _MARGIN)

    def place(self, at: datetime) -> float:
        part = (at - self.begin).total_seconds() / self.seconds
        return self.chart + _CHART * min(max(part, 0.0), 1.0)


def as_bars(waterfall: Waterfall) -> Picture:
    """The picture; as many rows as there are bars."""
    frame = _framed(waterfall)
    top = _MARGIN + _TITLE_ROOM + _AXIS_ROOM
    bottom = top + _ROW * len(waterfall.bars)
    notes = [line for note in waterfall.notes for line in _wrapped(note, frame.width - 2 * _MARGIN)]
    height = ceil(bottom + 30 + _LINE * len(notes) + _MARGIN)
    title, room = one_line(waterfall.title), frame.width - 2 * _MARGIN
    parts = [
        HEAD.format(width=frame.width, height=height, title=escape(title)),
        text(title, (_MARGIN, _MARGIN + _TITLE_SIZE), _TITLE_SIZE, room, f'font-weight="600" fill="{INK}"'),
        text(one_line(waterfall.subtitle), (_MARGIN, _MARGIN + 38), _SUBTITLE_SIZE, room, f'fill="{FAINT_INK}"'),
        *_axis(frame, top, bottom),
        *(_row(frame, bar, top + _ROW * index) for index, bar in enumerate(waterfall.bars)),
        *_legend(waterfall, bottom + 20),
        *(
            text(line, (_MARGIN, bottom + 30 + _LINE * (index + 1)), _SMALL_SIZE, room, f'fill="{FAINT_INK}"')
            for index, line in enumerate(notes)
        ),
        "</svg>\n",
    ]
    return Picture("".join(parts), frame.width, height)


def _framed(waterfall: Waterfall) -> _Frame:
    bars = waterfall.bars
    labels = max(
        (_STEP_IN * bar.depth + _MARK_ROOM + width_of(one_line(bar.label), _LABEL_SIZE) for bar in bars), default=0
    )
    details = max((width_of(one_line(bar.detail), _SMALL_SIZE) for bar in bars), default=0)
    begin = min((bar.begin for bar in bars), default=_EPOCH)
    end = max((bar.end for bar in bars), default=_EPOCH)
    return _Frame(
        begin=begin,
        seconds=max((end - begin).total_seconds(), 0.001),
        labels=min(max(ceil(labels) + 1, _NARROWEST_LABELS), _WIDEST_LABELS),
        details=min(ceil(details) + 1 if details else 0.0, _WIDEST_DETAILS),
    )


def _axis(frame: _Frame, top: float, bottom: float) -> Iterator[str]:
    step = next((step for step in _STEPS if frame.seconds / step <= _MOST_STEPS), frame.seconds)
    for index in range(int(frame.seconds / step + 1e-9) + 1):
        x = frame.chart + _CHART * index * step / frame.seconds
        yield f'<path d="M{n(x)} {n(top - 4)}V{n(bottom)}" stroke="{_GRID}" stroke-width="1"/>\n'
        style = f'text-anchor="middle" fill="{FAINT_INK}"'
        yield text(_told(index * step, step), (x, top - 9), _SMALL_SIZE, _CHART, style)


def _told(seconds: float, step: float) -> str:
    """A time since the beginning, in the unit of the axis."""
    if not seconds:
        return "0"
    for unit, name in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s")):
        if step >= unit:
            return f"{seconds / unit:g} {name}"
    return f"{round(seconds * 1000)} ms"


def _row(frame: _Frame, bar: Bar, y: float) -> str:
    label, detail = one_line(bar.label), one_line(bar.detail)
    x, middle = _MARGIN + _STEP_IN * bar.depth, y + _ROW / 2
    room = frame.labels - (x - _MARGIN) - _MARK_ROOM
    told = " · ".join(part for part in (label, bar.look.value, detail) if part)
    begin, end = frame.place(bar.begin), frame.place(bar.end)
    wide = max(end - begin, _LEAST)
    parts = [
        f'<g class="bar"><title>{escape(told)}</title>',
        _mark(bar.look, (x, middle - 5)),
        text(label, (x + _MARK_ROOM, middle + 4.5), _LABEL_SIZE, room),
        _block((begin, middle), wide, _THIN, _COLOURS[bar.look], 'fill-opacity="0.45"'),
        *(_stretch(frame, stretch, middle) for stretch in bar.stretches),
    ]
    if detail:
        at = (frame.chart + _CHART + _GAP, middle + 4)
        parts.append(text(detail, at, _SMALL_SIZE, frame.details, f'fill="{FAINT_INK}"'))
    return "".join([*parts, "</g>\n"])


def _stretch(frame: _Frame, stretch: Stretch, middle: float) -> str:
    """A block; one that did not end well is crossed, where there is room."""
    x = frame.place(stretch.begin)
    wide = max(frame.place(stretch.end) - x, _LEAST)
    edge = 'stroke="#ffffff" stroke-width="0.8"' if wide > 2 * _LEAST else ""
    block = _block((x, middle), wide, _BLOCK, _COLOURS[stretch.look], edge)
    if stretch.look not in _CROSSED_OUT or wide < _CROSSED:
        return block
    at, half = x + wide / 2, 2.6
    return block + (
        f'<path d="M{n(at - half)} {n(middle - half)}L{n(at + half)} {n(middle + half)}'
        f'M{n(at + half)} {n(middle - half)}L{n(at - half)} {n(middle + half)}"'
        ' fill="none" stroke="#ffffff" stroke-width="1.4"/>\n'
    )


def _block(at: tuple[float, float], wide: float, high: float, colour: str, style: str = "") -> str:
    x, middle = at
    return (
        f'<rect x="{n(x)}" y="{n(middle - high / 2)}" width="{n(wide)}" height="{n(high)}" rx="1.5" fill="{colour}"'
        f"{' ' if style else ''}{style}/>\n"
    )


def _mark(look: Look, at: tuple[float, float]) -> str:
    return (
        f'<path transform="translate({n(at[0])} {n(at[1])})" d="{_MARKS[look]}" fill="none" stroke="{_COLOURS[look]}"'
        ' stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/>\n'
    )


def _legend(waterfall: Waterfall, y: float) -> Iterator[str]:
    """What the marks that are in the picture stand for, and what blocks and lines do."""
    shown = {bar.look for bar in waterfall.bars}
    x, faint = _MARGIN, f'fill="{FAINT_INK}"'
    for look in Look:
        if look in shown:
            yield _mark(look, (x, y - 8))
            yield text(look.value, (x + _MARK_ROOM, y), _SMALL_SIZE, _CHART, faint)
            x += _MARK_ROOM + width_of(look.value, _SMALL_SIZE) + _GAP
    for high, style, told in ((_BLOCK, "", "at work"), (_THIN, 'fill-opacity="0.45"', "waiting")):
        yield _block((x, y - 3), 18, high, _COLOURS[Look.STOPPED], style)
        yield text(told, (x + 24, y), _SMALL_SIZE, _CHART, faint)
        x += 24 + width_of(told, _SMALL_SIZE) + _GAP


def _wrapped(note: str, room: float) -> Iterator[str]:
    """The note in lines of at most that width; what does not fit into the last of them is cut."""
    words, line, lines = one_line(note).split(" "), "", 0
    for index, word in enumerate(words):
        longer = f"{line} {word}" if line else word
        if line and width_of(longer, _SMALL_SIZE) > room:
            lines += 1
            if lines == _MOST_LINES:
                yield cut(" ".join([line, *words[index:]]), _SMALL_SIZE, room)
                return
            yield line
            longer = word
        line = longer
    if line:
        yield line
