"""Verifying a task before it is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from zona_core import (
    MASK,
    Actor,
    AppStatus,
    Field,
    InstanceStatus,
    InvalidInput,
    NotFound,
    OutputField,
    PermissionDenied,
    RunStatus,
    TaskCall,
    Workspace,
    Zona,
    as_data,
)
from zona_core.domain.references import TaskRef
from zona_core.usecases._verification import PrerequisiteKind, TaskVerification


def stored(workspace: Workspace) -> list[Any]:
    """All that a verification must leave alone."""
    data = workspace.tasks._context.data
    return [as_data(each.all()) for each in (data.apps, data.tasks, data.dependencies, data.instances, data.runs)]


def paths(found: TaskVerification) -> set[str]:
    return {fault.path for fault in found.faults}


def lacking(found: TaskVerification) -> dict[str, str]:
    return {f"{each.kind} {each.subject}".strip(): each.detail for each in found.prerequisites if not each.met}


def test_a_good_task_is_told_to_be_good(connected: Workspace, task: Any) -> None:
    """What can be stored and run has no fault, nothing lacking, and is not stored."""
    before, trail = stored(connected), len(connected.audit.search().items)
    found = connected.tasks.verify("Hosts", task("new"))
    assert (found.ok, found.task_id, found.faults, found.trial_run) == (True, 0, (), None)
    assert {each.kind for each in found.prerequisites} == {
        PrerequisiteKind.APP, PrerequisiteKind.HANDLER, PrerequisiteKind.INSTANCE,
    }  # fmt: skip
    assert connected.tasks.verify("Hosts", task()).task_id == connected.tasks.get("Hosts", "look").id
    assert stored(connected) == before
    assert len(connected.audit.search().items) == trail


def test_every_fault_is_told_at_once(connected: Workspace, task: Any, needs: Any) -> None:
    """Those of the domain, of the handler, of references and of the inputs, each with its path; nothing is raised."""
    wrong = task(
        "bad tag",
        timeout=-1,
        inputs=(Field(name="a"), Field(name="a")),
        outputs=(OutputField(name="x", path="body["),),
        handler_config={"method": "GET", "path": "/{{ instance.nothing }}", "lost": 1},
        **needs("Nowhere/gone", "gone"),
    )
    found = connected.tasks.verify("Hosts", wrong, inputs={"ip": 1})
    assert not found.ok
    assert paths(found) == {
        "task_tag", "timeout", "inputs[1].name", "outputs[0].path", "handler_config.path", "handler_config.lost",
        "depends_on[0]", "depends_on[1]",
    }  # fmt: skip
    with pytest.raises(InvalidInput) as caught:
        connected.tasks.upsert("Hosts", wrong)
    assert {fault.path for fault in caught.value.faults} <= paths(found)
    unknown = connected.tasks.verify("Hosts", task(task_handler="lost"))
    assert paths(unknown) == {"task_handler"}
    assert lacking(unknown).keys() == {"handler lost"}


def test_inputs_are_checked_against_the_fields(connected: Workspace, task: Any) -> None:
    """Apart from the definition's own faults; without inputs and without a run they are not looked at."""
    found = connected.tasks.verify("Hosts", task(), inputs={"port": 1})
    assert (found.ok, found.faults) == (False, ())
    assert {fault.path for fault in found.input_faults} == {"ip", "port"}
    assert connected.tasks.verify("Hosts", task()).input_faults == ()
    assert not connected.tasks.verify("Hosts", task(), run=True).ok


def test_a_cycle_that_it_would_close_is_a_fault(connected: Workspace, app: Any, task: Any, needs: Any) -> None:
    """Within the app, round another app, and through what waits for it."""
    connected.apps.upsert(app("Other", task("far", **needs("Hosts/look"))))
    found = connected.tasks.verify("Hosts", task(**needs("Other/far")))
    assert paths(found) == {"depends_on"}
    assert "Hosts/look → Other/far → Hosts/look" in str(found.faults[0])
    by_id = task(depends_on=(TaskRef(task_id=connected.tasks.get("Hosts", "look").id),))
    assert not connected.tasks.verify("Hosts", by_id).ok


def test_what_a_run_lacks_is_told(workspace: Workspace, app: Any, task: Any, needs: Any, api: Any) -> None:
    """No instance, an inactive one, an inactive app, and dependencies that are not active: each by itself."""
    assert lacking(workspace.tasks.verify("Hosts", task())) == {"instance": "Hosts needs one, and has no active one"}
    tried = workspace.tasks.verify("Hosts", task(), inputs={"ip": "192.0.2.7"}, run=True)
    assert lacking(tried) == {"instance": "Hosts needs an instance and has none"}
    assert (tried.ok, tried.trial_run) == (False, None)
    workspace.instances.add("Hosts", title="Main", values={"base_url": api.url, "key": "k"})
    workspace.instances.update("Hosts", "Main", status=InstanceStatus.MAINTENANCE)
    for options in ({}, {"run": True}):
        found = workspace.tasks.verify("Hosts", task(), instance="Main", inputs={"ip": "192.0.2.7"}, **options)
        assert "instance Main" in lacking(found)
    workspace.apps.upsert(app("Other", task("far", status=AppStatus.DRAFT), status=AppStatus.INACTIVE))
    found = workspace.tasks.verify("Hosts", task(**needs("info", "Other/far")))
    assert lacking(found)["dependency Other/far"] == "it is draft; Other is inactive"
    assert "dependency Hosts/info" not in lacking(found)
    assert lacking(workspace.tasks.verify("Other", task())).keys() >= {"app Other", "instance"}
    assert api.asked == []


