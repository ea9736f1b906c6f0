"""The drawing port: graphs as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import define

__all__ = ["Drawing", "DrawnEdge", "DrawnNode", "GraphPainter"]


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
