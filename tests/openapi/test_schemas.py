"""Schemas, references and what becomes of them: fields and outputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from zona_core.domain.apps import TaskDefinition
from zona_core.domain.fields import Field, FieldKind, Rules
from zona_core.errors import InvalidDocument
from zona_core.ports.importers import ImportedApp
from zona_openapi._patterns import pattern_fault

ReadTask = Callable[..., TaskDefinition]
Read = Callable[..., ImportedApp]
K = FieldKind


def field_of(read: Read, schema: Any, **parts: Any) -> Field:
    parameter = {"name": "p", "in": "query", "schema": schema}
    return read(paths={"/x": {"get": {"parameters": [parameter]}}}, **parts).definition.tasks[0].inputs[0]


@pytest.mark.parametrize(
    ("schema", "kind", "item_kind", "rules"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 5}, K.TEXT, None, Rules(min_length=1, max_length=5)),
        ({"type": "string", "format": "url"}, K.URL, None, None),
        ({"type": "string", "format": "uri"}, K.TEXT, None, None),
        ({"type": "string", "format": "password"}, K.SECRET, None, None),
        ({"type": "string", "pattern": "^[a-z]+$"}, K.TEXT, None, Rules(pattern="^[a-z]+$")),
        ({"type": "integer", "minimum": 1, "maximum": 9}, K.NUMBER, None, Rules(integer=True, minimum=1, maximum=9)),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, K.NUMBER, None, Rules(integer=True, minimum=2)),
        ({"type": "integer", "exclusiveMaximum": 9}, K.NUMBER, None, Rules(integer=True, maximum=8)),
        ({"type": "number", "exclusiveMinimum": 0}, K.NUMBER, None, Rules(minimum=0)),
        ({"type": "boolean"}, K.BOOLEAN, None, None),
        ({"type": ["string", "null"]}, K.TEXT, None, None),
        ({"type": ["string", "integer"]}, K.JSON, None, None),
        ({"type": ["integer", "number"]}, K.NUMBER, None, None),
        ({"type": "object"}, K.JSON, None, None),
        ({"properties": {"a": {}}}, K.JSON, None, None),
        ({}, K.JSON, None, None),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, K.LIST, K.TEXT, Rules(min_items=1)),
        (
            {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
            K.LIST,
            K.NUMBER,
            Rules(unique_items=True),
        ),
        ({"items": {"type": "object"}}, K.LIST, K.JSON, None),
        ({"type": "array"}, K.LIST, K.JSON, None),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, K.TEXT, None, Rules(max_length=3)),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, K.NUMBER, None, Rules(integer=True)),
        ({"oneOf": [{"type": "string", "maxLength": 3}, {"type": "string"}]}, K.TEXT, None, None),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, K.JSON, None, None),
        ({"oneOf": [{"type": "string"}, {}]}, K.JSON, None, None),
    ],
)
def test_kinds_and_rules_follow_the_schema(
    read: Read, schema: Any, kind: K, item_kind: K | None, rules: Rules | None
) -> None:
    """Each schema has the narrowest kind that holds all of its values."""
    field = field_of(read, schema)
    assert (field.kind, field.item_kind, field.rules) == (kind, item_kind, rules)


@pytest.mark.parametrize(
    ("schema", "choices"),
    [
        ({"type": "string", "enum": ["a", "b", "a", None]}, ("a", "b")),
        ({"enum": [1, True]}, (1, True)),
        ({"const": "x"}, ("x",)),
        ({"oneOf": [{"const": "a"}, {"enum": ["b", "c"]}]}, ("a", "b", "c")),
    ],
)
def test_enums_become_choices(read: Read, schema: Any, choices: tuple[Any, ...]) -> None:
    """Each value once; null is "not given"."""
    field = field_of(read, schema)
    assert field.kind is K.CHOICE
    assert [(type(one), one) for one in field.choices] == [(type(one), one) for one in choices]


@pytest.mark.parametrize(
    ("schema", "default"),
    [
        ({"type": "integer", "default": "10"}, 10),
        ({"type": "boolean", "default": "False"}, False),
        ({"type": "string", "default": 5}, "5"),
        ({"type": "array", "items": {"type": "string"}, "default": "a"}, ["a"]),
        ({"enum": ["1", "2"], "default": 1}, "1"),
        ({"type": "integer", "default": "many"}, None),
        ({"type": "integer", "minimum": 1, "default": 0}, None),
        ({"enum": ["a"], "default": "b"}, None),
        ({"type": "string", "default": {"a": 1}}, None),
    ],
)
def test_defaults_hold_or_are_left_out_with_a_warning(
    read: Read, messages: Callable[..., dict[str, str]], schema: Any, default: Any
) -> None:
    """A default of the wrong type is converted if it can be."""
    parameter = {"name": "p", "in": "query", "schema": schema}
    found = read(paths={"/x": {"get": {"parameters": [parameter]}}})
    assert found.definition.tasks[0].inputs[0].default == default
    assert "#/paths/~1x/get/parameters/0/schema/default" in messages(found)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", r"(\w*)*", "(a|aa)+", r"(.)\1", "[[a]", "(?<!x", "a*a*a*a*a*b", "x" * 501]
)
def test_patterns_that_could_hang_are_not_run(
    read: Read, messages: Callable[..., dict[str, str]], pattern: str
) -> None:
    """What may take exponential time, or is not Python's syntax, is told and not used."""
    parameter = {
        "name": "p",
        "in": "query",
        "schema": {"type": "string", "pattern": pattern, "default": "a" * 40 + "!"},
    }
    found = read(paths={"/x": {"get": {"parameters": [parameter]}}})
    assert found.definition.tasks[0].inputs[0].rules is None
    assert "the pattern is not checked" in messages(found)["#/paths/~1x/get/parameters/0/schema/pattern"]


