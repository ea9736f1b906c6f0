"""Running tasks and the record that they leave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from zona_core import (
    AppDefinition,
    Execution,
    Fault,
    InvalidInput,
    KeyUnavailable,
    NotFound,
    RetryPolicy,
    RunStatus,
    Secret,
    TaskCall,
    TaskFailed,
    TaskOutcome,
    Zona,
)

AppFactory = Callable[..., AppDefinition]


@pytest.fixture
def ready(zona: Zona, app_factory: AppFactory) -> Zona:
    """A Zona with the app Demo and one instance."""
    workspace = zona.tenant()
    workspace.apps.upsert(app_factory())
    workspace.instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
    return zona


def with_policy(zona: Zona, app_factory: AppFactory, **changes: Any) -> None:
    app = app_factory()
    task = evolve(app.tasks[0], **changes)
    zona.tenant().apps.upsert(evolve(app, tasks=(task,)), app_id=zona.tenant().apps.get("Demo").integration_id)


def test_a_run_is_recorded_with_what_was_asked_and_what_came(ready: Zona, plugin: Any) -> None:
    """The record holds inputs with defaults, outputs, times, attempt, instance and actor."""
    plugin.handler.functions["echo"] = lambda call: {"text": call.inputs["text"] * call.inputs["count"]}
    run = ready.tenant().runs.run("Demo", "echo", inputs={"text": "ab", "count": 2})
    assert run.status is RunStatus.SUCCESS
    assert run.results == {"text": "abab"}
    assert run.inputs == {"text": "ab", "count": 2}
    assert (run.app_title, run.task_tag, run.instance_title, run.actor) == ("Demo", "echo", "main", "library")
    assert run.started_at
    assert run.ended_at
    assert run.started_at <= run.ended_at
    assert len(run.attempts) == 1
    assert ready.tenant().runs.get(run.id) == run


def test_faulty_input_is_refused_before_anything_is_written(ready: Zona) -> None:
    """Every fault in one error, and no record of a run."""
    with pytest.raises(InvalidInput) as caught:
        ready.tenant().runs.run("Demo", "echo", inputs={"count": "x", "zzz": 1}, timeout=-1)
    assert {fault.path for fault in caught.value.faults} == {"text", "count", "zzz", "timeout"}
    assert ready.tenant().runs.list().items == []


def test_a_failure_is_a_record_not_an_exception(ready: Zona, plugin: Any) -> None:
    """A handler's TaskFailed is kept with its code and details."""

    def fail(call: TaskCall) -> dict[str, Any]:
        raise TaskFailed("the API said no", code="http_status", http_status=404)

    plugin.handler.functions["echo"] = fail
    run = ready.tenant().runs.run("Demo", "echo", inputs={"text": "x"})
    assert run.status is RunStatus.FAILURE
    assert run.error == {"code": "http_status", "message": "the API said no", "details": {"http_status": 404}}


def test_a_retryable_failure_is_repeated_by_the_tasks_policy(ready: Zona, plugin: Any, app_factory: AppFactory) -> None:
    """Two failures, then success: three attempts with the same idempotency key are in the record."""
    with_policy(ready, app_factory, error_handling=RetryPolicy(attempts=3, initial=0.001))
    keys: list[tuple[int, str]] = []

    def flaky(call: TaskCall) -> dict[str, Any]:
        keys.append((call.attempt, call.idempotency_key))
        if call.attempt < 3:
            raise TaskFailed("busy", retryable=True, retry_after=0.0)
        return {"ok": True}

    plugin.handler.functions["echo"] = flaky
    run = ready.tenant().runs.run("Demo", "echo", inputs={"text": "x"})
    assert run.status is RunStatus.SUCCESS
    assert [attempt.status for attempt in run.attempts] == [RunStatus.FAILURE, RunStatus.FAILURE, RunStatus.SUCCESS]
    assert keys == [(1, run.id), (2, run.id), (3, run.id)]


