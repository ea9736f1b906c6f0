"""Pictures of graphs: what is in them, that nothing else is, and where it stands."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from itertools import combinations, pairwise
from random import Random
from xml.etree import ElementTree as ET

import pytest
import resvg_py
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

import zona_painting.plugin
from zona_core.errors import InvalidInput, NotInstalled
from zona_core.hookspecs import PluginDetails
from zona_core.plugins import Plugins
from zona_core.ports.drawing import Drawing, DrawnEdge, DrawnNode, GraphPainter
from zona_painting._layout import Spot
from zona_painting._text import cut, one_line, width_of

SVG = "{http://www.w3.org/2000/svg}"

HOSTILE = [
    "<script>alert(1)</script>",
    "a & b && \"c\" 'd' <e>",
    "]]></text><image href='https://example.org/x.png'/>",
    "&lt;already&gt; &#60;",
    "two\nlines\tand\r\na tab",
    "\x00\x1b[31m\x7f\x9f\ufffe\uffff",
    "\ud800 lone",
    "\u202egnp.exe",
    "a" + "\u0301" * 1_000,
    "サーバー" * 300,
    "👩‍👩‍👧‍👦" * 100,
    "{width} %s {0}",
    " ",
    "",
]


@pytest.fixture(scope="module")
def painter() -> GraphPainter:
    """The painter as plugins offer it."""
    return Plugins().graph_painter()


def drawing(edges: list[tuple[str, str]], extra: tuple[str, ...] = (), title: str = "Graph") -> Drawing:
    """A graph of nodes that are called as their ids, in the order in which they are named."""
    names = dict.fromkeys([name for edge in edges for name in edge] + list(extra))
    return Drawing(
        title=title,
        nodes=[DrawnNode(id=name, label=name) for name in names],
        edges=[DrawnEdge(source=source, target=target) for source, target in edges],
    )


def random_drawing(seed: int, nodes: int, edges: int, reach: int = 12) -> Drawing:
    chance = Random(seed)
    pairs = set()
    while len(pairs) < edges:
        source = chance.randrange(nodes - 1)
        pairs.add((source, min(nodes - 1, source + chance.randint(1, reach))))
    return Drawing(
        title=f"{nodes} tasks",
        nodes=[DrawnNode(id=str(i), label=f"Task number {i}", group=f"App {i % 5}") for i in range(nodes)],
        edges=[DrawnEdge(source=str(a), target=str(b), label="if" * (a % 2)) for a, b in sorted(pairs)],
    )


def root_of(svg: bytes) -> ET.Element:
    return ET.fromstring(svg)


def parts(svg: bytes, kind: str) -> list[ET.Element]:
    """The groups of a class: ``node`` or ``edge``."""
    return [group for group in root_of(svg).iter(f"{SVG}g") if group.get("class") == kind]


def told(part: ET.Element) -> str:
    """What a part shows when one points at it."""
    return part.findtext(f"{SVG}title") or ""


def texts(part: ET.Element) -> list[str]:
    return [text.text or "" for text in part.iter(f"{SVG}text")]


def spots(svg: bytes) -> dict[str, Spot]:
    """By label: where boxes stand."""
    found = {}
    for node in parts(svg, "node"):
        [rect] = node.iter(f"{SVG}rect")
        found[texts(node)[0]] = Spot(*(float(rect.attrib[name]) for name in ("x", "y", "width", "height")))
    return found


def curve_points(way: str) -> Iterator[tuple[float, float]]:
    """Points along a line, close to one another."""
    x = y = 0.0
    for command, numbers in re.findall(r"([MCH])([^MCH]+)", way):
        values = [float(number) for number in numbers.split()]
        if command == "C":
            x1, y1, x2, y2, x3, y3 = values
            for step in range(41):
                t = step / 40
                r = 1 - t
                yield (
                    r**3 * x + 3 * r * r * t * x1 + 3 * r * t * t * x2 + t**3 * x3,
                    r**3 * y + 3 * r * r * t * y1 + 3 * r * t * t * y2 + t**3 * y3,
                )
            x, y = x3, y3
        elif command == "H":
            for step in range(41):
                yield x + (values[0] - x) * step / 40, y
            x = values[0]
        else:
            x, y = values


def test_every_node_and_every_edge_is_there(painter: GraphPainter) -> None:
    """Each node once, with its label and group; each edge once, from what is needed to what needs it."""
    picture = Drawing(
        title="Triage",
        nodes=[
            DrawnNode(id="1", label="Fetch", group="Mail"),
            DrawnNode(id="2", label="Score"),
            DrawnNode(id="3", label=""),
        ],
        edges=[DrawnEdge(source="1", target="2", label="if urgent")],
    )
    svg = painter.svg(picture)
    assert [texts(node) for node in parts(svg, "node")] == [["Fetch", "Mail"], ["Score"], ["3"]]
    assert [told(node) for node in parts(svg, "node")] == ["Fetch (Mail)", "Score", "3"]
    assert [told(edge) for edge in parts(svg, "edge")] == ["Fetch → Score: if urgent"]
    assert root_of(svg).findtext(f"{SVG}title") == "Triage"
    assert {"Triage", "if urgent"} <= set(texts(root_of(svg)))


def test_what_stands_twice_is_drawn_once(painter: GraphPainter) -> None:
    """The first node of an id and the first edge between two nodes count."""
    picture = Drawing(
        title="",
        nodes=[DrawnNode(id="a", label=label) for label in ("first", "second")] + [DrawnNode(id="b", label="b")],
        edges=[DrawnEdge(source="a", target="b", label=label) for label in ("one", "two")],
    )
    svg = painter.svg(picture)
    assert [told(node) for node in parts(svg, "node")] == ["first", "b"]
    assert [told(edge) for edge in parts(svg, "edge")] == ["first → b: one"]


@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text()), min_size=4, max_size=4))
@example(HOSTILE[:4])
@example(HOSTILE[4:8])
@example(HOSTILE[8:12])
@example(HOSTILE[-4:])
def test_texts_of_strangers_stay_texts(painter: GraphPainter, words: list[str]) -> None:
    """Whatever labels hold, the picture is well-formed, has as many parts as without it, and refers to nothing."""
    title, label, group, line = words

    def picture(title: str, label: str, group: str, line: str) -> Drawing:
        nodes = [DrawnNode(id="1", label=label, group=group), DrawnNode(id="2", label="x", group="y")]
        return Drawing(title=title, nodes=nodes, edges=[DrawnEdge(source="1", target="2", label=line)])

    svg = painter.svg(picture(title, label, group, line))
    allowed = {f"{SVG}{name}" for name in ("svg", "title", "rect", "text", "g", "path")}
    root = root_of(svg)
    assert {element.tag for element in root.iter()} == allowed
    plain = picture("t", "l", "g" if one_line(group) else "", "e" if one_line(line) else "")
    assert len(list(root.iter())) == len(list(root_of(painter.svg(plain)).iter()))
    names = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in names if "href" in name or name.startswith("on") or name in ("style", "id")}
    assert not [value for element in root.iter() for value in element.attrib.values() if "url(" in value]


def test_a_label_says_what_it_says(painter: GraphPainter) -> None:
    """Characters that mean something to XML are read back as they were given."""
    label = "a<b> & \"c\" 'd' ]]>"
    [node] = parts(painter.svg(drawing([], (label,))), "node")
    assert texts(node) == [label]


@given(st.text(max_size=2_000), st.floats(20, 400))
def test_a_text_is_cut_to_its_room(text: str, room: float) -> None:
    """What is shown fits by the estimate, begins as the text does, and ends in an ellipsis if something is missing."""
    line = one_line(text)
    shown = cut(line, 13, room)
    assert width_of(shown, 13) <= room
    assert len(shown) <= 80
    assert shown == line or (shown.endswith("…") and line.startswith(shown[:-1]))


def test_wide_text_stays_in_its_box(painter: GraphPainter) -> None:
    """The picture of a label of the widest letters has no ink between the box's frame and its right edge."""
    svg = painter.svg(drawing([], ("W" * 100,)))
    [spot] = spots(svg).values()
    with Image.open(BytesIO(resvg_py.svg_to_bytes(svg_string=svg.decode()))) as opened:
        picture = opened.convert("RGB")
    left, top = 28 + spot.x, 68 + spot.y
    inner = picture.crop((round(left + spot.width) - 11, round(top) + 8, round(left + spot.width) - 3, round(top) + 36))
    assert len(inner.getcolors()) == 1
    assert len(picture.crop((round(left) + 11, round(top) + 8, round(left) + 60, round(top) + 36)).getcolors()) > 1


