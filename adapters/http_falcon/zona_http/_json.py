"""Reading JSON that strangers sent: RFC 8259 as RFC 7493 (I-JSON) narrows it, in bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

import orjson

from ._problems import BadRequest

__all__ = ["read_json"]

#: how deep JSON may be nested: far less than what recursion bears
_DEEPEST: Final = 64
_COLON: Final = re.compile(rb'"[ \t\n\r]*:')


def read_json(data: bytes, what: str = "the body") -> Any:
    """The value that ``data`` stands for.

    Raises ``BadRequest`` for what is no JSON, is nested too deeply, has a property twice (whoever looked at it on the
    way may have seen the other one) or holds the character U+0000, which stores and programs cut texts at.
    """
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
    if b"\\u0000" in data and "\0" in "".join(_texts(value)):
        raise BadRequest(f"{what} holds the character U+0000", code="invalid_encoding", hint="Leave it out.")
    return value


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


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
