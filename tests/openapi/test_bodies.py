"""Request bodies."""

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


def with_body(read_task: ReadTask, content: dict[str, Any], **rest: Any) -> TaskDefinition:
    return read_task({"requestBody": {"content": content, **rest}}, method="post")


def test_an_objects_properties_become_inputs(read_task: ReadTask) -> None:
    """Required ones are required, read-only ones are left out, examples are handed on."""
    schema = {
        "type": "object",
        "required": ["name", "id"],
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "name": TEXT,
            "size": {"type": "integer", "default": 3},
            "tags": {"type": "array", "items": TEXT},
            "more": {"type": "object"},
        },
    }
    task = with_body(read_task, {"application/json": {"schema": schema, "example": {"name": "n"}}}, required=True)
    assert [(f.name, f.kind, f.required, f.default, f.example) for f in task.inputs] == [
        ("name", FieldKind.TEXT, True, None, "n"),
        ("size", FieldKind.NUMBER, False, 3, None),
        ("tags", FieldKind.LIST, False, None, None),
        ("more", FieldKind.JSON, False, None, None),
    ]
    assert task.handler_config["body"] == {
        "type": "json",
        "content": {name: f"{{{{ input.{name} }}}}" for name in ("name", "size", "tags", "more")},
    }


def test_lists_in_forms_follow_their_encoding(read: Read) -> None:
    """Without explode a list is one text, parted as the style says; what else an encoding says is told."""
    listed = {"type": "array", "items": TEXT}
    schema = {"type": "object", "properties": {**dict.fromkeys("abcd", listed), "e": TEXT, "f": listed}}
    encoding = {
        "b": {"style": "form", "explode": False},
        "c": {"style": "spaceDelimited"},
        "d": {"style": "pipeDelimited", "explode": True},
        "e": {"explode": False},
        "f": {"contentType": "text/plain"},
    }
    content = {"application/x-www-form-urlencoded": {"schema": schema, "encoding": encoding}}
    found = read(paths={"/x": {"post": {"requestBody": {"required": True, "content": content}}}})
    assert found.definition.tasks[0].handler_config["body"]["content"] == {
        "a": "{{ input.a }}",
        "b": "{{ input.b && join(',', input.b[*].to_string(@)) }}",
        "c": "{{ input.c && join(' ', input.c[*].to_string(@)) }}",
        "d": "{{ input.d }}",
        "e": "{{ input.e }}",
        "f": "{{ input.f }}",
    }
    assert [warning.path.rpartition("/")[2] for warning in found.warnings] == ["f"]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "array", "items": TEXT}, FieldKind.LIST),
        ({"type": "object", "additionalProperties": TEXT}, FieldKind.JSON),
        ({"oneOf": [{"type": "object", "properties": {"a": TEXT}}, {"type": "array"}]}, FieldKind.JSON),
        (TEXT, FieldKind.TEXT),
        ({}, FieldKind.JSON),
        (True, FieldKind.JSON),
    ],
)
def test_other_json_is_one_input(read_task: ReadTask, schema: Any, kind: FieldKind) -> None:
    """A body that is no object with known properties is given as a whole."""
    task = with_body(read_task, {"application/json": {"schema": schema}}, required=True)
    assert [(f.name, f.kind, f.required) for f in task.inputs] == [("body", kind, True)]
    assert task.handler_config["body"] == {"type": "json", "content": "{{ input.body }}"}


def test_json_comes_before_forms_and_text(read_task: ReadTask) -> None:
    """Of several media types the one that tasks handle best is chosen; its exact name is sent."""
    task = with_body(
        read_task,
        {
            "text/plain": {"schema": TEXT},
            "application/xml": {"schema": {"type": "object", "properties": {"x": TEXT}}},
            "application/vnd.api+json; charset=utf-8": {"schema": {"type": "object", "properties": {"a": TEXT}}},
        },
    )
    assert task.handler_config["body"]["media_type"] == "application/vnd.api+json; charset=utf-8"
    assert [f.name for f in task.inputs] == ["a"]