@pytest.mark.parametrize("seed", range(12))
def test_boxes_do_not_overlap_and_lines_cross_none(painter: GraphPainter, seed: int) -> None:
    """Boxes keep their distance; each stands right of all it needs; a line touches only the boxes that it joins."""
    picture = random_drawing(seed, nodes=12 + 4 * seed, edges=14 + 6 * seed)
    svg = painter.svg(picture)
    placed = spots(svg)
    assert len(placed) == len(picture.nodes)
    for one, other in combinations(placed.values(), 2):
        apart_x = max(one.x, other.x) - min(one.x + one.width, other.x + other.width)
        apart_y = max(one.y, other.y) - min(one.y + one.height, other.y + other.height)
        assert apart_x >= 17 or apart_y >= 17
    width, height = (int(root_of(svg).attrib[name]) for name in ("width", "height"))
    for spot in placed.values():
        assert 0 <= spot.x <= width - 56 - spot.width + 1
        assert 0 <= spot.y <= height - 96 - spot.height + 1
    for edge in parts(svg, "edge"):
        source, target = told(edge).partition(":")[0].split(" → ")
        assert placed[source].x + placed[source].width < placed[target].x
        way = edge.findall(f"{SVG}path")[0].attrib["d"]
        for x, y in curve_points(way):
            inside = [
                name
                for name, spot in placed.items()
                if spot.x + 1 < x < spot.x + spot.width - 1 and spot.y + 1 < y < spot.y + spot.height - 1
            ]
            assert inside == []


