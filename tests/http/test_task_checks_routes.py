"""Tasks over HTTP before they are stored, before they go, and as a graph."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import pytest
from attrs import evolve

from zona_core import MASK, TaskCall, Zona
from zona_core.domain.references import TaskRef

Call = Callable[..., falcon.testing.Result]

VERIFY = "/apps/v1/task/verify-generic"
VALIDATE = "/apps/v1/task/generic-validate"
GENERIC = "/apps/v1/task/generic"


@pytest.fixture
def served(tmp_path: Path, plugin: Any, app_factory: Any) -> Iterator[Zona]:
    """The app Demo with the task ``echo`` (1), and the app Other whose task (2) needs it; a health check runs that."""

    def echo(call: TaskCall) -> dict[str, Any]:
        return {"said": call.inputs["text"], "key": call.connection.values["api_key"].reveal()}

    plugin.handler.functions["echo"] = echo
    with Zona.embedded(tmp_path, plugins={"function": plugin}) as zona:
        workspace = zona.tenant()
        workspace.apps.upsert(app_factory())
        workspace.instances.add("Demo", title="Main", values={"api_key": "canary-key"})
        needing = evolve(app_factory().tasks[0], depends_on=(TaskRef(app="Demo", task="echo"),))
        workspace.apps.upsert(app_factory("Other", tasks=(needing,), health_check={"task": "echo", "inputs": {}}))
        yield zona


def definition(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Echo", "task_tag": "echo", "task_handler": "function",
        "inputs": [{"name": "text", "required": True}, {"name": "token", "kind": "secret"}], **changes,
    }  # fmt: skip


def test_a_definition_is_verified(call: Call) -> None:
    """Faults are part of a success, with their paths; nothing is stored."""
    body = {"integration_id": 1, "tenant_code": "localhost", "definition": definition()}
    good = call("POST", VERIFY, json=body)
    assert (good.status_code, good.json["data"]["ok"], good.json["data"]["task_id"]) == (200, True, 1)
    wrong = definition(
        timeout=-1, handler_config={"lost": 1}, depends_on=[{"task": "gone"}, {"app": "Other", "task": "echo"}]
    )
    found = call("POST", VERIFY, json={**body, "definition": wrong, "inputs": {"text": 1}})
    assert found.status_code == 200
    data = found.json["data"]
    assert data["ok"] is False
    assert {fault["path"] for fault in data["faults"]} == {
        "timeout", "handler_config.lost", "depends_on[0]", "depends_on",
    }  # fmt: skip
    assert call("GET", "/api/v1/apps/1/tasks/1").json["data"]["revision"] == 1


def test_a_definition_is_tried(call: Call) -> None:
    """The response comes masked, with the outputs that could be had of it; a list of runs has none."""
    body = {"integration_id": 1, "definition": definition(), "inputs": {"text": "hi", "token": "canary-t"}, "run": True}
    tried = call("POST", VERIFY, json={**body, "instance_id": 1})
    run = tried.json["data"]["trial_run"]
    assert run["response"] == {"said": "hi", "key": MASK}
    assert [each["path"] for each in run["inferred_outputs"]] == ["key", "said"]
    assert "canary" not in tried.text
    assert call("GET", "/api/v1/runs").json["data"] == []
    assert call("POST", VERIFY, json={**body, "instance_id": 99}).status_code == 404
    assert call("POST", VERIFY, json={**body, "timeout": 301}).status_code == 422


def test_only_who_may_run_tries(served: Zona, client: Any, people: Any) -> None:
    """Without runs:run the same request is 403 with ``run`` and answered without."""
    issued = served.system().api_keys.create("narrow", scopes=["tasks:write"], user=people.user().name)
    headers = {"X-API-Key": issued.text.reveal()}
    body = {"integration_id": 1, "definition": definition(), "inputs": {"text": "hi"}}
    statuses = [
        client.simulate_post(VERIFY, json={**body, "run": run}, headers=headers).status_code for run in (False, True)
    ]
    assert statuses == [200, 403]


def test_deletion_is_foretold_and_refused(call: Call) -> None:
    """What generic-validate says is what both DELETEs do; ``force`` deletes all the same."""
    told = call("POST", VALIDATE, json={"task_id": 1}).json["data"]
    assert (told["can_delete"], [each["app"] for each in told["dependents"]]) == (False, ["Other"])
    refusals = [
        call("DELETE", GENERIC, json={"task_id": 1, "tenant_code": "localhost"}),
        call("DELETE", "/api/v1/apps/1/tasks/1", headers={"If-Match": "*"}),
        call("DELETE", "/api/v1/apps/1", headers={"If-Match": "*"}),
        call("DELETE", "/apps/v1/app", json={"integration_id": 1}),
    ]
    assert {(each.status_code, each.json["code"]) for each in refusals} == {(409, "task_needed")}
    probe = call("POST", VALIDATE, json={"task_id": 2}).json["data"]
    assert (probe["can_delete"], probe["health_check"]) == (False, True)
    assert call("DELETE", GENERIC, json={"task_id": 2}).status_code == 409
    deleted = call("DELETE", GENERIC, json={"task_id": 1, "force": True})
    assert (deleted.status_code, deleted.json["data"]["status"]) == (200, "deleted")
    assert call("POST", VALIDATE, json={"task_id": 1}).status_code == 404
    etag = call("GET", "/api/v1/apps/2/tasks/2").headers["etag"]
    assert call("DELETE", GENERIC, json={"task_id": 2, "force": True}, headers={"If-Match": '"9-2"'}).status_code == 412
    assert call("DELETE", "/api/v1/apps/2/tasks/2?force=true", headers={"If-Match": etag}).status_code == 200
    assert call("GET", "/api/v1/apps/2").json["data"]["health_check"] == {}


@pytest.mark.parametrize("way", ["path", "body"])
def test_an_app_is_deleted_by_force(call: Call, way: str) -> None:
    """Although another app's task needs one of its tasks, which then waits."""
    if way == "path":
        deleted = call("DELETE", "/api/v1/apps/1?force=true", headers={"If-Match": "*"})
    else:
        deleted = call("DELETE", "/apps/v1/app", json={"integration_id": 1, "force": True})
    assert deleted.status_code == 200
    [lack] = call("GET", "/api/v1/apps/2/graph").json["data"]["missing"]
    assert (lack["app"], lack["task_tag"]) == ("Demo", "echo")


def test_a_graph_is_told_and_drawn(call: Call) -> None:
    """As data, as SVG and as PNG, each with its media type."""
    graph = call("GET", "/api/v1/apps/1/graph").json["data"]
    assert (graph["generations"], graph["edges"]) == ([[1], [2]], [{"needed": 1, "needing": 2, "kind": "task"}])
    svg, png = (call("GET", f"/api/v1/apps/1/graph.{form}") for form in ("svg", "png"))
    assert (svg.headers["content-type"], png.headers["content-type"]) == ("image/svg+xml", "image/png")
    assert (svg.content[:1], png.content[:4]) == (b"<", b"\x89PNG")
    for form in ("", ".svg", ".png"):
        assert call("GET", f"/api/v1/apps/99/graph{form}").status_code == 404


def test_a_picture_that_cannot_be_drawn_here_is_told(call: Call, problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """501 with what to install: nothing is wrong with the request, nor with the rest of the service; SVG is drawn."""
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    told = problem(call("GET", "/api/v1/apps/1/graph.png"), 501, "not_installed")
    assert "extra pictures" in told["hint"]
    assert call("GET", "/api/v1/apps/1/graph.svg").status_code == 200
