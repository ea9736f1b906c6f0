"""The literals of a bucket's rules, looked for in all of an event's fields at once: one Aho-Corasick automaton a field.

An automaton is made when a text is there to be searched, and made anew for speed when much has been. Then automata of
few literals are asked twice: first whether any is there, a vectorised search that most events end with, then which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from zona_sigma._texts import MISSING, ManyTexts, Texts

__all__ = ["Prefilter"]

#: up to so many literals the library has a vectorised search
_FEW: Final = 60
#: up to so many, the fastest automaton takes a few milliseconds and megabytes to make
_MANY: Final = 600
#: bytes that are searched before an automaton is made that takes longer to make and less to search
_WARM: Final = 200_000


class Prefilter:
    """Which rules have a literal of theirs in an event's fields."""

    def __init__(self, literals: Iterable[tuple[str | None, str, int]]) -> None:
        """Takes fields, folded literals, and the numbers of the rules that need them."""
        by_field: dict[str | None, dict[str, list[int]]] = {}
        for field, literal, number in literals:
            by_field.setdefault(field, {}).setdefault(literal, []).append(number)
        self._fields = [(field, _Automaton(found)) for field, found in by_field.items()]

    def found(self, folded: Texts | ManyTexts) -> set[int]:
        """The numbers of the rules one of whose literals is in its field."""
        numbers: set[int] = set()
        for field, automaton in self._fields:
            text = folded[field]
            if text.__class__ is not str:
                text = "\n".join(text)
            if text is not MISSING:
                automaton.add_found(text.encode(), numbers)
        return numbers


class _Automaton:
    """The literals of one field. What two threads may do at once here is done twice, to the same effect."""

    __slots__ = ("_all", "_any", "_left", "_literals", "_numbers")

    def __init__(self, numbers: Mapping[str, list[int]]) -> None:
        self._literals = [literal.encode() for literal in numbers]
        self._numbers = list(numbers.values())
        self._left = _WARM
        self._all: BytesAhoCorasick | None = None
        self._any: BytesAhoCorasick | None = None

    def add_found(self, text: bytes, numbers: set[int]) -> None:
        """Adds the numbers of the rules one of whose literals is in the text."""
        if self._any is not None and not self._any.find_matches_as_indexes(text):
            return
        automaton = self._all or self._made(None)
        found = automaton.find_matches_as_indexes(text, overlapping=True)
        if self._left > 0:
            self._left -= len(text)
            if self._left <= 0:
                self._tune()
        if found:
            for literal in {match[0] for match in found}:
                numbers.update(self._numbers[literal])

    def _made(self, kind: Implementation | None) -> BytesAhoCorasick:
        self._all = BytesAhoCorasick(self._literals, implementation=kind)
        return self._all

    def _tune(self) -> None:
        if len(self._literals) <= _MANY:
            self._made(Implementation.DFA)
        if len(self._literals) <= _FEW:
            self._any = BytesAhoCorasick(
                self._literals, matchkind=MatchKind.LeftmostFirst, implementation=Implementation.DFA
            )