def test_lines_do_not_cross_where_they_need_not(painter: GraphPainter) -> None:
    """Two chains given crosswise are drawn side by side."""
    svg = painter.svg(drawing([("a", "x"), ("b", "y")], ()))
    crossed = Drawing(
        title="",
        nodes=[DrawnNode(id=name, label=name) for name in "abyx"],
        edges=[DrawnEdge(source="a", target="x"), DrawnEdge(source="b", target="y")],
    )
    for picture in (svg, painter.svg(crossed)):
        at = spots(picture)
        assert (at["a"].y < at["b"].y) is (at["x"].y < at["y"].y)


def test_nodes_without_edges_stand_in_rows_below(painter: GraphPainter) -> None:
    """A hundred of them do not make a tower."""
    loose = tuple(f"loose {number}" for number in range(100))
    placed = spots(painter.svg(drawing([("a", "b")], loose)))
    linked_end = placed["a"].y + placed["a"].height
    assert all(placed[name].y > linked_end for name in loose)
    assert len({placed[name].x for name in loose}) >= 5


def test_groups_are_told_apart_by_colour(painter: GraphPainter) -> None:
    """Boxes of one group look alike, those of another do not, and letters stand out from both."""
    groups = [f"App {number % 15}" for number in range(30)]
    picture = Drawing(
        title="", nodes=[DrawnNode(id=str(i), label=str(i), group=group) for i, group in enumerate(groups)], edges=[]
    )
    nodes = parts(painter.svg(picture), "node")
    looks = {}
    for node, group in zip(nodes, groups, strict=True):
        [rect] = node.iter(f"{SVG}rect")
        looks.setdefault(group, set()).add((rect.attrib["fill"], rect.attrib["stroke"]))
        background = [int(rect.attrib["fill"][at : at + 2], 16) for at in (1, 3, 5)]
        assert min(background) > 215
    assert all(len(look) == 1 for look in looks.values())
    assert len(set.union(*looks.values())) == 15


def test_the_same_graph_gives_the_same_picture(painter: GraphPainter) -> None:
    """Byte for byte, by another painter too, and in whatever order its edges are given."""
    picture = random_drawing(5, nodes=30, edges=45)
    svg = painter.svg(picture)
    assert zona_painting.plugin.zona_graph_painters(PluginDetails(version="1"))["layers"]().svg(picture) == svg
    assert painter.svg(Drawing(title=picture.title, nodes=picture.nodes, edges=picture.edges[::-1])) == svg
    assert painter.png(picture) == painter.png(picture)


