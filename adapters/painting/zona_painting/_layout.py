"""Where the boxes and lines of a layered picture go, in pixels.

Boxes in columns, of the same width in each; everything moves up and down towards what it is linked to. Nodes that
neither need nor are needed stand in rows below. A layout depends on the order of nodes, the edges and the sizes only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from math import ceil, sqrt
from statistics import fmean
from typing import Final

from attrs import Factory, define

from zona_painting._columns import Columns, Item

__all__ = ["Layout", "Spot", "laid_out"]

_SETTLINGS: Final = 10
#: pixels between boxes, between a lane and what is above or below it, and between columns: more in a high picture, so
#: that lines are not too steep
_BETWEEN: Final = 18.0
_BESIDE_LANE: Final = 9.0
_COLUMN_GAP: Final = 60.0
_WIDEST_COLUMN_GAP: Final = 200.0
#: pixels between the columns and the rows below them
_ABOVE_ROWS: Final = 44.0
#: about how many times as wide as high rows are, where nothing above them is wider
_ROWS_SHAPE: Final = 1.6

Point = tuple[float, float]


@define(frozen=True)
class Spot:
    """The place of a box: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float


@define
class Layout:
    """The places of everything, from (0, 0) on."""

    width: float = 0.0
    height: float = 0.0
    spots: dict[str, Spot] = Factory(dict)
    #: by edge, from box to box: an even number of points, bent between the first two, level between the next two, …
    lines: dict[tuple[str, str], list[Point]] = Factory(dict)


def laid_out(
    generations: Sequence[Sequence[str]],
    edges: Sequence[tuple[str, str]],
    widths: Mapping[str, float],
    height: float,
    least_gap: float = 0.0,
) -> Layout:
    """A layout of nodes in ``generations``, whose boxes are at least as wide as ``widths`` say and all equally high.

    ``edges`` hold none twice. Columns are at least ``least_gap`` pixels apart, for what is written on lines.
    """
    linked = {node for edge in edges for node in edge}
    columns = Columns([[node for node in layer if node in linked] for layer in generations], edges)
    columns.order()
    layout = _in_columns(columns, widths, height, least_gap)
    _add_rows(layout, [node for layer in generations for node in layer if node not in linked], widths, height)
    return layout


def _in_columns(columns: Columns, widths: Mapping[str, float], height: float, least_gap: float) -> Layout:
    middles = _settled(columns, height)
    layout = Layout(height=max(middles.values(), default=-height / 2) + height / 2)
    gap = max(least_gap, min(_COLUMN_GAP + layout.height / 12, _WIDEST_COLUMN_GAP))
    edges_of_columns: list[Point] = []
    for column in columns.columns:
        x = layout.width + gap if edges_of_columns else 0.0
        width = max((widths[item] for item in column if isinstance(item, str)), default=0.0)
        edges_of_columns.append((x, x + width))
        layout.width = x + width
        for item in column:
            if isinstance(item, str):
                layout.spots[item] = Spot(x, middles[item] - height / 2, width, height)
    for (source, target), lanes in columns.lanes.items():
        first, last = layout.spots[source], layout.spots[target]
        points = [(first.x + first.width, middles[source])]
        for lane in lanes:
            points += ((x, middles[lane]) for x in edges_of_columns[lane[1]])
        layout.lines[source, target] = [*points, (last.x, middles[target])]
    return layout


def _settled(columns: Columns, height: float) -> dict[Item, float]:
    """By item: the height of its middle, near what it is linked to, and none too near to another."""
    distances = [[_distance(*pair, height) for pair in pairwise(column)] for column in columns.columns]
    middles: dict[Item, float] = {}
    for column, apart in zip(columns.columns, distances, strict=True):
        stacked = list(accumulate(apart, initial=0.0))
        middles.update((item, at - stacked[-1] / 2) for item, at in zip(column, stacked, strict=False))
    rows = list(zip(columns.columns, distances, strict=True))
    for turn in range(_SETTLINGS):
        forth = turn % 2 == 0
        for column, apart in rows if forth else reversed(rows):
            wanted = []
            for item in column:
                linked = columns.before[item] if forth else columns.after[item]
                wanted.append(fmean(middles[other] for other in linked) if linked else middles[item])
            middles.update(zip(column, _kept_apart(wanted, apart), strict=True))
    return _drawn_together(middles, height)


def _drawn_together(middles: Mapping[Item, float], height: float) -> dict[Item, float]:
    """The same from height / 2 on, and without the wide bands in which nothing stands in any column."""
    drawn: dict[Item, float] = {}
    at, last = height / 2, min(middles.values(), default=0.0)
    for item, middle in sorted(middles.items(), key=lambda entry: entry[1]):
        at += min(middle - last, height + 2 * _BETWEEN)
        last = middle
        drawn[item] = at
    return drawn


def _distance(upper: Item, lower: Item, height: float) -> float:
    boxes = isinstance(upper, str) + isinstance(lower, str)
    return boxes * height / 2 + (_BETWEEN if boxes == 2 else _BESIDE_LANE)


def _kept_apart(wanted: Sequence[float], apart: Sequence[float]) -> list[float]:
    """Heights in the same order, as near to those ``wanted`` as distances allow.

    The mean of the two ways to make room, pushing down and pushing up: since both keep the distances, so does it.
    """
    if not wanted:
        return []
    down, up = [wanted[0]], [wanted[-1]]
    for height, distance in zip(wanted[1:], apart, strict=True):
        down.append(max(height, down[-1] + distance))
    for height, distance in zip(wanted[-2::-1], reversed(apart), strict=True):
        up.append(min(height, up[-1] - distance))
    return [(lower + upper) / 2 for lower, upper in zip(down, reversed(up), strict=True)]


def _add_rows(layout: Layout, nodes: Sequence[str], widths: Mapping[str, float], height: float) -> None:
    """Puts ``nodes`` below everything else, in rows and columns."""
    if not nodes:
        return
    width = max(widths[node] for node in nodes)
    across, below = width + _BETWEEN, height + _BETWEEN
    fitting = int((layout.width + _BETWEEN) // across)
    in_a_row = min(max(fitting, ceil(sqrt(len(nodes) * _ROWS_SHAPE * below / across))), len(nodes))
    top = layout.height + _ABOVE_ROWS if layout.spots else 0.0
    for index, node in enumerate(nodes):
        row, place = divmod(index, in_a_row)
        layout.spots[node] = Spot(place * across, top + row * below, width, height)
    layout.width = max(layout.width, in_a_row * across - _BETWEEN)
    layout.height = top + ceil(len(nodes) / in_a_row) * below - _BETWEEN
