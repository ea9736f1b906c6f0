"""As much of a large piece of data as can be shown: its outer parts, so that its shape can still be seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

__all__ = ["MOST_VALUES", "pruned", "shortened"]

#: values, objects and lists included
MOST_VALUES: Final = 5_000
_MOST_ITEMS: Final = 100
_MOST_MEMBERS: Final = 1_000
#: objects and lists within one another
_DEEPEST: Final = 30
#: characters of one text, and of all texts
_LONGEST_TEXT: Final = 2_000
_MOST_TEXT: Final = 500_000


def pruned(data: Any, most: int = MOST_VALUES) -> tuple[Any, bool]:
    """``data`` with at most ``most`` values, the outermost ones, and whether any was left out; texts are whole.

    Of lists the first items remain, of objects the first members; what is cut off stays what it is, an object or a
    list, and is empty. Takes no longer for more data than it keeps.
    """
    kept: list[Any] = []
    waiting: deque[tuple[Any, int, Callable[[Any], object]]] = deque([(data, 0, kept.append)])
    left, cut = most, False
    while waiting:
        value, depth, put = waiting.popleft()
        if isinstance(value, dict):
            members: dict[Any, Any] = {}
            put(members)
            room = min(left, _MOST_MEMBERS) if depth < _DEEPEST else 0
            waiting.extend((each, depth + 1, _member(members, key)) for key, each in islice(value.items(), room))
        elif isinstance(value, list | tuple):
            items: list[Any] = []
            put(items)
            room = min(left, _MOST_ITEMS) if depth < _DEEPEST else 0
            waiting.extend((each, depth + 1, items.append) for each in islice(value, room))
        else:
            put(value)
            continue
        left -= min(room, len(value))
        cut = cut or len(value) > room
    return kept[0], cut


def shortened(data: Any) -> tuple[Any, bool]:
    """``data``, as ``pruned`` gives it, with long texts cut, and whether any was."""
    budget = _Budget(_MOST_TEXT)
    return budget.cut(data), budget.spent


class _Budget:
    """Characters that may still be shown."""

    def __init__(self, characters: int) -> None:
        self._left = characters
        self.spent = False

    def cut(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self._text(key): self.cut(item) for key, item in value.items()}
        return [self.cut(item) for item in value] if isinstance(value, list) else value

    def _text(self, text: str) -> str:
        room = min(self._left, _LONGEST_TEXT)
        self._left -= min(room, len(text))
        if len(text) <= room:
            return text
        self.spent = True
        return text[:room] + "…"


def _member(members: dict[Any, Any], key: Any) -> Callable[[Any], object]:
    return lambda value: members.__setitem__(key, value)
