"""Runs over HTTP: to their end, or begun and left alone."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import AppDefinition, RunStatus, TaskCall, TaskDefinition, TaskFailed, Zona
from zona_http import HttpSettings, create_app
from zona_http.routes._definitions import defined

CANARY = "canary-secret-value"
RUNS = "/api/v1/runs"
Ask = Callable[..., Result]


class Held:
    """A handler that says when it has begun, and waits until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Event()

    def __call__(self, call: TaskCall) -> dict[str, Any]:
        self.begun.release()
        assert self.go.wait(20)
        return {}


@pytest.fixture
def served(plugin: Any, app_factory: Callable[..., AppDefinition]) -> Iterator[Zona]:
    """A Zona with the app Demo and an instance of it."""
    plugin.handler.functions["echo"] = lambda call: {"text": call.inputs["text"] * call.inputs["count"]}
    with Zona(store="memory://", plugins={"function": plugin}) as zona:
        workspace = zona.tenant()
        workspace.apps.upsert(app_factory())
        workspace.instances.add("Demo", title="main", values={"api_key": CANARY})
        yield zona


@pytest.fixture
def ask(client: TestClient, people: Any) -> Ask:
    """``ask(method, path, role=…, json=…)`` in the name of a user of the platform, by default the administrator."""

    def asked(
        method: str, path: str, role: str = "admin", headers: dict[str, str] | None = None, **rest: Any
    ) -> Result:
        return client.simulate_request(method, path, headers={**people.bearer(role), **(headers or {})}, **rest)

    return asked


def run(ask: Ask, headers: dict[str, str] | None = None, role: str = "admin", **changes: Any) -> Result:
    return ask("POST", RUNS, role, headers, json={"app": "Demo", "task": "echo", "inputs": {"text": "ab"}, **changes})


def test_a_run_to_its_end_is_answered_with_its_record(ask: Ask) -> None:
    """201, the place of the record, its revision as entity tag, and no secret."""
    answer = run(ask, inputs={"text": "ab", "count": 2, "token": CANARY})
    assert answer.status_code == 201, answer.text
    record = answer.json["data"]
    assert (record["status"], record["results"], record["instance_title"]) == ("success", {"text": "abab"}, "main")
    assert answer.headers["location"] == f"{RUNS}/{record['id']}"
    assert ask("GET", answer.headers["location"]).json["data"] == record
    assert CANARY not in answer.text


def test_a_run_that_failed_is_a_record(ask: Ask, plugin: Any) -> None:
    """The request succeeded; the record says what did not."""

    def fail(call: TaskCall) -> dict[str, Any]:
        raise TaskFailed(f"refused with {CANARY}", code="http_status", http_status=403)

    plugin.handler.functions["echo"] = fail
    answer = run(ask)
    assert answer.status_code == 201
    assert answer.json["data"]["error"]["code"] == "http_status"
    assert CANARY not in answer.text


def test_unfit_orders_are_refused_before_anything_runs(ask: Ask, problem: Any) -> None:
    """Each fault with its path; what is not there is not found."""
    told = problem(run(ask, inputs={"count": "x"}), 422)
    assert {fault["path"] for fault in told["errors"]} == {"text", "count"}
    told = problem(run(ask, timeout=0, wait="yes"), 422)
    assert {fault["path"] for fault in told["errors"]} == {"timeout", "wait"}
    problem(run(ask, task="ghost"), 404)
    problem(run(ask, instance="ghost"), 404)
    problem(run(ask, role="reader"), 403, "permission_denied")
    assert ask("GET", RUNS).json["data"] == []


def test_a_run_that_is_not_waited_for_is_begun_and_goes_on_alone(ask: Ask, plugin: Any, served: Zona) -> None:
    """202 while the handler still works; the record follows the run to its end."""
    begun, go = threading.Event(), threading.Event()

    def slow(call: TaskCall) -> dict[str, Any]:
        begun.set()
        assert go.wait(10)
        return {"done": True}

    plugin.handler.functions["echo"] = slow
    answer = run(ask, wait=False)
    assert answer.status_code == 202, answer.text
    assert answer.json["data"]["status"] == "running"
    assert begun.wait(10)
    assert ask("GET", answer.headers["location"]).json["data"]["status"] == "running"
    go.set()
    ended = served.tenant().runs.wait(answer.json["data"]["id"], seconds=10)
    assert (ended.status, ended.results) == (RunStatus.SUCCESS, {"done": True})


@pytest.mark.parametrize("wait", [True, False])
def test_a_call_with_a_key_runs_once_and_hands_the_key_on(
    ask: Ask, plugin: Any, served: Zona, wait: bool, problem: Any
) -> None:
    """The second call is answered like the first; the handler sees what stands for the key."""
    keys: list[str] = []
    plugin.handler.functions["echo"] = lambda call: keys.append(call.idempotency_key) or {}
    first = run(ask, {"Idempotency-Key": "order-17"}, wait=wait)
    second = run(ask, {"Idempotency-Key": "order-17"}, wait=wait)
    assert second.json == first.json
    assert (second.status_code, second.headers["location"]) == (first.status_code, first.headers["location"])
    served.tenant().runs.wait(first.json["data"]["id"], seconds=10)
    [handed_on] = keys
    assert re.fullmatch("[0-9a-f]{64}", handed_on)
    problem(run(ask, {"Idempotency-Key": "order-17"}, wait=wait, timeout=3), 422, "idempotency_mismatch")


