"""Input values that a task takes: from examples, defaults and choices, or made up from kinds, rules and schemas.

They are for trying a task out: against a mock server, in a test run, as a first draft that a person edits. The same
task always gets the same values.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from zona_core.domain.apps import TaskDefinition
from zona_core.domain.fields import Field, FieldKind, Rules
from zona_core.domain.patterns import Matching
from zona_core.domain.values import value_faults
from zona_openapi._patterns import pattern_fault

__all__ = ["sample_inputs", "sample_value"]

_DEEPEST: Final = 12
#: texts of the well-known formats (JSON Schema 2020-12 validation §7.3, the OpenAPI format registry)
_FORMATS: Final[Mapping[str, str]] = {
    "byte": "c2FtcGxl",
    "binary": "sample",
    "date": "2024-01-31",
    "date-time": "2024-01-31T12:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "www.example.com",
    "idn-email": "someone@example.com",
    "idn-hostname": "www.example.com",
    "ip": "192.0.2.1",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "iri": "https://www.example.com/",
    "json-pointer": "/sample",
    "regex": "sample",
    "time": "12:00:00Z",
    "uri": "https://www.example.com/",
    "uri-reference": "/sample",
    "url": "https://www.example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}
_FILE: Final[Mapping[str, str]] = {
    "name": "sample.txt",
    "content": base64.b64encode(b"sample\n").decode(),
    "media_type": "text/plain",
}
#: texts that patterns commonly ask for
_CANDIDATES: Final = (
    "sample",
    *_FORMATS.values(),
    "a",
    "A",
    "1",
    "Sample",
    "SAMPLE",
    "sample-1",
    "sample_1",
    "/sample",
    "10.0.0.0/8",
    "CVE-2024-12345",
    "T1059",
    "T1059.001",
    "example.com",
    "1.0.0",
    "en",
    "en-US",
    "EUR",
    "+15550100",
    "12:00",
    "2024-01",
    "true",
    "0x1f",
    *("0" * length for length in (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 64, 96, 128)),
    *("A" * length for length in (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 64)),
)


def sample_inputs(task: TaskDefinition, *, optional: bool = False) -> dict[str, Any]:
    """Valid values for the required inputs of ``task``, for all of them if ``optional``.

    An optional input for which no valid value can be made up is left out; a required one gets the best guess.
    """
    wanted = [field for field in task.inputs if field.required or optional]
    values = {field.name: sample_value(field) for field in wanted}
    return {
        field.name: values[field.name]
        for field in wanted
        if field.required or field.kind is FieldKind.SECRET or not value_faults(field, values[field.name])
    }


def sample_value(field: Field) -> Any:
    """One value for ``field``."""
    schema = field.schema or {}
    for given in (field.example, field.default):
        if given is not None and not value_faults(field, given) and _fits(schema, given):
            return given
    if field.kind is FieldKind.CHOICE:
        return field.choices[0] if field.choices else None
    return _MAKERS[field.kind](field, schema)


def _text(field: Field, schema: Mapping[str, Any]) -> Any:
    rules = field.rules or Rules()
    made = _from_schema(schema, 0) if schema else None
    options = [made] if isinstance(made, str) else []
    options += [_sized(option, rules.min_length, rules.max_length) for option in ("sample", *_CANDIDATES)]
    if field.kind is FieldKind.SECRET:
        return options[0]
    matching = Matching()
    return next((option for option in options if not value_faults(field, option, matching)), options[0])


def _number(field: Field, schema: Mapping[str, Any]) -> Any:
    rules = field.rules or Rules()
    return _number_within(rules.minimum, rules.maximum, schema.get("multipleOf"), whole=rules.integer)


def _list(field: Field, schema: Mapping[str, Any]) -> Any:
    item = Field(name="item", kind=field.item_kind or FieldKind.JSON)
    made = _from_schema(schema, 0) if schema and item.kind is not FieldKind.FILE else None
    if isinstance(made, list) and not value_faults(field, made):
        return made
    least = (field.rules or Rules()).min_items
    return [sample_value(item)] * min(1 if least is None else least, 100)


_MAKERS: Final[Mapping[FieldKind, Callable[[Field, Mapping[str, Any]], Any]]] = {
    FieldKind.TEXT: _text,
    FieldKind.SECRET: _text,
    FieldKind.NUMBER: _number,
    FieldKind.BOOLEAN: lambda _field, _schema: True,
    FieldKind.URL: lambda _field, _schema: _FORMATS["url"],
    FieldKind.FILE: lambda _field, _schema: dict(_FILE),
    FieldKind.LIST: _list,
    FieldKind.JSON: lambda _field, schema: _from_schema(schema, 0),
}


def _from_schema(schema: Any, depth: int) -> Any:
    """A value for an expanded schema; the smallest one that its keywords allow, as far as they are understood."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    schema = _flat(schema, depth)
    given = [schema.get("const"), schema.get("example"), schema.get("default")]
    listed = schema.get("examples")
    given += listed[:1] if isinstance(listed, list) else []
    for value in given:
        if value is not None and _fits(schema, value):
            return value
    enum = schema.get("enum")
    if isinstance(enum, list) and enum:
        return next((value for value in enum if value is not None), None)
    kind = _type_of(schema)
    if kind == "object":
        return _object(schema, depth)
    if kind == "array":
        return _array(schema, depth)
    if kind == "string":
        return _string(schema)
    if kind in ("number", "integer"):
        lowest, highest = _limits(schema)
        return _number_within(lowest, highest, schema.get("multipleOf"), whole=kind == "integer")
    return True if kind == "boolean" else {}


