"""Schemas → fields: kinds, rules, defaults and examples that hold."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, evolve

from zona_core.domain.fields import Field, FieldKind, Rules
from zona_core.domain.values import value_faults
from zona_documents import Warnings, below, line, prose
from zona_openapi._budget import is_small
from zona_openapi._patterns import pattern_fault
from zona_openapi._schemas import Schemas

__all__ = ["Fields", "kind_of"]

_SIMPLE: Final = {"number": FieldKind.NUMBER, "integer": FieldKind.NUMBER, "boolean": FieldKind.BOOLEAN}
_MOST_CHOICES: Final = 1_000


def kind_of(schema: Mapping[str, Any], *, binary: bool = False) -> FieldKind:
    """The kind of value that a plain schema means, enums apart; bytes are a FILE only where ``binary`` may be sent."""
    kind = schema.get("type")
    if kind == "string":
        if _is_binary(schema):
            return FieldKind.FILE if binary else FieldKind.TEXT
        if schema.get("format") == "password":
            return FieldKind.SECRET
        return FieldKind.URL if schema.get("format") == "url" else FieldKind.TEXT
    if kind == "array":
        return FieldKind.LIST
    return _SIMPLE.get(kind, FieldKind.JSON) if isinstance(kind, str) else FieldKind.JSON


def _is_binary(schema: Mapping[str, Any]) -> bool:
    """Bytes as they are: ``format: binary`` (3.0), ``contentMediaType`` without ``contentEncoding`` (3.1)."""
    if schema.get("format") == "binary":
        return True
    return "contentMediaType" in schema and "contentEncoding" not in schema


@define(frozen=True, kw_only=True)
class Fields:
    """Makes the fields of one document."""

    schemas: Schemas
    notes: Warnings

    def field(
        self,
        name: str,
        schema: Any,
        place: str,
        *,
        required: bool,
        label: str = "",
        help: str = "",  # noqa: A002  # the field's own word
        example: Any = None,
        binary: bool = False,
        plain: dict[str, Any] | None = None,
    ) -> Field:
        """A field for values of ``schema`` (``plain`` if it was made plain already); what cannot hold is noted."""
        known = self.schemas.plain(schema, place) if plain is None else plain
        field = Field(
            name=name,
            label=line(label, 200),
            kind=kind_of(known, binary=binary),
            required=required,
            help=prose(help or known.get("description"), 2_000),
            rules=self._rules(known, place),
        )
        field = self._with_choices(field, known, place)
        if field.kind is FieldKind.LIST:
            items = self.schemas.plain(known.get("items", {}), below(place, "items"))
            field = evolve(field, item_kind=_item_kind(items, binary=binary))
        if field.kind is FieldKind.SECRET:
            return field
        return evolve(
            field,
            default=self._default(field, known, place),
            example=_example(field, example, known),
            schema=self._kept_schema(field, schema, place),
        )

    def _with_choices(self, field: Field, schema: Mapping[str, Any], place: str) -> Field:
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if not isinstance(values, list) or field.kind in (FieldKind.LIST, FieldKind.FILE, FieldKind.SECRET):
            return field
        if len(values) > _MOST_CHOICES or not all(map(is_small, values)):
            self.notes.add(place, f"the enum has more than {_MOST_CHOICES:,} values, or large ones; any value is taken")
            return field
        # by their JSON: True == 1 in Python, and they are two choices here
        choices = {json.dumps(value, sort_keys=True): value for value in values if value is not None}
        if not choices:
            self.notes.add(place, "the enum has no values; any value is taken", "at least one value")
            return field
        return evolve(field, kind=FieldKind.CHOICE, choices=tuple(choices.values()))

    def _default(self, field: Field, schema: Mapping[str, Any], place: str) -> Any:
        value = schema.get("default")
        if not is_small(value):
            self.notes.add(below(place, "default"), "the default is left out: it is large")
            return None
        if value is None or not value_faults(field, value):
            return value
        for convert in _CONVERSIONS.get(_sort(field), ()):
            try:
                converted = convert(value)
            except (TypeError, ValueError, OverflowError):
                continue
            if not value_faults(field, converted):
                self.notes.add(below(place, "default"), f"the default is taken as {line(repr(converted), 60)}")
                return converted
        fault = value_faults(field, value)[0]
        self.notes.add(below(place, "default"), f"the default is left out: {fault.message}", fault.expected[:200])
        return None

    def _rules(self, schema: Mapping[str, Any], place: str) -> Rules | None:
        lowest, highest = _bounds(schema)
        pattern = schema.get("pattern") if schema.get("type") == "string" else None
        if isinstance(pattern, str):
            fault = pattern_fault(pattern)
            if fault:
                self.notes.add(below(place, "pattern"), f"the pattern is not checked: it {fault}")
                pattern = None
        rules = Rules(
            minimum=lowest,
            maximum=highest,
            integer=schema.get("type") == "integer",
            min_length=_count(schema.get("minLength")),
            max_length=None if _is_binary(schema) else _count(schema.get("maxLength")),
            pattern=pattern if isinstance(pattern, str) else None,
            min_items=_count(schema.get("minItems")),
            max_items=_count(schema.get("maxItems")),
            unique_items=schema.get("uniqueItems") is True,
        )
        return None if rules == Rules() else rules

    def _kept_schema(self, field: Field, schema: Any, place: str) -> dict[str, Any] | None:
        """The schema, where it says more than the field does."""
        expanded = self.schemas.expanded(schema, place)
        telling = set(expanded or ()) - {"type", "enum", "default", "example", "nullable"}
        if field.kind in (FieldKind.JSON, FieldKind.LIST):
            return expanded or None
        return expanded if telling else None


def _sort(field: Field) -> FieldKind:
    """The kind that a default is converted to: a CHOICE's is that of its choices."""
    if field.kind is not FieldKind.CHOICE:
        return field.kind
    first = field.choices[0]
    if isinstance(first, bool):
        return FieldKind.BOOLEAN
    return FieldKind.NUMBER if isinstance(first, int | float) else FieldKind.TEXT