@pytest.mark.parametrize(
    "pattern", [r"^[a-f0-9]{32}$", r"^CVE-\d{4}-\d{4,}$", r"^(true|false)$", r"^\S+@\S+\.\S+$", r"[^\]]+"]
)
def test_plain_patterns_are_kept(pattern: str) -> None:
    """Patterns as documents usually have them are run."""
    assert pattern_fault(pattern) == ""


def test_references_are_followed_with_escapes(read: Read) -> None:
    """``~1`` and ``%7B`` name keys with slashes and braces; siblings of a reference count."""
    schema = {"$ref": "#/paths/~1x~1%7Bid%7D/x-schema", "default": 7}
    found = read(
        paths={
            "/x/{id}": {
                "x-schema": {"type": "integer"},
                "get": {
                    "parameters": [
                        {"$ref": "#/components/parameters/a~0b"},
                        {"name": "id", "in": "path", "required": True, "schema": schema},
                    ]
                },
            }
        },
        components={"parameters": {"a~b": {"name": "q", "in": "query", "schema": {"type": "boolean"}}}},
    )
    assert [(f.name, f.kind, f.default) for f in found.definition.tasks[0].inputs] == [
        ("id", K.NUMBER, 7),
        ("q", K.BOOLEAN, None),
    ]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("#/components/nothing", "names nothing"),
        ("#anchor", "names nothing"),
        ("other.yaml#/a", "leads out of the document"),
        ("http://127.0.0.1:9/steal", "leads out of the document"),
        ("#/components/parameters/loop", "leads to itself"),
    ],
)
def test_references_that_lead_nowhere_are_told(
    read: Read, messages: Callable[..., dict[str, str]], reference: str, message: str
) -> None:
    """Nothing is fetched; what is missing is left out."""
    loop = {"loop": {"$ref": "#/components/parameters/loop"}}
    found = read(paths={"/x": {"get": {"parameters": [{"$ref": reference}]}}}, components={"parameters": loop})
    assert found.definition.tasks[0].inputs == ()
    assert message in messages(found)["#/paths/~1x/get/parameters/0"]


