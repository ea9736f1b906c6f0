"""Parameters and paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zona_core.domain.apps import TaskDefinition
from zona_core.domain.fields import FieldKind
from zona_core.ports.importers import ImportedApp

ReadTask = Callable[..., TaskDefinition]
Read = Callable[..., ImportedApp]
TEXT = {"type": "string"}


def wire(task: TaskDefinition) -> list[tuple[str, str, str]]:
    return [(one["in"], one["name"], one["value"]) for one in task.handler_config.get("parameters", [])]


def test_an_operation_overrides_its_paths_parameters_by_name_and_place(read: Read) -> None:
    """The same name in another place is another parameter."""
    shared = [
        {"name": "a", "in": "query", "schema": TEXT, "required": True},
        {"name": "b", "in": "query", "schema": TEXT},
    ]
    own = [{"name": "a", "in": "query", "schema": {"type": "integer"}}, {"name": "b", "in": "header", "schema": TEXT}]
    task = read(paths={"/x": {"parameters": shared, "get": {"parameters": own}}}).definition.tasks[0]
    assert wire(task) == [
        ("query", "a", "{{ input.a }}"),
        ("query", "b", "{{ input.b }}"),
        ("header", "b", "{{ input.header_b }}"),
    ]
    assert (task.inputs[0].kind, task.inputs[0].required) == (FieldKind.NUMBER, False)


def test_what_stands_beside_a_paths_reference_counts(read: Read) -> None:
    """Operations and parameters of both are there; of two with one name the nearer one is."""
    shared = {"get": {"operationId": "far"}, "put": {"operationId": "kept"}}
    near = {"$ref": "#/components/pathItems/p", "get": {"operationId": "near"}, "post": {"operationId": "more"}}
    found = read(paths={"/x": near}, components={"pathItems": {"p": shared}})
    assert [task.task_tag for task in found.definition.tasks] == ["near", "kept", "more"]


def test_names_that_collide_stay_apart(read_task: ReadTask) -> None:
    """A path's id, a query's id and a body's id are three inputs, the path's one with the plain name."""
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"id": TEXT, "x-y": TEXT}}}}}
    task = read_task(
        {
            "parameters": [
                {"name": "id", "in": "query", "schema": TEXT},
                {"name": "id", "in": "path", "required": True, "schema": TEXT},
                {"name": "filter[]", "in": "query", "schema": TEXT},
                {"name": "filter", "in": "query", "schema": TEXT},
            ],
            "requestBody": body,
        },
        path="/x/{id}",
        method="post",
    )
    assert [field.name for field in task.inputs] == ["id", "query_id", "filter", "query_filter", "body_id", "x_y"]
    assert task.handler_config["body"]["content"] == {"id": "{{ input.body_id }}", "x-y": "{{ input.x_y }}"}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("ticket-id", "ticket_id"),
        ("$filter", "filter"),
        ("_id", "_id"),
        ("2fa", "_2fa"),
        ("名前", "value"),
        ("a.b[c]", "a_b_c"),
    ],
)
def test_wire_names_become_identifiers(read_task: ReadTask, name: str, field: str) -> None:
    """The wire keeps its name; the input gets one that expressions can name."""
    task = read_task({"parameters": [{"name": name, "in": "query", "schema": TEXT}]})
    assert wire(task) == [("query", name, f"{{{{ input.{field} }}}}")]
    assert task.inputs[0].label == name


def test_headers_that_the_specification_rules_out_are_ignored(read_task: ReadTask) -> None:
    """Accept, Content-Type and Authorization are no parameters; the transport's own headers neither."""
    names = ["Accept", "content-type", "AUTHORIZATION", "Host", "Content-Length", "X-Own"]
    task = read_task({"parameters": [{"name": name, "in": "header", "schema": TEXT} for name in names]})
    assert [name for _, name, _ in wire(task)] == ["X-Own"]


