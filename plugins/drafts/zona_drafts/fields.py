"""Fields of foreign definitions: choices, defaults and examples that hold for the field's kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import evolve

from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.values import value_faults
from zona_documents import Names, identifier, line
from zona_drafts.reading import Part

__all__ = ["FieldList", "with_default", "with_example", "with_options"]

_MOST_OPTIONS: Final = 1_000
_LONGEST_OPTION: Final = 500
_LONGEST_VALUE: Final = 8_000
#: RFC 8259 §6
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?(?:[eE][-+]?[0-9]{1,2})?\Z")


class FieldList:
    """Gathers fields under names of their own."""

    def __init__(self) -> None:
        self._names = Names()
        self._fields: list[Field] = []

    def add(self, field: Field, wire_name: str) -> Field:
        """Adds the field under an identifier made of ``wire_name``; its label tells the other name where it has none.

        Names that collide get numbers.
        """
        name = self._names.take(identifier(wire_name))
        named = evolve(field, name=name, label=field.label or (wire_name if wire_name != name else ""))
        self._fields.append(named)
        return named

    def fields(self) -> tuple[Field, ...]:
        """All fields so far."""
        return tuple(self._fields)


def with_options(field: Field, part: Part, key: str, *, several: bool = False) -> Field:
    """``field`` with the options listed at ``key``: a CHOICE, a BOOLEAN if they are true and false, or, with
    ``several``, a LIST whose schema names them. As it was if there are none that can be used.
    """
    options = _options(part, key)
    if not options:
        return field
    if several:
        items = {"type": "string", "enum": list(options)}
        return evolve(field, kind=FieldKind.LIST, item_kind=FieldKind.TEXT, schema={"type": "array", "items": items})
    if sorted(option.lower() for option in options) == ["false", "true"]:
        return evolve(field, kind=FieldKind.BOOLEAN)
    return evolve(field, kind=FieldKind.CHOICE, choices=options)


def with_default(field: Field, part: Part, key: str) -> Field:
    """``field`` with the default at ``key``, converted to its kind; what does not fit is noted and left out."""
    value = part.data.get(key)
    if value is None or value in ("", []):
        return field
    if field.kind is FieldKind.SECRET:
        part.warn(key, "a secret has no default; it is left out", "the value belongs in an instance")
        return field
    found = _converted(field, value)
    if found is None:
        part.warn(key, f"the default does not fit {field.kind.value}; it is left out", _expected(field))
    elif field.kind is FieldKind.CHOICE and found != value and not isinstance(value, bool | int | float):
        part.warn(key, f"the default is taken as {line(found, 60)!r}", "one of the options as it is written")
    return evolve(field, default=found)


def with_example(field: Field, value: Any) -> Field:
    """``field`` with the example, if it is one: no secret, no row of asterisks, of the field's kind."""
    if field.kind is FieldKind.SECRET or value in (None, "") or (isinstance(value, str) and not value.strip("*")):
        return field
    return evolve(field, example=_converted(field, value))


def _options(part: Part, key: str) -> tuple[str, ...]:
    listed = part.data.get(key)
    if listed is None or listed == "":
        return ()
    if not isinstance(listed, list):
        part.warn(key, "the options are no list; any value is taken", "a list of texts")
        return ()
    if len(listed) > _MOST_OPTIONS:
        part.warn(key, f"there are more than {_MOST_OPTIONS:,} options; any value is taken")
        return ()
    texts = [_scalar(each) for each in listed]
    usable = [text for text in texts if text and len(text) <= _LONGEST_OPTION]
    if len(usable) < len(texts):
        part.warn(key, "options that are empty, long or no texts are left out", f"1-{_LONGEST_OPTION} characters")
    return tuple(dict.fromkeys(usable))


def _converted(field: Field, value: Any) -> Any:
    """``value`` as the field takes it; None if it does not."""
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return None
    found = _CONVERSIONS[field.kind](field, value)
    return found if found is not None and not value_faults(field, found) and _is_small(found) else None


def _is_small(value: Any) -> bool:
    """Whether ``value`` is short text, once it is written; half characters from JSON's escapes cannot be."""
    try:
        return len(json.dumps(value, ensure_ascii=False).encode()) <= _LONGEST_VALUE
    except UnicodeEncodeError:
        return False


def _scalar(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else None


def _text(_: Field, value: Any) -> Any:
    return _scalar(value)


def _boolean(_: Field, value: Any) -> Any:
    told = _scalar(value)
    return {"true": True, "false": False}.get(told.strip().lower()) if told else None


def _number(_: Field, value: Any) -> Any:
    if isinstance(value, str) and _NUMBER.match(value.strip()):
        return json.loads(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _choice(field: Field, value: Any) -> Any:
    told = _scalar(value)
    if told is None or told in field.choices:
        return told
    alike = [choice for choice in field.choices if choice.strip().lower() == told.strip().lower()]
    return alike[0] if len(alike) == 1 else None


def _list(field: Field, value: Any) -> Any:
    items = _items(value)
    if items is None:
        return None
    if field.item_kind is FieldKind.TEXT:
        items = [_scalar(item) for item in items]
    allowed = _allowed(field)
    return None if None in items or (allowed and not allowed.issuperset(items)) else items


def _items(value: Any) -> list[Any] | None:
    """A list as it stands, as JSON text, or as texts parted by commas."""
    if isinstance(value, list):
        return value
    told = _scalar(value)
    if told is None:
        return None
    if told.lstrip().startswith("["):
        try:
            found = json.loads(told)
        except (ValueError, RecursionError):
            return None
        return [_scalar(item) for item in found] if isinstance(found, list) else None
    return [part.strip() for part in told.split(",") if part.strip()]


def _allowed(field: Field) -> set[str]:
    items = (field.schema or {}).get("items")
    return set(items.get("enum", ())) if isinstance(items, dict) else set()


def _json(_: Field, value: Any) -> Any:
    """Data as it stands, unless a number in it is too large to be stored."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, int) and not -(2**63) <= one < 2**63:
            return None
        waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return value


_CONVERSIONS: Final[Mapping[FieldKind, Callable[[Field, Any], Any]]] = {
    FieldKind.TEXT: _text,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.NUMBER: _number,
    FieldKind.CHOICE: _choice,
    FieldKind.LIST: _list,
    FieldKind.JSON: _json,
}


def _expected(field: Field) -> str:
    if field.kind is FieldKind.CHOICE:
        return _one_of(field.choices)
    allowed = _allowed(field)
    return "items that are " + _one_of(sorted(allowed)) if allowed else f"a {field.kind.value}"


def _one_of(options: Iterable[str]) -> str:
    return line("one of " + ", ".join(options), 200)
