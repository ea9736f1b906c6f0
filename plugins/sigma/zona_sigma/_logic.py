"""Logic as plain data, and how a rule's conditions become it.

A node is a list whose first item says what it is:

    ["and", NODE, …]   ["or", NODE, …]   ["not", NODE]
    ["text", FIELD, PATTERN, CASED]         the field's text is as the pattern says
    ["regex", FIELD, PARTS, FLAGS]          a regular expression is found in it; flags are among "ims"
    ["cidr", FIELD, NETWORK]                it is an address of the network
    ["compare", FIELD, OPERATOR, NUMBER, PART]  a number, or (PART: "hour" …) that part of a time, compares so
    ["null", FIELD]                         there is no value
    ["exists", FIELD]                       there is such a field, whatever its value
    ["same", FIELD, OTHER, HOW]             its text is ("is", "starts", "ends", "contains") that of another field

FIELD is a name, or null for the whole event. PATTERN and PARTS are lists of texts, of 0 (any characters), of 1 (one
character), and of placeholders, ``{"name": …}``. Neighbouring texts are joined and ``0`` never stands twice in a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from zona_core.domain.detection import Logic
from zona_sigma._nodes import ANY, ONE, joined, normal_pattern
from zona_sigma._texts import text_of

__all__ = ["TooMuch", "logic_of"]

#: nodes of one rule, one inside another; the largest rule of SigmaHQ has some 5 levels and 1,200 leaves
DEEPEST: Final = 40
MOST_LEAVES: Final = 20_000

_FLAGS: Final = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
_HOW: Final = {(False, False): "is", (True, False): "starts", (False, True): "ends", (True, True): "contains"}


class TooMuch(Exception):
    """A rule is larger or deeper than is taken; says which."""


def logic_of(condition: Any) -> Logic:
    """The logic of a condition as pySigma has parsed it; raises ``TooMuch``, ``ValueError`` for what has no meaning."""
    return _Builder().node(condition, 0)


class _Builder:
    def __init__(self) -> None:
        self._leaves = 0

    def node(self, condition: Any, depth: int) -> Logic:
        if depth > DEEPEST:
            raise TooMuch(f"its condition has more than {DEEPEST} levels")
        match condition:
            case ConditionAND():
                return joined("and", [self.node(each, depth + 1) for each in condition.args])
            case ConditionOR():
                return joined("or", [self.node(each, depth + 1) for each in condition.args])
            case ConditionNOT():
                return ["not", self.node(condition.args[0], depth + 1)]
            case ConditionFieldEqualsValueExpression():
                return self._value(condition.field, condition.value)
            case ConditionValueExpression():
                return self._value(None, condition.value)
        raise ValueError(f"a condition cannot consist of {type(condition).__name__}")

    def _value(self, field: str | None, value: SigmaType) -> Logic:
        self._leaves += 1
        if self._leaves > MOST_LEAVES:
            raise TooMuch(f"it has more than {MOST_LEAVES} values")
        if isinstance(value, SigmaExpansion):
            return joined("or", [self._value(field, each) for each in value.values])
        leaf = _plain(field, value)
        if leaf is not None:
            return leaf
        if field is None:
            raise ValueError(f"a keyword cannot be a {type(value).__name__.removeprefix('Sigma')}")
        return _typed(field, value)


def _plain(field: str | None, value: SigmaType) -> Logic | None:
    """Texts, numbers and regular expressions, which keywords may be too."""
    match value:
        case SigmaString():
            pattern = list(_parts(value))
            if field is None:
                pattern = [ANY, *pattern, ANY]
            return ["text", field, normal_pattern(pattern), isinstance(value, SigmaCasedString)]
        case SigmaRegularExpression():
            flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
            return ["regex", field, list(_regex_parts(value.regexp)), flags]
        case SigmaTimestampPart():
            return None
        case SigmaNumber() | SigmaBool():
            text = text_of(value.number if isinstance(value, SigmaNumber) else value.boolean)
            return ["text", field, [text] if field is not None else [ANY, text, ANY], False]
    return None


def _typed(field: str, value: SigmaType) -> Logic:
    match value:
        case SigmaNull():
            return ["null", field]
        case SigmaExists():
            return ["exists", field] if value.exists else ["not", ["exists", field]]
        case SigmaCIDRExpression():
            return ["cidr", field, str(value.network)]
        case SigmaCompareExpression():
            return ["compare", field, value.op.name.lower(), value.number.number, _part(value.number)]
        case SigmaTimestampPart():
            return ["compare", field, "eq", value.number, _part(value)]
        case SigmaFieldReference():
            return ["same", field, value.field, _HOW[value.starts_with, value.ends_with]]
    raise ValueError(f"values of the type {type(value).__name__} have no meaning here")


def _part(number: SigmaNumber) -> str:
    return number.timestamp_part.name.lower() if isinstance(number, SigmaTimestampPart) else ""


def _parts(value: SigmaString) -> Iterator[Any]:
    for part in value.s:
        match part:
            case Placeholder():
                yield {"name": part.name}
            case SpecialChars.WILDCARD_MULTI:
                yield ANY
            case SpecialChars.WILDCARD_SINGLE:
                yield ONE
            case _:
                yield part


def _regex_parts(value: SigmaString) -> Iterator[Any]:
    """pySigma keeps expressions as strings with wildcards: here these are characters again."""
    characters = {ANY: "*", ONE: "?"}
    text = ""
    for part in _parts(value):
        if isinstance(part, dict):
            if text:
                yield text
            text = ""
            yield part
        else:
            text += part if isinstance(part, str) else characters[part]
    if text:
        yield text
