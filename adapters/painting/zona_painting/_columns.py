"""The columns of a layered picture, and the order of what stands in each.

The way of Sugiyama, Tagawa and Toda (1981): nodes stand in columns, each right of all that it needs. A line that passes
a column has a lane of its own in it, so that it crosses no box; lines from one box share their lanes, so that they look
like one that branches. Columns are ordered by barycentres, back and forth; the order with the fewest crossings is kept.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Final, TypeAlias

__all__ = ["Columns", "Item", "Lane"]

#: a line's place in a column, by number, that it passes: shared by all lines from one node
Lane: TypeAlias = tuple[str, int]
#: what stands in a column: a node by its id, or a lane
Item: TypeAlias = str | Lane

_SWEEPS: Final = 12
#: lanes in one picture: beyond it the longest lines go straight, whatever is in their way
_MOST_LANES: Final = 20_000


class Columns:
    """Columns of nodes and lanes, and what in one column is linked to what in the next."""

    def __init__(self, generations: Sequence[Sequence[str]], edges: Sequence[tuple[str, str]]) -> None:
        self.columns: list[list[Item]] = [list(layer) for layer in generations]
        self._number = {node: number for number, layer in enumerate(generations) for node in layer}
        #: by item: what it is linked to in the column before its own, and in the one after it
        self.before: dict[Item, list[Item]] = {node: [] for node in self._number}
        self.after: dict[Item, list[Item]] = {node: [] for node in self._number}
        #: by edge: the lanes that it takes, one for each column that it passes
        self.lanes: dict[tuple[str, str], list[Lane]] = {}
        self._free_lanes = _MOST_LANES
        for edge in sorted(edges, key=self._columns_passed):
            self._add(edge)

    def order(self) -> None:
        """Orders each column so that few lines cross."""
        best, fewest = [list(column) for column in self.columns], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            forth = sweep % 2 == 0
            pairs = pairwise(self.columns) if forth else pairwise(reversed(self.columns))
            for settled, column in pairs:
                _sort(column, settled, self.before if forth else self.after)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(column) for column in self.columns], crossings
        self.columns = best

    def _columns_passed(self, edge: tuple[str, str]) -> int:
        return self._number[edge[1]] - self._number[edge[0]] - 1

    def _add(self, edge: tuple[str, str]) -> None:
        source, target = edge
        lanes = [(source, number) for number in range(self._number[source] + 1, self._number[target])]
        fresh = [lane for lane in lanes if lane not in self.before]
        if len(fresh) > self._free_lanes:
            self.lanes[edge] = []
            return
        self._free_lanes -= len(fresh)
        self.lanes[edge] = lanes
        for lane in fresh:
            self.columns[lane[1]].append(lane)
            self.before[lane], self.after[lane] = [], []
            self._link(source if lane[1] == self._number[source] + 1 else (source, lane[1] - 1), lane)
        self._link(lanes[-1] if lanes else source, target)

    def _link(self, item: Item, following: Item) -> None:
        self.after[item].append(following)
        self.before[following].append(item)

    def _crossings(self) -> int:
        crossings = 0
        for column, following in pairwise(self.columns):
            index = {item: position for position, item in enumerate(following)}
            above: list[int] = []
            for item in column:
                ends = sorted(index[other] for other in self.after[item])
                crossings += sum(len(above) - bisect_right(above, end) for end in ends)
                for end in ends:
                    insort(above, end)
        return crossings


def _sort(column: list[Item], settled: Sequence[Item], linked: Mapping[Item, Sequence[Item]]) -> None:
    """Sorts a column by the mean place of each item's neighbours in the column that is ``settled``.

    Places are parts of a column's height; who has no neighbour there stays about where it is.
    """
    place = {item: (index + 0.5) / len(settled) for index, item in enumerate(settled)}
    own = {item: (index + 0.5) / len(column) for index, item in enumerate(column)}
    column.sort(key=lambda item: fmean(place[other] for other in linked[item]) if linked[item] else own[item])