def test_the_remote_side_is_not_shown_whose_key_it_is(
    ask: Ask, client: TestClient, people: Any, plugin: Any, served: Zona
) -> None:
    """The same key of two users, of a user and its API key, and in two tenants are calls of their own there."""
    served.system().tenants.add("acme")
    there = served.tenant("acme")
    app = served.tenant().apps.get("Demo")
    task = served.tenant().tasks.get("Demo", "echo")
    there.apps.upsert(AppDefinition(title=app.title, fields=app.fields, tasks=(defined(task, TaskDefinition),)))
    there.instances.add("Demo", title="main", values={"api_key": CANARY})
    keys: list[str] = []
    plugin.handler.functions["echo"] = lambda call: keys.append(call.idempotency_key) or {}
    for headers in (people.bearer(), people.bearer("operator"), people.key_header()):
        for tenant in ("", "?tenant_code=acme"):
            body = {"app": "Demo", "task": "echo", "inputs": {"text": "ab"}}
            answer = client.simulate_post(f"{RUNS}{tenant}", json=body, headers={**headers, "Idempotency-Key": "k1"})
            assert answer.status_code == 201, answer.text
    assert len(set(keys)) == 6
    assert "k1" not in keys


@pytest.fixture
def held(plugin: Any, served: Zona) -> Iterator[Held]:
    """The task ``echo`` begins, and ends when the test lets it, or is over."""
    made = Held()
    plugin.handler.functions["echo"] = made
    yield made
    made.go.set()


def test_a_run_that_lasts_too_long_goes_on_alone(held: Held, served: Zona, people: Any) -> None:
    """After ``wait_seconds`` the answer is 202 with the place of the record, which tells the end."""
    client = TestClient(create_app(served, HttpSettings(secure_cookies=False, wait_seconds=0)))
    body = {"app": "Demo", "task": "echo", "inputs": {"text": "ab"}}
    answer = client.simulate_post(RUNS, json=body, headers=people.bearer())
    assert answer.status_code == 202, answer.text
    assert held.begun.acquire(timeout=10)
    read = client.simulate_get(answer.headers["location"], headers=people.bearer())
    assert read.json["data"]["status"] == "running"
    held.go.set()
    assert served.tenant().runs.wait(answer.json["data"]["id"], seconds=10).status is RunStatus.SUCCESS


def test_one_thread_is_left_to_those_who_do_not_wait(held: Held, served: Zona, people: Any) -> None:
    """Of two threads one may wait for a run; who comes then is answered at once, and waits when it is free again."""
    client = TestClient(create_app(served, HttpSettings(secure_cookies=False, threads=2)))
    headers, answers = people.bearer(), []
    body = {"app": "Demo", "task": "echo", "inputs": {"text": "ab"}}
    first = threading.Thread(
        target=lambda: answers.append(client.simulate_post(RUNS, json=body, headers=headers)), daemon=True
    )
    first.start()
    assert held.begun.acquire(timeout=10)
    assert client.simulate_post(RUNS, json=body, headers=headers).status_code == 202
    assert held.begun.acquire(timeout=10)
    events = client.simulate_get(f"{RUNS}/{served.tenant().runs.list().items[0].id}/events", headers=headers)
    assert events.text.startswith("retry: 2000")  # streams and waiting requests share the threads
    held.go.set()
    first.join(10)
    assert [answer.status_code for answer in answers] == [201]
    assert client.simulate_post(RUNS, json=body, headers=headers).status_code == 201


def test_with_a_single_thread_a_run_is_waited_for(ask: Ask, served: Zona, people: Any) -> None:
    """Nothing else could be answered meanwhile anyway."""
    client = TestClient(create_app(served, HttpSettings(secure_cookies=False, threads=1)))
    body = {"app": "Demo", "task": "echo", "inputs": {"text": "ab"}}
    assert client.simulate_post(RUNS, json=body, headers=people.bearer()).status_code == 201


def test_runs_are_listed_by_what_they_ran_and_how_it_ended(ask: Ask, problem: Any) -> None:
    """Filters narrow, the newest come first, the cursor goes on."""
    ids = [run(ask).json["data"]["id"] for _ in range(3)]

    def listed(query: str) -> list[str]:
        answer = ask("GET", f"{RUNS}?{query}")
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json["data"]]

    assert listed("") == ids[::-1]
    assert listed("app=Demo&task=echo&instance=main&status=success") == ids[::-1]
    assert listed("app=1&task=1&instance=1") == ids[::-1]
    assert listed("status=failure") == []
    page = ask("GET", f"{RUNS}?limit=2").json
    assert listed(f"limit=2&after={page['meta']['next']}") == ids[:1]
    told = problem(ask("GET", f"{RUNS}?task=echo"), 422)
    assert [fault["path"] for fault in told["errors"]] == ["app"]
    problem(ask("GET", f"{RUNS}?status=done"), 422)
    assert listed("since=2020-01-01T00:00:00Z&until=2999-01-01T00:00:00%2B02:00") == ids[::-1]
    assert listed("until=2020-01-01T00:00:00Z") == []
    for wrong in ("0.5", "2030-13-01T00:00:00Z"):
        problem(ask("GET", f"{RUNS}?since={wrong}"), 422)
    problem(ask("GET", f"{RUNS}/none"), 404)
