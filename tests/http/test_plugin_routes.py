"""Operations of plugins: they pass the gates that Zona's own pass, or are refused before anything is served."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import define, evolve
from falcon.testing import TestClient

from zona_core import ConfigurationError, Zona, hookimpl
from zona_http import Access, Call, HttpSettings, Operation, create_app


@define(frozen=True, kw_only=True)
class Which:
    """Parameters."""

    name: str


@define(frozen=True, kw_only=True)
class Counted:
    """What came of a stream."""

    pieces: int
    size: int


@define(frozen=True, kw_only=True)
class Undescribed:
    """A body of a type that JSON does not have."""

    lock: complex


def hello(call: Call) -> dict[str, str]:
    """What the operation does."""
    return {"hello": call.actor.name if call.identity else "stranger"}


GOOD = Operation(
    method="GET",
    path="/hello/v1/hello",
    id="hello",
    summary="Hello",
    tag="hello",
    handler=hello,
    permission="hello:read",
    result=dict[str, str],
    answer_example={"hello": "ann"},
)


def count(call: Call) -> Counted:
    """Uses a body while it comes."""
    sizes = [len(piece) for piece in call.body]
    return Counted(pieces=len(sizes), size=sum(sizes))


class Greeter:
    """A plugin that brings what a test gives it."""

    def __init__(self, routes: list[Any]) -> None:
        self._routes = routes

    @hookimpl
    def zona_http_routes(self, details: Any) -> list[Any]:
        return self._routes


@pytest.fixture
def brings(quick_passwords: None) -> Iterator[Callable[..., Zona]]:
    """``brings(operation, …)`` gives a Zona with a plugin ``greeter`` that brings them."""
    made: list[Zona] = []

    def bring(*routes: Any) -> Zona:
        made.append(Zona(store="memory://", plugins={"greeter": Greeter(list(routes))}))
        return made[-1]

    yield bring
    for zona in made:
        zona.close()


def test_a_plugin_s_operation_passes_the_gates(client: TestClient, people: Any, problem: Callable[..., Any]) -> None:
    """401 for nobody, 403 for who lacks its permission, 200 for who has it; no more than the role it needs."""
    path = "/probe/v1/things/1"
    problem(client.simulate_get(path), 401, "token_missing")
    told = problem(client.simulate_get(path, headers=people.bearer("reader", "acme")), 403, "permission_denied")
    assert "probe:read" in told["detail"]
    people.zona.tenant("acme").roles.put("prober", permissions=["probe:read"])
    prober = people.bearer("prober", "acme")
    assert client.simulate_get(path, headers=prober).status_code == 200
    problem(client.simulate_delete(path, headers=prober), 403, "permission_denied")


def test_a_plugin_s_operation_is_described(client: TestClient) -> None:
    """It stands in ``/openapi.json`` like any other, with its permission and its proofs."""
    paths = client.simulate_get("/openapi.json").json["paths"]
    described = paths["/probe/v1/things/{number}"]["get"]
    assert described["operationId"] == "probe_get"
    assert "probe:read" in described["description"]
    assert described["security"] == [{"bearer": []}, {"api_key": []}, {"session": []}]
    assert {"401", "403", "422", "429"} <= set(described["responses"])


def test_one_above_tenants_is_for_the_platform(brings: Callable[..., Zona]) -> None:
    """With ``above_tenants`` a tenant's admin, who may do everything there, is refused."""
    zona = brings(evolve(GOOD, above_tenants=True))
    client = TestClient(create_app(zona, HttpSettings(secure_cookies=False)))
    zona.system().tenants.add("acme")
    zona.system().users.add("root", "canary correct horse", roles=["admin"])
    zona.tenant("acme").users.add("root", "canary correct horse", roles=["admin"])
    for realm, status in (("", 200), ("acme", 403)):
        body = {"name": "root", "password": "canary correct horse", "realm": realm}
        token = client.simulate_post("/auth/v1/login", json=body).json["data"]["access_token"]
        answer = client.simulate_get("/hello/v1/hello", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


def test_a_public_one_is_for_everybody(brings: Callable[..., Zona]) -> None:
    """A plugin may say that an operation is public; then nobody is asked who they are."""
    zona = brings(evolve(GOOD, permission="", access=Access.PUBLIC))
    answer = TestClient(create_app(zona)).simulate_get("/hello/v1/hello")
    assert answer.json["data"] == {"hello": "stranger"}


def test_one_may_use_a_body_while_it_comes(brings: Callable[..., Zona]) -> None:
    """In pieces, without its content coding; the document names its media types, and no others are taken."""
    given = evolve(
        GOOD, handler=count, method="POST", stream=("text/csv",), result=Counted,
        answer_example={"pieces": 1, "size": 3}, access=Access.PUBLIC, permission="",
    )  # fmt: skip
    client = TestClient(create_app(brings(given)))
    packed = gzip.compress(b"a,b\n" * 100_000)
    headers = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
    answer = client.simulate_post("/hello/v1/hello", body=packed, headers=headers)
    assert answer.json["data"]["size"] == 400_000
    assert answer.json["data"]["pieces"] > 1
    described = client.simulate_get("/openapi.json").json["paths"]["/hello/v1/hello"]["post"]
    assert set(described["requestBody"]["content"]) == {"text/csv"}
    assert client.simulate_post("/hello/v1/hello", json={}).status_code == 415


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("no operation", "gave str"),
        (evolve(GOOD, permission=""), "neither a use-case nor a permission"),
        (evolve(GOOD, permission="everything"), "is no permission"),
        (evolve(GOOD, use_case="apps.explode"), "no use-case apps.explode"),
        (evolve(GOOD, path="/healthz"), "taken"),
        (evolve(GOOD, path="/openapi.json"), "taken"),
        (evolve(GOOD, path="/api/v1/apps"), "taken"),
        (evolve(GOOD, path="/api/v1/apps/{name}", params=Which), "taken"),
        (evolve(GOOD, path="/api/v1/apps/{name}", params=Which, method="PATCH"), "taken"),
        (evolve(GOOD, id="login"), "its id is taken"),
        (evolve(GOOD, method="get"), "none of the methods"),
        (evolve(GOOD, method="FETCH"), "none of the methods"),
        (evolve(GOOD, path="hello"), "is no path"),
        (evolve(GOOD, path="/hello//x"), "is no path"),
        (evolve(GOOD, path="/hello/{x y}"), "is no path"),
        (evolve(GOOD, path="/hello/{other}", params=Which), "params lacks other"),
        (evolve(GOOD, path="/hello/{name}"), "params lacks name"),
        (evolve(GOOD, method="POST", body=Undescribed), "cannot be described"),
        (evolve(GOOD, params=int), "cannot be described"),
        (evolve(GOOD, method="POST", stream=("text/csv",)), "called twice"),
        (evolve(GOOD, method="PUT", stream=("text/csv",), conditional=True), "called twice"),
        (evolve(GOOD, method="POST", stream=("text/csv",), repeatable=True, body=Which), "both a body and a stream"),
    ],
)
def test_one_that_cannot_be_served_is_refused_by_name(brings: Callable[..., Zona], given: Any, why: str) -> None:
    """``create_app`` raises ``ConfigurationError`` that names the plugin, the operation and the reason."""
    with pytest.raises(ConfigurationError) as caught:
        create_app(brings(given))
    (fault,) = caught.value.faults
    assert fault.path == "plugins.greeter"
    assert why in fault.message
    if isinstance(given, Operation):
        assert given.id in fault.message


def test_every_fault_is_told_at_once(brings: Callable[..., Zona]) -> None:
    """Two operations of one plugin may not take each other's place either; all that is wrong is told together."""
    with pytest.raises(ConfigurationError) as caught:
        create_app(brings(GOOD, GOOD, evolve(GOOD, id="other", path="/healthz")))
    assert len(caught.value.faults) == 2