def test_schemas_that_hold_themselves_end(read: Read) -> None:
    """Through properties, allOf and oneOf; what has no end is not kept with the field."""
    schemas = {
        "Node": {
            "allOf": [{"$ref": "#/components/schemas/Node"}, {"type": "object"}],
            "oneOf": [{"$ref": "#/components/schemas/Node"}],
            "properties": {"next": {"$ref": "#/components/schemas/Node"}},
        }
    }
    field = field_of(read, {"$ref": "#/components/schemas/Node"}, components={"schemas": schemas})
    assert (field.kind, field.schema) == (K.JSON, None)


def test_a_tree_of_references_costs_no_more_than_its_bound(read: Read) -> None:
    """Ten to the twentieth values behind twenty schemas are not written out."""
    schemas: dict[str, Any] = {
        f"S{n}": {
            "type": "object",
            "properties": {f"p{i}": {"$ref": f"#/components/schemas/S{n + 1}"} for i in range(10)},
        }
        for n in range(20)
    }
    schemas["S20"] = {"allOf": [{"$ref": "#/components/schemas/S0"}] * 10}
    field = field_of(read, {"$ref": "#/components/schemas/S0"}, components={"schemas": schemas})
    assert field.schema is None


def test_a_document_that_repeats_large_parts_without_end_is_refused(read: Read) -> None:
    """Thousands of operations that refer to one schema of thousands of properties, or to alternatives of each other."""
    wide = {"type": "object", "properties": {f"p{n}": {} for n in range(20_000)}}
    body = {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S"}}}}}
    with pytest.raises(InvalidDocument, match="too entangled"):
        read(paths={f"/{n}": {"post": body} for n in range(1_000)}, components={"schemas": {"S": wide}})
    bomb = {"oneOf": [{"oneOf": [{"$ref": "#/components/schemas/S"}] * 200}] * 200}
    with pytest.raises(InvalidDocument, match="too entangled"):
        read(paths={f"/{n}": {"post": body} for n in range(20)}, components={"schemas": {"S": bomb}})


def test_a_kept_schema_is_whole_and_small(read: Read) -> None:
    """References are replaced by what they name; a large schema is not kept."""
    schemas = {"Name": {"type": "string", "minLength": 2, "description": "left out"}}
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"$ref": "#/components/schemas/Name"}}}
    kept = field_of(read, schema, components={"schemas": schemas}).schema
    assert kept == {"type": "object", "required": ["n"], "properties": {"n": {"type": "string", "minLength": 2}}}
    large = {"type": "object", "properties": {f"property_{n}": {"type": "string"} for n in range(400)}}
    assert field_of(read, large).schema is None


def test_an_unusual_media_type_is_asked_for_where_there_are_several(read_task: ReadTask) -> None:
    """The outputs are of one of them: the answer has to be in that one."""

    def accepted(*kinds: str) -> list[str]:
        content = {kind: {"schema": {"type": "object"}} for kind in kinds}
        config = read_task({"responses": {"200": {"description": "", "content": content}}}).handler_config
        return [one["value"] for one in config.get("parameters", []) if one["name"] == "Accept"]

    assert accepted("application/xml", "application/vnd.a+json") == ["application/vnd.a+json"]
    assert accepted("application/vnd.a+json") == []
    assert accepted("application/xml", "application/json") == []
    assert accepted("text/csv", "application/xml") == []
    operation = {"produces": ["text/xml", "application/hal+json"], "responses": {"200": {"schema": {"type": "array"}}}}
    parameters = read_task(operation, swagger="2.0").handler_config["parameters"]
    assert parameters == [{"in": "header", "name": "Accept", "value": "application/hal+json"}]


def outputs_of(read_task: ReadTask, responses: Any, **parts: Any) -> list[tuple[str, K, str]]:
    return [(one.name, one.kind, one.path) for one in read_task({"responses": responses}, **parts).outputs]


def answer(schema: Any, media: str = "application/json") -> dict[str, Any]:
    return {"description": "", "content": {media: {"schema": schema}}}


