"""Made-up inputs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.apps import TaskDefinition
from zona_core.domain.fields import Field, FieldKind, Rules
from zona_core.domain.values import checked, value_faults
from zona_openapi.importer import OpenApiImporter
from zona_openapi.samples import sample_inputs, sample_value

K = FieldKind


def holding(a: dict[str, Any], **others: Any) -> dict[str, Any]:
    """An object's schema whose properties are all required."""
    return {"type": "object", "required": ["a", *others], "properties": {"a": a, **others}}


def task(*fields: Field) -> TaskDefinition:
    return TaskDefinition(name="T", task_tag="t", task_handler="http", inputs=fields)


def test_only_required_inputs_are_made_up_unless_asked() -> None:
    """Examples come first, then defaults, then choices."""
    inputs = task(
        Field(name="a", required=True, example="from the example", default="d"),
        Field(name="b", required=True, default="from the default"),
        Field(name="c", required=True, kind=K.CHOICE, choices=("first", "second")),
        Field(name="d", kind=K.NUMBER),
    )
    made = {"a": "from the example", "b": "from the default", "c": "first"}
    assert sample_inputs(inputs) == made
    assert sample_inputs(inputs, optional=True) == {**made, "d": 1}


@pytest.mark.parametrize("kind", [kind for kind in K if kind is not K.CHOICE])
def test_every_kind_has_a_valid_value(kind: K) -> None:
    """A field without rules takes what is made up for it."""
    clean, faults = checked([Field(name="f", kind=kind)], {"f": sample_value(Field(name="f", kind=kind))})
    assert faults == []
    assert "f" in clean


@given(
    st.one_of(
        st.tuples(st.integers(0, 40), st.integers(0, 40)).map(
            lambda two: {"min_length": min(two), "max_length": max(two)}
        ),
        st.sampled_from([r"^[a-f0-9]{32}$", r"^CVE-\d{4}-\d{4,}$", r"^\d{4}-\d{2}-\d{2}$", "^T[0-9]{4}$"]).map(
            lambda pattern: {"pattern": pattern}
        ),
    )
)
def test_texts_keep_to_their_rules(rules: dict[str, Any]) -> None:
    """Lengths always, patterns of the common sorts."""
    field = Field(name="f", rules=Rules(**rules))
    assert value_faults(field, sample_value(field)) == []


@given(st.integers(-1000, 1000), st.integers(0, 50), st.booleans())
def test_numbers_keep_to_their_bounds(lowest: int, more: int, whole: bool) -> None:
    """Between the least and the greatest, whole if asked."""
    field = Field(name="f", kind=K.NUMBER, rules=Rules(minimum=lowest, maximum=lowest + more, integer=whole))
    assert value_faults(field, sample_value(field)) == []


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "format": "uuid"}, "b": {}}},
            {"a": "123e4567-e89b-42d3-a456-426614174000"},
        ),
        ({"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"enum": ["x"]}}}]}, {"a": "x"}),
        ({"oneOf": [{"type": "null"}, {"type": "array", "minItems": 2, "items": {"type": "integer"}}]}, [1, 1]),
        ({"type": "array", "uniqueItems": True, "minItems": 2, "items": {"type": "string"}}, ["sample", "sample1"]),
        ({"type": "object", "minProperties": 1, "properties": {"a": {"type": "boolean"}}}, {"a": True}),
        (holding({"type": "number", "exclusiveMinimum": 3}), {"a": 3.5}),
        (holding({"type": "integer", "multipleOf": 5, "minimum": 7}), {"a": 10}),
        (holding({"default": 3}, id={"readOnly": True}), {"a": 3}),
        ({"type": "object", "example": {"a": 1}}, {"a": 1}),
        ({"type": "object", "example": "not an object"}, {}),
    ],
)
def test_json_follows_its_schema(schema: dict[str, Any], value: Any) -> None:
    """The smallest value that the schema allows."""
    assert sample_value(Field(name="f", kind=K.JSON, schema=schema)) == value


def test_the_inputs_of_an_imported_task_are_valid() -> None:
    """What is made up for an operation passes the checks that a run makes."""
    document = b"""
openapi: 3.1.0
info: {title: T, version: "1"}
paths:
  /a/{id}:
    post:
      parameters:
        - {name: id, in: path, required: true, schema: {type: string, format: ipv4}}
        - {name: since, in: query, required: true, schema: {type: string, format: date-time}}
        - {name: kinds, in: query, required: true, schema: {type: array, items: {type: string, enum: [x, y]}}}
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [name, size, parts]
              properties:
                name: {type: string, pattern: "^[a-z]{3,8}$"}
                size: {type: integer, exclusiveMinimum: 10, maximum: 12}
                parts:
                  type: array
                  minItems: 1
                  items: {type: object, required: [n], properties: {n: {type: integer}}}
"""
    task = OpenApiImporter().read(document).definition.tasks[0]
    made = sample_inputs(task)
    assert made == {
        "id": "192.0.2.1",
        "since": "2024-01-31T12:00:00Z",
        "kinds": ["x"],
        "name": "sample",
        "size": 11,
        "parts": [{"n": 1}],
    }
    assert checked(task.inputs, made)[1] == []