def test_a_cycle_is_named_by_labels(painter: GraphPainter) -> None:
    """What goes round in a circle cannot be drawn; the error shows the way round as people know it."""
    nodes = [DrawnNode(id="1", label="Fetch"), DrawnNode(id="2", label="Score")]
    edges = [DrawnEdge(source="1", target="2"), DrawnEdge(source="2", target="1")]
    with pytest.raises(InvalidInput, match="Fetch → Score → Fetch") as caught:
        painter.svg(Drawing(title="", nodes=nodes, edges=edges))
    assert caught.value.code == "dependency_cycle"


def test_an_edge_to_what_is_not_drawn_is_refused(painter: GraphPainter) -> None:
    """It is not left out in silence."""
    picture = Drawing(title="", nodes=[DrawnNode(id="1", label="Fetch")], edges=[DrawnEdge(source="1", target="2")])
    with pytest.raises(InvalidInput) as caught:
        painter.svg(picture)
    assert caught.value.code == "unknown_dependency"


def test_a_picture_of_nothing_is_a_picture(painter: GraphPainter) -> None:
    """Without nodes there is the title."""
    empty = Drawing(title="No tasks yet", nodes=[], edges=[])
    assert texts(root_of(painter.svg(empty))) == ["No tasks yet"]
    with Image.open(BytesIO(painter.png(empty)), formats=["PNG"]) as opened:
        opened.load()


def test_the_png_is_the_svg_twice_as_large_and_holds_text(painter: GraphPainter) -> None:
    """It can be decoded, is dark on light, and changes with a label, so letters are drawn."""
    picture = drawing([("Fetch", "Score"), ("Score", "Close")])
    size = root_of(painter.svg(picture)).attrib
    png = painter.png(picture)
    with Image.open(BytesIO(png), formats=["PNG"]) as opened:
        assert opened.size == (2 * int(size["width"]), 2 * int(size["height"]))
        grey = opened.convert("L")
    assert grey.getpixel((0, 0)) == 255
    assert grey.getextrema()[0] < 64
    assert painter.png(drawing([("Fetch", "Score"), ("Score", "Cloze")])) != png


def test_a_thousand_nodes_are_drawn(painter: GraphPainter) -> None:
    """All of them, with all edges; the PNG is smaller than twice the SVG then, so that it can be opened."""
    picture = random_drawing(1, nodes=1_000, edges=1_500, reach=50)
    svg = painter.svg(picture)
    assert len(parts(svg, "node")) == 1_000
    assert len(parts(svg, "edge")) == 1_500
    with Image.open(BytesIO(painter.png(picture)), formats=["PNG"]) as opened:
        assert max(opened.size) <= 32_000
        assert opened.width * opened.height < 12_100_000


def test_lanes_are_bounded(painter: GraphPainter) -> None:
    """A chain with a line from every node to its end, a million places to pass, is drawn all the same."""
    names = [str(number) for number in range(1_500)]
    edges = [*pairwise(names), *((name, names[-1]) for name in names[:-2])]
    svg = painter.svg(drawing(edges))
    assert len(parts(svg, "edge")) == len(edges)
    assert len(svg) < 5_000_000


def test_without_its_library_png_says_what_to_install(painter: GraphPainter, monkeypatch: pytest.MonkeyPatch) -> None:
    """SVG is drawn all the same."""
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(NotInstalled) as caught:
        painter.png(drawing([("a", "b")]))
    assert "extra pictures" in caught.value.hint
    assert painter.svg(drawing([("a", "b")]))


def test_without_a_font_png_says_what_to_install(painter: GraphPainter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a picture of empty boxes, which is what the library draws on a machine without fonts."""
    render = resvg_py.svg_to_bytes
    monkeypatch.setattr(resvg_py, "svg_to_bytes", lambda **options: render(**options, skip_system_fonts=True))
    with pytest.raises(NotInstalled, match="no font") as caught:
        painter.png(drawing([("a", "b")]))
    assert "fonts-dejavu-core" in caught.value.hint
