"""A run ends with its time, whatever hangs; a step's attempt with its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from waiting import until

from zona_core import AppDefinition, RunStatus, TaskCall, Zona
from zona_core.domain.jobs import Job, JobKind
from zona_core.domain.playbooks import Step
from zona_core.usecases._engine import crew as crews
from zona_core.usecases._engine.crew import Crew

Make = Callable[..., Any]


class Hanging:
    """A handler that does not end before the test does."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Event()

    def __call__(self, call: TaskCall) -> dict[str, Any]:
        self.begun.release()
        assert self.go.wait(120)
        return {}


@pytest.fixture
def hanging(plugin: Any) -> Iterator[Hanging]:
    """What the task ``echo`` does."""
    plugin.handler.functions["echo"] = made = Hanging()
    yield made
    made.go.set()


@pytest.fixture
def narrow(hanging: Hanging, plugin: Any, app_factory: Callable[..., AppDefinition]) -> Iterator[Zona]:
    """A Zona with one thread for handlers."""
    with Zona(store="memory://", plugins={"function": plugin}, workers=1) as zona:
        zona.tenant().apps.upsert(app_factory())
        zona.tenant().instances.add("Demo", title="main", values={"api_key": "k"})
        yield zona
        hanging.go.set()


def test_a_run_ends_with_its_time_though_all_threads_hang(
    narrow: Zona, hanging: Hanging, echo: Make, playbook: Make
) -> None:
    """Neither its own handler nor that of another run, which both last longer, keeps it from ending."""
    work = narrow.tenant()
    work.playbooks.save(playbook(echo("hang", timeout=600), timeout=1))
    run = work.playbooks.start("Enrich")
    assert hanging.begun.acquire(timeout=20)
    assert narrow._parts.engine.crew.room == 0
    ended = until(lambda: (found := work.runs.get(run.id)).status.ended and found)
    assert (ended.status, ended.error["code"]) == (RunStatus.TIMEOUT, "run_timeout")
    assert not hanging.go.is_set()


def test_an_attempt_ends_with_its_time_though_no_thread_is_left(
    narrow: Zona, hanging: Hanging, echo: Make, playbook: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many handlers as are borne hang for ever: what they were called for ends nevertheless."""
    monkeypatch.setattr(crews, "_MOST_LEFT_BEHIND", 0)
    work = narrow.tenant()
    work.playbooks.save(playbook(echo("hang", timeout=0.1)))
    run = work.playbooks.start("Enrich")
    assert hanging.begun.acquire(timeout=20)
    ended = until(lambda: (found := work.runs.get(run.id)).status.ended and found)
    assert (ended.status, ended.error["code"]) == (RunStatus.FAILURE, "task_timeout")
    assert not hanging.go.is_set()


def test_a_paused_run_ends_with_its_time(zona: Zona, playbook: Make) -> None:
    """It is in nobody's hands then, and whoever takes it up does not have it go on."""
    work = zona.tenant()
    work.playbooks.save(playbook(Step(name="long", wait=3_600), timeout=3))
    run = work.playbooks.start("Enrich")
    work.runs.pause(run.id)
    until(lambda: work.runs.get(run.id).status is RunStatus.PAUSED)
    until(lambda: work.runs.get(run.id).status.ended)
    ended = work.runs.get(run.id)
    assert (ended.status, ended.error["code"]) == (RunStatus.TIMEOUT, "run_timeout")


def test_a_run_whose_time_is_over_begins_nothing(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """It was left by its worker, and taken up too late."""
    calls: list[TaskCall] = []
    plugin.handler.functions["echo"] = lambda call: calls.append(call) or {}
    work, data = zona.tenant(), zona.tenant()._context.data
    work.playbooks.save(playbook(echo("one"), Step(name="two", set={"n": 1}), timeout=60))
    run = work.playbooks.run("Enrich")
    began = data.now() - timedelta(seconds=61)
    late = evolve(run, id="3f1c7f0e-9c55-4c0e-8d35-0f6f5f3c2a10", status=RunStatus.WAITING, started_at=began)
    late, calls[:] = evolve(late, ended_at=None, results=None, revision=0), []
    with data.transaction():
        data.runs.insert(late)
        data.jobs.insert(Job(id=late.id, kind=JobKind.PLAYBOOK, token=1, due_at=data.now(), created_at=data.now()))
    until(lambda: work.runs.get(late.id).status.ended)
    ended = work.runs.get(late.id)
    assert (ended.status, ended.error["code"], ended.skipped) == (RunStatus.TIMEOUT, "run_timeout", ("one", "two"))
    assert calls == []


def test_urgent_work_waits_for_no_thread_and_is_done_in_its_order() -> None:
    """While one is free it does it, so that nothing is started for that; else one more thread does all of it."""
    crew, go, done, held = Crew(1), threading.Event(), [], threading.Event()
    ended = threading.Event()
    crew.urge("t", lambda: done.append(threading.current_thread().name))
    until(lambda: done)
    crew.submit("t", lambda: held.set() or go.wait(60))
    assert held.wait(20)
    for n in range(3):
        crew.urge("t", lambda n=n: done.append((n, threading.current_thread().name)))
    crew.urge("t", ended.set)
    assert ended.wait(20)
    assert done == ["zona-run", *((n, "zona-urgent") for n in range(3))]
    go.set()
    crew.close(20)
