"""Swagger 2.0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jmespath
import pytest

from zona_core.domain.apps import TaskDefinition
from zona_core.domain.fields import FieldKind
from zona_core.ports.importers import ImportedApp

ReadTask = Callable[..., TaskDefinition]
Read = Callable[..., ImportedApp]
K = FieldKind


def test_host_base_path_and_schemes_make_the_base_url(read: Read) -> None:
    """https is preferred; a document without a host leaves the URL to each instance."""
    get = {"/x": {"get": {}}}
    found = read(swagger="2.0", host="a.example:8080", basePath="/v1/", schemes=["http", "https"], paths=get)
    assert found.definition.handler_config["http"]["base_url"] == "https://a.example:8080/v1"
    assert found.definition.metadata == {"imported_from": "Swagger 2.0"}
    assert found.warnings == ()
    assert read(swagger="2.0", host=None, paths=get).definition.fields[0].required


@pytest.mark.parametrize("version", ["2.0", 2.0, "2"])
def test_the_version_may_be_a_number(read: Read, version: Any) -> None:
    """YAML makes a number of 2.0."""
    assert read(swagger=version, paths={"/x": {"get": {}}}).definition.metadata["imported_from"] == "Swagger 2.0"


def test_parameters_have_their_types_inline(read_task: ReadTask) -> None:
    """Collection formats become styles; csv is the default."""
    listed = {"in": "query", "type": "array", "items": {"type": "integer"}}
    task = read_task(
        {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "type": "integer", "minimum": 1},
                {"name": "csv", **listed},
                {"name": "ssv", **listed, "collectionFormat": "ssv"},
                {"name": "pipes", **listed, "collectionFormat": "pipes"},
                {"name": "multi", **listed, "collectionFormat": "multi"},
                {"name": "tsv", **listed, "collectionFormat": "tsv"},
                {"name": "X-A", "in": "header", "type": "string", "enum": ["a"], "default": "a"},
            ]
        },
        path="/x/{id}",
        swagger="2.0",
    )
    extras = {p["name"]: (p.get("style"), p.get("explode")) for p in task.handler_config["parameters"]}
    assert extras == {
        "id": (None, None),
        "csv": (None, False),
        "ssv": ("spaceDelimited", False),
        "pipes": ("pipeDelimited", False),
        "multi": (None, True),
        "tsv": (None, False),
        "X-A": (None, None),
    }
    assert [f.kind for f in task.inputs] == [K.NUMBER, *[K.LIST] * 5, K.CHOICE]


def test_any_header_may_be_a_parameter(read_task: ReadTask) -> None:
    """Only OpenAPI 3 rules Accept and Authorization out; the latter is a secret, or a scheme's if there is one."""
    names = ("Authorization", "Accept", "Content-Type")
    operation = {"parameters": [{"name": name, "in": "header", "type": "string"} for name in names]}
    task = read_task(operation, swagger="2.0")
    assert [(f.name, f.kind) for f in task.inputs] == [("Authorization", K.SECRET), ("Accept", K.TEXT)]
    schemes = {"basic": {"type": "basic"}}
    task = read_task(operation, swagger="2.0", securityDefinitions=schemes)
    assert [f.name for f in task.inputs] == ["Accept"]


