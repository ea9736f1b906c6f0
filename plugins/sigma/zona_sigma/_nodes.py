"""What can be said of logic as plain data without knowing where it comes from: see ``_logic`` for its grammar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final

import re2  # type: ignore[import-untyped]

from zona_core.domain.detection import Logic

__all__ = [
    "ANY",
    "ONE",
    "expanded",
    "fields_asked",
    "joined",
    "leaves",
    "missing_values",
    "normal_pattern",
    "placeholders",
]

#: in a pattern: any number of characters, and exactly one
ANY: Final = 0
ONE: Final = 1

#: texts that the placeholders of one value may be replaced by
MOST_EXPANSIONS: Final = 10_000


def joined(operator: str, nodes: Sequence[Logic]) -> Logic:
    """The nodes under one operator; those that have it already are opened, one node stands for itself."""
    flat: list[Logic] = []
    for node in nodes:
        if node[0] == operator:
            flat.extend(node[1:])
        else:
            flat.append(node)
    return flat[0] if len(flat) == 1 else [operator, *flat]


def normal_pattern(parts: Sequence[Any]) -> list[Any]:
    """The pattern with texts joined and no two ``ANY`` in a row."""
    normal: list[Any] = []
    for part in parts:
        last = normal[-1] if normal else None
        if isinstance(part, str) and isinstance(last, str):
            normal[-1] = last + part
        elif part == "" or (part == ANY and last == ANY and not isinstance(last, str)):
            continue
        else:
            normal.append(part)
    return normal


def leaves(node: Logic) -> Iterator[Logic]:
    """The leaves of a node, from left to right."""
    if node[0] in ("and", "or", "not"):
        for inner in node[1:]:
            yield from leaves(inner)
    else:
        yield node


def fields_asked(leaf: Logic) -> Sequence[str | None]:
    """The fields whose values a leaf asks for."""
    return (leaf[1], leaf[2]) if leaf[0] == "same" else (leaf[1],)


def placeholders(node: Logic) -> tuple[str, ...]:
    """The names of the placeholders in it, in ascending order."""
    named = (part for leaf in leaves(node) if leaf[0] in ("text", "regex") for part in leaf[2])
    return tuple(sorted({part["name"] for part in named if isinstance(part, dict)}))


def missing_values(names: Sequence[str], values: Mapping[str, Sequence[str]]) -> list[str]:
    """Which of the placeholders have no value."""
    return [name for name in names if not values.get(name)]


def expanded(node: Logic, values: Mapping[str, Sequence[str]]) -> Logic:
    """The node with its placeholders replaced, a value with several becoming alternatives.

    In texts the wildcards of values count; in regular expressions values stand for themselves. Raises ``ValueError`` if
    one value would become more than ``MOST_EXPANSIONS``.
    """
    if node[0] in ("and", "or", "not"):
        return [node[0], *(expanded(inner, values) for inner in node[1:])]
    if node[0] not in ("text", "regex") or not any(isinstance(part, dict) for part in node[2]):
        return node
    choices = [_choices(part, values, node[0]) for part in node[2]]
    amount = 1
    for choice in choices:
        amount *= len(choice)
        if amount > MOST_EXPANSIONS:
            raise ValueError(f"the placeholders of one value stand for more than {MOST_EXPANSIONS} texts")
    alternatives = ([part for parts in chosen for part in parts] for chosen in product(*choices))
    return joined("or", [[node[0], node[1], normal_pattern(parts), node[3]] for parts in alternatives])


def _choices(part: Any, values: Mapping[str, Sequence[str]], kind: str) -> list[list[Any]]:
    if not isinstance(part, dict):
        return [[part]]
    given = values[part["name"]]
    return [[re2.escape(value)] if kind == "regex" else _wildcards(value) for value in given]


def _wildcards(value: str) -> list[Any]:
    """A text with wildcards as a pattern; a backslash takes their meaning (specification, "Escape Character")."""
    parts: list[Any] = []
    position = 0
    while position < len(value):
        character = value[position]
        if character == "\\" and value[position + 1 : position + 2] in ("*", "?", "\\"):
            position += 1
            parts.append(value[position])
        else:
            parts.append({"*": ANY, "?": ONE}.get(character, character))
        position += 1
    return normal_pattern(parts)