def test_an_authorization_header_without_a_scheme_is_told(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """Who relies on that parameter is told why it is not sent; beside a scheme it says nothing new."""
    paths = {"/x": {"get": {"parameters": [{"name": "Authorization", "in": "header", "schema": TEXT}]}}}
    place = "#/paths/~1x/get/parameters/0"
    assert "no security scheme" in messages(read(paths=paths))[place]
    schemes = {"basic": {"type": "http", "scheme": "basic"}}
    assert place not in messages(read(paths=paths, components={"securitySchemes": schemes}))


def test_styles_are_kept_where_they_are_not_the_default(read_task: ReadTask) -> None:
    """style, explode, allowReserved and content reach the HTTP handler."""
    listed = {"type": "array", "items": TEXT}
    task = read_task(
        {
            "parameters": [
                {"name": "a", "in": "query", "schema": listed, "style": "form", "explode": True},
                {"name": "b", "in": "query", "schema": listed, "style": "pipeDelimited", "explode": False},
                {"name": "c", "in": "query", "schema": {"type": "object"}, "style": "deepObject", "explode": True},
                {"name": "d", "in": "query", "schema": listed, "explode": False, "allowReserved": True},
                {"name": "e", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
                {"name": "f", "in": "query", "schema": TEXT, "style": "simple"},
            ]
        }
    )
    extras = [
        {k: v for k, v in p.items() if k not in ("in", "name", "value")} for p in task.handler_config["parameters"]
    ]
    assert extras == [
        {},
        {"style": "pipeDelimited"},
        {"style": "deepObject", "explode": True},
        {"explode": False, "allow_reserved": True},
        {"content": "application/json"},
        {},
    ]
    assert task.inputs[4].kind is FieldKind.JSON


def test_undeclared_path_parameters_become_inputs(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """What stands between braces is asked for, and told."""
    found = read(paths={"/a/{x}/{y}": {"get": {"parameters": [{"name": "x", "in": "path", "schema": TEXT}]}}})
    assert [(field.name, field.required) for field in found.definition.tasks[0].inputs] == [("x", True), ("y", True)]
    told = messages(found)
    assert "'y' is not declared" in told["#/paths/~1a~1{x}~1{y}/get/parameters"]
    assert "'x' is required" in told["#/paths/~1a~1{x}~1{y}/get/parameters/0"]


@pytest.mark.parametrize(
    ("path", "declared", "sent", "inputs"),
    [
        ("/a/{}", ["id"], "/a/{id}", ["id"]),
        ("/a//info", ["id"], "/a/{id}/info", ["id"]),
        ("/a/{}/{}", [], "/a/{parameter_1}/{parameter_2}", ["parameter_1", "parameter_2"]),
        ("//a//b", [], "/a/b", []),
        ("a/b/", [], "/a/b/", []),
        ("/a/{{id}}", [], "/a/{id}", ["id"]),
        ("/a/{id", [], "/a/%7Bid", []),
        ("/a/{id?}", ["id"], "/a/{id}", ["id"]),
        ("/a/{id:[0-9]+}", ["id"], "/a/{id:[0-9]+}", ["id_0_9"]),
        ("/a b/%zz", [], "/a%20b/%25zz", []),
        ("/a/../b/./c", [], "/a/b/c", []),
        ("/a#fragment", [], "/a", []),
        ("https://other.example/a/{id}", [], "/a/{id}", ["id"]),
        ("/a/{id}/b/{id}", ["id"], "/a/{id}/b/{id}", ["id"]),
        ("/a/{id}", ["ID"], "/a/{id}", ["id"]),
    ],
)
def test_odd_paths_are_put_right(
    read_task: ReadTask, path: str, declared: list[str], sent: str, inputs: list[str]
) -> None:
    """Empty, doubled, unbalanced and decorated parts of a path get the meaning that can be seen in them."""
    parameters = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in declared]
    task = read_task({"parameters": parameters}, path=path)
    assert task.handler_config["path"] == sent
    assert [field.name for field in task.inputs] == inputs


def test_a_query_in_the_path_is_sent_as_parameters(read_task: ReadTask) -> None:
    """Constants stay constants, braces become an input."""
    task = read_task({}, path="/search?type=ip&q={text}")
    assert task.handler_config["path"] == "/search"
    assert wire(task) == [("query", "type", "ip"), ("query", "q", "{{ input.q }}")]


def test_expressions_in_a_document_are_not_run(read: Read) -> None:
    """Text of the document that looks like an expression never becomes one: it could name a secret."""
    found = read(
        components={"securitySchemes": {"k": {"type": "apiKey", "in": "header", "name": "X"}}},
        servers=[{"url": "https://{{ instance.api_key }}.example"}],
        paths={
            "/a/{{ instance.api_key }}?b={{ instance.api_key }}": {
                "get": {"parameters": [{"name": "{{ instance.api_key }}", "in": "query", "schema": TEXT}]},
                "post": {
                    "requestBody": {
                        "content": {
                            "application/json": {"schema": {"properties": {"{{ instance.api_key }}": TEXT}}},
                        }
                    }
                },
            }
        },
    )
    configs: list[Any] = [task.handler_config for task in found.definition.tasks]
    assert "instance.api_key }}" not in str(configs)
    assert "base_url" not in found.definition.handler_config["http"]


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"in": "query", "schema": TEXT}, "no usable name"),
        ({"name": "a", "in": "cooky", "schema": TEXT}, "is not known; the parameter is left out"),
        ({"name": "a", "in": "Query", "schema": TEXT}, "is read as query"),
        ({"name": "a", "schema": TEXT}, "is read as query"),
        ({"name": "a b", "in": "header", "schema": TEXT}, "cannot name a header"),
        ({"name": "a", "in": "path", "required": True, "schema": TEXT}, "the path has no {a}"),
        ({"name": "a", "in": "query"}, "has no schema"),
        ({"name": "a", "in": "query", "type": "integer"}, "beside its schema's place"),
        ({"name": "a", "in": "query", "schema": TEXT, "style": "matrix"}, "is not one of query"),
        ("text", "stands where a mapping belongs"),
    ],
)
def test_a_faulty_parameter_is_told_at_its_place(
    read: Read, messages: Callable[..., dict[str, str]], parameter: Any, message: str
) -> None:
    """Each repair is a warning with the parameter's JSON pointer."""
    found = read(paths={"/x": {"get": {"parameters": [parameter]}}})
    assert message in messages(found)["#/paths/~1x/get/parameters/0"]


def test_a_parameter_that_stands_twice_counts_once(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """The first one of a list stays."""
    twice = [{"name": "a", "in": "query", "schema": {"type": kind}} for kind in ("integer", "string")]
    found = read(paths={"/x": {"get": {"parameters": twice}}})
    assert [field.kind for field in found.definition.tasks[0].inputs] == [FieldKind.NUMBER]
    assert "stands twice" in messages(found)["#/paths/~1x/get/parameters/1"]