@pytest.mark.parametrize(
    ("media", "form"), [("multipart/form-data", "multipart"), ("application/x-www-form-urlencoded", "form")]
)
def test_forms_have_an_input_for_each_part(read_task: ReadTask, media: str, form: str) -> None:
    """Bytes are a file where they can be sent as one."""
    parts = {"file": {"type": "string", "format": "binary"}, "note": TEXT}
    task = with_body(read_task, {media: {"schema": {"type": "object", "properties": parts}}})
    assert [f.kind for f in task.inputs] == [FieldKind.FILE if form == "multipart" else FieldKind.TEXT, FieldKind.TEXT]
    assert task.handler_config["body"]["type"] == form


@pytest.mark.parametrize(
    ("media", "kind", "sent"),
    [
        ("text/plain", FieldKind.TEXT, "text/plain"),
        ("application/xml", FieldKind.TEXT, "application/xml"),
        ("application/x-yaml", FieldKind.TEXT, "application/x-yaml"),
        ("application/octet-stream", FieldKind.FILE, "application/octet-stream"),
        ("image/*", FieldKind.FILE, "application/octet-stream"),
    ],
)
def test_text_and_bytes_are_sent_as_they_are(read_task: ReadTask, media: str, kind: FieldKind, sent: str) -> None:
    """Other media types are one text or one file."""
    task = with_body(read_task, {media: {}})
    assert [(f.name, f.kind) for f in task.inputs] == [("body", kind)]
    assert task.handler_config["body"] == {"type": "raw", "content": "{{ input.body }}", "media_type": sent}


@pytest.mark.parametrize(
    ("example", "header", "body", "kind"),
    [
        ('{"a": 1}', "", {"type": "json", "content": "{{ input.body }}"}, FieldKind.JSON),
        ("a=1&b=2", "", {"type": "raw", "media_type": "application/x-www-form-urlencoded"}, FieldKind.TEXT),
        ("some words", "", {"type": "raw", "media_type": "text/plain"}, FieldKind.TEXT),
        ("{'a': ${b}}", "application/json", {"type": "json"}, FieldKind.JSON),
        ("<a/>", "application/xml", {"type": "raw", "media_type": "application/xml"}, FieldKind.TEXT),
    ],
)
def test_a_missing_media_type_is_seen_in_the_example_or_the_header(
    read_task: ReadTask, example: str, header: str, body: dict[str, Any], kind: FieldKind
) -> None:
    """``content: {example: …}`` is read as what its author meant."""
    parameters = [{"in": "header", "name": "Content-Type", "schema": TEXT, "example": header}] if header else []
    task = read_task(
        {"parameters": parameters, "requestBody": {"content": {"example": {"example": example}}}}, method="post"
    )
    assert task.handler_config["body"] == {"content": "{{ input.body }}", **body}
    assert task.inputs[0].kind is kind


def test_a_body_without_media_type_may_be_given(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """``requestBody: {content: {}}`` of a POST means that something can be sent; of a GET it means nothing."""
    found = read(paths={"/x": {"post": {"requestBody": {"content": {}}}, "get": {"requestBody": {"content": {}}}}})
    post, get = found.definition.tasks
    assert [(f.name, f.kind, f.required) for f in post.inputs] == [("body", FieldKind.JSON, False)]
    assert "body" not in get.handler_config
    assert list(messages(found)) == ["#/paths/~1x/post/requestBody"]


def test_a_get_with_a_body_sends_it_only_if_it_is_given(read_task: ReadTask) -> None:
    """It is one input: an object made of properties would always be sent."""
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"a": TEXT}}}}}
    assert [f.name for f in read_task({"requestBody": body}).inputs] == ["body"]


def test_a_password_in_a_body_is_a_secret_input(read_task: ReadTask) -> None:
    """``format: password`` is masked wherever it could show."""
    schema = {"type": "object", "properties": {"p": {"type": "string", "format": "password", "default": "x"}}}
    task = with_body(read_task, {"application/json": {"schema": schema}})
    assert (task.inputs[0].kind, task.inputs[0].default) == (FieldKind.SECRET, None)
