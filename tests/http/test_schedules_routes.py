"""Schedules over HTTP: kept, paused, foretold and started by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import Zona
from zona_http import HttpSettings, create_app

SCHEDULES = "/api/v1/schedules"
PLAYBOOK = {
    "title": "Report",
    "inputs": [{"name": "days", "kind": "number"}, {"name": "token", "kind": "secret"}],
    "steps": [{"name": "sum", "set": {"days": "{{ inputs.days }}"}}],
    "outputs": {"days": "{{ steps.sum.outputs.days }}"},
}
DAILY: dict[str, Any] = {
    "title": "Daily",
    "playbook": "Report",
    "inputs": {"days": 2, "token": "canary-9"},
    "cron": "0 6 * * *",
    "time_zone": "Europe/Berlin",
}

Ask = Callable[..., Result]


@pytest.fixture
def ask(served: Zona, people: Any) -> Ask:
    """Asks as an administrator of the default tenant."""
    client = TestClient(create_app(served, HttpSettings()))

    def asked(
        method: str, path: str, role: str = "admin", headers: dict[str, str] | None = None, **rest: Any
    ) -> Result:
        return client.simulate_request(method, path, headers={**people.bearer(role), **(headers or {})}, **rest)

    return asked


@pytest.fixture
def kept(ask: Ask) -> str:
    """The place of the schedule ``Daily``."""
    assert ask("POST", "/api/v1/playbooks", json=PLAYBOOK).status_code == 201
    made = ask("POST", SCHEDULES, json=DAILY)
    assert made.status_code == 201, made.text
    return made.headers["location"]


def test_a_schedule_is_made_read_replaced_and_removed(ask: Ask, kept: str, problem: Any) -> None:
    """Each by its revision; a title is taken once; secrets go in and never come out."""
    read = ask("GET", kept)
    shown = read.json["data"]
    assert (read.headers["etag"], shown["inputs"]) == ('"1"', {"days": 2, "token": "********"})
    assert shown["next_at"] == shown["due_at"]
    problem(ask("POST", SCHEDULES, json=DAILY), 409, "duplicate")
    problem(ask("PUT", kept, json=DAILY), 428, "precondition_required")
    changed = {**DAILY, "title": "Mornings", "inputs": shown["inputs"], "starts_at": "2030-01-01T00:00:00+01:00"}
    put = ask("PUT", kept, headers={"If-Match": '"1"'}, json=changed)
    assert (put.status_code, put.json["data"]["next_at"]) == (200, "2030-01-01T05:00:00Z")
    problem(ask("PUT", kept, headers={"If-Match": '"1"'}, json=changed), 412, "revision_conflict")
    problem(ask("PUT", f"{SCHEDULES}/77", headers={"If-Match": "*"}, json=changed), 404, "not_found")
    assert "canary-9" not in "".join([read.text, put.text, ask("GET", SCHEDULES).text])
    assert ask("DELETE", kept).status_code == 204
    problem(ask("GET", kept), 404)


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"cron": "61 * * * *"}, ["cron"]),
        ({"starts_at": "2030-01-01T00:00:00"}, ["starts_at"]),
        ({"every": 0.5, "title": ""}, ["every", "title"]),
        ({"status": "deleted"}, ["status"]),
        ({"inputs": {"days": "many", "x": 1}}, ["inputs.days", "inputs.x"]),
        ({"cron": "", "at": "noon"}, ["at"]),
    ],
)
def test_every_fault_is_told_with_its_path(
    ask: Ask, kept: str, problem: Any, given: dict[str, Any], paths: list[str]
) -> None:
    """Those of the shape first, then those of the times and the inputs."""
    told = problem(ask("POST", SCHEDULES, json={**DAILY, "title": "New", **given}), 422, "invalid_input")
    assert sorted(fault["path"] for fault in told["errors"]) == paths


def test_what_is_not_there_is_not_scheduled(ask: Ask, problem: Any) -> None:
    """The answer names it."""
    problem(ask("POST", SCHEDULES, json={**DAILY, "playbook": "Ghost"}), 404, "not_found")


def test_a_schedule_is_paused_and_resumed(ask: Ask, kept: str, problem: Any) -> None:
    """Whichever revision it has, or the one that is named."""
    problem(ask("POST", f"{kept}/pause", headers={"If-Match": '"7"'}), 412, "revision_conflict")
    paused = ask("POST", f"{kept}/pause").json["data"]
    assert (paused["status"], paused["next_at"]) == ("inactive", None)
    assert [each["title"] for each in ask("GET", f"{SCHEDULES}?status=inactive").json["data"]] == ["Daily"]
    assert ask("GET", f"{kept}/upcoming").json["data"] == []
    resumed = ask("POST", f"{kept}/resume", headers={"If-Match": '"2"'}).json["data"]
    assert resumed["status"] == "active"
    found = ask("GET", f"{kept}/upcoming?count=3").json["data"]
    assert [set(each) for each in found] == [{"at", "due_at"}] * 3
    assert found[0]["at"] == resumed["next_at"]
    problem(ask("GET", f"{kept}/upcoming?count=101"), 422)


def test_a_schedule_is_started_by_hand(ask: Ask, kept: str, problem: Any) -> None:
    """Whoever may run schedules waits for the end of the run, or does not; the same key does not start another."""
    run = ask("POST", f"{kept}/runs", "operator", headers={"Idempotency-Key": "k-1"}, json={})
    assert (run.status_code, run.json["data"]["results"]) == (201, {"days": 2})
    assert run.json["data"]["trigger"] == kept.removeprefix("/api/v1/")
    again = ask("POST", f"{kept}/runs", "operator", headers={"Idempotency-Key": "k-1"}, json={})
    assert again.json["data"]["id"] == run.json["data"]["id"]
    assert ask("GET", kept).json["data"]["last_run_id"] == run.json["data"]["id"]
    ask("POST", "/api/v1/playbooks", json={"title": "Long", "steps": [{"name": "long", "wait": 3_600}]})
    ask("PUT", kept, headers={"If-Match": "*"}, json={**DAILY, "playbook": "Long", "inputs": {}})
    begun = ask("POST", f"{kept}/runs", json={"wait": False})
    assert (begun.status_code, begun.headers["location"]) == (202, f"/api/v1/runs/{begun.json['data']['id']}")
    problem(ask("POST", f"{kept}/runs", json={"wait": False}), 409, "run_under_way")
    problem(ask("POST", f"{kept}/runs", "reader", json={}), 403, "permission_denied")
