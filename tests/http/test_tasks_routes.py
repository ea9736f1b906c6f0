"""Tasks over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import jsonschema_rs
import pytest
from attrs import evolve

from zona_core import TaskFailed, Zona

Call = Callable[..., falcon.testing.Result]


@pytest.fixture
def served(tmp_path: Path, plugin: Any) -> Iterator[Zona]:
    """A Zona on a store of its own with the app Demo, whose task ``echo`` has the id 1."""
    with Zona.embedded(tmp_path, plugins={"function": plugin}) as zona:
        zona.tenant().apps.install("demo")
        zona.tenant().instances.add("Demo", title="Main", values={"api_key": "canary"})
        yield zona


def definition(tag: str = "look", **changes: Any) -> dict[str, Any]:
    """A task as a body."""
    return {
        "name": "Look",
        "task_tag": tag,
        "task_handler": "function",
        "inputs": [{"name": "ip", "required": True, "rules": {"min_length": 7, "pattern": "^[0-9.]+$"}}],
        "outputs": [{"name": "ports", "kind": "list", "path": "ports"}, {"name": "country", "kind": "text"}],
        **changes,
    }


def test_a_task_is_made_read_replaced_and_deleted(call: Call) -> None:
    """PUT makes it without a condition, replaces it with its ETag, and each answer has the task and its ETag."""
    tasks = "/api/v1/apps/1/tasks"
    made = call("PUT", tasks, json=definition())
    assert made.status_code == 201
    place = made.headers["location"]
    read = call("GET", place)
    assert (read.json["data"], read.headers["etag"]) == (made.json["data"], made.headers["etag"])
    tag = {"If-Match": made.headers["etag"]}
    replaced = call("PUT", tasks, json=definition(description="Better"), headers=tag)
    assert (replaced.status_code, replaced.json["data"]["revision"]) == (200, 2)
    assert replaced.headers["etag"] != made.headers["etag"]
    assert replaced.json["data"]["id"] == made.json["data"]["id"]
    deleted = call("DELETE", place, headers={"If-Match": replaced.headers["etag"]})
    assert (deleted.status_code, deleted.json["data"]["status"]) == (200, "deleted")
    assert call("GET", place).status_code == 404


def test_what_is_read_can_be_sent_back(call: Call) -> None:
    """A task, read and put again in a definition's shape, is as it was."""
    made = call("PUT", "/api/v1/apps/1/tasks", json=definition())
    of_task = {"id", "integration_id", "created_ts", "updated_ts", "revision"}
    body = {name: value for name, value in made.json["data"].items() if name not in of_task}
    put = call("PUT", "/api/v1/apps/1/tasks", json=body, headers={"If-Match": made.headers["etag"]})
    assert put.status_code == 200
    assert {name: put.json["data"][name] for name in body} == body


def test_of_two_changes_of_one_revision_the_second_is_refused(call: Call) -> None:
    """An outdated ETag is 412; a task that is there is not replaced without a condition (428)."""
    tasks = "/api/v1/apps/1/tasks"
    made = call("PUT", tasks, json=definition())
    place, first = made.headers["location"], {"If-Match": made.headers["etag"]}
    assert call("PUT", tasks, json=definition(name="First"), headers=first).status_code == 200
    lost = call("PUT", tasks, json=definition(name="Lost"), headers=first)
    assert (lost.status_code, lost.json["code"]) == (412, "revision_conflict")
    assert call("PUT", tasks, json=definition(name="Lost")).status_code == 428
    assert call("DELETE", place, headers=first).status_code == 412
    assert call("DELETE", place).status_code == 428
    assert call("GET", place).json["data"]["name"] == "First"
    assert call("PUT", tasks, json=definition("new"), headers=first).status_code == 412


