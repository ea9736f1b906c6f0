"""Checking values against fields: every fault at once, each with its path."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from zona_core.errors import Fault

from .fields import Field, FieldKind, Rules
from .patterns import Matching
from .secrets import MASK, Secret

__all__ = ["checked", "masked", "parsed", "value_faults"]

_NO_RULES: Final = Rules()

#: how deep a value may be nested: a stored document bears some levels more
_DEEPEST: Final = 90


def checked(fields: Iterable[Field], values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """``values`` with defaults filled in and secrets as ``Secret``, and every fault found.

    None counts as "not given". The faults' paths are the fields' names; a value without a field is one, too.
    """
    known = {field.name: field for field in fields}
    matching = Matching()
    clean: dict[str, Any] = {}
    faults: list[Fault] = []
    for name in values:
        if name not in known:
            faults.append(Fault(name, "there is no such field", _names(known)))
    for name, field in known.items():
        value = values.get(name)
        if value is None:
            value = field.default
        if value is None:
            if field.required:
                faults.append(Fault(name, "a value is required", describe(field)))
            continue
        if field.kind is FieldKind.SECRET and isinstance(value, str):
            value = Secret(value)
        wrong = value_faults(field, value, matching)
        faults += (fault.under(name) for fault in wrong)
        if not wrong:
            clean[name] = value
    return clean, faults


def value_faults(field: Field, value: Any, matching: Matching | None = None) -> list[Fault]:
    """What is wrong with one value, with paths below it; values checked together share the time of one ``matching``."""
    faults = _CHECKS[field.kind](field, value)
    pattern = field.rules.pattern if field.rules else None
    text = _matched(field.kind, value) if pattern is not None else None
    if pattern is not None and text is not None:
        fault = (matching or Matching()).fault(pattern, text)
        faults += [fault] if fault else []
    return faults


def masked(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` fit to be shown or recorded: secrets as a mask."""
    secret = {field.name for field in fields if field.kind is FieldKind.SECRET}
    return {name: MASK if name in secret or isinstance(value, Secret) else value for name, value in values.items()}


def parsed(field: Field, text: str) -> Any:
    """The value that ``text`` (from a command line or a form) means for ``field``; unfit text stays text.

    A list is JSON, or items parted by commas; a number and a boolean are JSON's.
    """
    if field.kind in (FieldKind.NUMBER, FieldKind.BOOLEAN, FieldKind.JSON, FieldKind.FILE):
        return _from_json(text)
    if field.kind is FieldKind.CHOICE:
        return next((choice for choice in field.choices if str(choice) == text), text)
    if field.kind is FieldKind.LIST:
        value = _from_json(text)
        if isinstance(value, list):
            return value
        item = Field(name="item", kind=field.item_kind or FieldKind.TEXT)
        return [parsed(item, part.strip()) for part in text.split(",") if part.strip()]
    return text


def describe(field: Field) -> str:
    """What a value of the field looks like, in a few words."""
    if field.kind is FieldKind.CHOICE:
        return "one of " + ", ".join(json.dumps(choice) for choice in field.choices)
    if field.kind is FieldKind.LIST:
        return f"a list of {(field.item_kind or FieldKind.JSON).value}"
    if field.kind is FieldKind.FILE:
        return "{name, content (base64), media_type}"
    return f"a {field.kind.value}"


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _names(known: Mapping[str, Field]) -> str:
    names = sorted(known)
    return "one of " + ", ".join(names[:12]) + (", …" if len(names) > 12 else "") if names else "no value at all"


def _text(field: Field, value: Any) -> list[Fault]:
    if not isinstance(value, str):
        return [Fault("", f"{_shown(value)} is not a text", describe(field))]
    return _text_bounds(field.rules or _NO_RULES, value)


def _text_bounds(rules: Rules, value: str) -> list[Fault]:
    found = []
    if not _is_unicode(value):
        found.append(Fault("", "has half of a surrogate pair", "Unicode text"))
    if rules.min_length is not None and len(value) < rules.min_length:
        found.append(Fault("", f"is {len(value)} characters long", f"at least {rules.min_length}"))
    if rules.max_length is not None and len(value) > rules.max_length:
        found.append(Fault("", f"is {len(value)} characters long", f"at most {rules.max_length}"))
    return found


def _matched(kind: FieldKind, value: Any) -> str | None:
    """The text that a pattern is about."""
    if kind in (FieldKind.TEXT, FieldKind.URL) and isinstance(value, str):
        return value
    if kind is FieldKind.SECRET and isinstance(value, Secret) and value.token is None:
        return value.reveal()
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _secret(field: Field, value: Any) -> list[Fault]:
    if not isinstance(value, Secret):
        return [Fault("", "is not a secret text", "a Secret or a str")]
    if value.token is not None:
        return []  # it was checked before it was sealed
    return _text_bounds(field.rules or _NO_RULES, value.reveal())


