"""Fields as JSON Schema (draft 2020-12): what a task takes, for forms and for checks before a call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from .fields import Field, FieldKind, Rules

__all__ = ["DIALECT", "field_schema", "input_schema"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_NO_RULES: Final = Rules()
#: what Python's regular expressions have and ECMA-262's, which JSON Schema uses, have not or take for something else
_PYTHON_ONLY: Final = re.compile(r"\(\?(?![:=!]|<[=!])|\\[AZaNU]|[*+?}]\+|\(\?>|\[\]|\[\^\]")
_TOP: Final = 2**63


def input_schema(fields: Iterable[Field], *, title: str = "", description: str = "") -> dict[str, Any]:
    """The schema of an object with a property for each field.

    What it admits is taken, apart from two things that a schema cannot say: a pattern in syntax of Python's own is left
    out (``$comment`` has it), and what stands in a file is known when it is decoded. Null, which is taken for a value
    that is not given, is not admitted.
    """
    known = tuple(fields)
    schema: dict[str, Any] = {"$schema": DIALECT, "type": "object"}
    if title:
        schema["title"] = title
    if description:
        schema["description"] = description
    schema["properties"] = {field.name: field_schema(field) for field in known}
    schema["required"] = [field.name for field in known if field.required and field.default is None]
    schema["additionalProperties"] = False
    return schema


def field_schema(field: Field) -> dict[str, Any]:
    """The schema of one field's value, with what a form shows of it."""
    schema = _VALUES[field.kind](field)
    if field.label:
        schema["title"] = field.label
    if field.help:
        schema["description"] = field.help
    if field.kind is not FieldKind.SECRET:
        if field.default is not None:
            schema["default"] = field.default
        if field.example is not None:
            schema["examples"] = [field.example]
    return schema


def _text(field: Field) -> dict[str, Any]:
    rules = field.rules or _NO_RULES
    schema: dict[str, Any] = {"type": "string"}
    schema |= _given(minLength=rules.min_length, maxLength=rules.max_length)
    if rules.pattern is not None:
        if _PYTHON_ONLY.search(rules.pattern):
            schema["$comment"] = f"matches, in Python's syntax: {rules.pattern}"
        else:
            schema["pattern"] = rules.pattern
    return schema


def _secret(field: Field) -> dict[str, Any]:
    return {**_text(field), "format": "password", "writeOnly": True}


def _number(field: Field) -> dict[str, Any]:
    rules = field.rules or _NO_RULES
    schema: dict[str, Any] = {"type": "integer" if rules.integer else "number"}
    return schema | _given(minimum=rules.minimum, maximum=rules.maximum)


def _boolean(_: Field) -> dict[str, Any]:
    return {"type": "boolean"}


def _choice(field: Field) -> dict[str, Any]:
    return {"enum": [choice for choice in field.choices if choice is not None]}


def _url(field: Field) -> dict[str, Any]:
    schema = {**_text(field), "format": "uri"}
    scheme = "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+([/?#]|$)"
    if "pattern" in schema:
        schema["allOf"] = [{"pattern": schema.pop("pattern")}]
    return {**schema, "pattern": scheme}


def _file(field: Field) -> dict[str, Any]:
    content: dict[str, Any] = {"type": "string", "contentEncoding": "base64"}
    limit = (field.rules or _NO_RULES).max_length
    if limit is not None:
        content["maxLength"] = 4 * -(-limit // 3)
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {"name": text, "content": content, "media_type": text},
        "required": ["content"],
        "additionalProperties": False,
    }


def _list(field: Field) -> dict[str, Any]:
    rules = field.rules or _NO_RULES
    schema: dict[str, Any] = {"type": "array"}
    item_kind = field.item_kind or FieldKind.JSON
    if item_kind is not FieldKind.JSON:
        schema["items"] = _VALUES[item_kind](Field(name="item", kind=item_kind))
    schema |= _given(minItems=rules.min_items, maxItems=rules.max_items)
    if rules.unique_items:
        schema["uniqueItems"] = True
    return schema


def _json(_: Field) -> dict[str, Any]:
    return {"type": ["object", "array", "string", "number", "boolean"]}


def _given(**bounds: float | None) -> dict[str, Any]:
    return {name: _whole(bound) for name, bound in bounds.items() if bound is not None}


def _whole(bound: float) -> float:
    """A bound without fraction as an integer: ``10``, not ``10.0``."""
    return int(bound) if bound == int(bound) and abs(bound) < _TOP else bound


_VALUES: Final[Mapping[FieldKind, Callable[[Field], dict[str, Any]]]] = {
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
