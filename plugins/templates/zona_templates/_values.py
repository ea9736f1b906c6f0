"""What becomes of an expression's value: JSON data of the caller's own, a truth, a list, a text."""

from __future__ import annotations

import math
from typing import Any, Final

from zona_templates._evaluation import Evaluation
from zona_templates.templates import text_of

__all__ = ["Unfit", "items", "kind_of", "plain", "truth", "written"]

#: lists and objects within each other: what answers over HTTP may have; the store takes fewer
_DEEPEST: Final = 200

_KINDS: Final = (
    (bool, "a boolean"),
    (int | float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "an object"),
)


class Unfit(Exception):
    """A value is not what it has to be. The text tells its kind, never the value."""


def plain(value: Any, evaluation: Evaluation, depth: int = 0) -> Any:
    """``value`` with lists and objects of its own; raises ``Unfit`` for what is no JSON data.

    Raises ``TooMuchWork`` for what is too large: what a list holds twice is copied twice.
    """
    evaluation.spend(1)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # an enumeration's text
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _finite(value)
    if depth >= _DEEPEST:
        raise Unfit(f"its value is nested more than {_DEEPEST} deep")
    if isinstance(value, list):
        copied = []
        for item in value:  # no comprehension: it would take another frame for each level
            copied.append(plain(item, evaluation, depth + 1))
        return copied
    if isinstance(value, dict):
        entries = {}
        for key, item in value.items():
            entries[_key(key)] = plain(item, evaluation, depth + 1)
        return entries
    raise Unfit(f"its value holds {kind_of(value)}, which is no JSON data")


def truth(value: Any, evaluation: Evaluation) -> bool:  # noqa: ARG001
    """Whether JMESPath takes ``value`` for true: it is not false, null or empty. Raises ``Unfit``."""
    if isinstance(value, int | float):
        return value is not False  # the number 0 is true
    if value is None or isinstance(value, str | list | dict):
        return bool(value)
    raise Unfit(f"its value is {kind_of(value)}, which is no JSON data")


def items(value: Any, evaluation: Evaluation) -> list[Any]:
    """``value``, a list, as ``plain`` has it; raises ``Unfit`` for anything else."""
    if not isinstance(value, list):
        raise Unfit(f"its value is {kind_of(value)}, not a list")
    copied: list[Any] = plain(value, evaluation)
    return copied


def written(value: Any, evaluation: Evaluation) -> str:
    """``value`` as text; raises ``Unfit`` for what is no JSON data."""
    text = text_of(plain(value, evaluation))
    evaluation.spend(len(text))
    return text


def kind_of(value: Any) -> str:
    """What people call a value of that kind; the class's name for what is no JSON data."""
    if value is None:
        return "null"
    return next((name for kind, name in _KINDS if isinstance(value, kind)), f"a {type(value).__name__}")


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise Unfit("its value holds a number that is not finite")
    return float(number)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise Unfit(f"its value holds an object with {kind_of(key)} as a key")
    return str.__str__(key)
