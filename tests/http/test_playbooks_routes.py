"""Playbooks over HTTP: kept by revision, checked, rehearsed, run, steered and followed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import AppDefinition, RunStatus, TaskCall, TaskFailed, Zona
from zona_http import HttpSettings, create_app

PLAYBOOKS = "/api/v1/playbooks"
RUNS = "/api/v1/runs"
Ask = Callable[..., Result]

ECHO = {"app": "Demo", "task": "echo"}
PLAYBOOK = {
    "title": "Say",
    "inputs": [{"name": "text", "required": True}, {"name": "token", "kind": "secret"}],
    "steps": [
        {"name": "say", "task": ECHO, "inputs": {"text": "{{ inputs.text }}", "token": "{{ inputs.token }}"}},
        {"name": "keep", "set": {"said": "{{ steps.say.outputs.text }}!"}},
    ],
    "outputs": {"said": "{{ steps.keep.outputs.said }}"},
}
ASKING = {
    "title": "Ask",
    "steps": [
        {"name": "ask", "approval": {"message": "Go on?"}},
        {"name": "done", "set": {"why": "{{ steps.ask.outputs.comment }}"}},
    ],
    "outputs": {"why": "{{ steps.done.outputs.why }}"},
}


@pytest.fixture
def settings() -> HttpSettings:
    """A stream lasts for a second."""
    return HttpSettings(secure_cookies=False, stream_seconds=1)


@pytest.fixture
def served(plugin: Any, app_factory: Callable[..., AppDefinition]) -> Iterator[Zona]:
    """A Zona with the app Demo and an instance of it."""
    plugin.handler.functions["echo"] = lambda call: {"text": call.inputs["text"]}
    with Zona(store="memory://", plugins={"function": plugin}) as zona:
        workspace = zona.tenant()
        workspace.apps.upsert(app_factory())
        workspace.instances.add("Demo", title="main", values={"api_key": "k"})
        yield zona


@pytest.fixture
def ask(client: TestClient, people: Any) -> Ask:
    """``ask(method, path, role=…, json=…)`` in the name of a user of the platform, by default the administrator."""

    def asked(
        method: str, path: str, role: str = "admin", headers: dict[str, str] | None = None, **rest: Any
    ) -> Result:
        return client.simulate_request(method, path, headers={**people.bearer(role), **(headers or {})}, **rest)

    return asked


@pytest.fixture
def kept(ask: Ask) -> str:
    """The place of the playbook ``Say``."""
    made = ask("POST", PLAYBOOKS, json=PLAYBOOK)
    assert made.status_code == 201, made.text
    return made.headers["location"]


def waited_for(served: Zona, run_id: str) -> None:
    """Returns once the run waits for something."""
    runs, mark = served.tenant().runs, ""
    while not runs.waiting(run_id):
        found = runs.progress(run_id, since=mark, seconds=1)
        assert not found.ended, found.run.error
        mark = found.mark


def test_a_playbook_is_made_read_replaced_and_removed(ask: Ask, kept: str, problem: Any) -> None:
    """Each by its revision; a title is taken once; what is removed is gone."""
    read = ask("GET", kept)
    assert (read.status_code, read.headers["etag"], read.json["data"]["steps"][0]["task"]["app"]) == (
        200,
        '"1"',
        "Demo",
    )
    problem(ask("POST", PLAYBOOKS, json=PLAYBOOK), 409, "duplicate")
    problem(ask("PUT", kept, json=PLAYBOOK), 428, "precondition_required")
    changed = {**PLAYBOOK, "title": "Say it", "description": "loud"}
    put = ask("PUT", kept, headers={"If-Match": '"1"'}, json=changed)
    assert (put.status_code, put.json["data"]["title"], put.headers["etag"]) == (200, "Say it", '"2"')
    problem(ask("PUT", kept, headers={"If-Match": '"1"'}, json=PLAYBOOK), 412, "revision_conflict")
    other = ask("POST", PLAYBOOKS, json=PLAYBOOK).headers["location"]
    problem(ask("PUT", other, headers={"If-Match": "*"}, json=changed), 409, "duplicate")
    problem(ask("PUT", f"{PLAYBOOKS}/77", headers={"If-Match": "*"}, json=changed), 404, "not_found")
    problem(ask("DELETE", kept, headers={"If-Match": '"1"'}), 412)
    assert ask("DELETE", kept).status_code == 204
    problem(ask("GET", kept), 404)
    assert [each["title"] for each in ask("GET", PLAYBOOKS).json["data"]] == ["Say"]


def test_playbooks_are_listed_by_pages(ask: Ask) -> None:
    """By title, in as many pages as are asked for."""
    for title in "cab":
        ask("POST", PLAYBOOKS, json={"title": title, "steps": [{"name": "a"}]})
    page = ask("GET", f"{PLAYBOOKS}?limit=2").json
    rest = ask("GET", f"{PLAYBOOKS}?limit=2&after={page['meta']['next']}").json
    assert [each["title"] for each in page["data"] + rest["data"]] == ["a", "b", "c"]
    assert ask("GET", f"{PLAYBOOKS}?status=draft").json["data"] == []


def test_every_fault_is_told_with_its_path(ask: Ask, problem: Any) -> None:
    """Those of the shape first, then those of the graph and its expressions; checking tells what keeping does."""
    shape = {"title": "", "steps": [{"name": "a b"}, {"name": "c", "after": ["a:never"], "foo": 1}], "bar": 2}
    looks = {"name": "b", "task": {"app": "Demo", "task": "ghost"}, "inputs": {"x": "{{ steps.later.outputs }}"}}
    deep = {"title": "x", "steps": [{"name": "a", "task": ECHO}, looks]}
    for path, status in ((PLAYBOOKS, 422), (f"{PLAYBOOKS}/check", 422)):
        told = problem(ask("POST", path, json=shape), status, "invalid_input")
        paths = {"title", "steps[0].name", "steps[1].after[0]", "steps[1].foo", "bar"}
        assert {fault["path"] for fault in told["errors"]} == paths
        told = problem(ask("POST", path, json=deep), status, "invalid_input")
        assert [fault["path"] for fault in told["errors"]] == ["steps[1]"]
    assert ask("POST", f"{PLAYBOOKS}/check", "reader", json=PLAYBOOK).status_code == 403  # it may not run the task
    assert ask("POST", f"{PLAYBOOKS}/check", json=PLAYBOOK).status_code == 204
    assert ask("GET", PLAYBOOKS).json["data"] == []


def test_a_run_is_answered_with_its_end(ask: Ask, kept: str) -> None:
    """As runs of tasks are: 201, the place of the record, no secret; once for an ``Idempotency-Key``."""
    body = {"inputs": {"text": "ab", "token": "canary-token-1"}}
    answer = ask("POST", f"{kept}/runs", "operator", {"Idempotency-Key": "k-1"}, json=body)
    assert answer.status_code == 201, answer.text
    record = answer.json["data"]
    assert (record["status"], record["results"], record["playbook_title"]) == ("success", {"said": "ab!"}, "Say")
    assert answer.headers["location"] == f"{RUNS}/{record['id']}"
    assert ask("GET", answer.headers["location"]).json["data"] == record
    again = ask("POST", f"{kept}/runs", "operator", {"Idempotency-Key": "k-1"}, json=body)
    assert (again.json, again.headers["idempotent-replayed"]) == (answer.json, "true")
    steps = ask("GET", f"{RUNS}/{record['id']}/steps")
    assert [(each["step"], each["status"]) for each in steps.json["data"]] == [("say", "success"), ("keep", "success")]
    assert "canary-token-1" not in answer.text + steps.text
    page = ask("GET", f"{RUNS}/{record['id']}/steps?limit=1").json
    assert [
        each["step"] for each in ask("GET", f"{RUNS}/{record['id']}/steps?after={page['meta']['next']}").json["data"]
    ] == ["keep"]


def test_lists_of_runs_have_no_steps_unless_asked(ask: Ask, kept: str, problem: Any) -> None:
    """``playbook``, ``app`` and ``steps`` say which."""
    ask("POST", f"{kept}/runs", json={"inputs": {"text": "ab"}})

    def listed(query: str) -> list[str]:
        return [each["step"] or each["playbook_title"] for each in ask("GET", f"{RUNS}?{query}").json["data"]]

    assert listed("") == listed("playbook=Say") == listed("playbook=1") == ["Say"]
    assert listed("app=Demo") == ["say"]
    assert sorted(listed("steps=true")) == ["Say", "keep", "say"]
    problem(ask("GET", f"{RUNS}?playbook=Nothing"), 404)
    problem(ask("GET", f"{RUNS}?playbook=Say&steps=true"), 422)


def test_a_run_may_be_left_alone_and_unfit_ones_are_refused(ask: Ask, kept: str, served: Zona, problem: Any) -> None:
    """202 at once; faults of the inputs with their paths, and no run."""
    told = problem(ask("POST", f"{kept}/runs", json={"inputs": {"x": 1}}), 422)
    assert {fault["path"] for fault in told["errors"]} == {"x", "text"}
    problem(ask("POST", f"{PLAYBOOKS}/77/runs", json={}), 404)
    problem(ask("POST", f"{kept}/runs", "reader", json={"inputs": {"text": "a"}}), 403, "permission_denied")
    assert ask("GET", RUNS).json["data"] == []
    begun = ask("POST", f"{kept}/runs", json={"inputs": {"text": "ab"}, "wait": False})
    assert (begun.status_code, begun.json["data"]["status"]) == (202, "running")
    assert served.tenant().runs.wait(begun.json["data"]["id"], seconds=20).status is RunStatus.SUCCESS


def test_a_rehearsal_calls_nothing(ask: Ask, kept: str, plugin: Any) -> None:
    """It tells what would be called with what, secrets masked, and how it would end."""
    plugin.handler.functions["echo"] = lambda call: pytest.fail("it was called")
    body = {"inputs": {"text": "ab", "token": "canary-token-2"}, "samples": {"say": {"text": "sample"}}}
    answer = ask("POST", f"{kept}/rehearsal", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json["data"]
    assert (told["status"], told["results"]) == ("success", {"said": "sample!"})
    assert [(each["step"], each["task"], each["instance"]) for each in told["steps"]] == [
        ("say", "Demo/echo", "main"),
        ("keep", "", ""),
    ]
    assert "canary-token-2" not in answer.text


def test_an_approval_is_told_and_answered(ask: Ask, served: Zona, problem: Any) -> None:
    """By whoever may, once; the run goes on."""
    place = ask("POST", PLAYBOOKS, json=ASKING).headers["location"]
    run = ask("POST", f"{place}/runs", json={"wait": False}).headers["location"]
    run_id = run.rpartition("/")[2]
    waited_for(served, run_id)
    [waiting] = ask("GET", f"{run}/waiting").json["data"]
    assert (waiting["step"], waiting["reason"], waiting["detail"]) == ("ask", "approval", "Go on?")
    answer = {"step": "ask", "approved": True, "comment": "seen"}
    problem(ask("POST", f"{run}/decisions", "reader", json=answer), 403)
    problem(ask("POST", f"{run}/decisions", json={**answer, "step": "done"}), 409, "not_waiting")
    assert ask("POST", f"{run}/decisions", "operator", json=answer).status_code == 200
    ended = served.tenant().runs.wait(run_id, seconds=20)
    assert ended.results == {"why": "seen"}
    assert ask("GET", f"{run}/waiting").json["data"] == []
    problem(ask("POST", f"{run}/decisions", json=answer), 409, "not_waiting")


def test_runs_are_paused_resumed_and_cancelled(ask: Ask, served: Zona, problem: Any) -> None:
    """By whoever may control runs; one that has ended stays as it is."""
    place = ask("POST", PLAYBOOKS, json=ASKING).headers["location"]
    run = ask("POST", f"{place}/runs", json={"wait": False}).headers["location"]
    run_id = run.rpartition("/")[2]
    waited_for(served, run_id)
    problem(ask("POST", f"{run}/cancel", "reader", json={}), 403)
    assert ask("POST", f"{run}/pause", json={"reason": "later"}).status_code == 200
    found, mark = served.tenant().runs.get(run_id), ""
    while found.status is not RunStatus.PAUSED:
        progress = served.tenant().runs.progress(run_id, since=mark, seconds=20)
        found, mark = progress.run, progress.mark
    assert ask("POST", f"{run}/resume").status_code == 200
    assert ask("POST", f"{run}/cancel", json={"reason": "enough"}).status_code == 200
    assert served.tenant().runs.wait(run_id, seconds=20).status is RunStatus.CANCELLED
    assert ask("POST", f"{run}/cancel", json={}).json["data"]["status"] == "cancelled"
    problem(ask("POST", f"{RUNS}/none/cancel", json={}), 404)


def test_a_run_is_begun_anew_from_a_step_on(ask: Ask, kept: str, plugin: Any, problem: Any) -> None:
    """Answered as a run is; what cannot be repeated is told with its code."""
    answers = iter(["broken"])

    def flaky(call: TaskCall) -> dict[str, Any]:
        for code in answers:
            raise TaskFailed("it broke", code=code)
        return {"text": call.inputs["text"]}

    plugin.handler.functions["echo"] = flaky
    failed = ask("POST", f"{kept}/runs", json={"inputs": {"text": "ab"}}).json["data"]
    assert (failed["status"], failed["error"]["step"]) == ("failure", "say")
    again = ask("POST", f"{RUNS}/{failed['id']}/replay", json={})
    assert (again.status_code, again.json["data"]["results"]) == (201, {"said": "ab!"})
    assert again.json["data"]["replay_of"] == failed["id"]
    assert again.headers["location"] == f"{RUNS}/{again.json['data']['id']}"
    problem(ask("POST", f"{RUNS}/{failed['id']}/replay", json={"step": "ghost"}), 404)
    single = ask("POST", RUNS, json={"app": "Demo", "task": "echo", "inputs": {"text": "x"}}).json["data"]
    problem(ask("POST", f"{RUNS}/{single['id']}/replay", json={}), 409, "not_a_playbook")
    secret = ask("POST", f"{kept}/runs", json={"inputs": {"text": "a", "token": "t"}}).json["data"]
    problem(ask("POST", f"{RUNS}/{secret['id']}/replay", json={}), 409, "inputs_not_kept")


def events_of(answer: Result) -> list[tuple[str, str, Any]]:
    """Name, id and data of each event of a stream."""
    found = []
    for block in answer.text.split("\n\n"):
        parts = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in parts:
            found.append((parts["event"], parts.get("id", ""), json.loads(parts["data"])))
    return found


def test_a_stream_tells_each_step_as_it_ends(ask: Ask, kept: str, served: Zona, plugin: Any) -> None:
    """Then the end; a client that comes back is told what it has not seen."""
    go = threading.Event()

    def held(call: TaskCall) -> dict[str, Any]:
        assert go.wait(20)
        return {"text": call.inputs["text"]}

    run_id = ask("POST", f"{kept}/runs", json={"inputs": {"text": "ab"}}).json["data"]["id"]
    names = [(name, data.get("step", "")) for name, _, data in events_of(ask("GET", f"{RUNS}/{run_id}/events"))]
    assert names == [("run", ""), ("step", "say"), ("step", "keep"), ("end", "")]

    place = ask("POST", PLAYBOOKS, json={**PLAYBOOK, "title": "Twice", "steps": [{"name": "zero"}, *PLAYBOOK["steps"]]})
    plugin.handler.functions["echo"] = held
    run_id = ask("POST", f"{place.headers['location']}/runs", json={"inputs": {"text": "ab"}, "wait": False}).json[
        "data"
    ]["id"]
    first = events_of(ask("GET", f"{RUNS}/{run_id}/events"))  # a second of it
    assert [data["step"] for name, _, data in first if name == "step"] == ["zero"]
    assert "end" not in {name for name, _, _ in first}
    go.set()
    served.tenant().runs.wait(run_id, seconds=20)
    last = [mark for _, mark, _ in first if mark][-1]
    rest = events_of(ask("GET", f"{RUNS}/{run_id}/events", headers={"Last-Event-ID": last}))
    assert [data["step"] for name, _, data in rest if name == "step"] == ["say", "keep"]
    assert (rest[0][0], rest[-1][0]) == ("run", "end")
    assert ask("GET", f"{RUNS}/{run_id}/events", headers={"Last-Event-ID": "end"}).status_code == 204


def test_a_tenants_playbooks_are_its_own(served: Zona, people: Any, kept: str, problem: Any) -> None:
    """Another tenant's users find neither the playbook nor its runs."""
    served.system().tenants.add("acme")
    client = TestClient(create_app(served, HttpSettings(secure_cookies=False)))
    headers = people.bearer("admin", "acme")
    problem(client.simulate_get(kept, headers=headers), 404)
    problem(client.simulate_get(f"{kept}?tenant_code=localhost", headers=headers), 403, "wrong_tenant")
    assert client.simulate_get(PLAYBOOKS, headers=headers).json["data"] == []
