"""Failures: problem documents as the OpenAPI document describes them, and what of them is in log and audit trail."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import pytest
from falcon.testing import TestClient

from zona_core import Conflict, NotFound, StoreUnavailable, TaskFailed, Zona, ZonaError
from zona_core.errors import RevisionConflict
from zona_http import _logging

THINGS = "/probe/v1/things"
CANARY = "canary-5d1e8f"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Everything that is logged, at every level, as data."""
    stream = io.BytesIO()
    monkeypatch.setattr(_logging, "_output", _logging._Output(0, "json", stream))
    handler = _logging.LineHandler()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


def raising(error: BaseException) -> Callable[[Any], Any]:
    """An act of the probe."""

    def act(_: Any) -> Any:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("no such thing"), 404, "not_found"),
        (Conflict("it collides", code="taken"), 409, "taken"),
        (RevisionConflict("it changed"), 409, "revision_conflict"),
        (StoreUnavailable("away"), 503, "store_unavailable"),
        (TaskFailed("no", retry_after=2.2), 502, "task_failed"),
        (ZonaError("hm"), 500, "internal_error"),
        (RuntimeError(CANARY), 500, "internal_error"),
        (RecursionError(CANARY), 500, "internal_error"),
        (MemoryError(), 500, "internal_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_a_handler_raises_becomes_a_problem(
    client: TestClient,
    people: Any,
    probe: Any,
    problem: Callable[..., Any],
    error: Exception,
    status: int,
    code: str,
) -> None:
    """Errors of the tree by their table; of any other nothing is told but where to look: no text, no trace."""
    probe.act = raising(error)
    answer = client.simulate_get(f"{THINGS}/1", headers=people.bearer("admin", "acme"))
    problem(answer, status, code)
    assert CANARY not in answer.text
    assert "Traceback" not in answer.text
    if code == "task_failed":
        assert answer.headers["retry-after"] == "3"


def test_an_answer_that_cannot_be_encoded_is_a_problem(
    client: TestClient, people: Any, probe: Any, problem: Callable[..., Any]
) -> None:
    """A handler that gives what is no JSON is an unforeseen error, and leaves no half answer."""
    probe.act = lambda _: object()
    problem(client.simulate_get(f"{THINGS}/1", headers=people.bearer("admin", "acme")), 500, "internal_error")


def test_problems_are_as_the_document_describes_them(client: TestClient, people: Any, probe: Any) -> None:
    """Each kind of refusal is valid against the schema ``Problem`` of ``/openapi.json``."""
    document = client.simulate_get("/openapi.json").json
    schema = document["components"]["schemas"]["Problem"]
    validator = jsonschema_rs.validator_for({**schema, "additionalProperties": False})
    admin, reader = people.bearer("admin", "acme"), people.bearer("reader", "acme")
    probe.act = None
    answers = [
        client.simulate_get("/nowhere"),
        client.simulate_patch(THINGS),
        client.simulate_get(f"{THINGS}/1"),
        client.simulate_get(f"{THINGS}/1", headers=reader),
        client.simulate_get(f"{THINGS}/x", headers=admin),
        client.simulate_post(THINGS, headers=admin),
        client.simulate_post(THINGS, body="{", headers={**admin, "Content-Type": "application/json"}),
        client.simulate_post(THINGS, json={}, headers=admin),
        client.simulate_put(f"{THINGS}/1", json={"name": "a"}, headers=admin),
        client.simulate_put(f"{THINGS}/1", json={"name": "a"}, headers={**admin, "If-Match": '"x"'}),
        client.simulate_post(THINGS, body=b" " * 2_000_000, headers={**admin, "Content-Type": "application/json"}),
    ]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [404, 405, 401, 403, 422, 415, 400, 422, 428, 412, 413]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        assert validator.is_valid(answer.json), answer.text
        assert answer.json["detail"]


def test_a_revision_that_is_not_there_any_more_is_412(
    client: TestClient, people: Any, probe: Any, problem: Callable[..., Any]
) -> None:
    """``If-Match`` that names another revision than the stored one fails as RFC 9110 §13.1.1 says."""
    probe.act = raising(RevisionConflict("it changed"))
    headers = {**people.bearer("admin", "acme"), "If-Match": '"7"'}
    problem(client.simulate_put(f"{THINGS}/1", json={"name": "a"}, headers=headers), 412, "revision_conflict")
    assert probe.calls[0].revision == 7


# correlation