def test_an_app_that_the_handler_cannot_work_with_is_told(workspace: Workspace, app: Any, task: Any) -> None:
    """What the task itself cannot know: the app's part of the configuration."""
    base = app("Bare", task(task_handler="function", handler_config={}))
    workspace.apps.upsert(evolve(base, fields=(), handler_config={}))
    found = workspace.tasks.verify("Bare", task())
    assert "base_url" in lacking(found)["handler http"]


def test_a_run_to_try_it_gives_the_response_and_outputs(connected: Workspace, task: Any, api: Any) -> None:
    """The real API is asked once; its answer comes masked, with fields whose paths fit it; no run is recorded."""
    api.answer = lambda path: {
        "ports": [22, 443],
        "owner": {"name": "ann"},
        "hosts": [{"id": 1, "k": f"is {api.asked[-1][1]}"}],
    }
    before = stored(connected)
    found = connected.tasks.verify("Hosts", task("new"), inputs={"ip": "192.0.2.7", "token": "canary-token"}, run=True)
    assert found.ok
    tried = found.trial_run
    assert tried is not None
    assert (tried.status, tried.instance_title, tried.complete) == (RunStatus.SUCCESS, "Main", True)
    assert tried.response["status"] == 200
    assert tried.response["body"]["hosts"] == [{"id": 1, "k": f"is {MASK}"}]
    assert tried.response["headers"]["x-echo"] == MASK
    assert tried.outputs == {"ports": [22, 443]}
    assert {each.path: (each.name, each.kind.value) for each in tried.inferred_outputs} == {
        "headers": ("headers", "json"),
        "status": ("status", "number"),
        "body.hosts": ("hosts", "list"),
        "body.ports": ("ports", "list"),
        "body.hosts[].id": ("hosts_id", "list"),
        "body.hosts[].k": ("hosts_k", "list"),
        "body.owner.name": ("owner_name", "text"),
    }
    assert tried.performance["http_status"] == 200
    assert [path for path, _ in api.asked] == ["/hosts/192.0.2.7"]
    assert stored(connected) == before
    assert "canary" not in json.dumps(as_data(found))


def test_the_inferred_outputs_can_be_stored_and_give_what_came(connected: Workspace, task: Any, api: Any) -> None:
    """A definition with them is verified without a fault, and run gives the parts of the response."""
    api.answer = lambda _: {"a-b": 1, "list": [{"x": "y"}, {"x": None}], "": 2, "9": True, "more": {"é": []}}
    first = connected.tasks.verify("Hosts", task(), inputs={"ip": "a"}, run=True).trial_run
    assert first is not None
    again = task(outputs=first.inferred_outputs)
    second = connected.tasks.verify("Hosts", again, inputs={"ip": "a"}, run=True)
    assert second.ok
    assert second.trial_run is not None
    outputs = second.trial_run.outputs
    assert {name: outputs[name] for name in ("a_b", "list", "list_x", "_9")} == {
        "a_b": 1, "list": [{"x": "y"}, {"x": None}], "list_x": ["y"], "_9": True,
    }  # fmt: skip
    connected.tasks.upsert("Hosts", again)


def test_a_run_that_fails_is_told_and_not_repeated(connected: Workspace, task: Any, api: Any) -> None:
    """By the codes that runs have; the task's own policy of retries is not followed."""
    from zona_core import RetryPolicy

    options: dict[str, Any] = {"inputs": {"ip": "a"}, "run": True}
    broken = task(handler_config={"method": "GET", "path": "/broken"}, error_handling=RetryPolicy(attempts=5))
    found = connected.tasks.verify("Hosts", broken, **options)
    assert (found.ok, found.faults) == (False, ())
    assert found.trial_run is not None
    assert (found.trial_run.status, found.trial_run.error["code"]) == (RunStatus.FAILURE, "http_status")
    assert len(api.asked) == 1
    slow = task(handler_config={"method": "GET", "path": "/slow"})
    late = connected.tasks.verify("Hosts", slow, timeout=0.2, **options).trial_run
    assert late is not None
    assert (late.status, late.error["code"]) == (RunStatus.TIMEOUT, "task_timeout")


def test_a_private_address_is_refused_as_in_a_run(connected: Workspace, task: Any) -> None:
    """The tenant's policy and the instance decide, whatever the definition says."""
    connected.instances.update("Hosts", "Main", allow_private=False)
    tried = connected.tasks.verify("Hosts", task(), inputs={"ip": "a"}, run=True).trial_run
    assert tried is not None
    assert tried.error is not None
    assert tried.error["code"] == "address_refused"


