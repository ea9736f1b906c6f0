"""Names: identifiers for fields, tags for tasks, clean one-line texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

__all__ = ["Names", "identifier", "line", "prose", "tag"]

_LONGEST: Final = 100
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")
_UNPRINTED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def identifier(text: str, otherwise: str = "value") -> str:
    """``text`` as a field name: letters, digits and underscores, at most 100 of them."""
    kept = re.sub(r"[^A-Za-z0-9_]+", "_", text[:1000])
    # an underscore that only replaces something at an end says nothing; the name's own ones stay
    kept = kept if text.startswith("_") else kept.lstrip("_")
    kept = kept if text.endswith("_") else kept.rstrip("_")
    if not kept.strip("_"):
        kept = otherwise
    return (f"_{kept}" if kept[0].isdigit() else kept)[:_LONGEST]


def tag(text: str) -> str:
    """``text`` as a task tag, or "" if nothing of it can stand in one."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text[:1000]).strip("_.-")[:_LONGEST]


def line(text: Any, longest: int) -> str:
    """``text`` on one line without control characters, cut to ``longest`` characters; "" for what is no text."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return ""
    whole = _CONTROL.sub(" ", str(text)[: 4 * longest]).strip()
    return whole if len(whole) <= longest else whole[: longest - 1].rstrip() + "…"


def prose(text: Any, longest: int = 4_000) -> str:
    """``text`` of several lines, cut to ``longest`` characters; "" for what is no text."""
    if not isinstance(text, str):
        return ""
    whole = _UNPRINTED.sub("", text[: 4 * longest]).strip()
    return whole if len(whole) <= longest else whole[: longest - 1].rstrip() + "…"


class Names:
    """Gives out names, each once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        #: the number that the next one of a name gets: a thousand equal names are not counted through a thousand times
        self._next: dict[str, int] = {}

    def take(self, *wanted: str) -> str:
        """The first of ``wanted`` that is free, or else the last one with a number."""
        name = next((each for each in wanted if each not in self._taken), "")
        while not name or name in self._taken:
            number = self._next.get(wanted[-1], 2)
            self._next[wanted[-1]] = number + 1
            name = f"{wanted[-1]}_{number}"
        self._taken.add(name)
        return name
