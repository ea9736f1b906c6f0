"""The order of documents, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zona_core.ports.store import Scalar

__all__ = ["sort_key"]


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


def sort_key(values: Sequence[Scalar], sort: Sequence[tuple[str, int]]) -> tuple[Any, ...]:
    """What to sort by; the same for a document's ``sort_values`` and for those of a cursor."""
    keys = [(0, 0) if value is None else (2, value) if isinstance(value, str) else (1, value) for value in values]
    return tuple(_Descending(key) if direction < 0 else key for key, (_, direction) in zip(keys, sort, strict=True))