def test_lists_in_forms_follow_their_collection_format(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """csv, the default, and the other delimiters make one text of a list; multi repeats the part."""
    listed = {"in": "formData", "type": "array", "items": {"type": "integer"}}
    formats = {"csv": None, "ssv": "ssv", "tsv": "tsv", "pipes": "pipes", "multi": "multi", "odd": "odd"}
    parameters: list[dict[str, Any]] = [{"name": "text", "in": "formData", "type": "string"}]
    parameters += [{"name": n, **listed, **({"collectionFormat": f} if f else {})} for n, f in formats.items()]
    found = read(swagger="2.0", paths={"/x": {"post": {"parameters": parameters}}})
    content = found.definition.tasks[0].handler_config["body"]["content"]
    sent = {name: jmespath.search(text[3:-3], {"input": {name: [1, 2]}}) for name, text in content.items()}
    assert sent == {
        "text": [1, 2],  # as it is given
        "csv": "1,2",
        "ssv": "1 2",
        "tsv": "1\t2",
        "pipes": "1|2",
        "multi": [1, 2],
        "odd": "1,2",
    }
    assert jmespath.search(content["csv"][3:-3], {"input": {}}) is None
    assert list(messages(found)) == ["#/paths/~1x/post/parameters/6"]


def test_a_body_parameter_is_the_body(read: Read) -> None:
    """Its schema's references lead to ``definitions``; that is no repair."""
    found = read(
        swagger="2.0",
        consumes=["application/xml", "application/json"],
        paths={
            "/x": {
                "post": {
                    "parameters": [{"in": "body", "name": "b", "required": True, "schema": {"$ref": "#/definitions/A"}}]
                }
            }
        },
        definitions={"A": {"type": "object", "required": ["n"], "properties": {"n": {"type": "string"}}}},
    )
    task = found.definition.tasks[0]
    assert task.handler_config["body"] == {"type": "json", "content": {"n": "{{ input.n }}"}}
    assert [(f.name, f.required) for f in task.inputs] == [("n", True)]
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("parts", "consumes", "form", "kinds"),
    [
        ([{"type": "string"}, {"type": "integer"}], None, "form", [K.TEXT, K.NUMBER]),
        ([{"type": "string"}], ["multipart/form-data"], "multipart", [K.TEXT]),
        ([{"type": "file"}, {"type": "string"}], None, "multipart", [K.FILE, K.TEXT]),
        ([{"type": "file"}], ["application/x-www-form-urlencoded"], "multipart", [K.FILE]),
    ],
)
def test_form_parameters_make_a_form(
    read_task: ReadTask, parts: list[dict[str, Any]], consumes: Any, form: str, kinds: list[K]
) -> None:
    """A file makes it multipart."""
    parameters = [
        {"in": "formData", "name": f"p{index}", "required": index == 0, **part} for index, part in enumerate(parts)
    ]
    task = read_task(
        {"parameters": parameters, **({"consumes": consumes} if consumes else {})}, method="post", swagger="2.0"
    )
    assert task.handler_config["body"]["type"] == form
    assert [f.kind for f in task.inputs] == kinds
    assert [f.required for f in task.inputs] == [True, *[False] * (len(parts) - 1)]


def test_shared_parameters_and_responses_are_followed(read: Read) -> None:
    """``#/parameters`` and ``#/responses`` are where Swagger 2.0 keeps them."""
    found = read(
        swagger="2.0",
        produces=["application/json"],
        parameters={"q": {"name": "q", "in": "query", "type": "string"}},
        responses={"list": {"description": "", "schema": {"type": "array", "items": {"type": "string"}}}},
        paths={
            "/x": {
                "get": {"parameters": [{"$ref": "#/parameters/q"}], "responses": {"200": {"$ref": "#/responses/list"}}}
            }
        },
    )
    task = found.definition.tasks[0]
    assert [f.name for f in task.inputs] == ["q"]
    assert [(one.name, one.path) for one in task.outputs] == [("items", "body")]


@pytest.mark.parametrize(
    ("produces", "schema", "kind"),
    [
        (["text/csv"], {"type": "string"}, K.TEXT),
        (["application/pdf"], {"type": "file"}, K.FILE),
        (None, {"type": "number"}, K.NUMBER),
    ],
)
def test_produces_tells_what_an_answer_is(read_task: ReadTask, produces: Any, schema: Any, kind: K) -> None:
    """Without it, JSON."""
    operation = {"responses": {"200": {"schema": schema}}, **({"produces": produces} if produces else {})}
    assert [one.kind for one in read_task(operation, swagger="2.0").outputs] == [kind]


@pytest.mark.parametrize(
    ("scheme", "kind", "names"),
    [
        ({"type": "basic"}, "basic", ["username", "password"]),
        ({"type": "apiKey", "in": "query", "name": "k"}, "api_key", ["api_key"]),
        (
            {"type": "oauth2", "flow": "application", "tokenUrl": "https://a.example/t"},
            "oauth2_client_credentials",
            ["client_id", "client_secret", "token_url"],
        ),
        ({"type": "oauth2", "flow": "implicit"}, "bearer", ["access_token"]),
    ],
)
def test_security_definitions_are_schemes(read: Read, scheme: Any, kind: str, names: list[str]) -> None:
    """The application flow is OAuth 2.0's client credentials."""
    found = read(swagger="2.0", securityDefinitions={"s": scheme}, security=[{"s": []}], paths={"/x": {"get": {}}})
    assert found.definition.handler_config["http"]["auth"]["s"]["type"] == kind
    assert [f.name for f in found.definition.fields if f.name != "base_url"] == names