def test_what_is_not_retryable_is_tried_once(ready: Zona, plugin: Any, app_factory: AppFactory) -> None:
    """A plain failure ends the run at the first attempt."""
    with_policy(ready, app_factory, error_handling=RetryPolicy(attempts=5, initial=0.001))

    def fail(call: TaskCall) -> dict[str, Any]:
        raise TaskFailed("no")

    plugin.handler.functions["echo"] = fail
    assert len(ready.tenant().runs.run("Demo", "echo", inputs={"text": "x"}).attempts) == 1


def test_a_handler_that_takes_too_long_times_out_and_is_told(ready: Zona, plugin: Any) -> None:
    """The run ends with status timeout; the handler sees that it was abandoned."""
    told, gone_on = threading.Event(), threading.Event()

    def slow(call: TaskCall) -> dict[str, Any]:
        while not call.abandoned():
            gone_on.wait(0.005)
        told.set()
        return {}

    plugin.handler.functions["echo"] = slow
    run = ready.tenant().runs.run("Demo", "echo", inputs={"text": "x"}, timeout=0.05)
    assert run.status is RunStatus.TIMEOUT
    assert run.error
    assert run.error["code"] == "task_timeout"
    assert told.wait(5)


def test_an_unforeseen_exception_is_a_failure_without_its_secrets(ready: Zona, plugin: Any) -> None:
    """A handler's bug is recorded by type and masked message; nothing of the traceback is kept."""

    def broken(call: TaskCall) -> dict[str, Any]:
        raise KeyError(f"no {call.connection.values['api_key'].reveal()}")

    plugin.handler.functions["echo"] = broken
    run = ready.tenant().runs.run("Demo", "echo", inputs={"text": "x"})
    assert run.error
    assert run.error["code"] == "handler_error"
    assert "KeyError" in run.error["message"]
    assert "s3cret-value" not in str(run)


def test_a_timeout_of_the_handlers_own_is_not_taken_for_ours(ready: Zona, plugin: Any) -> None:
    """A TimeoutError that a handler raises early is its failure, not the run's time limit."""

    def fail(call: TaskCall) -> dict[str, Any]:
        raise TimeoutError("from below")

    plugin.handler.functions["echo"] = fail
    assert ready.tenant().runs.run("Demo", "echo", inputs={"text": "x"}).status is RunStatus.FAILURE


def test_results_that_are_not_json_are_a_failure(ready: Zona, plugin: Any) -> None:
    """What cannot be recorded is told, not half recorded."""
    plugin.handler.functions["echo"] = lambda call: {"x": object()}
    run = ready.tenant().runs.run("Demo", "echo", inputs={"text": "x"})
    assert run.error
    assert run.error["code"] == "invalid_result"


def test_secrets_that_come_back_are_masked(ready: Zona, plugin: Any) -> None:
    """Secrets from instance, input and handler are masked in results, in every common encoding."""
    from urllib.parse import quote

    def echo(call: TaskCall) -> dict[str, Any]:
        key, token = call.connection.values["api_key"].reveal(), call.inputs["token"].reveal()
        call.connection.conceal("made-up-token")
        return {
            "list": [f"key={key}", {f"{token}": quote(token, safe="")}],
            "whole": token,
            "late": "x made-up-token y",
        }

    plugin.handler.functions["echo"] = echo
    run = ready.tenant().runs.run("Demo", "echo", inputs={"text": "x", "token": Secret('in put/"quoted"')})
    assert run.status is RunStatus.SUCCESS
    shown = str(run)
    assert not [part for part in ("s3cret-value", "in put", "in%20put", "made-up") if part in shown]


