"""Fields as JSON Schema."""

from __future__ import annotations

import base64
import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core import Field, FieldKind, Secret
from zona_core.domain.fields import Rules
from zona_core.domain.schemas import DIALECT, field_schema, input_schema
from zona_core.domain.values import checked

WHOLE = Rules(integer=True, minimum=1.0)
TEXTS = st.sampled_from(
    ["", "a", "abc", "12", "x" * 12, "http://a.example", "HTTPS://b.example/x?y#z", "ftp://c", "http://"]
)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-20, 20), st.floats(-20, 20), TEXTS)
VALUES = st.one_of(
    PLAIN,
    st.lists(PLAIN, max_size=4),
    st.fixed_dictionaries(
        {"content": st.sampled_from(["", "YQ==", "YWJjZGVm"])},
        optional={"name": st.one_of(TEXTS, st.integers()), "media_type": TEXTS, "more": TEXTS},
    ),
)
BOUND = st.one_of(st.none(), st.integers(0, 6))
RULES = st.builds(
    Rules,
    minimum=st.one_of(st.none(), st.floats(-10, 10)),
    maximum=st.one_of(st.none(), st.floats(-10, 10)),
    integer=st.booleans(),
    min_length=BOUND,
    max_length=BOUND,
    pattern=st.sampled_from([None, "a", "^[a-z]+$", "^1"]),
    min_items=BOUND,
    max_items=BOUND,
    unique_items=st.booleans(),
)
ITEM_KINDS = st.sampled_from([None, *(set(FieldKind) - {FieldKind.SECRET, FieldKind.LIST, FieldKind.CHOICE})])
FIELDS = st.builds(
    Field,
    name=st.just("value"),
    kind=st.sampled_from(FieldKind),
    choices=st.lists(PLAIN.filter(lambda value: value is not None), min_size=1, max_size=4).map(tuple),
    item_kind=ITEM_KINDS,
    rules=st.one_of(st.none(), RULES),
    required=st.booleans(),
)


@given(field=FIELDS, value=VALUES)
def test_what_the_schema_admits_is_taken(field: Field, value: Any) -> None:
    """And every schema is one of draft 2020-12; of values that are given, what it refuses is refused."""
    schema = input_schema([field])
    jsonschema_rs.meta.validate(schema)
    admits = jsonschema_rs.Draft202012Validator(schema).is_valid({"value": value})
    faults = checked([field], {"value": value})[1]
    if admits or (value is not None and not _is_file(field)):
        assert admits is not bool(faults), (schema, value, faults)


def _is_file(field: Field) -> bool:
    return FieldKind.FILE in (field.kind, field.item_kind)


def test_an_object_has_a_property_for_each_field() -> None:
    """What is required and has no default has to be given, and nothing may be given besides."""
    fields = [Field(name="a", required=True), Field(name="b", required=True, default="x"), Field(name="c")]
    text = {"type": "string"}
    assert input_schema(fields, title="T", description="D") == {
        "$schema": DIALECT,
        "type": "object",
        "title": "T",
        "description": "D",
        "properties": {"a": text, "b": {**text, "default": "x"}, "c": text},
        "required": ["a"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        (Field(name="f", label="L", help="H", example="e"), {"title": "L", "description": "H", "examples": ["e"]}),
        (Field(name="f", kind=FieldKind.SECRET), {"type": "string", "format": "password", "writeOnly": True}),
        (
            Field(name="f", kind=FieldKind.NUMBER, rules=Rules(integer=True, minimum=1.0)),
            {"type": "integer", "minimum": 1},
        ),
        (Field(name="f", kind=FieldKind.CHOICE, choices=("a", 1)), {"enum": ["a", 1]}),
        (
            Field(name="f", kind=FieldKind.LIST, item_kind=FieldKind.NUMBER),
            {"type": "array", "items": {"type": "number"}},
        ),
    ],
)
def test_a_field_is_shown_with_what_a_form_needs(field: Field, schema: dict[str, Any]) -> None:
    """Title, description, examples, bounds and how a secret is to be asked for."""
    shown = field_schema(field)
    assert {name: shown[name] for name in schema} == schema


@pytest.mark.parametrize("pattern", [r"\Aa\Z", "(?i)a", "(?P<n>a)", "a++", "(?#why)a"])
def test_a_pattern_of_pythons_own_is_only_told(pattern: str) -> None:
    """JSON Schema's patterns are ECMA-262's: what is none stands in a comment."""
    schema = field_schema(Field(name="f", rules=Rules(pattern=pattern)))
    assert "pattern" not in schema
    assert pattern in schema["$comment"]


def test_a_file_is_bounded_by_its_encoded_length() -> None:
    """A file of just the longest length is admitted, and one that is much longer is not."""
    field = Field(name="f", kind=FieldKind.FILE, rules=Rules(max_length=4))
    validator = jsonschema_rs.Draft202012Validator(field_schema(field))
    assert validator.is_valid({"content": base64.b64encode(b"four").decode()})
    assert not validator.is_valid({"content": base64.b64encode(b"seven..").decode()})


def test_no_secret_stands_in_a_schema() -> None:
    """Even one that got into a definition past all checks."""
    field = Field(name="f", kind=FieldKind.SECRET, default=Secret("canary"), example="canary")
    assert "canary" not in json.dumps(field_schema(field))
