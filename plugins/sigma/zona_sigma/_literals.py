"""What an event must have for a rule to have a chance: rare texts, and event ids.

A rule's necessary literals are texts, folded, one of which at least is in the event's values if the rule is to hold.
They are what the prefilter looks for. What is under a ``not`` gives none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from zona_core.domain.detection import Logic
from zona_sigma._nodes import leaves
from zona_sigma._regexes import necessary

__all__ = ["Rarity", "event_ids", "necessary_literals"]

#: a shorter literal is found too often to be of use, unless it is of unusual characters
SHORTEST: Final = 3
#: events are sorted by these before a prefilter is asked
_SORTED_BY: Final = frozenset(("EventID", "Channel", "Provider_Name"))
#: of what a longer literal has, no more than this counts: beyond, all are rare
_LONG: Final = 14
#: what Windows records are full of
_COMMON: Final = (
    "\\windows\\system32\\",
    "\\windows\\syswow64\\",
    "c:\\windows\\",
    "\\system32\\",
    "\\program files",
    "\\appdata\\local\\",
    "hkey_local_machine",
    "\\software\\microsoft\\windows",
    "\\currentversion\\",
    "\\currentcontrolset\\",
    "powershell.exe",
    "svchost.exe",
    "\\microsoft\\",
    "nt authority",
    "explorer.exe",
    "microsoft",
    "powershell",
)


class Rarity:
    """How often literals may be expected, by their length and by how many rules of a set name them."""

    def __init__(self, logics: Iterable[Logic]) -> None:
        self._uses: dict[str, int] = {}
        self._expected: dict[str, float] = {}
        for logic in logics:
            for literal in {literal for leaf in leaves(logic) for literal in _leaf_literals(leaf)}:
                self._uses[literal] = self._uses.get(literal, 0) + 1

    def expected(self, literal: str) -> float:
        """A number that is the larger, the more events the literal may be expected in."""
        known = self._expected.get(literal)
        if known is None:
            known = self._expected[literal] = self._estimate(literal)
        return known

    def _estimate(self, literal: str) -> float:
        rate = 0.5 ** min(len(literal), _LONG) * (1 + self._uses.get(literal, 0))
        return rate + 1.0 if any(_is_about(literal, common) for common in _COMMON) else rate


def _is_about(literal: str, common: str) -> bool:
    return literal in common or (common in literal and len(literal) <= len(common) + 2)


def necessary_literals(logic: Logic, rarity: Rarity) -> tuple[tuple[str | None, str], ...] | None:
    """Fields and literals, one of which is in an event for which ``logic`` holds; None if nothing is necessary.

    Of several such sets it is the one whose literals may be expected least.
    """
    found = _needed(logic, rarity)
    return None if found is None else tuple(_ordered(found[1]))


def _ordered(literals: Iterable[tuple[str | None, str]]) -> list[tuple[str | None, str]]:
    return sorted(literals, key=lambda pair: (pair[0] or "", pair[1]))


def _needed(node: Logic, rarity: Rarity) -> tuple[float, Collection[tuple[str | None, str]]] | None:
    if node[0] == "and":
        known = [found for inner in node[1:] if (found := _needed(inner, rarity)) is not None]
        return min(known, key=lambda found: (found[0], len(found[1])), default=None)
    if node[0] == "or":
        total, union = 0.0, set[tuple[str | None, str]]()
        for inner in node[1:]:
            found = _needed(inner, rarity)
            if found is None:
                return None
            total += found[0]
            union.update(found[1])
        return total, union
    if node[0] == "not":
        return None
    if node[0] == "regex":
        inner = necessary(node[1], "".join(node[2])) if node[1] not in _SORTED_BY else None
        return None if inner is None else _needed(inner, rarity)
    best = min(((rarity.expected(literal), literal) for literal in _leaf_literals(node)), default=None)
    return None if best is None else (best[0], ((node[1], best[1]),))


def _leaf_literals(leaf: Logic) -> Iterator[str]:
    if leaf[0] == "text" and leaf[1] not in _SORTED_BY:
        for part in leaf[2]:
            if isinstance(part, str):
                folded = part.casefold()
                if _useful(folded):
                    yield folded


def _useful(literal: str) -> bool:
    if len(literal) >= SHORTEST or not literal.isascii():
        return True
    return len(literal) == SHORTEST - 1 and not any(map(str.isalnum, literal))


def event_ids(node: Logic) -> frozenset[str] | None:
    """The event ids for which ``node`` can hold, as texts; None if it says nothing of them."""
    if node[0] == "and":
        known = [ids for inner in node[1:] if (ids := event_ids(inner)) is not None]
        return frozenset.intersection(*known) if known else None
    if node[0] == "or":
        union = frozenset[str]()
        for inner in node[1:]:
            ids = event_ids(inner)
            if ids is None:
                return None
            union |= ids
        return union
    if node[0] == "text" and node[1] == "EventID" and len(node[2]) == 1 and isinstance(node[2][0], str):
        return frozenset((node[2][0].casefold(),))
    return None