def test_the_old_clients_way_makes_and_replaces(call: Call) -> None:
    """POST says by 201 and 200 what it did, and asks for no condition."""
    body = {"integration_id": 1, "tenant_code": "localhost", **definition()}
    answers = [call("POST", "/apps/v1/task/generic", json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert [answer.json["data"]["revision"] for answer in answers] == [1, 2]


def test_a_keyed_post_is_done_once(call: Call) -> None:
    """The same key gives the first answer again; with another body it is refused."""
    key, body = {"Idempotency-Key": "k"}, {"integration_id": 1, **definition()}
    answers = [call("POST", "/apps/v1/task/generic", json=body, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    other = call("POST", "/apps/v1/task/generic", json={**body, "name": "Other"}, headers=key)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"task_handler": "lost"}, "task_handler"),
        ({"handler_config": {"lost": 1}}, "handler_config.lost"),
        ({"inputs": [{"name": "a", "kind": "secret", "default": "canary"}]}, "inputs[0].default"),
        ({"inputs": [{"name": "a", "lost": 1}]}, "inputs[0].lost"),
        ({"outputs": [{"name": "a"}, {"name": "a"}]}, "outputs[1].name"),
        ({"timeout": 10**6}, "timeout"),
        ({"execution_order": 2**63}, "execution_order"),
        ({"id": 5}, "id"),
        ({"revision": 5}, "revision"),
    ],
)
def test_a_faulty_task_is_refused_by_path(call: Call, changes: dict[str, Any], path: str) -> None:
    """Whether schema, domain or handler finds the fault, both ways in tell it alike."""
    for method, place, extra in (
        ("PUT", "/api/v1/apps/1/tasks", {}),
        ("POST", "/apps/v1/task/generic", {"integration_id": 1}),
    ):
        refused = call(method, place, json={**definition(), **extra, **changes})
        assert refused.status_code == 422
        assert path in {fault["path"] for fault in refused.json["errors"]}
        assert "canary" not in refused.text


def test_tasks_are_paged_by_order(call: Call) -> None:
    """Following meta.next shows every task of the app once, by execution order."""
    for tag, order in (("c", 3), ("b", 2), ("a", 2)):
        call("PUT", "/api/v1/apps/1/tasks", json=definition(tag, execution_order=order))
    shown: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = call("GET", "/api/v1/apps/1/tasks", params={"limit": 3, **after}).json
        shown += (task["task_tag"] for task in page["data"])
        if page["meta"]["next"] is None:
            break
        after = {"after": page["meta"]["next"]}
    assert shown == ["echo", "b", "a", "c"]


def test_a_task_is_told_with_its_last_runs(served: Zona, call: Call, plugin: Any) -> None:
    """Runs newest first, what became of them, and which part of those that ended succeeded."""
    place = "/apps/v1/task/generic/localhost/1/1"
    assert call("GET", place).json["data"]["runtime"] == {"last_runs": [], "ended": 0, "success_rate": None}

    def run(task_call: Any) -> dict[str, Any]:
        if task_call.inputs["text"] == "bad":
            raise TaskFailed("no", code="remote_refused")
        return {}

    plugin.handler.functions["echo"] = run
    for text in ("good", "bad", "good", "good"):
        served.tenant().runs.run("Demo", "echo", inputs={"text": text})
    info = call("GET", place).json["data"]
    assert info["task"] == call("GET", "/api/v1/apps/1/tasks/1").json["data"]
    runtime = info["runtime"]
    assert (runtime["ended"], runtime["success_rate"]) == (4, 0.75)
    codes = ["", "", "remote_refused", ""]
    assert [run["error_code"] for run in runtime["last_runs"]] == codes
    assert {run["instance_title"] for run in runtime["last_runs"]} == {"Main"}
    two = call("GET", place, params={"runs": 2}).json["data"]["runtime"]
    assert (two["ended"], two["success_rate"]) == (2, 1.0)
    assert call("GET", place, params={"runs": 101}).status_code == 422


def test_runs_are_not_told_to_whoever_may_not_read_them(served: Zona, client: Any, people: Any) -> None:
    """With tasks:read alone there is the task and no runtime."""
    key = key_for(served, people, "tasks:read")
    shown = client.simulate_get("/apps/v1/task/generic/localhost/1/1", headers=key)
    assert (shown.status_code, shown.json["data"]["runtime"]) == (200, None)


