"""A bound on the work that a document may cause by referring to large parts again and again."""

from __future__ import annotations

from typing import Any, Final

from zona_core.errors import InvalidDocument

__all__ = ["LARGEST_VALUE", "Budget", "is_small"]

#: characters of JSON, roughly, that a kept schema, default or example may have
LARGEST_VALUE: Final = 8_000
#: parts of schemas, lists and mappings that are looked at; an honest document of 1,000 operations takes some 50,000
_STEPS: Final = 4_000_000
#: characters of all kept schemas
_KEPT: Final = 16_000_000


class Budget:
    """Counts down. Two imports of one document spend the same."""

    def __init__(self) -> None:
        self._steps = _STEPS
        self._kept = _KEPT

    def spend(self, steps: int) -> None:
        """Takes ``steps`` away; raises ``InvalidDocument`` when there are none left."""
        self._steps -= steps
        if self._steps < 0:
            raise InvalidDocument(
                f"The document is too entangled: reading it takes more than {_STEPS:,} steps.", limit=_STEPS
            )

    def keep(self, size: int) -> None:
        """Counts a kept schema."""
        self._kept -= size

    @property
    def keeps(self) -> bool:
        """Whether further schemas may be kept."""
        return self._kept > 0


def is_small(value: Any, limit: int = LARGEST_VALUE) -> bool:
    """Whether ``value`` takes at most ``limit`` characters of JSON, roughly; it is not walked any further than that."""
    waiting = [value]
    while waiting and limit >= 0:
        one = waiting.pop()
        limit -= len(one) + 2 if isinstance(one, str | dict | list) else 4
        if limit >= 0 and isinstance(one, dict):
            limit -= sum(map(len, one))
            waiting += one.values()
        elif limit >= 0 and isinstance(one, list):
            waiting += one
    return limit >= 0
