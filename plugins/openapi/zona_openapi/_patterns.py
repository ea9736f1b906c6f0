"""Which regular expressions of a document may be run: those that Python reads and that cannot take forever."""

from __future__ import annotations

import re
from typing import Final

from zona_core.domain.patterns import pattern_problem

__all__ = ["pattern_fault"]

_LONGEST: Final = 500
_MOST_UNBOUNDED: Final = 4
#: sets that Python may read otherwise one day; it warns of them
_AMBIGUOUS: Final = re.compile(r"\[\^?\[|--|&&|~~|\|\|")


def pattern_fault(pattern: str) -> str:
    """Why ``pattern`` (ECMA-262, from a document) is not used for checking, or "" if it may be."""
    if len(pattern) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if _AMBIGUOUS.search(pattern):
        return "is not plain Python syntax"
    return pattern_problem(pattern) or ("could take exponential time" if _explosive(pattern) else "")


def _explosive(pattern: str) -> bool:
    """Whether a repeated group repeats something itself, refers back, or too much is unbounded.

    Careful rather than exact: a harmless pattern may be called explosive, never the other way round.
    """
    groups = [False]  # for each open group: does it repeat or choose anything?
    unbounded = 0
    bare = re.sub(r"\\[^0-9]", "c", pattern)  # escaped characters are just characters
    if re.search(r"\\[1-9]|\(\?P=|\(\?\(", bare):
        return True
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "c", bare)  # so are sets
    for index, char in enumerate(bare):
        if char == "(":
            groups.append(False)
        elif char == ")":
            inner = groups.pop() if len(groups) > 1 else False
            if inner and _repeats(bare, index + 1):
                return True
            groups[-1] = groups[-1] or inner
        elif char == "|":
            groups[-1] = True
        elif _repeats(bare, index):
            groups[-1] = True
            unbounded += char in "*+" or bare[index:].split("}", 1)[0].endswith(",")
    return unbounded > _MOST_UNBOUNDED


def _repeats(pattern: str, index: int) -> bool:
    """Whether a quantifier stands at ``index`` that allows more than one repetition."""
    if pattern[index : index + 1] in ("*", "+"):
        return True
    return bool(re.match(r"\{[0-9]*,?[0-9]*\}", pattern[index : index + 12]))