@pytest.mark.parametrize("header", ["X-Correlation-Id", "X-Request-Id"])
def test_one_id_is_in_answer_log_and_audit(
    client: TestClient, people: Any, log: Callable[[], list[dict[str, Any]]], header: str
) -> None:
    """The client's id comes back, is in the request's line and in the audit record of what was changed."""
    mine = "order-66.A_b"
    headers = {**people.bearer("admin", "acme"), header: mine}
    body = {"name": "newcomer", "password": people.password, "roles": ["reader"]}
    answer = client.simulate_post("/api/v1/users", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["x-correlation-id"] == mine
    (line,) = [line for line in log() if line["event"] == "request" and line["correlation_id"] == mine]
    assert (line["route"], line["status"], line["tenant"]) == ("/api/v1/users", 201, "acme")
    records = people.zona.tenant("acme").audit.search(limit=100).items
    assert [record.action for record in records if record.correlation_id == mine] == ["users.add"]


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "a b c d e f", "x\u00e9xxxxxxxx", "eyJhbGciOiJFZERTQSJ9.eyJ4Ijox"]
)
def test_an_unfit_id_is_replaced(client: TestClient, given: str) -> None:
    """What could not be told apart, break a line or be a token is not taken over."""
    answer = client.simulate_get("/healthz", headers={"X-Correlation-Id": given})
    assert answer.headers["x-correlation-id"] != given
    assert len(answer.headers["x-correlation-id"]) == 32


def test_requests_have_ids_of_their_own(client: TestClient) -> None:
    """Two requests without an id are given different ones."""
    assert len({client.simulate_get("/healthz").headers["x-correlation-id"] for _ in range(20)}) == 20


# secrets


def test_no_secret_reaches_the_log(
    client: TestClient, people: Any, probe: Any, served: Zona, log: Callable[[], list[dict[str, Any]]]
) -> None:
    """Passwords, tokens, keys and cookies that come in or go out are in no line, whatever becomes of the request."""
    secrets = [people.password, "another canary battery", "wrong canary guess"]
    first = people.login("editor", "acme").json["data"]
    bearer = {"Authorization": f"Bearer {first['access_token']}"}
    renewed = client.simulate_post("/auth/v1/refresh", json={"refresh_token": first["refresh_token"]}).json["data"]
    reused = client.simulate_post("/auth/v1/refresh", json={"refresh_token": first["refresh_token"]})
    assert reused.status_code == 401
    secrets += [each[name] for each in (first, renewed) for name in ("access_token", "refresh_token")]

    user = people.user("editor", "acme")
    wrong = {"name": user.name, "realm": "acme", "password": secrets[2]}
    assert client.simulate_post("/auth/v1/login", json=wrong).status_code == 401
    assert client.simulate_post("/auth/v1/login", json={**wrong, "password": {"a": secrets[2]}}).status_code == 422

    cookie, csrf = people.cookie("editor", "acme")
    secrets += [cookie["Cookie"].partition("=")[2], csrf]
    change = {"old": people.password, "new": secrets[1]}
    changed = client.simulate_post("/auth/v1/password", json=change, headers={**cookie, "X-CSRF-Token": csrf})
    assert changed.status_code in (200, 204), changed.text

    key = people.key("operator", "acme").text.reveal()
    secrets.append(key)
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"X-API-Key": key + "x"}, cookie, bearer):
        client.simulate_get("/auth/v1/self", headers=headers)
    token = people.bearer("admin", "acme")["Authorization"].partition(" ")[2]
    secrets.append(token)
    for moved in (f"/{token}/2000000000/", f"/{token}x/junk/", f"/2000000000/{token}/"):
        client.simulate_get("/updateUserSessionExpiretime" + moved, headers=people.bearer("admin", "acme"))
    client.simulate_get(f"/nowhere/{token}?access_token={token}", headers={"X-Correlation-Id": key[:64]})
    client.simulate_get(f"/apps/v1/integration-name/{key}", headers=people.bearer())
    probe.act = raising(RuntimeError(f"password={secrets[1]} token {token} {key}"))
    client.simulate_post(
        THINGS, json={"name": "a", "token": "canary in a body"}, headers=people.bearer("admin", "acme")
    )
    secrets.append("canary in a body")

    lines = log()
    assert len([line for line in lines if line["event"] == "request"]) > 15
    text = json.dumps(lines)
    for secret in secrets:
        assert secret not in text
        assert secret.rpartition(".")[2] not in text
    records = json.dumps([str(each) for each in served.tenant("acme").audit.search(limit=500).items])
    for secret in secrets:
        assert secret not in records
