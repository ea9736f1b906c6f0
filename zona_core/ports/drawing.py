"""The drawing port: graphs, and what happened in the course of time, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from attrs import define

__all__ = [
    "Bar",
    "Drawing",
    "DrawnEdge",
    "DrawnNode",
    "GraphPainter",
    "Look",
    "PictureFormat",
    "Stretch",
    "Waterfall",
    "WaterfallPainter",
]


class PictureFormat(StrEnum):
    """What a picture is made as."""

    SVG = "svg"
    PNG = "png"


@define(frozen=True, kw_only=True)
class DrawnNode:
    """A box."""

    id: str
    label: str
    #: what it stands in, such as its app: boxes of one group look alike
    group: str = ""


@define(frozen=True, kw_only=True)
class DrawnEdge:
    """An arrow from what is needed to what needs it."""

    source: str
    target: str
    label: str = ""


@define(frozen=True, kw_only=True)
class Drawing:
    """A directed acyclic graph to be drawn."""

    title: str
    nodes: Sequence[DrawnNode]
    edges: Sequence[DrawnEdge]


class GraphPainter(Protocol):
    """Draws graphs, the same picture for the same graph."""

    def svg(self, drawing: Drawing) -> bytes:
        """The picture as SVG 1.1, with all text escaped and nothing that is loaded from elsewhere."""

    def png(self, drawing: Drawing) -> bytes:
        """The picture as PNG; raises ``NotInstalled`` if what it takes is not there."""


class Look(StrEnum):
    """How something went: told by a colour and by a mark, so that either is enough."""

    DONE = "done"
    FAILED = "failed"
    LATE = "late"
    STOPPED = "stopped"
    UNDER_WAY = "under way"
    WAITING = "waiting"


@define(frozen=True, kw_only=True)
class Stretch:
    """A part of a bar in which something was done, such as an attempt; the rest of the bar is waiting."""

    begin: datetime
    end: datetime
    look: Look


@define(frozen=True, kw_only=True)
class Bar:
    """A row: something that took its time."""

    label: str
    look: Look
    begin: datetime
    #: not before ``begin``
    end: datetime
    stretches: Sequence[Stretch] = ()
    #: a few words behind the bar
    detail: str = ""
    #: how far it is set in: what belongs to the row above is one deeper
    depth: int = 0


@define(frozen=True, kw_only=True)
class Waterfall:
    """What happened in the course of time, one row below the other."""

    title: str
    #: a line below the title
    subtitle: str = ""
    bars: Sequence[Bar]
    #: lines below the picture, such as what is not in it
    notes: Sequence[str] = ()


class WaterfallPainter(Protocol):
    """Draws waterfalls, the same picture for the same waterfall."""

    def svg(self, waterfall: Waterfall) -> bytes:
        """The picture as SVG 1.1, with all text escaped and nothing that is loaded from elsewhere."""

    def png(self, waterfall: Waterfall) -> bytes:
        """The picture as PNG; raises ``NotInstalled`` if what it takes is not there."""
