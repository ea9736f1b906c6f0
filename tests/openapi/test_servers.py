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


def test_an_operation_may_have_a_server_of_its_own(read: Read) -> None:
    """Its own comes before its path's, and either before the app's; the app's by another name is no other."""
    upload, files = (
        {"servers": [{"url": "https://upload.example/v2/"}]},
        {"servers": [{"url": "https://files.example"}]},
    )
    same = {"servers": [{"url": "https://api.example/"}]}
    found = read(paths={"/x": {"get": upload, "put": same, "post": {}}, "/y": {**files, "get": {}, "put": upload}})
    assert [task.handler_config.get("base_url") for task in found.definition.tasks] == [
        "https://upload.example/v2",
        None,
        None,
        "https://files.example",
        "https://upload.example/v2",
    ]
    assert {task.status for task in found.definition.tasks} == {AppStatus.ACTIVE}
    assert not [warning for warning in found.warnings if "server" in warning.message]


def test_variables_of_own_servers_become_fields(read: Read) -> None:
    """Variables described alike are one field; a variable that only some operations need is not required."""
    region = {"region": {"enum": ["eu", "us"], "default": "eu"}}
    stage = {"region": {"default": "prod"}, "zone": {}}
    app = {"url": "https://{region}.example", "variables": region}
    paths = {
        "/a": {"get": {"servers": [app]}},
        "/b": {"get": {"servers": [{"url": "https://{region}.files.example", "variables": region}]}},
        "/c": {"get": {"servers": [{"url": "https://{zone}-{region}.example", "variables": stage}]}},
    }
    found = read(paths=paths, servers=[app]).definition
    assert [task.handler_config.get("base_url") for task in found.tasks] == [
        None,
        "https://{{ instance.region }}.files.example",
        "https://{{ instance.zone }}-{{ instance.server_region }}.example",
    ]
    assert [(field.name, field.default, field.required) for field in found.fields] == [
        ("region", "eu", False),
        ("zone", None, False),
        ("server_region", "prod", False),
        ("base_url", None, False),
    ]


def test_an_own_server_that_is_no_url_is_told(read: Read, messages: Callable[..., dict[str, str]]) -> None:
    """What it is relative to, nobody knows: the app's server is used."""
    found = read(paths={"/x": {"get": {"servers": [{"url": "/v2"}]}}})
    assert "base_url" not in found.definition.tasks[0].handler_config
    assert "the app's is used" in messages(found)["#/paths/~1x/get/servers/0"]


def test_an_own_server_serves_where_the_app_has_none(read: Read) -> None:
    """Each instance gives the app's base URL; the operation knows its own."""
    found = read(paths={"/x": {"get": {"servers": [{"url": "https://own.example"}]}}}, servers=[])
    assert found.definition.tasks[0].handler_config["base_url"] == "https://own.example"


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
        "/ping": {"get": {"servers": [{"url": "https://elsewhere.example"}]}},
        "/users/me": {"get": {"operationId": "whoAmI"}},
    }
    found = read(paths=paths).definition
    assert found.health_check == {"task": "whoAmI", "inputs": {}}
    assert found.handler_config["http"]["test"] == {"method": "GET", "path": "/users/me"}
    assert read(paths={"/home": {"get": {}}, "/ping": {"post": {}}}).definition.health_check == {}