def _number(field: Field, value: Any) -> list[Fault]:
    # NOTE: isfinite() takes floats only: an int that no float can hold would overflow.
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))):
        return [Fault("", f"{_shown(value)} is not a number", describe(field))]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return [Fault("", f"{_shown(value)} is too large to be stored", "within 64 bits, signed")]
    rules = field.rules or _NO_RULES
    found = []
    if rules.integer and value != int(value):
        found.append(Fault("", f"{value} is not a whole number", "an integer"))
    if rules.minimum is not None and value < rules.minimum:
        found.append(Fault("", f"{value} is too small", f"at least {rules.minimum:g}"))
    if rules.maximum is not None and value > rules.maximum:
        found.append(Fault("", f"{value} is too large", f"at most {rules.maximum:g}"))
    return found


def _boolean(_: Field, value: Any) -> list[Fault]:
    return [] if isinstance(value, bool) else [Fault("", f"{_shown(value)} is not a boolean", "true or false")]


def _choice(field: Field, value: Any) -> list[Fault]:
    # NOTE: True == 1 in Python; the types must agree as well.
    if any(value == choice and isinstance(value, bool) is isinstance(choice, bool) for choice in field.choices):
        return []
    return [Fault("", f"{_shown(value)} is not among the choices", describe(field))]


def _url(field: Field, value: Any) -> list[Fault]:
    faults = _text(field, value)
    if faults:
        return faults
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        return [Fault("", "is no URL", "http:// or https:// with a host")]  # not shown: it may hold credentials
    if parts.username or parts.password:
        return [Fault("", "the URL carries credentials", "credentials in secret fields")]
    return []


def _file(field: Field, value: Any) -> list[Fault]:
    if not isinstance(value, Mapping) or not isinstance(value.get("content"), str):
        return [Fault("", f"{_shown(value)} is no file", describe(field))]
    found = [
        Fault(key, "is not part of a file", describe(field))
        for key in value
        if key not in ("name", "content", "media_type")
    ]
    found += [
        Fault(key, "is not a text", "a text")
        for key in ("name", "media_type")
        if not isinstance(value.get(key, ""), str)
    ]
    try:
        size = len(base64.b64decode(value["content"], validate=True))
    except (binascii.Error, ValueError):
        return [*found, Fault("content", "is not base64", "base64 (RFC 4648 §4)")]
    limit = (field.rules or _NO_RULES).max_length
    if limit is not None and size > limit:
        found.append(Fault("content", f"is {size} bytes long", f"at most {limit}"))
    return found


def _list(field: Field, value: Any) -> list[Fault]:
    if not isinstance(value, list | tuple):
        return [Fault("", f"{_shown(value)} is not a list", describe(field))]
    rules = field.rules or _NO_RULES
    found = []
    if rules.min_items is not None and len(value) < rules.min_items:
        found.append(Fault("", f"has {len(value)} items", f"at least {rules.min_items}"))
    if rules.max_items is not None and len(value) > rules.max_items:
        found.append(Fault("", f"has {len(value)} items", f"at most {rules.max_items}"))
    item = Field(name="item", kind=field.item_kind or FieldKind.JSON)
    for index, entry in enumerate(value):
        found += (fault.under(f"[{index}]") for fault in value_faults(item, entry))
    if rules.unique_items and not found and len(set(map(_canonical, value))) < len(value):
        found.append(Fault("", "has an item twice", "each item once"))
    return found


def _canonical(value: Any) -> str:
    """JSON data as text that is the same for the same data; names that are no texts become texts first."""
    return json.dumps(json.loads(json.dumps(value)), sort_keys=True)


def _json(_: Field, value: Any) -> list[Fault]:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        problem = "it is nested too deeply" if isinstance(exc, RecursionError) else exc
        return [Fault("", f"is not JSON data: {problem}", "objects, lists, texts, finite numbers, booleans and null")]
    if _levels(value) > _DEEPEST:
        return [Fault("", "is nested too deeply", f"at most {_DEEPEST} levels")]
    return []


def _levels(value: Any) -> int:
    """How many objects and lists stand in one another; without recursion, whose limit differs between Pythons."""
    found, level = 0, [value]
    while level := [part for part in level if isinstance(part, dict | list | tuple)]:
        found += 1
        level = [item for part in level for item in (part.values() if isinstance(part, dict) else part)]
    return found


def _shown(value: Any) -> str:
    """A short rendering; of what is long the type only."""
    if isinstance(value, int):
        return repr(value) if value.bit_length() <= 128 else "the number"
    return repr(value) if isinstance(value, str | float) and len(str(value)) <= 40 else type(value).__name__


_CHECKS: Final[Mapping[FieldKind, Callable[[Field, Any], list[Fault]]]] = {
    FieldKind.TEXT: _text,
    FieldKind.SECRET: _secret,
    FieldKind.NUMBER: _number,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.CHOICE: _choice,
    FieldKind.URL: _url,
    FieldKind.FILE: _file,
    FieldKind.LIST: _list,
    FieldKind.JSON: _json,
}
