"""Tables on terminals of any width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_cli._tables import GAP, Column, fitted

COLUMNS = [Column("Run"), Column("Took", "spare"), Column("App, task", "wrap"), Column("Description", "cut")]


@pytest.mark.parametrize(
    ("room", "widths"),
    [
        (200, [36, 7, 40, 80]),  # all as they are
        (120, [36, 7, 40, 31]),  # prose is cut first
        (101, [36, 7, 40, 12]),
        (90, [36, 7, 29, 12]),  # then lists are wrapped
        (78, [36, 7, 31, 0]),  # then prose is left out
        (64, [36, 0, 26, 0]),  # then what can be spared
        (50, [30, 0, 18, 0]),  # names are folded last
    ],
)
def test_columns_give_way_in_their_order(room: int, widths: list[int]) -> None:
    """Prose is cut, lists wrapped, prose and what can be spared left out, names folded."""
    assert fitted(COLUMNS, [36, 7, 40, 80], room) == widths


@given(st.lists(st.integers(0, 300), min_size=4, max_size=4), st.integers(44, 400))
def test_a_table_fits_and_loses_no_name(natural: list[int], room: int) -> None:
    """From 44 cells on, which is what the narrowest name and list need, no table is too wide."""
    widths = fitted(COLUMNS, natural, room)
    used = [width for width in widths if width]
    assert sum(used) + GAP * (len(used) - 1) <= room
    assert all(width <= asked for width, asked in zip(widths, natural, strict=True))
    assert bool(widths[0]) == bool(natural[0])
    assert bool(widths[2]) == bool(natural[2])
