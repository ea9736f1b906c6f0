"""How wide the columns of a table are where the terminal is too narrow for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

__all__ = ["GAP", "Column", "fitted"]

#: blanks between two columns
GAP: Final = 2

#: how narrow a column may become, in the order in which they are narrowed
_LEAST: Final = {"cut": 12, "wrap": 18, "whole": 24}


class Column(NamedTuple):
    """A column of a table, and what becomes of it where the terminal is too narrow for all.

    ``whole``: names and ids that one needs; folded last and never cut. ``wrap``: lists and explanations, broken at
    blanks. ``cut``: prose on one line, ended by an ellipsis; left out where it has no room. ``spare``: whole, or left
    out where it has no room.
    """

    title: str
    fit: Literal["whole", "wrap", "cut", "spare"] = "whole"
    right: bool = False


def fitted(columns: Sequence[Column], natural: Sequence[int], room: int) -> list[int]:
    """A width for each column, all in terminal cells, so that they fit in ``room``; 0 for a column that is left out.

    ``natural`` are the widths that their cells ask for, 0 for a column without any. If even the narrowest widths do not
    fit, these are given.
    """
    widths = list(natural)
    _narrow(columns, widths, room, "cut")
    _narrow(columns, widths, room, "wrap")
    if _excess(widths, room) > 0:
        droppable = [index for index, each in enumerate(columns) if each.fit in ("cut", "spare") and widths[index]]
        if droppable:
            without = [0 if index == droppable[-1] else width for index, width in enumerate(natural)]
            return fitted(columns, without, room)
    _narrow(columns, widths, room, "whole")
    return widths


def _narrow(columns: Sequence[Column], widths: list[int], room: int, fit: str) -> None:
    """Takes from the widest columns of that kind, cell by cell, until all fit or nothing is left to take."""
    while _excess(widths, room) > 0:
        wide = [index for index, each in enumerate(columns) if each.fit == fit and widths[index] > _LEAST[fit]]
        if not wide:
            return
        widths[max(wide, key=lambda index: widths[index])] -= 1


def _excess(widths: Sequence[int], room: int) -> int:
    used = [width for width in widths if width]
    return sum(used) + GAP * (len(used) - 1) - room