def test_interruption_is_recorded_and_passed_on(ready: Zona, plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C while a run waits ends its record; the handler is told, and the interrupt goes on."""
    begun, told = threading.Event(), threading.Event()

    def slow(call: TaskCall) -> dict[str, Any]:
        begun.set()
        while not call.abandoned():
            time.sleep(0.001)
        told.set()
        return {}

    def interrupted(watch: object, seconds: float) -> Any:
        assert begun.wait(20)
        raise KeyboardInterrupt

    plugin.handler.functions["echo"] = slow
    monkeypatch.setattr("zona_core.usecases._engine.watches.Watch.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ready.tenant().runs.run("Demo", "echo", inputs={"text": "x"})
    [run] = ready.tenant().runs.list().items
    assert (run.status, run.error["code"]) == (RunStatus.FAILURE, "run_interrupted")
    assert told.wait(20)


def test_the_instance_may_be_left_out_only_if_there_is_one(ready: Zona, plugin: Any) -> None:
    """With two instances the caller must choose; an unknown one is refused; an inactive one is not run."""
    plugin.handler.functions["echo"] = lambda call: {"instance": call.connection.instance.title}
    workspace = ready.tenant()
    workspace.instances.add("Demo", title="second", values={"api_key": "k"})
    with pytest.raises(InvalidInput) as caught:
        workspace.runs.run("Demo", "echo", inputs={"text": "x"})
    assert caught.value.code == "instance_needed"
    assert workspace.runs.run("Demo", "echo", instance="second", inputs={"text": "x"}).results == {"instance": "second"}
    with pytest.raises(NotFound):
        workspace.runs.run("Demo", "echo", instance="third", inputs={"text": "x"})


def test_history_is_listed_newest_first_and_filtered(ready: Zona, plugin: Any) -> None:
    """Runs come newest first, by app, task, instance and status, in pages."""

    def sometimes(call: TaskCall) -> dict[str, Any]:
        if call.inputs["text"] == "bad":
            raise TaskFailed("no")
        return {}

    plugin.handler.functions["echo"] = sometimes
    workspace = ready.tenant()
    made = [workspace.runs.run("Demo", "echo", inputs={"text": text}).id for text in ("a", "bad", "c")]
    assert [run.id for run in workspace.runs.list().items] == made[::-1]
    assert [run.id for run in workspace.runs.list(status=RunStatus.FAILURE).items] == [made[1]]
    page = workspace.runs.list(app="Demo", task="echo", instance="main", limit=2)
    rest = workspace.runs.list(app="Demo", task="echo", instance="main", limit=2, after=page.next)
    assert [run.id for run in (*page.items, *rest.items)] == made[::-1]
    with pytest.raises(InvalidInput):
        workspace.runs.list(task="echo")
    with pytest.raises(NotFound):
        workspace.runs.get("nope")


def broken_run(zona: Zona, plugin: Any, handler: Callable[[TaskCall], Any]) -> Execution:
    """The record of a run whose handler is ``handler``; it must be the only one, and stored as it was returned."""
    plugin.handler.run = handler
    run = zona.tenant().runs.run("Demo", "echo", inputs={"text": "x"})
    assert zona.tenant().runs.list().items == [run]
    return run


def raises(error: BaseException) -> Callable[[TaskCall], Any]:
    def run(_: TaskCall) -> Any:
        raise error

    return run


def circular() -> list[Any]:
    data: list[Any] = []
    data.append(data)
    return data


@pytest.mark.parametrize(
    "outcome",
    [
        None,
        {"a": 1},
        TaskOutcome(outputs=None),
        TaskOutcome(outputs=["a"]),
        TaskOutcome(outputs={}, performance=None),
        TaskOutcome(outputs={}, records_processed="many"),
        TaskOutcome(outputs={}, records_processed=2**80),
        TaskOutcome(outputs={"id": 2**64}),
        TaskOutcome(outputs={"text": "half \ud800"}),
        TaskOutcome(outputs={"number": float("inf")}),
        TaskOutcome(outputs={"deep": json.loads("[" * 150 + "]" * 150)}),
        TaskOutcome(outputs={"deep": circular()}),
    ],
)
def test_an_outcome_that_cannot_be_recorded_is_a_failure(ready: Zona, plugin: Any, outcome: Any) -> None:
    """Whatever a handler brings back: the run ends, in the record too."""
    run = broken_run(ready, plugin, lambda _: outcome)
    assert run.status is run.attempts[0].status is RunStatus.FAILURE
    assert run.error
    assert run.error["code"] == "invalid_result"


class OwnFailure(TaskFailed):
    """A handler's own class, made of other arguments than ``TaskFailed``."""

    def __init__(self, number: int) -> None:
        super().__init__(f"number {number} of s3cret-value")


class Mute(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (SystemExit(3), "handler_error", "SystemExit: 3"),
        (KeyboardInterrupt(), "handler_error", "KeyboardInterrupt: "),
        (Mute(), "handler_error", "Mute: it has no text"),
        (OwnFailure(7), "task_failed", "number 7 of ********"),
        (TaskFailed(404), "task_failed", "404"),
        (TaskFailed("half \ud800"), "task_failed", "half ?"),
        (TaskFailed("late", retryable=True, retry_after="30"), "task_failed", "late"),
        (TaskFailed("no", response=object(), size=2**80), "task_failed", "no"),
        (TaskFailed("no", faults=[Fault("a", "bad s3cret-value")]), "task_failed", "no"),
    ],
)
def test_whatever_a_handler_raises_is_a_recorded_failure(
    ready: Zona, plugin: Any, app_factory: AppFactory, error: BaseException, code: str, message: str
) -> None:
    """It neither ends the program nor leaves the run open, and shows no secret."""
    with_policy(ready, app_factory, error_handling=RetryPolicy(attempts=2, initial=0, maximum=0))
    run = broken_run(ready, plugin, raises(error))
    assert run.status is RunStatus.FAILURE
    assert run.error
    assert (run.error["code"], run.error["message"]) == (code, message)
    assert "s3cret" not in str(run)