def _text_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise TypeError(value)


def _number_of(value: Any) -> int | float:
    if not isinstance(value, str) or len(value) > 40:
        raise TypeError(value)
    try:
        return int(value)
    except ValueError:
        return float(value)


def _boolean_of(value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise TypeError(value)
    return text == "true"


def _list_of(value: Any) -> list[Any]:
    return [value]


_CONVERSIONS: Final[Mapping[FieldKind, tuple[Callable[[Any], Any], ...]]] = {
    FieldKind.TEXT: (_text_of,),
    FieldKind.NUMBER: (_number_of,),
    FieldKind.BOOLEAN: (_boolean_of,),
    FieldKind.LIST: (_list_of,),
}


def _item_kind(schema: Mapping[str, Any], *, binary: bool) -> FieldKind:
    kind = kind_of(schema, binary=binary)
    if not schema.get("type") and isinstance(schema.get("enum"), list):
        return FieldKind.JSON
    if kind is FieldKind.SECRET:
        return FieldKind.TEXT
    return FieldKind.JSON if kind in (FieldKind.LIST, FieldKind.URL) else kind


def _example(field: Field, given: Any, schema: Mapping[str, Any]) -> Any:
    listed = schema.get("examples")
    options = [given, schema.get("example"), *(listed[:5] if isinstance(listed, list) else ())]
    usable = (value for value in options if value not in (None, "") and is_small(value))
    return next((value for value in usable if not value_faults(field, value)), None)


def _bounds(schema: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The least and the greatest number; an integer's exclusive bound is moved by one, others are not told apart."""
    if schema.get("type") not in ("number", "integer"):
        return None, None
    lowest, highest = _finite(schema.get("minimum")), _finite(schema.get("maximum"))
    step = 1 if schema["type"] == "integer" else 0
    above, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is True and lowest is not None:
        lowest += step
    elif (bound := _finite(above)) is not None:
        lowest = bound + step if lowest is None else max(lowest, bound + step)
    if under is True and highest is not None:
        highest -= step
    elif (bound := _finite(under)) is not None:
        highest = bound - step if highest is None else min(highest, bound - step)
    return lowest, highest


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        return None
    return int(value)
