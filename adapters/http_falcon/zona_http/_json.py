"""Reading JSON that strangers sent: RFC 8259 as RFC 7493 (I-JSON) narrows it, in bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import orjson

from zona_core.errors import Fault, InvalidInput

from ._faults import MOST_FAULTS, path_of
from ._problems import BadRequest

__all__ = ["no_text", "read_json"]

#: how deep JSON may be nested: far less than what recursion bears
_DEEPEST: Final = 64
_COLON: Final = re.compile(rb'"[ \t\n\r]*:')


def read_json(data: bytes, part: str = "") -> Any:
    """The value that ``data`` stands for: a body, or a part of one.

    Raises ``BadRequest`` for what is no JSON, is nested too deeply or has a property twice (whoever looked at it on the
    way may have seen the other one), and ``InvalidInput`` with the path of every text that ``no_text`` is said of.
    """
    what = f"the part {part}" if part else "the body"
    if not data:
        raise BadRequest(f"{what} is empty", code="body_missing", hint="Send JSON.")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        code = "invalid_encoding" if "utf-8" in str(exc).lower() or "surrogate" in str(exc) else "invalid_json"
        raise BadRequest(f"{what} is not JSON: {exc.msg} (line {exc.lineno}, column {exc.colno})", code=code) from exc
    properties = _properties(value, what)
    # A text may hold what looks like a property, so that there may be more of them; never fewer.
    if len(_COLON.findall(data)) != properties:
        json.loads(data, object_pairs_hook=lambda pairs: _once(pairs, what))
    if b"\\u0000" in data and (found := list(islice(_cut_short(value, [part] if part else []), MOST_FAULTS))):
        raise InvalidInput.of(found, "The body")
    return value


def no_text(path: str) -> Fault:
    """What is wrong with a text that holds U+0000: stores and programs cut it there."""
    return Fault(path, "holds the character U+0000", "a text without it")


def _properties(value: Any, what: str) -> int:
    """How many properties all its objects have together; raises ``BadRequest`` for what is nested too deeply."""
    found, level = 0, [value]
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                found += len(part)
                inner.extend(part.values())
            elif isinstance(part, list):
                inner.extend(part)
        if not inner:
            return found
        level = inner
    raise BadRequest(f"{what} is nested too deeply", code="invalid_json", hint=f"at most {_DEEPEST} levels")


def _once(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in made if names.count(name) > 1)
        raise BadRequest(f"{what} has the property {twice[:60]} twice in one object", code="duplicate_property")
    return made


def _cut_short(value: Any, steps: list[str | int]) -> Iterator[Fault]:
    """The texts that hold U+0000, names of properties too, which are told as the objects that have them."""
    if isinstance(value, str):
        if "\0" in value:
            yield no_text(path_of(steps))
    elif isinstance(value, dict):
        if any("\0" in name for name in value):
            yield Fault(path_of(steps), "has a property whose name holds the character U+0000", "a name without it")
        for name, inner in value.items():
            yield from _cut_short(inner, [*steps, name.replace("\0", "\ufffd")])
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _cut_short(inner, [*steps, number])