@pytest.mark.parametrize(
    ("responses", "outputs"),
    [
        (
            {"200": answer({"type": "object", "properties": {"id": {"type": "integer"}, "a-b": {"type": "array"}}})},
            [("id", K.NUMBER, "body.id"), ("a_b", K.LIST, 'body."a-b"')],
        ),
        ({"200": answer({"type": "array", "items": {}})}, [("items", K.LIST, "body")]),
        ({"200": answer({"type": "boolean"})}, [("body", K.BOOLEAN, "body")]),
        ({"200": answer({"type": "object", "additionalProperties": True})}, [("body", K.JSON, "body")]),
        ({"200": answer({"type": "string"}, "text/plain")}, [("body", K.TEXT, "body")]),
        ({"200": answer({"type": "string", "format": "binary"}, "application/pdf")}, [("body", K.FILE, "body")]),
        ({"404": answer({"type": "array"}), "201": answer({"type": "number"})}, [("body", K.NUMBER, "body")]),
        ({"204": {"description": ""}, "default": answer({"type": "array"})}, [("body", K.JSON, "body")]),
        ({"2xx": {"description": ""}, "default": answer({"type": "array"})}, [("body", K.JSON, "body")]),
        ({"404": answer({"type": "number"}), "default": answer({"type": "array"})}, [("items", K.LIST, "body")]),
        ({"2XX": answer({"type": "array"})}, [("items", K.LIST, "body")]),
        ({"200": {"schema": {"type": "array"}}}, [("items", K.LIST, "body")]),
        ({"200": answer({"properties": {"s": {"type": "string", "writeOnly": True}}})}, [("body", K.JSON, "body")]),
        ({}, [("body", K.JSON, "body")]),
        (None, [("body", K.JSON, "body")]),
        ("text", [("body", K.JSON, "body")]),
    ],
)
def test_outputs_are_those_of_the_best_answer(
    read_task: ReadTask, responses: Any, outputs: list[tuple[str, K, str]]
) -> None:
    """The first successful response that has content, in JSON if it can be had; the default only if there is none."""
    assert outputs_of(read_task, responses) == outputs


def test_a_redirection_that_is_documented_alone_is_a_success(read_task: ReadTask) -> None:
    """Otherwise only 2XX is."""
    assert read_task({"responses": {"302": {"description": ""}}}).handler_config["success"] == ["2XX", 302]
    assert "success" not in read_task({"responses": {"200": {}, "302": {}}}).handler_config


def test_a_deprecated_operation_says_so(read_task: ReadTask) -> None:
    """Names and descriptions come from the operation, on one line where they have to."""
    task = read_task({"summary": "List\nall", "description": "All\nof them.", "deprecated": True})
    assert (task.name, task.description) == ("List all", "Deprecated. All\nof them.")
    assert read_task({}, path="/a/{b}").name == "GET /a/{b}"


def test_methods_that_tasks_do_not_send_are_told(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """TRACE and OpenAPI 3.2's QUERY are left out, the rest of the path is read."""
    found = read(openapi="3.2.0", paths={"/x": {"trace": {}, "query": {}, "additionalOperations": {}, "GET": {}}})
    assert [task.task_tag for task in found.definition.tasks] == ["get_x"]
    assert set(messages(found)) == {f"#/paths/~1x/{name}" for name in ("trace", "query", "additionalOperations", "GET")}


def test_a_definition_is_json_data(read: Read) -> None:
    """Whatever a document holds, the app can be stored."""
    schema = {"type": "object", "properties": {"a": {"type": "number", "default": 1e308, "maximum": 10**400}}}
    found = read(
        json.dumps(
            {
                "openapi": "3.0.0",
                "paths": {"/x": {"get": {"parameters": [{"name": "p", "in": "query", "schema": schema}]}}},
            }
        ).encode()
    )
    json.dumps(found.definition.tasks[0].inputs[0].schema, allow_nan=False)