def test_a_large_response_is_cut_and_still_told_apart(connected: Workspace, task: Any, api: Any) -> None:
    """Its outer part is shown, and the outputs are found in that."""
    api.answer = lambda _: {"items": [{"id": n, "text": "x" * 500} for n in range(10_000)], "last": 1}
    tried = connected.tasks.verify("Hosts", task(), inputs={"ip": "a"}, run=True).trial_run
    assert tried is not None
    assert not tried.complete
    assert len(json.dumps(tried.response)) < 1_000_000
    assert {"items", "items_id", "last"} <= {each.name for each in tried.inferred_outputs}


def test_a_handler_without_paths_is_told_by_its_outputs(zona: Zona, plugin: Any, app_factory: Any) -> None:
    """What a function gives by name is the response; what cannot be recorded is a failure, as in a run."""
    workspace = zona.tenant()
    definition = workspace.apps.upsert(app_factory()) and app_factory().tasks[0]
    workspace.instances.add("Demo", title="Main", values={"api_key": "canary-key"})

    def run(call: TaskCall) -> dict[str, Any]:
        secret = call.connection.values["api_key"].reveal()
        return {secret: 1, "said": call.inputs["text"]} if call.inputs["text"] != "odd" else {"x": object()}

    plugin.handler.functions["echo"] = run
    tried = workspace.tasks.verify("Demo", definition, inputs={"text": "hi"}, run=True).trial_run
    assert tried is not None
    assert tried.response == {MASK: 1, "said": "hi"}
    assert [each.path for each in tried.inferred_outputs] == ["said"]
    odd = workspace.tasks.verify("Demo", definition, inputs={"text": "odd"}, run=True)
    assert odd.trial_run is not None
    assert (odd.ok, odd.trial_run.error["code"]) == (False, "invalid_result")


def test_a_run_to_try_it_stands_in_the_audit_trail(connected: Workspace, task: Any) -> None:
    """With the definition that was tried and its inputs, secrets masked."""
    connected.tasks.verify("Hosts", task("new"), inputs={"ip": "a", "token": "canary-token"}, run=True)
    connected.tasks.verify("Hosts", task(), inputs={"ip": "b"}, run=True)
    records = connected.audit.search(action="tasks.verify").items
    app_id, look = connected.apps.get("Hosts").integration_id, connected.tasks.get("Hosts", "look").id
    assert [record.target for record in records] == [f"tasks/{look}", f"apps/{app_id}"]
    assert records[1].after["definition"]["task_tag"] == "new"
    assert records[1].after["inputs"] == {"ip": "a", "token": MASK}


def test_trying_needs_the_permission_to_run(connected: Workspace, zona: Zona, task: Any, api: Any) -> None:
    """Writing alone verifies and runs nothing; running alone verifies nothing; held for the app, both suffice."""
    app_id = connected.apps.get("Hosts").integration_id

    def verify(*permissions: str, **options: Any) -> TaskVerification:
        actor = Actor(name="ann", permissions=frozenset(permissions))
        return zona.tenant(actor=actor).tasks.verify("Hosts", task("new"), inputs={"ip": "a"}, **options)

    assert verify("tasks:write", "instances:read").ok
    for granted in (("tasks:write",), ("runs:run",), ("tasks:write", "runs:run@tasks/1"), ("tasks:read", "runs:run")):
        with pytest.raises(PermissionDenied):
            verify(*granted, run=True)
    assert api.asked == []
    narrow = (f"tasks:write@apps/{app_id}", "runs:run@instances/1", "apps:read")
    assert verify(*narrow, run=True).ok
    with pytest.raises(NotFound):
        verify(*narrow, run=True, instance="Secret")
    with pytest.raises(NotFound):
        verify("tasks:write@apps/99")


def test_the_time_is_bounded(connected: Workspace, task: Any) -> None:
    """It is no fault of the definition: the call is refused."""
    for seconds in (0.0, -1.0, 301.0, float("nan"), float("inf")):
        with pytest.raises(InvalidInput) as caught:
            connected.tasks.verify("Hosts", task(), timeout=seconds)
        assert caught.value.faults[0].path == "timeout"


def test_a_task_is_read_from_a_document(workspace: Workspace) -> None:
    """JSON and YAML in the shape of an app definition's tasks; faults of the shape are told with their paths."""
    lines = ("name: Look", "task_tag: look2", "task_handler: http", "depends_on: [{task: look}]")
    text = "\n".join((*lines, "handler_config: {method: GET, path: /x}"))
    definition = workspace.tasks.read_document(text.encode())
    assert definition.depends_on == (TaskRef(task="look"),)
    assert workspace.tasks.upsert("Hosts", definition).task_tag == "look2"
    with pytest.raises(InvalidInput) as caught:
        workspace.tasks.read_document(b'{"name": 1, "task_tag": "t", "lost": 1}')
    assert {fault.path for fault in caught.value.faults} == {"name", "lost", "task_handler"}
    with pytest.raises(InvalidInput):
        workspace.tasks.read_document(b"name: a\nname: b\n")
    with pytest.raises(NotFound):
        workspace.tasks.read_document(b"{}", format="openapi")