def test_output_fields_are_told_by_task_id(call: Call) -> None:
    """All with their types, or those that are lists."""
    task_id = call("PUT", "/api/v1/apps/1/tasks", json=definition()).json["data"]["id"]
    fields = call("GET", f"/apps/v1/task/fields/localhost/{task_id}").json["data"]
    assert [(field["name"], field["kind"]) for field in fields] == [("ports", "list"), ("country", "text")]
    lists = call("GET", f"/apps/v1/task/output-fields/localhost/{task_id}").json["data"]
    assert lists == fields[:1]


def test_the_input_is_told_as_json_schema(call: Call) -> None:
    """It is a valid schema of draft 2020-12 that admits what the task takes and refuses what it does not."""
    task_id = call("PUT", "/api/v1/apps/1/tasks", json=definition()).json["data"]["id"]
    schema = call("GET", f"/apps/v1/task/input/localhost/{task_id}").json["data"]
    jsonschema_rs.meta.validate(schema)
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert validator.is_valid({"ip": "192.0.2.1"})
    for wrong in ({}, {"ip": "1"}, {"ip": "address"}, {"ip": 1}, {"ip": "192.0.2.1", "more": 1}):
        assert not validator.is_valid(wrong), wrong


def test_a_reader_reads_and_changes_nothing(call: Call, caller: Callable[[str], Call]) -> None:
    """Every change is 403 for a reader, every reading is open."""
    read = caller("reader")
    refused = [
        read("PUT", "/api/v1/apps/1/tasks", json=definition()),
        read("POST", "/apps/v1/task/generic", json={"integration_id": 1, **definition()}),
        read("DELETE", "/api/v1/apps/1/tasks/1", headers={"If-Match": "*"}),
    ]
    assert {(answer.status_code, answer.json["code"]) for answer in refused} == {(403, "permission_denied")}
    old = "/apps/v1/task"
    for place in ("/api/v1/apps/1/tasks", "/api/v1/apps/1/tasks/1", f"{old}/generic/localhost/1/1"):
        assert read("GET", place).status_code == 200
    for kind in ("fields", "output-fields", "input"):
        assert read("GET", f"{old}/{kind}/localhost/1").status_code == 200


def test_what_is_not_there_is_not_found(served: Zona, call: Call) -> None:
    """Neither a task that never was, nor one of another app, nor one of a deleted app."""
    served.tenant().apps.upsert(demo_of(served, "Other"))
    condition = {"If-Match": "*"}
    missing = [
        call("GET", "/api/v1/apps/1/tasks/99"),
        call("GET", "/api/v1/apps/2/tasks/1"),
        call("GET", "/api/v1/apps/99/tasks"),
        call("PUT", "/api/v1/apps/99/tasks", json=definition()),
        call("POST", "/apps/v1/task/generic", json={"integration_id": 99, **definition()}),
        call("DELETE", "/api/v1/apps/2/tasks/1", headers=condition),
        call("GET", "/apps/v1/task/generic/localhost/2/1"),
        *(call("GET", f"/apps/v1/task/{kind}/localhost/99") for kind in ("fields", "output-fields", "input")),
    ]
    assert {(answer.status_code, answer.json["code"]) for answer in missing} == {(404, "not_found")}
    call("DELETE", "/api/v1/apps/1", headers=condition)
    assert call("GET", "/apps/v1/task/fields/localhost/1").status_code == 404
    assert call("GET", "/apps/v1/task/fields/nobody/1").status_code == 403


def test_a_hidden_task_is_as_one_that_is_not_there(served: Zona, client: Any, people: Any) -> None:
    """By its id alone nobody learns of a task, or of its app, that they may not read."""
    key = key_for(served, people, "tasks:read@apps/2")
    hidden, absent = (
        client.simulate_get(f"/apps/v1/task/fields/localhost/{task_id}", headers=key).json for task_id in (1, 9)
    )
    assert (hidden["status"], hidden["detail"]) == (404, absent["detail"].replace("9", "1"))


def key_for(zona: Zona, people: Any, *scopes: str) -> dict[str, str]:
    """The header with an administrator's API key that is good for ``scopes`` alone."""
    issued = zona.system().api_keys.create("narrow", scopes=scopes, user=people.user().name)
    return {"X-API-Key": issued.text.reveal()}


def demo_of(zona: Zona, title: str) -> Any:
    """The definition of the app Demo under another title."""
    return evolve(zona.plugins.integration("demo"), title=title)
