"""Instances and credentials over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import AppDefinition, ConnectionReport, ServiceDefinition, TaskFailed, Zona

MASK = "********"
CANARY = "canary-secret-value"
Ask = Callable[..., Result]


@pytest.fixture
def served(plugin: Any, app_factory: Callable[..., AppDefinition]) -> Iterator[Zona]:
    """A Zona with the app Demo, and another tenant."""
    with Zona(store="memory://", plugins={"function": plugin}) as zona:
        zona.system().tenants.add("acme")
        zona.tenant().apps.upsert(app_factory())
        yield zona


@pytest.fixture
def ask(client: TestClient, people: Any) -> Ask:
    """``ask(method, path, role=…, json=…)`` in the name of a user of the platform, by default the administrator."""

    def asked(
        method: str, path: str, role: str = "admin", headers: dict[str, str] | None = None, **rest: Any
    ) -> Result:
        return client.simulate_request(method, path, headers={**people.bearer(role), **(headers or {})}, **rest)

    return asked


def added(ask: Ask, title: str = "main", **changes: Any) -> Result:
    body = {"app": "Demo", "title": title, "values": {"api_key": CANARY}, **changes}
    return ask("POST", "/api/v1/instances", json=body)


def test_an_instance_is_made_read_changed_and_deleted(ask: Ask, served: Zona, problem: Any) -> None:
    """The secret goes in as text, is kept, and comes out masked from every answer."""
    made = added(ask)
    assert made.status_code == 201, made.text
    place, tag = made.headers["location"], made.headers["etag"]
    assert made.json["data"]["values"] == {"api_key": MASK, "base_url": "https://api.example.com"}
    read = ask("GET", place)
    assert read.json["data"] == made.json["data"]
    changed = ask("PATCH", place, headers={"If-Match": tag}, json={"title": "other", "values": {"base_url": None}})
    assert changed.json["data"]["title"] == "other"
    assert changed.headers["etag"] != tag
    problem(ask("PATCH", place, headers={"If-Match": tag}, json={"title": "late"}), 412)
    problem(ask("PATCH", place, json={"title": "unsure"}), 428)
    assert served.tenant().instances.get("Demo", "other").values["api_key"].reveal() == CANARY
    assert ask("DELETE", place).status_code == 204
    problem(ask("GET", place), 404, "not_found")
    problem(ask("DELETE", place), 404)
    assert CANARY not in made.text + read.text + changed.text


def test_an_instance_asks_for_its_app_s_service(
    ask: Ask, served: Zona, problem: Any, app_factory: Callable[..., AppDefinition]
) -> None:
    """When it is made or later; an app that defines none is told of."""
    refused = problem(added(ask, deploy=True), 422, "invalid_input")
    assert [error["path"] for error in refused["errors"]] == ["deploy"]
    served.tenant().apps.upsert(app_factory(service=ServiceDefinition(image="demo:1")), app_id=1)
    made = added(ask, deploy=True)
    assert made.json["data"]["deploy"] is True
    place, tag = made.headers["location"], made.headers["etag"]
    renamed = ask("PATCH", place, headers={"If-Match": tag}, json={"title": "other"})
    assert renamed.json["data"]["deploy"] is True
    withdrawn = ask("PATCH", place, headers={"If-Match": "*"}, json={"deploy": False})
    assert withdrawn.json["data"]["deploy"] is False


def test_every_fault_of_an_instance_is_told_without_its_secrets(ask: Ask, problem: Any) -> None:
    """Unknown and missing values are faults with their paths; a taken title is a conflict."""
    told = problem(added(ask, values={"zzz": CANARY}), 422)
    assert {fault["path"] for fault in told["errors"]} == {"zzz", "api_key"}
    assert CANARY not in str(told)
    told = problem(added(ask, title="", app=0), 422)
    assert {fault["path"] for fault in told["errors"]} == {"title", "app"}
    added(ask)
    problem(added(ask), 409, "duplicate")
    problem(added(ask, app="Ghost"), 404)
    problem(ask("PATCH", "/api/v1/instances/1", headers={"If-Match": "*"}, json={"status": "deleted"}), 422)


def test_instances_are_listed_by_app_and_status_in_pages(
    ask: Ask, served: Zona, app_factory: Callable[..., AppDefinition], problem: Any
) -> None:
    """Filters narrow, the cursor goes on where the page before ended."""
    served.tenant().apps.upsert(app_factory("Second"))
    for title in ("a", "b"):
        added(ask, title)
    added(ask, "c", app="Second")
    ask("PATCH", "/api/v1/instances/2", headers={"If-Match": "*"}, json={"status": "maintenance"})

    def titles(query: str) -> list[str]:
        return [each["title"] for each in ask("GET", f"/api/v1/instances?{query}").json["data"]]

    assert titles("") == ["a", "b", "c"]
    assert titles("app=Demo") == ["a", "b"]
    assert titles("status=maintenance") == ["b"]
    assert titles("app=Demo&status=active") == ["a"]
    page = ask("GET", "/api/v1/instances?limit=2").json
    assert titles(f"limit=2&after={page['meta']['next']}") == ["c"]
    problem(ask("GET", "/api/v1/instances?status=broken"), 422)
    problem(ask("GET", "/api/v1/instances?app=Ghost"), 404)


def test_a_connection_is_tested_and_a_refusal_is_a_report(ask: Ask, plugin: Any, problem: Any) -> None:
    """What the remote side says is a report that shows no secret; not to reach it is one, too, with a code."""
    place = added(ask).headers["location"]
    answer = ask("POST", f"{place}/test")
    assert answer.json["data"]["ok"] is True
    assert answer.json["data"]["detail"] == f"reached with {MASK}"
    plugin.handler.test = lambda connection, timeout: ConnectionReport(ok=False, detail=f"no: {timeout}")
    answer = ask("POST", f"{place}/test?timeout=2.5")
    assert (answer.status_code, answer.json["data"]["ok"], answer.json["data"]["detail"]) == (200, False, "no: 2.5")
    assert ask("GET", place).json["data"]["last_health_check"]

    def unreachable(connection: Any, timeout: float) -> ConnectionReport:
        raise TaskFailed("there is no route")

    plugin.handler.test = unreachable
    answer = ask("POST", f"{place}/test").json
    assert (answer["data"]["ok"], answer["data"]["detail"]) == (False, "there is no route")
    assert answer["meta"] == {"code": "task_failed"}
    problem(ask("POST", f"{place}/test?timeout=0"), 422)


def test_a_credential_is_kept_shared_rotated_and_erased(ask: Ask, served: Zona, problem: Any) -> None:
    """No answer shows a secret; while an instance uses it, it stays."""
    body = {"title": "shared", "secrets": {"api_key": CANARY}}
    made = ask("POST", "/api/v1/credentials", json=body)
    assert made.status_code == 201, made.text
    place, tag = made.headers["location"], made.headers["etag"]
    assert made.json["data"]["secrets"] == {"api_key": MASK}
    assert ask("GET", place).json["data"] == made.json["data"]
    assert [each["title"] for each in ask("GET", "/api/v1/credentials").json["data"]] == ["shared"]
    problem(ask("POST", "/api/v1/credentials", json=body), 409, "duplicate")
    user = added(ask, values={}, credential="shared")
    assert user.json["data"]["credentials_id"] == made.json["data"]["id"]
    problem(ask("DELETE", place), 409, "in_use")
    other = {"secrets": {"api_key": "another"}}
    problem(ask("PUT", f"{place}/secrets", json=other), 428)
    rotated = ask("PUT", f"{place}/secrets", headers={"If-Match": tag}, json=other)
    assert rotated.json["data"]["revision"] == 2
    problem(ask("PUT", f"{place}/secrets", headers={"If-Match": tag}, json=other), 412)
    assert served.tenant().credentials.get("shared").secrets["api_key"].reveal() == "another"
    ask("DELETE", user.headers["location"])
    assert ask("DELETE", place).status_code == 204
    problem(ask("GET", place), 404)


def test_unfit_secrets_are_refused_by_name_only(ask: Ask, problem: Any) -> None:
    """The fault says where, not what."""
    for secrets in ({}, {"no name": CANARY}, {"api_key": 7}):
        told = problem(ask("POST", "/api/v1/credentials", json={"title": "x", "secrets": secrets}), 422)
        assert told["errors"][0]["path"].startswith("secrets")
        assert CANARY not in str(told)


def test_a_mask_that_comes_back_does_not_become_the_secret(ask: Ask, served: Zona, problem: Any) -> None:
    """Who sends back what was read changes nothing; a new secret cannot be the mask."""
    made = added(ask)
    values = made.json["data"]["values"]
    ask("PATCH", made.headers["location"], headers={"If-Match": "*"}, json={"values": values})
    assert served.tenant().instances.get("Demo", "main").values["api_key"].reveal() == CANARY
    problem(added(ask, "second", values={"api_key": MASK}), 422)
    problem(ask("POST", "/api/v1/credentials", json={"title": "x", "secrets": {"api_key": MASK}}), 422)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/instances", {"app": "Demo", "title": "x", "values": {"api_key": "k"}}),
        ("PATCH", "/api/v1/instances/1", {"title": "x"}),
        ("DELETE", "/api/v1/instances/1", None),
        ("POST", "/api/v1/instances/1/test", None),
        ("POST", "/api/v1/credentials", {"title": "x", "secrets": {"a": "b"}}),
        ("PUT", "/api/v1/credentials/1/secrets", {"secrets": {"a": "b"}}),
        ("DELETE", "/api/v1/credentials/1", None),
    ],
)
def test_a_reader_changes_nothing(ask: Ask, problem: Any, method: str, path: str, body: Any) -> None:
    """Reading instances and credentials gives no way to change or test them."""
    added(ask)
    problem(ask(method, path, "reader", headers={"If-Match": "*"}, json=body), 403, "permission_denied")


def test_another_tenants_instances_are_not_there(ask: Ask, client: TestClient, people: Any, problem: Any) -> None:
    """The same id in another tenant is nothing; a tenant's user does not get out of its tenant."""
    place = added(ask).headers["location"]
    problem(ask("GET", f"{place}?tenant_code=acme"), 404)
    headers = people.bearer("admin", "acme")
    problem(client.simulate_get(place, headers=headers), 404)
    problem(client.simulate_get(f"{place}?tenant_code=localhost", headers=headers), 403)
