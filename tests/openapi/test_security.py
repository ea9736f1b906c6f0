"""Security schemes and requirements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zona_core.domain.fields import FieldKind
from zona_core.ports.importers import ImportedApp

Read = Callable[..., ImportedApp]
GET = {"/x": {"get": {"responses": {}}}}
KEY = {"type": "apiKey", "in": "header", "name": "X-Key"}
SECRET = FieldKind.SECRET


def app_with(read: Read, schemes: dict[str, Any], **parts: Any) -> ImportedApp:
    return read(**{"paths": GET, "components": {"securitySchemes": schemes}, **parts})


def fields(found: ImportedApp) -> list[tuple[str, FieldKind, bool]]:
    return [(f.name, f.kind, f.required) for f in found.definition.fields if f.name != "base_url"]


@pytest.mark.parametrize(
    ("scheme", "config", "names"),
    [
        (KEY, {"type": "api_key", "in": "header", "name": "X-Key", "value": "{{ instance.api_key }}"}, ["api_key"]),
        (
            {"type": "apiKey", "in": "cookie", "name": "sid"},
            {"type": "api_key", "in": "cookie", "name": "sid", "value": "{{ instance.api_key }}"},
            ["api_key"],
        ),
        (
            {"type": "http", "scheme": "Basic"},
            {"type": "basic", "username": "{{ instance.username }}", "password": "{{ instance.password }}"},
            ["username", "password"],
        ),
        ({"type": "http", "scheme": "bearer"}, {"type": "bearer", "token": "{{ instance.token }}"}, ["token"]),
        (
            {"type": "http", "scheme": "Token"},
            {"type": "bearer", "prefix": "Token", "token": "{{ instance.token }}"},
            ["token"],
        ),
        (
            {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://a.example/t", "scopes": {}}}},
            {
                "type": "oauth2_client_credentials",
                "token_url": "{{ instance.token_url }}",
                "client_id": "{{ instance.client_id }}",
                "client_secret": "{{ instance.client_secret }}",
            },
            ["client_id", "client_secret", "token_url"],
        ),
        (
            {"type": "oauth2", "flows": {"authorizationCode": {}}},
            {"type": "bearer", "token": "{{ instance.access_token }}"},
            ["access_token"],
        ),
        (
            {"type": "openIdConnect", "openIdConnectUrl": "https://a.example"},
            {"type": "bearer", "token": "{{ instance.access_token }}"},
            ["access_token"],
        ),
        (
            {"type": "apiKey", "in": "nowhere"},
            {"type": "api_key", "in": "header", "name": "X-API-Key", "value": "{{ instance.api_key }}"},
            ["api_key"],
        ),
        ({"type": "http"}, {"type": "bearer", "token": "{{ instance.token }}"}, ["token"]),
    ],
)
def test_each_kind_of_scheme_has_its_fields(read: Read, scheme: Any, config: Any, names: list[str]) -> None:
    """What a scheme needs is asked for in fields of fitting kinds."""
    found = app_with(read, {"s": scheme}, security=[{"s": []}])
    assert found.definition.handler_config["http"]["auth"] == {"s": config}
    assert [name for name, _, _ in fields(found)] == names
    secret = {"api_key", "password", "token", "client_secret", "access_token"}
    assert all((kind is SECRET) is (name in secret) for name, kind, _ in fields(found))


@pytest.mark.parametrize(
    ("security", "auth", "required"),
    [
        ([{"a": []}], [["a"]], True),
        ([{"a": []}, {}], [["a"], []], False),
        ([{"a": []}, {"b": []}], [["a"], ["b"]], False),
        ([{"a": [], "b": []}], [["a", "b"]], True),
        ([], [[]], False),
        ([{"missing": []}], [["a"], ["b"], []], False),
        ([{"missing": []}, {"a": []}], [["a"]], True),
        (["a"], [["a"]], True),
        ("a", [["a"], ["b"], []], False),
    ],
)
def test_requirements_become_alternatives(read: Read, security: Any, auth: Any, required: bool) -> None:
    """A field is required if nothing can be called without it."""
    found = app_with(read, {"a": KEY, "b": {"type": "http", "scheme": "bearer"}}, security=security)
    assert found.definition.tasks[0].handler_config["auth"] == auth
    assert fields(found)[0] == ("api_key", SECRET, required)


def test_an_operations_own_requirement_replaces_the_documents(read: Read) -> None:
    """``security: []`` opens one operation, so that its field is not required of an instance."""
    paths = {"/x": {"get": {"security": []}, "post": {}}}
    found = app_with(read, {"a": KEY}, security=[{"a": []}], paths=paths)
    assert [task.handler_config["auth"] for task in found.definition.tasks] == [[[]], [["a"]]]
    assert fields(found) == [("api_key", SECRET, False)]


def test_schemes_that_nobody_asks_for_are_tried(read: Read) -> None:
    """Many documents declare a scheme and forget to require it."""
    found = app_with(read, {"a": KEY})
    assert found.definition.tasks[0].handler_config["auth"] == [["a"], []]
    assert "each scheme is tried" in found.warnings[-1].message


def test_schemes_of_one_type_have_fields_of_their_own(read: Read) -> None:
    """Two keys are two fields, named after their schemes."""
    found = app_with(read, {"App Key": KEY, "user": KEY}, security=[{"App Key": [], "user": []}])
    assert [name for name, _, _ in fields(found)] == ["App_Key_api_key", "user_api_key"]


def test_scopes_that_operations_ask_for_are_requested(read: Read) -> None:
    """Those of all requirements together, in order."""
    scheme = {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://a.example/t", "scopes": {}}}}
    paths = {"/x": {"get": {"security": [{"o": ["write", "read"]}]}, "post": {"security": [{"o": ["read"]}]}}}
    found = app_with(read, {"o": scheme}, paths=paths)
    assert found.definition.handler_config["http"]["auth"]["o"]["scopes"] == ["read", "write"]
    assert {f.name: f.default for f in found.definition.fields}["token_url"] == "https://a.example/t"
    assert {name: required for name, _, required in fields(found)} == {
        "client_id": True,
        "client_secret": True,
        "token_url": False,
    }


def test_client_certificates_are_left_out_with_a_warning(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """What tasks cannot do is told at the scheme's place."""
    found = app_with(read, {"m": {"type": "mutualTLS"}})
    assert "not supported" in messages(found)["#/components/securitySchemes/m"]
    assert "auth" not in found.definition.handler_config["http"]


def test_definitions_in_the_old_place_count(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """``securityDefinitions`` in an OpenAPI 3 document is repaired."""
    found = read(paths=GET, securityDefinitions={"b": {"type": "basic"}})
    assert [name for name, _, _ in fields(found)] == ["username", "password"]
    assert "#/securityDefinitions/b" in messages(found)
