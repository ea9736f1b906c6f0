"""What compiled rules call: the tests that are more than an operator of Python's."""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import re2  # type: ignore[import-untyped]

from zona_sigma._nodes import ANY, ONE
from zona_sigma._texts import texts_of

__all__ = ["Compared", "InNetwork", "Same", "found", "matched", "regex", "wildcards"]

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}
_PARTS: Final[Mapping[str, Callable[[datetime], int]]] = {
    "minute": lambda at: at.minute,
    "hour": lambda at: at.hour,
    "day": lambda at: at.day,
    "week": lambda at: at.isocalendar().week,
    "month": lambda at: at.month,
    "year": lambda at: at.year,
}
_HOW: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "is": operator.eq,
    "starts": str.startswith,
    "ends": str.endswith,
    "contains": operator.contains,
}
#: bytes of states that one expression may keep: RE2 goes on in less memory by beginning anew
_REGEX_MEMORY: Final = 8 << 20


def wildcards(pattern: Sequence[Any]) -> Callable[[str], object]:
    """Whether a text is as a pattern says, in a time that grows with the product of their lengths at most.

    Each stretch between two ``*`` is looked for once, from left to right, and never given back (``(?>…)``).
    """
    stretches: list[str] = [""]
    for part in pattern:
        if part == ANY and not isinstance(part, str):
            stretches.append("")
        else:
            stretches[-1] += "." if part == ONE and not isinstance(part, str) else re.escape(part)
    first, *between = stretches
    last = f".*{between.pop()}" if between else ""
    return re.compile(first + "".join(f"(?>.*?{stretch})" for stretch in between) + last, re.DOTALL).fullmatch


def regex(expression: str, flags: str) -> Callable[[str], object]:
    """Whether an expression is found in a text, in a time that grows with the text's length alone (RE2)."""
    options = re2.Options()
    options.max_mem = _REGEX_MEMORY
    options.log_errors = False
    options.never_capture = True
    compiled = re2.compile(f"(?{flags}){expression}" if flags else expression, options)
    return compiled.search  # type: ignore[no-any-return]


def matched(test: Callable[[str], object], text: str, missing: str) -> bool:
    """Whether the test holds of a text that is there."""
    return text is not missing and test(text) is not None


def found(test: Callable[[str], object], texts: Sequence[str]) -> bool:
    """Whether the test holds of one of the texts."""
    return any(test(text) is not None for text in texts)


class Compared:
    """Whether a value, or one of several, compares with a number: itself, or a part of the time that it is."""

    def __init__(self, name: str, number: float, part: str) -> None:
        self._holds = _OPERATORS[name]
        self._number = number
        self._part = _PARTS[part] if part else None

    def __call__(self, value: Any) -> bool:
        return any(self._one(each) for each in (value if isinstance(value, list) else (value,)))

    def _one(self, value: Any) -> bool:
        measured = number_of(value) if self._part is None else self._part_of(value)
        return measured is not None and self._holds(measured, self._number)

    def _part_of(self, value: Any) -> int | None:
        try:
            return self._part(datetime.fromisoformat(value)) if self._part and isinstance(value, str) else None
        except ValueError:
            return None


def number_of(value: Any) -> float | None:
    """A number, or the number that a text is; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
        try:
            return float(value)
        except ValueError:
            return None
    return None


class InNetwork:
    """Whether a value, or one of several, is an address of a network."""

    def __init__(self, network: str) -> None:
        self._network = ipaddress.ip_network(network)

    def __call__(self, value: Any) -> bool:
        return any((address := _address(text)) is not None and address in self._network for text in texts_of(value))


@lru_cache(maxsize=4_096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class Same:
    """Whether the text of a field is, starts with, ends with or contains the text of another, case aside."""

    def __init__(self, how: str) -> None:
        self._holds = _HOW[how]

    def __call__(self, value: Any, other: Any) -> bool:
        others = [text.casefold() for text in texts_of(other)]
        return any(self._holds(text.casefold(), each) for text in texts_of(value) for each in others)
