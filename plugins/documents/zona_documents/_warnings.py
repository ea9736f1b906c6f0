"""Warnings with JSON pointers."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

from zona_core.errors import Fault

__all__ = ["Warnings", "below"]

#: a document with more oddities than this is told so in one last warning
_MOST: Final = 2_000
#: warnings that differ in no more than these (names, numbers, places) are of one sort
_PARTICULARS: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\{[^{}]*\}|#/\S+|[0-9]+")


def below(place: str, *parts: Any) -> str:
    """The JSON pointer of what lies under ``place``: RFC 6901 as a URI fragment, but not percent-encoded."""
    return place + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


class Warnings:
    """Collects warnings, each once, and at most 2,000."""

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
        """All warnings: the first of each sort, then the second ones, …: what is odd everywhere hides nothing."""
        counted = Counter[str]()
        rank = {}
        for fault in self._found:
            sort = _PARTICULARS.sub("…", fault.message)
            rank[fault] = counted[sort]
            counted[sort] += 1
        told = sorted(self._found, key=rank.__getitem__)
        if self._left_out:
            told.append(Fault("#", f"{self._left_out:,} further warnings are not listed"))
        return tuple(told)
