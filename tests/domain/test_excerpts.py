"""Excerpts of data that is too large to be shown."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.excerpts import MOST_VALUES, pruned, shortened

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner), max_leaves=40
)


def size(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(size, inside))


def is_within(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(is_within(item, whole[key]) for key, item in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and all(map(is_within, part, whole))
    return bool(part == whole)


@given(JSON, st.integers(0, 30))
def test_what_is_kept_is_the_outer_part(data: Any, most: int) -> None:
    """No more values than asked for besides the root, each where it was; all of them if there is room."""
    kept, cut = pruned(data, most)
    assert size(kept) <= most + 1
    assert is_within(kept, data)
    assert cut == (kept != data)
    assert pruned(data) == (data, False)


def test_large_data_is_cut_everywhere() -> None:
    """Long lists, large objects and deep nesting are bounded, and an outer value is kept before an inner one."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    kept, cut = pruned(
        {"list": [{"a": [1] * 1_000}] * 1_000, "deep": deep, "wide": dict.fromkeys(range(9_999)), "last": 1}
    )
    assert cut
    assert (len(kept["list"]), len(kept["wide"]), kept["last"]) == (100, 1_000, 1)
    assert size(kept) <= MOST_VALUES + 1


def test_long_texts_are_cut() -> None:
    """A text keeps its beginning, names are texts as well, and all of them together are bounded."""
    assert shortened({"a": ["x" * 2_000, 1]}) == ({"a": ["x" * 2_000, 1]}, False)
    assert shortened(["x" * 2_001]) == (["x" * 2_000 + "…"], True)
    many, cut = shortened([str(number) * 500 for number in range(1_000, 5_000)])
    assert cut
    assert sum(map(len, many)) < 510_000
