"""Conditions and unique values of the document store port, in plain Python."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from zona_core.ports.store import Condition, Document, In, Index, Range, Scalar

from .checks import value_at

__all__ = ["index_values", "matches", "sort_values"]


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


def sort_values(document: Document, sort: Sequence[tuple[str, int]]) -> list[Scalar]:
    """The values that a document is ordered by: null, numbers, texts; lists and objects count as JSON text."""
    found = [value_at(document, path) for path, _ in sort]
    return [json.dumps(value, default=str) if isinstance(value, dict | list) else value for value in found]


def index_values(index: Index, document: Document) -> tuple[Any, ...] | None:
    """The values that no other document may share, told apart by type; None if the index does not hold for this one.

    ``index.where`` has been checked.
    """
    if not matches(document, index.where):
        return None
    values = sort_values(document, [(path, 1) for path in index.fields])
    return None if None in values else tuple((isinstance(value, bool), value) for value in values)