def _flat(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """``schema`` with the parts of ``allOf`` and the first usable alternative laid into it."""
    flat = {key: value for key, value in schema.items() if key not in ("allOf", "oneOf", "anyOf")}
    parts: list[Any] = []
    for keyword in ("allOf", "oneOf", "anyOf"):
        listed = schema.get(keyword)
        known = [part for part in listed if isinstance(part, Mapping)] if isinstance(listed, list) else []
        parts += known if keyword == "allOf" else [part for part in known if part.get("type") != "null"][:1]
    if depth > _DEEPEST:
        return flat
    for part in parts:
        for key, value in _flat(part, depth + 1).items():
            if key == "properties" and isinstance(flat.get(key), Mapping) and isinstance(value, Mapping):
                flat[key] = {**value, **flat[key]}
            elif key == "required" and isinstance(flat.get(key), list) and isinstance(value, list):
                flat[key] = [*flat[key], *value]
            else:
                flat.setdefault(key, value)
    return flat


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), None)
    if isinstance(kind, str):
        return kind
    return "array" if "items" in schema else "object"


def _object(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    found = schema.get("properties")
    properties = found if isinstance(found, Mapping) else {}
    listed = schema.get("required")
    required = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    made = {name: _from_schema(properties.get(name, {}), depth + 1) for name in required}
    least = schema.get("minProperties")
    for name, part in properties.items():
        if isinstance(least, int) and len(made) < least and name not in made:
            made[name] = _from_schema(part, depth + 1)
    return {
        name: value
        for name, value in made.items()
        if not (isinstance(properties.get(name), Mapping) and properties[name].get("readOnly") is True)
    }


def _array(schema: Mapping[str, Any], depth: int) -> list[Any]:
    least = schema.get("minItems")
    count = min(least, 100) if isinstance(least, int) and least > 0 else 1
    items = schema.get("items", {})
    made = [_from_schema(items, depth + 1)] * count
    choices = items.get("enum") if isinstance(items, Mapping) else None
    if schema.get("uniqueItems") is True and count > 1:
        return choices[:count] if isinstance(choices, list) else [_numbered(made[0], at) for at in range(count)]
    return made


def _numbered(value: Any, at: int) -> Any:
    if isinstance(value, bool) or at == 0:
        return value
    if isinstance(value, int | float):
        return value + at
    return f"{value}{at}" if isinstance(value, str) else {**value, f"n{at}": at} if isinstance(value, dict) else value


def _string(schema: Mapping[str, Any]) -> str:
    least, most = _length(schema.get("minLength")), _length(schema.get("maxLength"))
    pattern, named = schema.get("pattern"), _FORMATS.get(str(schema.get("format")), "sample")
    if not isinstance(pattern, str):
        return named if str(schema.get("format")) in _FORMATS else _sized(named, least, most)
    if pattern_fault(pattern):
        return _sized(named, least, most)
    field, matching = Field(name="text", rules=Rules(min_length=least, max_length=most, pattern=pattern)), Matching()
    for option in (named, *(_sized(candidate, least, most) for candidate in _CANDIDATES)):
        if not value_faults(field, option, matching):
            return option
    return _sized(named, least, most)


def _sized(text: str, least: int | None, most: int | None) -> str:
    if least is not None and len(text) < least:
        text = (text * (min(least, 10_000) // len(text) + 1))[: min(least, 10_000)]
    return text if most is None else text[:most]


def _length(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _limits(schema: Mapping[str, Any]) -> tuple[float | None, float | None]:
    found: dict[str, float | None] = {}
    step = 1 if _type_of(schema) == "integer" else 0.5
    for key, exclusive, sign in (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)):
        bound, beyond = schema.get(key), schema.get(exclusive)
        known = bound if isinstance(bound, int | float) and not isinstance(bound, bool) else None
        if beyond is True and known is not None:
            known += sign * step
        elif isinstance(beyond, int | float) and not isinstance(beyond, bool):
            known = beyond + sign * step
        found[key] = known
    return found["minimum"], found["maximum"]


def _number_within(lowest: float | None, highest: float | None, multiple: Any, *, whole: bool) -> int | float:
    value: float = 1
    if lowest is not None and value < lowest:
        value = math.ceil(lowest) if whole else lowest
    if highest is not None and value > highest:
        value = math.floor(highest) if whole else highest
    if isinstance(multiple, int | float) and not isinstance(multiple, bool) and multiple > 0:
        value = math.ceil(value / multiple) * multiple
    return int(value) if float(value).is_integer() else value


def _fits(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether ``value`` is of the schema's type and among its values."""
    enum = schema.get("enum")
    if isinstance(enum, list) and value not in enum:
        return False
    types: dict[str, tuple[type, ...]] = {
        "object": (dict,),
        "array": (list, tuple),
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
    }
    wanted = types.get(_type_of(schema)) if "type" in schema else None
    if wanted is None:
        return True
    return isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))
