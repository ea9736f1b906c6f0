"""Static checks: every fault at once, each with its path."""

from datetime import date
from uuid import UUID

import pytest

from zona_core.domain.apps import AppDefinition, TaskDefinition
from zona_core.domain.fields import Field, FieldKind, OutputField
from zona_http_task._config_reading import read_task
from zona_http_task.handler import HttpTaskHandler

APP = {
    "base_url": "https://{{ instance.region }}.example.com/v1",
    "auth": {
        "Key": {"type": "api_key", "in": "header", "name": "X-Key", "value": "{{ instance.api_key }}"},
        "User": {"type": "basic", "username": "{{ instance.user }}", "password": "{{ instance.api_key }}"},
        "Token": {"type": "bearer", "token": "{{ instance.api_key }}", "prefix": "Token"},
        "OAuth": {
            "type": "oauth2_client_credentials",
            "token_url": "{{ instance.base_url }}/token",
            "client_id": "id",
            "client_secret": "{{ instance.api_key }}",
            "scopes": ["read"],
            "client_auth": "body",
        },
    },
    "headers": {"X-Run": "{{ run.idempotency_key }}"},
    "test": {"method": "GET", "path": "/me"},
}
TASK = {
    "method": "POST",
    "path": "/hosts/{ip}/{{ input.part }}",
    "parameters": [
        {"in": "path", "name": "ip", "value": "{{ input.ip }}"},
        {"in": "query", "name": "q", "value": ["{{ input.ip }}", 1], "style": "pipeDelimited", "explode": False},
    ],
    "body": {"type": "json", "content": {"a": [{"b": "{{ input.part }}"}], "c": 1}},
    "auth": [["Key"], ["User", "Token"], []],
    "success": [200, "2XX", "404"],
    "max_response_bytes": 1000,
    "redirects": 3,
}
FIELDS = (Field(name="region"), Field(name="user"), Field(name="api_key", kind=FieldKind.SECRET))
INPUTS = (Field(name="ip"), Field(name="part"))


def app_of(config, fields=FIELDS) -> AppDefinition:
    return AppDefinition(title="An app", fields=fields, handler_config={"http": config})


def app_faults(config, fields=FIELDS) -> dict[str, str]:
    return {fault.path: fault.message for fault in HttpTaskHandler().app_faults(app_of(config, fields))}


def task_faults(config, outputs=()) -> dict[str, str]:
    task = TaskDefinition(
        name="T", task_tag="t", task_handler="http", inputs=INPUTS, outputs=outputs, handler_config=config
    )
    return {fault.path: fault.message for fault in HttpTaskHandler().task_faults(task, app_of(APP))}


def test_a_full_configuration_has_no_fault() -> None:
    """Everything that the contract names is accepted."""
    assert app_faults(APP) == {}
    assert task_faults(TASK, (OutputField(name="all", path="body.items[*].id"),)) == {}


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"auth": {"A": {"type": "api_key", "in": "body", "name": "k", "value": "v"}}}, "auth.A.in", "'body'"),
        ({"auth": {"A": {"type": "digest"}}}, "auth.A.type", "'digest'"),
        ({"auth": {"A": {"type": "bearer"}}}, "auth.A.token", "missing"),
        ({"auth": {"A": {"type": "bearer", "token": 5}}}, "auth.A.token", "int is not a text"),
        ({"auth": {"A": {"type": "bearer", "token": "x", "extra": 1}}}, "auth.A.extra", "no such setting"),
        ({"auth": {"A": "bearer"}}, "auth.A", "not an object"),
        ({"auth": []}, "auth", "a list will not do"),
        (
            {"auth": {"A": {"type": "api_key", "in": "header", "name": "Host", "value": "v"}}},
            "auth.A.name",
            "transport",
        ),
        (
            {"auth": {"A": {"type": "api_key", "in": "cookie", "name": "a=b", "value": "v"}}},
            "auth.A.name",
            "will not do",
        ),
        ({"headers": {"X-A": "{{ instance. }}"}}, "headers.X-A", "JMESPath"),
        ({"headers": {"X-A": "{{ input.x }}"}}, "headers.X-A", "no 'input' here"),
        ({"headers": {"X-A": "{{ instance.nope }}"}}, "headers.X-A", "no instance.nope"),
        ({"headers": {"Transfer-Encoding": "x"}}, "headers.Transfer-Encoding", "transport"),
        ({"headers": {"X A": "x"}}, "headers.X A", "no header name"),
        ({"test": {"method": "POST", "path": "/x"}}, "test.method", "'POST'"),
        ({"test": {"path": "/x/{id}"}}, "test.path", "{id}"),
        ({"base_url": None}, "base_url", "missing"),
        ({"base_url": ["x"]}, "base_url", "a list"),
        ({"timeout": 3}, "timeout", "no such setting"),
    ],
)
def test_faults_of_an_app(change, path, says) -> None:
    """Each with the path below ``handler_config.http``."""
    faults = app_faults({**APP, **change})
    assert list(faults) == [f"handler_config.http.{path}"]
    assert says in faults[f"handler_config.http.{path}"]


