"""Whatever the bytes are, the importer makes a valid app of them or says why not."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zona_core.domain.definitions import app_faults
from zona_core.errors import InvalidDocument
from zona_core.hookspecs import PluginDetails
from zona_core.ports.importers import ImportedApp
from zona_http_task.plugin import zona_task_handlers
from zona_openapi.importer import OpenApiImporter

SMALL = Path(__file__).resolve().parent.parent / "data" / "openapi"
DOCUMENTS = [yaml.safe_load(path.read_bytes()) for path in sorted(SMALL.glob("*.yaml"))]
RICH = {
    "openapi": "3.1.0",
    "info": {"title": "Rich", "version": "1"},
    "servers": [{"url": "https://{region}.example.com/v1", "variables": {"region": {"default": "eu", "enum": ["eu"]}}}],
    "security": [{"key": []}, {"oauth": ["read"]}],
    "paths": {
        "/things/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {
                "operationId": "get thing",
                "parameters": [
                    {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
                    {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"enum": ["a", "b"]}}},
                    {"name": "X-Flag", "in": "header", "schema": {"type": ["boolean", "null"], "default": True}},
                ],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/T"}}}}},
            },
            "put": {
                "servers": [{"url": "https://upload.example.com"}],
                "requestBody": {
                    "required": True,
                    "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/T"}}},
                },
                "responses": {"201": {"$ref": "#/components/responses/none"}},
                "deprecated": True,
            },
        }
    },
    "components": {
        "parameters": {"id": {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}},
        "responses": {"none": {"description": "nothing"}},
        "schemas": {
            "T": {
                "allOf": [{"$ref": "#/components/schemas/Base"}],
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 9, "default": "a"},
                    "parent": {"$ref": "#/components/schemas/T"},
                    "kind": {"oneOf": [{"const": "a"}, {"const": "b"}]},
                    "size": {"type": "number", "exclusiveMinimum": 0, "maximum": 10, "multipleOf": 0.5},
                    "file": {"type": "string", "format": "binary"},
                },
            },
            "Base": {"type": "object", "properties": {"id": {"type": "integer", "readOnly": True}}},
        },
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "oauth": {
                "type": "oauth2",
                "flows": {"clientCredentials": {"tokenUrl": "https://example.com/token", "scopes": {"read": ""}}},
            },
        },
    },
}
OLD = {
    "swagger": "2.0",
    "info": {"title": "Old", "version": "1"},
    "host": "example.com",
    "basePath": "/v1",
    "schemes": ["https"],
    "consumes": ["application/json"],
    "securityDefinitions": {"basic": {"type": "basic"}},
    "paths": {
        "/a/{}": {
            "post": {
                "parameters": [
                    {"in": "path", "name": "x", "type": "string", "required": True},
                    {"in": "body", "name": "body", "schema": {"$ref": "#/definitions/A"}},
                    {
                        "in": "query",
                        "name": "q",
                        "type": "array",
                        "items": {"type": "string"},
                        "collectionFormat": "ssv",
                    },
                ],
                "responses": {"200": {"schema": {"type": "array", "items": {}}}},
            },
            "put": {"parameters": [{"in": "formData", "name": "f", "type": "file"}], "responses": {}},
        }
    },
    "definitions": {"A": {"type": "object", "properties": {"b": {"type": "integer", "format": "int64"}}}},
}
WORDS = [
    *("name", "in", "path", "query", "header", "body", "schema", "type", "$ref", "#/components/schemas/T", "#/paths"),
    *("default", "enum", "items", "properties", "allOf", "oneOf", "required", "true", "{{ input.id }}", "{id}", "{}"),
    *("//", "?", "#", "string", "object", "array", "integer", "file", "application/json", "*/*", "style", "deepObject"),
    *(
        "https://x.example/{a}",
        "pattern",
        "(a+)+$",
        "[",
        "200",
        "security",
        "get",
        "post",
        "servers",
        "url",
        "variables",
    ),
    *(
        "openapi",
        "3.1",
        "content",
        "parameters",
        "requestBody",
        "responses",
        "format",
        "password",
        "minimum",
        "example",
    ),
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(WORDS),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), inner, max_size=4),
    ),
    max_leaves=8,
)


def handler_faults(found: ImportedApp) -> list[Any]:
    handler = zona_task_handlers(PluginDetails(version="0"))["http"]()
    faults = handler.app_faults(found.definition)
    for task in found.definition.tasks:
        faults += handler.task_faults(task, found.definition)
    return faults


def outcome(document: bytes) -> ImportedApp | None:
    """The import, checked, or None if the document was refused with one clear message."""
    try:
        found = OpenApiImporter().read(document)
    except InvalidDocument:
        return None
    assert app_faults(found.definition) == []
    assert handler_faults(found) == []
    assert all(warning.message and warning.path.startswith("#") for warning in found.warnings)
    json.dumps([task.handler_config for task in found.definition.tasks], allow_nan=False)
    return found


def places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every entry of the data as (holder, key)."""
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in entries:
        found.append((node, key))
        places(child, found)
    return found


def mutated(document: dict[str, Any], seed: int, values: list[Any]) -> bytes:
    """``document`` with some entries deleted, replaced, renamed or swapped; large ones cut to a few paths first."""
    chance = random.Random(seed)
    data = json.loads(json.dumps(document))
    kept = chance.sample(sorted(data["paths"]), min(3, len(data["paths"])))
    data["paths"] = {key: data["paths"][key] for key in kept}
    for value in values:
        spots = places(data, [])
        if not spots:
            break
        holder, key = chance.choice(spots)
        action = chance.randrange(4)
        if action == 0:
            del holder[key]
        elif action == 1 and isinstance(holder, dict):
            holder[str(chance.choice(WORDS))] = holder.pop(key)
        elif action == 2:
            other, name = chance.choice(spots)
            holder[key] = json.loads(json.dumps(other.get(name) if isinstance(other, dict) else other[name]))
        else:
            holder[key] = value
    return json.dumps(data).encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([RICH, OLD, *DOCUMENTS]), st.integers(0, 2**32), st.lists(VALUES, min_size=1, max_size=12))
def test_a_damaged_document_gives_a_valid_app_or_a_refusal(
    document: dict[str, Any], seed: int, values: list[Any]
) -> None:
    """Entries deleted, moved, renamed and replaced by anything never lead to another error or an invalid app."""
    outcome(mutated(document, seed, values))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_read(document: bytes) -> None:
    """No bytes lead to another error than InvalidDocument."""
    outcome(document)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(SMALL.glob("*.yaml"))), st.data())
def test_a_text_with_damaged_bytes_is_refused_or_read(path: Path, data: st.DataObject) -> None:
    """Bytes of a real file that were overwritten, or cut off, never lead to another error."""
    text = bytearray(path.read_bytes()[-6000:])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    outcome(b'swagger: "3.0"\n' + bytes(text))


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_any_data_under_paths_is_refused_or_read(value: Any) -> None:
    """A document whose paths are anything at all is refused or read."""
    outcome(json.dumps({"openapi": "3.0.0", "paths": {"/x": value, "/y": {"get": value}}}).encode())


@pytest.mark.parametrize("document", [RICH, OLD])
def test_the_documents_that_are_damaged_here_are_read_without_damage(document: dict[str, Any]) -> None:
    """The starting points are documents that the importer accepts."""
    found = outcome(json.dumps(document).encode())
    assert found is not None
    assert len(found.definition.tasks) == 2
