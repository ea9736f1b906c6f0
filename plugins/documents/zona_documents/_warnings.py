"""Warnings with JSON pointers."""

from __future__ import annotations

from typing import Any, Final

from zona_core.errors import Fault

__all__ = ["Warnings", "below"]

#: a document with more oddities than this is told so in one last warning
_MOST: Final = 2_000


def below(place: str, *parts: Any) -> str:
    """The JSON pointer of what lies under ``place``: RFC 6901 as a URI fragment, but not percent-encoded."""
    return place + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


class Warnings:
    """Collects warnings in the order of their discovery, each once, and at most 2,000."""

    def __init__(self, known: tuple[Fault, ...] = ()) -> None:
        self._found: dict[Fault, None] = dict.fromkeys(known)
        self._left_out = 0

    def add(self, place: str, message: str, expected: str = "") -> None:
        """Remembers what is odd at ``place``; ``expected`` says what would have been right."""
        fault = Fault(place, message, expected)
        if fault in self._found:
            return
        if len(self._found) < _MOST:
            self._found[fault] = None
        else:
            self._left_out += 1

    def faults(self) -> tuple[Fault, ...]:
        """All warnings."""
        if not self._left_out:
            return tuple(self._found)
        return (*self._found, Fault("#", f"{self._left_out} further warnings are not listed"))