def test_details_that_can_be_recorded_are_kept_beside_others(ready: Zona, plugin: Any) -> None:
    """A handler's object in the details costs that entry alone."""
    run = broken_run(ready, plugin, raises(TaskFailed("no", response=object(), http_status=404)))
    assert run.error
    assert run.error["details"] == {"http_status": 404}


def test_a_run_for_which_no_worker_is_free_waits_for_one(plugin: Any, app_factory: AppFactory) -> None:
    """Its time begins when its handler does: a busy process makes no run fail."""
    with Zona(store="memory://", plugins={"function": plugin}, workers=1) as zona:
        zona.tenant().apps.upsert(app_factory())
        zona.tenant().instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        begun, go = threading.Event(), threading.Event()

        def slow(call: TaskCall) -> dict[str, Any]:
            begun.set()
            return {"went": go.wait(20)}

        plugin.handler.functions["echo"] = slow
        first = zona.tenant().runs.start("Demo", "echo", inputs={"text": "x"})
        assert begun.wait(20)
        second = zona.tenant().runs.start("Demo", "echo", inputs={"text": "y"}, timeout=0.5)
        assert zona.tenant().runs.wait(second.id, seconds=0.7).status is RunStatus.QUEUED
        go.set()
        ends = [zona.tenant().runs.wait(run.id, seconds=20).status for run in (first, second)]
    assert ends == [RunStatus.SUCCESS, RunStatus.SUCCESS]


def test_a_secret_in_another_input_is_masked_in_the_record(ready: Zona, plugin: Any) -> None:
    """The task sees what was given; the record does not show the instance's key."""
    seen: list[str] = []
    plugin.handler.functions["echo"] = lambda call: seen.append(call.inputs["text"]) or {}
    run = ready.tenant().runs.run("Demo", "echo", inputs={"text": "use s3cret-value"})
    assert seen == ["use s3cret-value"]
    assert run.inputs["text"] == "use ********"


def test_a_secret_that_cannot_be_opened_leaves_no_run(ready: Zona, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is looked for before anything is written."""

    def no_key() -> Any:
        raise KeyUnavailable("the master key is gone")

    monkeypatch.setattr(ready._parts.database, "_keyring", no_key)
    with pytest.raises(KeyUnavailable):
        ready.tenant().runs.run("Demo", "echo", inputs={"text": "x"})
    assert ready.tenant().runs.list().items == []