def test_a_required_base_url_field_stands_for_the_template() -> None:
    """The app may leave the base URL to its instances."""
    config = {"auth": {}}
    assert app_faults(config, (Field(name="base_url", kind=FieldKind.URL, required=True),)) == {}
    assert list(app_faults(config, (Field(name="base_url", kind=FieldKind.URL),))) == ["handler_config.http.base_url"]


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"base_url": "https://{{ input.ip }}/v1"}, "base_url", "no 'input' here"),
        ({"base_url": "https://{{ instance.nope }}/v1"}, "base_url", "no instance.nope"),
        ({"method": "FETCH"}, "method", "'FETCH'"),
        ({"method": None}, "method", "missing"),
        ({"method": "{{ input.nope }}"}, "method", "no input.nope"),
        ({"path": "hosts/{ip}"}, "path", "does not begin"),
        ({"path": "/{ip}?a=b"}, "path", "query"),
        ({"path": "/{ip}/../x"}, "path", "'..'"),
        ({"path": "/{ip}/%2e%2E/x"}, "path", "'..'"),
        ({"path": "/{ip}/{"}, "path", "brace"),
        ({"path": "/{ip}/{other}"}, "path", "{other} has no parameter"),
        ({"path": "/hosts"}, "parameters[0].name", "the path has no {ip}"),
        ({"auth": [["Key"], ["Nope"]]}, "auth[1][0]", "no scheme 'Nope'"),
        ({"auth": ["Key"]}, "auth[0]", "not a list"),
        ({"auth": []}, "auth", "no alternative"),
        ({"success": ["2xy"]}, "success[0]", "'2xy'"),
        ({"success": [200, 700]}, "success[1]", "'700'"),
        ({"success": [True]}, "success[0]", "no status"),
        ({"max_response_bytes": "10"}, "max_response_bytes", "'10'"),
        ({"redirects": 11}, "redirects", "11"),
        ({"redirects": True}, "redirects", "True"),
        ({"body": {"type": "xml", "content": "x"}}, "body.type", "'xml'"),
        ({"body": {"type": "json"}}, "body.content", "missing"),
        ({"body": {"type": "form", "content": ["a"]}}, "body.content", "is an object"),
        ({"body": {"type": "json", "content": {"a": ["{{ input.zz }}"]}}}, "body.content.a[0]", "no input.zz"),
        ({"body": {"type": "json", "content": {"{{ input.ip }}": 1}}}, "body.content.{{ input.ip }}", "key"),
        ({"body": {"type": "raw", "content": "x", "media_type": "a\r\nb: c"}}, "body.media_type", "will not do"),
        ({"retries": 3}, "retries", "no such setting"),
    ],
)
def test_faults_of_a_task(change, path, says) -> None:
    """Each with the path below the task."""
    faults = task_faults({**TASK, **change})
    assert list(faults) == [f"handler_config.{path}"]
    assert says in faults[f"handler_config.{path}"]


