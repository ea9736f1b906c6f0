"""A layout as SVG 1.1: dark on light, with fonts of the system, without scripts, styles, references or identifiers."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Final
from xml.sax.saxutils import escape

from zona_core.ports.drawing import Drawing, DrawnEdge, DrawnNode
from zona_painting._layout import Layout, Point, Spot, laid_out
from zona_painting._pen import FAINT_INK, HEAD, INK, n, text
from zona_painting._raster import Picture
from zona_painting._text import cut, one_line, width_of

__all__ = ["painted"]

_LINE: Final = "#8592a3"
_UNGROUPED: Final = ("#f5f7fa", "#7b8794")

#: pixels
_MARGIN: Final = 28.0
_TITLE_SIZE, _TITLE_ROOM = 18.0, 40.0
_LABEL_SIZE, _GROUP_SIZE, _EDGE_SIZE = 13.0, 10.5, 10.5
_PADDING: Final = 12.0
_NARROWEST, _WIDEST, _BOX_HEIGHT = 96.0, 232.0, 44.0
_LONGEST_EDGE_LABEL: Final = 120.0
_ARROW_LENGTH, _ARROW_WIDTH = 8.0, 7.0


#: where on a bend a label may stand, the best first: not where lines cross that change places
_ALONG: Final = (0.6, 0.4, 0.72, 0.28, 0.5)


def painted(drawing: Drawing, generations: Sequence[Sequence[str]]) -> Picture:
    """The drawing with its nodes in ``generations``; of nodes and of edges that stand twice the first counts."""
    nodes = {node.id: node for node in reversed(drawing.nodes)}
    nodes = {node.id: nodes[node.id] for node in drawing.nodes}
    order = {name: index for index, name in enumerate(nodes)}
    edges = {(edge.source, edge.target): edge for edge in reversed(drawing.edges)}
    edges = dict(sorted(edges.items(), key=lambda entry: (order[entry[0][0]], order[entry[0][1]])))
    written = {pair: label for pair, edge in edges.items() if (label := _written(edge))}
    widest_label = max((width_of(label, _EDGE_SIZE) for label in written.values()), default=0.0)
    layout = laid_out(
        generations,
        list(edges),
        {name: _width(node) for name, node in nodes.items()},
        _BOX_HEIGHT,
        1.2 * widest_label + 30,  # for where on a line labels stand
    )
    title = one_line(drawing.title)
    width = ceil(max(layout.width, min(width_of(title, _TITLE_SIZE), 2 * _WIDEST)) + 2 * _MARGIN) + 1
    height = ceil(layout.height + _TITLE_ROOM + 2 * _MARGIN)
    parts = [
        HEAD.format(width=width, height=height, title=escape(title)),
        text(
            title,
            (_MARGIN, _MARGIN + _TITLE_SIZE),
            _TITLE_SIZE,
            width - 2 * _MARGIN,
            f'font-weight="600" fill="{INK}"',
        ),
        f'<g transform="translate({_MARGIN:g} {_MARGIN + _TITLE_ROOM:g})">\n',
        *_lines(layout, edges, nodes),
        *_boxes(layout, nodes),
        *_labels(layout, written),
        "</g>\n</svg>\n",
    ]
    return Picture("".join(parts), width, height)


def _name(node: DrawnNode) -> str:
    return one_line(node.label) or one_line(node.id)


def _written(edge: DrawnEdge) -> str:
    return cut(one_line(edge.label), _EDGE_SIZE, _LONGEST_EDGE_LABEL)


def _width(node: DrawnNode) -> float:
    longest = max(width_of(_name(node), _LABEL_SIZE), width_of(one_line(node.group), _GROUP_SIZE))
    return min(max(ceil(longest) + 1 + 2 * _PADDING, _NARROWEST), _WIDEST)  # no less for being added and taken away


def _lines(layout: Layout, edges: Mapping[tuple[str, str], DrawnEdge], nodes: Mapping[str, DrawnNode]) -> Iterator[str]:
    yield f'<g fill="none" stroke="{_LINE}" stroke-width="1.4">\n'
    for (source, target), edge in edges.items():
        told = f"{_name(nodes[source])} → {_name(nodes[target])}"
        label = one_line(edge.label)
        points = layout.lines[source, target]
        yield (
            f'<g class="edge"><title>{escape(f"{told}: {label}" if label else told)}</title>'
            f'<path d="{_way(points)}"/><path d="{_head(points[-1])}" fill="{_LINE}" stroke="none"/></g>\n'
        )
    yield "</g>\n"


def _head(tip: Point) -> str:
    x, y = tip
    back, half = x - _ARROW_LENGTH, _ARROW_WIDTH / 2
    return f"M{n(back)} {n(y - half)}L{n(x)} {n(y)}L{n(back)} {n(y + half)}z"


def _way(points: Sequence[Point]) -> str:
    """Bends from box or lane to lane or box, level within lanes; it ends where the arrow's head begins."""
    way = [f"M{n(points[0][0])} {n(points[0][1])}"]
    for index in range(1, len(points), 2):
        (left, start), (right, end) = points[index - 1 : index + 1]
        if index == len(points) - 1:
            right -= _ARROW_LENGTH
        half = (left + right) / 2
        way.append(f"C{n(half)} {n(start)} {n(half)} {n(end)} {n(right)} {n(end)}")
        if index + 1 < len(points):
            way.append(f"H{n(points[index + 1][0])}")
    return "".join(way)


