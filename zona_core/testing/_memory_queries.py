"""Conditions and orders of the document store port, in plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from zona_core.persistence.checks import value_at
from zona_core.ports.store import Condition, Document, In, Index, Range, Scalar

__all__ = ["index_values", "matches", "sort_key", "sort_values"]


def matches(document: Document, where: Mapping[str, Condition]) -> bool:
    """Whether all conditions hold."""
    return all(_holds(value_at(document, path), condition) for path, condition in where.items())


def _holds(value: Any, condition: Condition) -> bool:
    if isinstance(condition, In):
        return any(_equal(value, one) for one in condition.values)
    if isinstance(condition, Range):
        return _within(value, condition)
    return _equal(value, condition)


def _equal(value: Any, wanted: Scalar) -> bool:
    return _kind(value) == _kind(wanted) and bool(value == wanted)


def _within(value: Any, bounds: Range) -> bool:
    given = [bound for bound in (bounds.gt, bounds.gte, bounds.lt, bounds.lte) if bound is not None]
    if any(_kind(value) != _kind(bound) for bound in given):
        return False
    return (
        (bounds.gt is None or value > bounds.gt)
        and (bounds.gte is None or value >= bounds.gte)
        and (bounds.lt is None or value < bounds.lt)
        and (bounds.lte is None or value <= bounds.lte)
    )


def _kind(value: Any) -> str:
    """The JSON type; Python's True equals 1, JSON's does not."""
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


class _Descending:
    """A value that sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


def sort_values(document: Document, sort: Sequence[tuple[str, int]]) -> list[Scalar]:
    """The values that a document is ordered by: null, numbers, texts; lists and objects count as JSON text."""
    found = [value_at(document, path) for path, _ in sort]
    return [orjson.dumps(value).decode() if isinstance(value, dict | list) else value for value in found]


def sort_key(values: Sequence[Scalar], sort: Sequence[tuple[str, int]]) -> tuple[Any, ...]:
    """What to sort by; the same for a document's ``sort_values`` and for those of a cursor."""
    keys = [(0, 0) if value is None else (2, value) if isinstance(value, str) else (1, value) for value in values]
    return tuple(_Descending(key) if direction < 0 else key for key, (_, direction) in zip(keys, sort, strict=True))


def index_values(index: Index, document: Document) -> tuple[Any, ...] | None:
    """The values that no other document may share, told apart by type; None if the index does not hold for this one.

    ``index.where`` has been checked.
    """
    if not matches(document, index.where):
        return None
    values = sort_values(document, [(path, 1) for path in index.fields])
    return None if None in values else tuple((isinstance(value, bool), value) for value in values)
