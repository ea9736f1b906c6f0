"""Runs that nobody waits for: they go on alone, and always come to a recorded end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from zona_core import (
    AppDefinition,
    Execution,
    InvalidInput,
    NotFound,
    RetryPolicy,
    RunStatus,
    TaskCall,
    TaskFailed,
    Zona,
    ZonaError,
)
from zona_core.errors import StoreUnavailable
from zona_core.persistence.repository import Repository

CANARY = "s3cret-value"


@pytest.fixture
def ready(plugin: Any, app_factory: Callable[..., AppDefinition]) -> Iterator[Zona]:
    """A Zona with two workers, the app Demo and one instance."""
    with Zona(store="memory://", plugins={"function": plugin}, workers=2) as zona:
        app = app_factory()
        task = evolve(app.tasks[0], error_handling=RetryPolicy(attempts=2, initial=0.001))
        zona.tenant().apps.upsert(evolve(app, tasks=(task,)))
        zona.tenant().instances.add("Demo", title="main", values={"api_key": CANARY})
        yield zona


def started(zona: Zona, **changes: Any) -> Execution:
    return zona.tenant().runs.start("Demo", "echo", **{"inputs": {"text": "x"}, **changes})


def ended(zona: Zona, run: Execution) -> Execution:
    found = zona.tenant().runs.wait(run.id, seconds=20)
    assert found.status.ended
    return found


def test_a_started_run_is_running_then_ended(ready: Zona, plugin: Any) -> None:
    """The call gives the record, running where a thread is free; its states come in order, with their times."""
    begun, go = threading.Event(), threading.Event()

    def slow(call: TaskCall) -> dict[str, Any]:
        begun.set()
        assert go.wait(20)
        return {"ok": True}

    plugin.handler.functions["echo"] = slow
    run = started(ready, idempotency_key="order-17")
    assert (run.status, run.started_at, run.revision) == (RunStatus.RUNNING, run.created_at, 1)
    assert begun.wait(20)
    running = ready.tenant().runs.get(run.id)
    assert (running.status, running.ended_at) == (RunStatus.RUNNING, None)
    go.set()
    done = ended(ready, run)
    assert (done.status, done.results, done.idempotency_key) == (RunStatus.SUCCESS, {"ok": True}, "order-17")
    assert done.started_at == running.started_at


def test_a_started_run_may_be_waited_for(ready: Zona, plugin: Any) -> None:
    """With patience the record is the ended one, or as it is when patience runs out; the run goes on then."""
    plugin.handler.functions["echo"] = lambda call: {"ok": True}
    done = started(ready, patience=20.0)
    assert (done.status, done) == (RunStatus.SUCCESS, ready.tenant().runs.get(done.id))
    go = threading.Event()

    def slow(call: TaskCall) -> dict[str, Any]:
        assert go.wait(20)
        return {}

    plugin.handler.functions["echo"] = slow
    run = started(ready, patience=0.01)
    assert run.status is RunStatus.RUNNING
    go.set()
    assert ended(ready, run).status is RunStatus.SUCCESS


def test_faults_are_told_at_once_and_nothing_is_recorded(ready: Zona) -> None:
    """What ``run`` refuses, ``start`` refuses before anything is queued."""
    with pytest.raises(InvalidInput):
        started(ready, inputs={})
    with pytest.raises(NotFound):
        started(ready, instance="ghost")
    assert ready.tenant().runs.list().items == []


def test_attempts_are_recorded_as_they_end_without_secrets(ready: Zona, plugin: Any) -> None:
    """While the second attempt is under way, the record tells of the first."""
    second, go = threading.Event(), threading.Event()

    def flaky(call: TaskCall) -> dict[str, Any]:
        if call.attempt == 1:
            raise TaskFailed(f"busy with {CANARY}", retryable=True)
        second.set()
        assert go.wait(20)
        return {}

    plugin.handler.functions["echo"] = flaky
    run = started(ready)
    assert second.wait(20)
    [attempt] = ready.tenant().runs.get(run.id).attempts
    assert attempt.error == {"code": "task_failed", "message": "busy with ********"}
    go.set()
    assert [each.status for each in ended(ready, run).attempts] == [RunStatus.FAILURE, RunStatus.SUCCESS]


def test_more_runs_than_workers_all_end(ready: Zona, plugin: Any) -> None:
    """Runs wait for a worker, never for one another; two run at a time."""
    lock, pair = threading.Lock(), threading.Barrier(2)
    running, most = 0, 0

    def count(call: TaskCall) -> dict[str, Any]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        pair.wait(20)
        with lock:
            running -= 1
        return {}

    plugin.handler.functions["echo"] = count
    runs = [started(ready) for _ in range(12)]
    assert {ended(ready, run).status for run in runs} == {RunStatus.SUCCESS}
    assert most == 2


def test_a_handler_that_hangs_times_out_and_holds_no_worker(ready: Zona, plugin: Any) -> None:
    """After as many hanging runs as there are workers, another one still runs."""
    free = threading.Event()

    def hang(call: TaskCall) -> dict[str, Any]:
        if call.inputs["text"] == "hang":
            free.wait(20)
        return {}

    plugin.handler.functions["echo"] = hang
    hanging = [started(ready, inputs={"text": "hang"}, timeout=0.02) for _ in range(2)]
    assert {ended(ready, run).status for run in hanging} == {RunStatus.TIMEOUT}
    assert ended(ready, started(ready)).status is RunStatus.SUCCESS
    free.set()


@pytest.mark.parametrize("error", [SystemExit, RuntimeError, KeyboardInterrupt])
def test_whatever_a_handler_raises_is_in_the_record(ready: Zona, plugin: Any, error: type[BaseException]) -> None:
    """No exception is lost in a thread."""

    def fail(call: TaskCall) -> dict[str, Any]:
        raise error(CANARY)

    plugin.handler.functions["echo"] = fail
    done = ended(ready, started(ready))
    assert done.error == {"code": "handler_error", "message": f"{error.__name__}: ********"}


def test_what_breaks_off_a_run_is_recorded_and_logged(
    ready: Zona, plugin: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of our own, outside the handler, ends the run like any other."""
    plugin.handler.functions["echo"] = lambda call: {}

    def broken(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("zona_core.usecases._engine.perform.Performer.perform", broken)
    with caplog.at_level(logging.ERROR, "zona.runs"):
        done = ended(ready, started(ready))
    assert (done.status, done.error["code"]) == (RunStatus.FAILURE, "run_interrupted")
    assert "was broken off" in caplog.text


def test_a_store_that_is_away_for_a_moment_loses_no_end(
    ready: Zona, plugin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress and end are recorded once the store is back."""
    replace, refused = Repository.replace, []

    def flaky_store(self: Any, model: Any) -> Any:
        if isinstance(model, Execution) and model.attempts and len(refused) < 3:
            refused.append(model.status)
            raise StoreUnavailable("away")
        return replace(self, model)

    def fail(call: TaskCall) -> dict[str, Any]:
        raise TaskFailed("busy", retryable=True)

    plugin.handler.functions["echo"] = fail
    monkeypatch.setattr(Repository, "replace", flaky_store)
    done = ended(ready, started(ready))
    assert refused == [RunStatus.RUNNING] * 3
    assert (done.status, len(done.attempts)) == (RunStatus.FAILURE, 2)


def test_closing_gives_back_what_has_not_begun(
    tmp_path: Path, plugin: Any, app_factory: Callable[..., AppDefinition]
) -> None:
    """What runs comes to its end; what waits for a worker is carried out by the next process that works."""
    begun, go = threading.Event(), threading.Event()

    def slow(call: TaskCall) -> dict[str, Any]:
        begun.set()
        return {"went": go.wait(20)}

    plugin.handler.functions["echo"] = slow
    with Zona.embedded(tmp_path, plugins={"function": plugin}, workers=1) as zona:
        zona.tenant().apps.upsert(app_factory())
        zona.tenant().instances.add("Demo", title="main", values={"api_key": CANARY})
        running = started(zona)
        assert begun.wait(20)
        queued = started(zona)
        threading.Timer(0.1, go.set).start()
    with Zona.embedded(tmp_path, plugins={"function": plugin}, workers=1) as zona:
        runs = zona.tenant().runs
        assert runs.get(running.id).status is RunStatus.SUCCESS
        assert runs.get(queued.id).status is RunStatus.QUEUED
        zona.work()
        assert ended(zona, queued).status is RunStatus.SUCCESS


def test_a_closed_zona_records_no_run(ready: Zona, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody could carry out is not recorded in the first place."""
    monkeypatch.setattr(ready._parts, "_closed", True)
    for begin in (ready.tenant().runs.start, ready.tenant().runs.run):
        with pytest.raises(ZonaError) as caught:
            begin("Demo", "echo", inputs={"text": "x"})
        assert caught.value.code == "closed"
    assert ready.tenant().runs.list().items == []


def test_waiting_gives_the_next_state_or_the_present_one_when_time_is_up(ready: Zona, plugin: Any) -> None:
    """``since`` names the state that is known; without it the end is waited for."""
    go = threading.Event()
    plugin.handler.functions["echo"] = lambda call: {"went": go.wait(20)}
    run = started(ready)
    runs = ready.tenant().runs
    assert runs.wait(run.id, since=run.revision, seconds=0) == run
    assert runs.wait(run.id, seconds=0.15).status is RunStatus.RUNNING
    assert runs.wait(run.id, since=run.revision - 1, seconds=20) == run
    go.set()
    assert runs.wait(run.id, since=run.revision, seconds=20).status is RunStatus.SUCCESS
    with pytest.raises(NotFound):
        runs.wait("none", seconds=20)