def _boxes(layout: Layout, nodes: Mapping[str, DrawnNode]) -> Iterator[str]:
    groups = dict.fromkeys(node.group for node in nodes.values() if node.group)
    colours = {group: _colours(index) for index, group in enumerate(groups)}
    for name, node in nodes.items():
        yield _box(layout.spots[name], node, *colours.get(node.group, _UNGROUPED))


def _box(spot: Spot, node: DrawnNode, fill: str, stroke: str) -> str:
    label, group = _name(node), one_line(node.group)
    x, room = spot.x + _PADDING, spot.width - 2 * _PADDING
    middle = spot.y + spot.height / 2
    lines = [text(label, (x, middle + (-2 if group else 4.5)), _LABEL_SIZE, room)]
    if group:
        lines.append(text(group, (x, middle + 13), _GROUP_SIZE, room, f'fill="{FAINT_INK}"'))
    return (
        f'<g class="node"><title>{escape(f"{label} ({group})" if group else label)}</title>'
        f'<rect x="{n(spot.x)}" y="{n(spot.y)}" width="{n(spot.width)}" height="{n(spot.height)}" rx="7"'
        f' fill="{fill}" stroke="{stroke}" stroke-width="1.2"/>\n{"".join(lines)}</g>\n'
    )


def _labels(layout: Layout, written: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """What stands on lines, on their last bend: there lines from one box go different ways."""
    taken: dict[tuple[float, float], list[tuple[Point, float]]] = {}
    for pair, label in written.items():
        begin, end = layout.lines[pair][-2:]
        others = taken.setdefault((begin[0], end[0]), [])
        wide = width_of(label, _EDGE_SIZE) + 4
        places = [_on_bend(begin, end, part) for part in _ALONG]
        x, y = next((place for place in places if _is_free(place, wide, others)), places[0])
        others.append(((x, y), wide))
        yield (
            f'<rect x="{n(x - wide / 2)}" y="{n(y - 7)}" width="{n(wide)}" height="14" rx="4" fill="#ffffff"'
            ' fill-opacity="0.85"/>'
        )
        yield text(label, (x, y + 3.5), _EDGE_SIZE, wide, f'text-anchor="middle" fill="{FAINT_INK}"')


def _is_free(place: Point, wide: float, others: Sequence[tuple[Point, float]]) -> bool:
    x, y = place
    return all(abs(y - other_y) >= 14 or abs(x - other_x) * 2 >= wide + other for (other_x, other_y), other in others)


def _on_bend(begin: Point, end: Point, part: float) -> Point:
    """A point of the curve that ``_way`` draws; ``part`` runs from 0 to 1."""
    rest = 1 - part
    across = 1.5 * part * rest + part**3
    down = 3 * part**2 * rest + part**3
    return begin[0] + across * (end[0] - begin[0]), begin[1] + down * (end[1] - begin[1])


def _colours(index: int) -> tuple[str, str]:
    """A light colour and a darker one. Each next group's hue lies a golden angle further, far from those before it."""
    hue = (0.58 + index * 0.381966) % 1.0
    return _hex(hue, 0.94, 0.75), _hex(hue, 0.52, 0.45)


def _hex(hue: float, lightness: float, saturation: float) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in colorsys.hls_to_rgb(hue, lightness, saturation))
