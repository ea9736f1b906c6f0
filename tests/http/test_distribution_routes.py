"""Apps of one tenant, copied to others over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import Result
from sample_apps import app as sample
from sample_apps import task

from zona_core import Field, FieldKind, Zona

Ask = Callable[..., Result]

PATH = "/api/v1/apps/distribute"
SECRET = "canary-2f60aa"


@pytest.fixture
def app_id(served: Zona) -> int:
    """The id of an app of the default tenant that takes a key."""
    key = Field(name="key", kind=FieldKind.SECRET, required=True)
    return served.tenant().apps.upsert(sample("Base", task("info"), fields=(key,))).app.integration_id


def to(code: str, *titles: str, **values: Any) -> dict[str, Any]:
    """A tenant with instances of the app."""
    return {"tenant_code": code, "instances": {"Base": [{"title": title, "values": values} for title in titles]}}


def test_each_tenant_gets_its_own_connection(call: Ask, served: Zona, app_id: int) -> None:
    """What became of each app and instance is told, and of no secret; the same call sent again is not done again."""
    asked = {"integration_ids": [app_id], "to": [to("acme", "Main", key=SECRET), to("globex")]}
    answer = call("POST", PATH, json=asked, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 200, answer.text
    assert answer.json["meta"] == {"failed": 0}
    acme, globex = answer.json["data"]
    assert [each["result"] for each in (*acme["apps"], *acme["instances"], *globex["apps"])] == ["created"] * 3
    assert SECRET not in answer.text
    assert served.tenant("acme").instances.get("Base", "Main").values["key"].reveal() == SECRET
    again = call("POST", PATH, json=asked, headers={"Idempotency-Key": "k"})
    assert (again.headers["idempotent-replayed"], again.json) == ("true", answer.json)


def test_what_fails_in_one_tenant_is_told(call: Ask, app_id: int) -> None:
    """With the problem's code and paths; the others go on."""
    answer = call(
        "POST", PATH, json={"integration_ids": [app_id], "to": [to("initech"), to("nowhere"), to("acme", "Main", no=1)]}
    )
    assert answer.json["meta"] == {"failed": 3}
    initech, nowhere, acme = answer.json["data"]
    assert [initech["error"]["code"], nowhere["error"]["code"]] == ["tenant_suspended", "tenant_unknown"]
    assert (acme["apps"][0]["result"], acme["instances"][0]["result"]) == ("created", "failed")
    assert {fault["path"] for fault in acme["instances"][0]["error"]["errors"]} == {"key", "no"}


def test_an_app_that_is_not_there_is_not_passed_over(call: Ask, served: Zona, app_id: int, problem: Any) -> None:
    """Nothing is copied then; nor to the tenant that the apps are from."""
    told = problem(call("POST", PATH, json={"integration_ids": [app_id, 99], "to": [to("acme")]}), 404, "not_found")
    assert "99" in told["detail"]
    problem(call("POST", PATH, json={"integration_ids": [app_id], "to": [to("localhost")]}), 422, "own_tenant")
    assert served.tenant("acme").apps.list().items == []


def test_a_reader_copies_nothing(caller: Any, served: Zona, app_id: int) -> None:
    """Reading the apps is allowed, and so is asking; each tenant refuses."""
    answer = caller("reader")("POST", PATH, json={"integration_ids": [app_id], "to": [to("acme")]})
    [told] = answer.json["data"]
    assert told["error"]["code"] == "permission_denied"
    assert served.tenant("acme").apps.list().items == []


def test_every_fault_of_the_body_is_told(call: Ask, problem: Any) -> None:
    """With the path through tenants, apps and instances."""
    wrong = {"tenant_code": "ACME", "instances": {"S": [{"values": 1}], "T": {}}}
    told = problem(call("POST", PATH, json={"integration_ids": [0], "to": [wrong], "x": 1}), 422, "invalid_input")
    assert {fault["path"] for fault in told["errors"]} == {
        "integration_ids[0]", "to[0].tenant_code", "to[0].instances.S[0].title", "to[0].instances.S[0].values",
        "to[0].instances.T", "x",
    }  # fmt: skip
