"""Servers and base URLs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zona_core.domain.apps import AppStatus
from zona_core.domain.fields import Field, FieldKind
from zona_core.ports.importers import ImportedApp

Read = Callable[..., ImportedApp]
GET = {"/x": {"get": {"responses": {}}}}


def base_field(found: ImportedApp) -> Field:
    return next(field for field in found.definition.fields if field.name == "base_url")


def test_the_first_absolute_server_is_the_default(read: Read) -> None:
    """The others are listed in the field's help."""
    servers = [{"url": "https://a.example/v1/"}, {"url": "https://b.example", "description": "Europe"}]
    found = read(paths=GET, servers=servers)
    assert found.definition.handler_config["http"]["base_url"] == "https://a.example/v1"
    assert (base_field(found).default, base_field(found).required) == ("https://a.example/v1", False)
    assert "- https://b.example Europe" in base_field(found).help


@pytest.mark.parametrize(
    "servers",
    [
        None,
        [],
        [{"url": ""}],
        [{"url": "/v1"}],
        [{"url": "ftp://a.example"}],
        [{}],
        ["https:"],
        [{"url": 5}],
        [{"url": "//a"}],
    ],
)
def test_without_a_usable_server_each_instance_gives_its_own(read: Read, servers: Any) -> None:
    """The base URL is required then."""
    found = read(paths=GET, servers=servers)
    assert "base_url" not in found.definition.handler_config["http"]
    assert (base_field(found).default, base_field(found).required) == (None, True)


def test_server_variables_become_fields(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """An enum is a choice, a default is kept, what is not described is asked for."""
    variables = {
        "region": {"enum": ["eu", "us"], "default": "us", "description": "Where"},
        "port": {"default": "8443"},
    }
    url = "https://{region}.{tenant}.example:{port}/v1"
    found = read(paths=GET, servers=[{"url": url, "variables": variables}])
    template = "https://{{ instance.region }}.{{ instance.tenant }}.example:{{ instance.port }}/v1"
    assert found.definition.handler_config["http"]["base_url"] == template
    shown = [(f.name, f.kind, f.default, f.required, f.choices) for f in found.definition.fields]
    assert shown == [
        ("region", FieldKind.CHOICE, "us", False, ("eu", "us")),
        ("tenant", FieldKind.TEXT, None, True, ()),
        ("port", FieldKind.TEXT, "8443", False, ()),
        ("base_url", FieldKind.URL, None, False, ()),
    ]
    assert "is not described" in messages(found)["#/servers/0/variables/tenant"]


def test_variables_and_credentials_with_one_name_stay_apart(read: Read) -> None:
    """A server variable called api_key is not the API key."""
    found = read(
        paths=GET,
        servers=[{"url": "https://{api_key}.example", "variables": {"api_key": {"default": "x"}}}],
        components={"securitySchemes": {"k": {"type": "apiKey", "in": "query", "name": "k"}}},
    )
    assert [f.name for f in found.definition.fields] == ["auth_api_key", "api_key", "base_url"]


def test_an_operation_with_a_server_of_its_own_is_inactive(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """Tasks share the instance's base URL: it would go to the wrong place."""
    own = {"servers": [{"url": "https://upload.example"}]}
    same = {"servers": [{"url": "https://api.example/"}]}
    found = read(paths={"/x": {"get": own, "put": same}, "/y": {**own, "get": {}}})
    assert [task.status for task in found.definition.tasks] == [
        AppStatus.INACTIVE,
        AppStatus.ACTIVE,
        AppStatus.INACTIVE,
    ]
    assert set(messages(found)) == {"#/paths/~1x/get/servers/0", "#/paths/~1y/servers/0"}


def test_host_and_base_path_stand_in_for_servers(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """As generators write them into OpenAPI 3 documents, with schemes such as ``https:``."""
    found = read(paths=GET, servers=[{"url": ""}], host="a.example", basePath="v2", schemes=["https:"])
    assert base_field(found).default == "https://a.example/v2"
    assert "#/host" in messages(found)


def test_a_telling_operation_is_the_health_check(read: Read) -> None:
    """A GET without required inputs, named as one that tells how things are; otherwise there is none."""
    paths = {
        "/users": {"get": {"operationId": "listUsers"}},
        "/status/{id}": {"get": {}},
        "/users/me": {"get": {"operationId": "whoAmI"}},
    }
    found = read(paths=paths).definition
    assert found.health_check == {"task": "whoAmI", "inputs": {}}
    assert found.handler_config["http"]["test"] == {"method": "GET", "path": "/users/me"}
    assert read(paths={"/home": {"get": {}}, "/ping": {"post": {}}}).definition.health_check == {}
