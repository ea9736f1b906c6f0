"""JSON as text: the canonical text of a record, the readable one, and how both are read.

Canonical text has no white space, sorted keys and one way to write each value, so that equal records have equal texts.
It is what orjson writes with sorted keys; ``docs/packages.md`` says it without naming a library, and tests hold the
library to it.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, Final

import orjson

from zona_core.errors import InvalidInput
from zona_core.ports.packages import PackageLimits, Record
from zona_packages._refusals import damaged, too_deep, too_large

__all__ = ["INDENTED", "STRING", "bounded", "canonical", "of_canonical", "of_known", "of_readable", "readable"]

#: objects and lists in one record. Empty ones take three bytes of a text, and thirty times that in memory.
_MOST_CONTAINERS: Final = 100_000
#: orjson writes 254 levels and no more, and Python's own reader is recursive
_DEEPEST: Final = 200
#: how many times longer a text may become by being indented
INDENTED: Final = 2
_LIMITS: Final = PackageLimits()
#: a JSON string; the possessive quantifiers keep no memory of how they got along
STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRING: Final = re.compile(STRING, re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_NOT_OPENING: Final = bytes(set(range(256)) - set(b"[{"))
_STEP: Final = [1 if byte in b"[{" else -1 for byte in range(256)]
#: members that stand first in an object that people read; the rest follow in the order of their names
_FIRST: Final = {
    name: place for place, name in enumerate(("title", "name", "task_tag", "label", "kind", "description"))
}


def canonical(record: Record, where: str) -> bytes:
    """The canonical text of ``record``; NaN and infinity become null. Raises ``InvalidInput`` for what is not JSON."""
    try:
        return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as exc:
        raise InvalidInput(f"{where} cannot be written as JSON: {exc}") from exc


def bounded(text: bytes, where: str, limits: PackageLimits, spread: int = 1) -> None:
    """Raises ``package_too_large`` or ``package_too_deep`` by looking at the text alone, without recursion.

    A text may be ``spread`` times as long as the limit for a record says.
    """
    if len(text) > spread * limits.record:
        raise too_large(where, "bytes in one record", limits.record)
    most = min(limits.depth, _DEEPEST)
    if len(text.translate(None, _NOT_OPENING)) <= most:
        return
    brackets = _STRING.sub(b"", text).translate(None, _NOT_BRACKETS)
    if max(accumulate(map(_STEP.__getitem__, brackets[: 2 * _MOST_CONTAINERS])), default=0) > most:
        raise too_deep(where, most)
    if len(brackets) > 2 * _MOST_CONTAINERS:
        raise too_large(where, "objects and lists in one record", _MOST_CONTAINERS)


def of_canonical(text: bytes, where: str) -> Record:
    """The record that a canonical text (which is ``bounded``) stands for; raises ``package_damaged``.

    That the text is canonical leaves no room for a member that is there twice, nor for numbers that do not fit.
    """
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise damaged(where, f"not JSON: {exc}") from exc
    if not isinstance(record, dict):
        raise damaged(where, "not an object", "a JSON object")
    try:
        again = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as exc:
        raise damaged(where, f"not JSON that can be written again: {exc}") from exc
    if again != text:
        raise damaged(where, "not in canonical text", "sorted keys, none of them twice, no white space")
    return record


def of_known(text: bytes) -> Record:
    """The same for a text that was found canonical before."""
    record: Record = orjson.loads(text)
    return record


def readable(record: Record, where: str) -> bytes:
    """The text of ``record`` (which is ``bounded``) for people: indented by 2, what names a thing first."""
    text = orjson.dumps(_arranged(record), option=orjson.OPT_INDENT_2)
    if len(text) > INDENTED * _LIMITS.record:
        raise too_large(where, "bytes in one record with its indentation", INDENTED * _LIMITS.record)
    return text


def of_readable(text: bytes, where: str) -> Any:
    """The value that a JSON text (which is ``bounded``) stands for; raises ``package_damaged``.

    RFC 8259 as RFC 7493 narrows it: UTF-8, no member twice, no number that 64 bits do not hold.
    """
    try:
        return json.loads(
            text.decode(),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except ValueError as exc:  # not UTF-8, not JSON, or refused by one of the hooks
        raise damaged(where, f"not JSON: {exc}") from exc


def _arranged(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _arranged(value[key]) for key in sorted(value, key=lambda key: (_FIRST.get(key, len(_FIRST)), key))
        }
    if isinstance(value, list | tuple):
        return [_arranged(item) for item in value]
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        # The first of them has lost its place to the second: from there on the two orders differ.
        twice = next(name for (name, _), kept in zip(pairs, [*made, None], strict=False) if name != kept)
        raise ValueError(f"the member {twice[:60]!r} is there twice")
    return made


def _integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= (number := int(text)) < 2**64:
        raise ValueError(f"the number {text[:30]} needs more than 64 bits")
    return number


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:30]} needs more than 64 bits")
    return number


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no number in JSON")
