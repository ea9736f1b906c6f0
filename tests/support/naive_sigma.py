"""Sigma's meaning spelled out without regard to speed: what compiled rules are compared with.

It walks the conditions that pySigma parsed, for each event anew, and shares with the engine only how an event's fields
are named (``zona_sigma._fields``) and which log source a rule is asked about.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import re2
from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR
from sigma.rule import SigmaRule
from sigma.types import (
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
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from zona_sigma._fields import fields_of

__all__ = ["holds"]

ABSENT = object()


def holds(rule: SigmaRule, event: Mapping[str, Any]) -> bool:
    """Whether one of the rule's conditions holds for the event."""
    fields = fields_of(event)
    return any(_condition(condition.parsed, fields) for condition in rule.detection.parsed_condition)


def _condition(node: Any, fields: Mapping[str, Any]) -> bool:
    if isinstance(node, ConditionAND):
        return all(_condition(each, fields) for each in node.args)
    if isinstance(node, ConditionOR):
        return any(_condition(each, fields) for each in node.args)
    if isinstance(node, ConditionNOT):
        return not _condition(node.args[0], fields)
    if isinstance(node, ConditionFieldEqualsValueExpression):
        return _field(node.field, node.value, fields)
    return _keyword(node.value, fields)


def _keyword(value: Any, fields: Mapping[str, Any]) -> bool:
    if isinstance(value, SigmaExpansion):
        return any(_keyword(each, fields) for each in value.values)
    lines = []
    for each in fields.values():
        if each is not None and not isinstance(each, dict):
            lines.append("\n".join(_texts(each)))
    whole = "\n".join(lines)
    if isinstance(value, SigmaRegularExpression):
        return _regex(value).search(whole) is not None
    if isinstance(value, SigmaString):
        return _pattern(value, anywhere=True).fullmatch(_fold(whole, value)) is not None
    return str(value).casefold() in whole.casefold()


def _field(name: str, value: Any, fields: Mapping[str, Any]) -> bool:  # noqa: C901  # a case a kind of value
    found = fields.get(name, ABSENT)
    match value:
        case SigmaExpansion():
            return any(_field(name, each, fields) for each in value.values)
        case SigmaNull():
            return found is ABSENT or found is None
        case SigmaExists():
            return (found is not ABSENT) == value.exists
        case SigmaFieldReference():
            return _same(found, fields.get(value.field, ABSENT), value)
        case SigmaCompareExpression():
            return any(_compares(each, value.number, value.op.name) for each in _values(found))
        case SigmaTimestampPart():
            return any(_compares(each, value, "EQ") for each in _values(found))
        case SigmaCIDRExpression():
            return any(_is_in(text, value) for text in _texts(found))
        case SigmaRegularExpression():
            return any(_regex(value).search(text) is not None for text in _texts(found))
        case SigmaString():
            return any(_pattern(value).fullmatch(_fold(text, value)) is not None for text in _texts(found))
        case SigmaNumber() | SigmaBool():
            wanted = str(value.number) if isinstance(value, SigmaNumber) else str(value.boolean).lower()
            return any(text.casefold() == wanted for text in _texts(found))
    raise AssertionError(f"no meaning for {value!r}")


def _values(found: Any) -> list[Any]:
    return [] if found is ABSENT else found if isinstance(found, list) else [found]


def _texts(found: Any) -> list[str]:
    texts = []
    for value in _values(found):
        if isinstance(value, bool):
            texts.append(str(value).lower())
        elif isinstance(value, float) and value == int(value):
            texts.append(str(int(value)))
        elif value is not None:
            texts.append(str(value))
    return texts


def _fold(text: str, value: SigmaString) -> str:
    return text if isinstance(value, SigmaCasedString) else text.casefold()


def _pattern(value: SigmaString, *, anywhere: bool = False) -> re.Pattern[str]:
    wild = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    body = "".join(wild[part] if isinstance(part, SpecialChars) else re.escape(_fold(part, value)) for part in value.s)
    return re.compile(f".*{body}.*" if anywhere else body, re.DOTALL)


def _regex(value: SigmaRegularExpression) -> Any:
    flags = "".join(sorted({"IGNORECASE": "i", "MULTILINE": "m", "DOTALL": "s"}[flag.name] for flag in value.flags))
    expression = str(value.regexp)
    return re2.compile(f"(?{flags}){expression}" if flags else expression)


def _is_in(text: str, value: SigmaCIDRExpression) -> bool:
    try:
        return ipaddress.ip_address(text) in value.network
    except ValueError:
        return False


def _same(found: Any, other: Any, value: SigmaFieldReference) -> bool:
    tests = {
        (False, False): str.__eq__,
        (True, False): str.startswith,
        (False, True): str.endswith,
        (True, True): str.__contains__,
    }
    test = tests[value.starts_with, value.ends_with]
    return any(test(text.casefold(), each.casefold()) for text in _texts(found) for each in _texts(other))


def _compares(value: Any, wanted: SigmaNumber, operator: str) -> bool:
    if isinstance(wanted, SigmaTimestampPart):
        measured = _part(value, wanted.timestamp_part.name)
    elif isinstance(value, bool) or value is None:
        return False
    else:
        try:
            measured = float(value)
        except (TypeError, ValueError):
            return False
    if measured is None:
        return False
    return {
        "LT": measured < wanted.number,
        "LTE": measured <= wanted.number,
        "GT": measured > wanted.number,
        "GTE": measured >= wanted.number,
        "NEQ": measured != wanted.number,
        "EQ": measured == wanted.number,
    }[operator]


def _part(value: Any, part: str) -> float | None:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return at.isocalendar().week if part == "WEEK" else getattr(at, part.lower())


def rules_in(documents: Iterable[dict[str, Any]]) -> list[SigmaRule]:
    """The rules of parsed YAML documents."""
    return [SigmaRule.from_dict(document) for document in documents]