@pytest.mark.parametrize(
    ("entry", "path", "says"),
    [
        ({"in": "query", "name": "q", "value": "v", "style": "simple"}, "style", "'simple'"),
        ({"in": "body", "name": "q", "value": "v"}, "in", "'body'"),
        ({"in": "query", "value": "v"}, "name", "missing"),
        ({"in": "query", "name": "q"}, "value", "missing"),
        ({"in": "query", "name": "q", "value": "v", "explode": "yes"}, "explode", "a text"),
        ({"in": "query", "name": "q", "value": "v", "content": "text/csv"}, "content", "text/csv"),
        ({"in": "header", "name": "Content-Length", "value": "v"}, "name", "transport"),
        ({"in": "header", "name": "X\r\nY", "value": "v"}, "name", "no header name"),
        ({"in": "query", "name": "q", "value": "{{ foo.bar }}"}, "value", "no 'foo' here"),
        ({"in": "query", "name": "q", "value": "v", "required": True}, "required", "no such setting"),
    ],
)
def test_faults_of_a_parameter(entry, path, says) -> None:
    """Each with the parameter's index."""
    faults = task_faults({**TASK, "parameters": [*TASK["parameters"], entry]})
    assert list(faults) == [f"handler_config.parameters[2].{path}"]
    assert says in faults[f"handler_config.parameters[2].{path}"]


@pytest.mark.parametrize(
    ("path", "says"), [("", "empty"), ("body[", "JMESPath"), ("result.id", "no 'result'"), ("zip(body)", "zip()")]
)
def test_faults_of_an_output(path, says) -> None:
    """Outputs see status, headers and body, and nothing else."""
    faults = task_faults(TASK, (OutputField(name="a", path="body"), OutputField(name="b", path=path)))
    assert list(faults) == ["outputs[1].path"]
    assert says in faults["outputs[1].path"]


def test_every_fault_is_told_at_once() -> None:
    """A page of mistakes is one page of faults."""
    faults = task_faults({"method": "X", "path": "y", "parameters": 5, "success": [9], "redirects": -1, "zz": 1})
    assert len(faults) == 6


@pytest.mark.parametrize("config", [{"a": object()}, {"method": "GET", "path": "/", "body": float("nan")}])
def test_what_is_not_json_is_one_fault(config) -> None:
    """Handler configuration is JSON data."""
    assert task_faults(config)["handler_config"] == "is not JSON data"


def test_deep_nesting_is_a_fault_and_not_a_crash() -> None:
    """Bodies nested beyond reason are refused."""
    content: list = []
    for _ in range(200):
        content = [content]
    faults = task_faults({**TASK, "body": {"type": "json", "content": content}})
    assert list(faults.values()) == ["is nested more than 50 levels deep"]


def test_an_invalid_configuration_does_not_run(lab, service) -> None:
    """What was stored with faults fails before anything is sent."""
    from zona_core.errors import TaskFailed

    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url}, {"method": "GET", "path": "/", "nope": 1})
    assert caught.value.code == "invalid_request"
    assert [fault.path for fault in caught.value.faults] == ["handler_config.nope"]
    assert service.seen == []


def test_each_parameter_is_told_by_its_own_place() -> None:
    """Equal ones are read once, but their faults and the names in them belong to where each stands."""
    wrong = {"in": "query", "name": "q", "value": "{{ input.other }}", "style": "none"}
    faults = task_faults({"method": "GET", "path": "/", "parameters": [wrong, {**TASK["parameters"][1]}, wrong]})
    assert list(faults) == [
        "handler_config.parameters[0].style",
        "handler_config.parameters[2].style",
        "handler_config.parameters[0].value",
        "handler_config.parameters[2].value",
    ]


@pytest.mark.parametrize("value", [float("nan"), UUID(int=1), date(2024, 1, 1), b"x", {"a": float("inf")}])
def test_what_only_looks_like_json_is_refused(value) -> None:
    """Whatever the encoder would make of it."""
    parameter = {"in": "query", "name": "q", "value": value}
    faults = task_faults({"method": "GET", "path": "/", "parameters": [parameter]})
    assert faults == {"handler_config": "is not JSON data"}


def test_numbers_of_any_length_are_json() -> None:
    """Also those that need more than 64 bits, each as it is."""
    parameters = [{"in": "query", "name": "q", "value": 10**30}, {"in": "query", "name": "r", "value": 1}]
    config = {"method": "GET", "path": "/", "parameters": parameters}
    assert task_faults(config) == {}
    read = read_task(config).config.parameters
    assert [parameter.value for parameter in read] == [10**30, 1]


def test_values_that_python_calls_equal_are_not_the_same() -> None:
    """1, 1.0 and true are three values, in whichever order they are read."""
    for value in (1, 1.0, True):
        config = {"method": "GET", "path": "/", "parameters": [{"in": "query", "name": "q", "value": value}]}
        assert repr(read_task(config).config.parameters[0].value) == repr(value)
