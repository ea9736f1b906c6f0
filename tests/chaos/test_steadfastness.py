"""Processes that hang, stand still or have much to wait for."""

from __future__ import annotations

import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from zona_core import AppDefinition, RunStatus, TaskCall, Zona
from zona_core.domain.jobs import Control, Job, JobKind, WaitReason
from zona_core.domain.playbooks import Approval, PlaybookDefinition, Step, StepTask
from zona_core.usecases._engine.book import Book
from zona_core.usecases._engine.perform import Performer
from zona_core.usecases._engine.work import Unit

Until = Callable[..., Any]


@pytest.fixture
def two(tmp_path: Path, plugin: Any, app_factory: Callable[..., AppDefinition]) -> Iterator[tuple[Zona, Zona]]:
    """Two processes, as it were, on one database: the first carries out, with two threads; the second only looks."""
    store = f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL"
    with (
        Zona(store=store, plugins={"function": plugin}, workers=2, lease_seconds=1) as one,
        Zona(store=store, plugins={"function": plugin}) as other,
    ):
        one.tenant().apps.upsert(app_factory())
        one.tenant().instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        yield one, other


def echo(name: str, **more: Any) -> Step:
    return Step(name=name, task=StepTask(app="Demo", task="echo"), inputs={"text": name}, **more)


def test_another_processs_runs_are_cancelled_though_all_its_threads_hang(
    two: tuple[Zona, Zona], plugin: Any, until: Until
) -> None:
    """The wish is heard while they hang, although there is no thread to hear it, and the threads are replaced."""
    one, other = two
    begun, go = threading.Semaphore(0), threading.Event()

    def hangs(call: TaskCall) -> dict[str, Any]:
        begun.release()
        assert go.wait(60)
        return {}

    plugin.handler.functions["echo"] = hangs
    work = one.tenant()
    work.playbooks.save(PlaybookDefinition(title="Hang", steps=(echo("a"),)))
    work.playbooks.save(PlaybookDefinition(title="Set", steps=(Step(name="x", set={"n": 1}),)))
    try:
        runs = [work.playbooks.start("Hang") for _ in range(2)]
        for _ in runs:
            assert begun.acquire(timeout=20)
        assert one._parts.engine.crew.room == 0
        for run in runs:
            other.tenant().runs.cancel(run.id)
        for run in runs:
            until(lambda run=run: work.runs.get(run.id).status is RunStatus.CANCELLED)
        assert work.runs.wait(work.playbooks.start("Set").id, seconds=20).status is RunStatus.SUCCESS
        assert not go.is_set()
    finally:
        go.set()


def test_a_wish_that_comes_while_a_run_is_put_away_is_not_lost(
    two: tuple[Zona, Zona], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker has not seen it and gives the run back until the approval expires; it is looked at again at once."""
    one, _ = two
    work, data = one.tenant(), one.tenant()._context.data
    work.playbooks.save(PlaybookDefinition(title="Ask", steps=(Step(name="ask", approval=Approval(message="Well?")),)))
    parked = threading.Event()
    park = Book.park

    def late(self: Book, *args: Any, **more: Any) -> None:
        if not parked.is_set():
            parked.set()
            data.jobs.modify({"_id": self.job.id}, control=Control.CANCEL)  # by somebody else, at the worst moment
        park(self, *args, **more)

    monkeypatch.setattr(Book, "park", late)
    run = work.playbooks.start("Ask")
    until(parked.is_set)
    until(lambda: work.runs.get(run.id).status is RunStatus.CANCELLED, 20)


def test_a_process_that_stood_still_calls_no_handler_that_another_one_called(
    two: tuple[Zona, Zona], plugin: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two steps its lease runs out; when it goes on, it finds that out before it does anything."""
    one, other = two
    calls: list[str] = []
    still, go = threading.Event(), threading.Event()

    def function(call: TaskCall) -> dict[str, Any]:
        calls.append(call.inputs["text"])
        return {}

    plugin.handler.functions["echo"] = function
    work, engine = one.tenant(), one._parts.engine
    work.playbooks.save(PlaybookDefinition(title="Two", steps=(echo("a"), echo("b"))))
    prepared = Performer._prepared

    def stands_still(self: Performer, unit: Unit, *args: Any) -> Any:
        found = prepared(self, unit, *args)
        if unit.key == "b" and not still.is_set():
            engine._member._stopped.set()  # as if the whole process were frozen: nobody renews its lease either
            engine._rounds.stop()
            still.set()
            assert go.wait(60)
        return found

    monkeypatch.setattr(Performer, "_prepared", stands_still)
    try:
        run = work.playbooks.start("Two")
        assert still.wait(20)
        other.work()
        until(lambda: other.tenant().runs.get(run.id).status is RunStatus.SUCCESS)
    finally:
        go.set()
    until(lambda: engine.crew.room == 2)
    assert calls == ["a", "b"]


def test_a_run_that_its_worker_does_not_know_of_is_taken_up_again(two: tuple[Zona, Zona], until: Until) -> None:
    """A claim whose answer was lost names a worker that lives and does nothing: it finds that out by itself."""
    one, _ = two
    work, data, engine = one.tenant(), one.tenant()._context.data, one._parts.engine
    work.playbooks.save(PlaybookDefinition(title="Set", steps=(Step(name="x", set={"n": 1}),)))
    run = work.playbooks.run("Set")
    lost = evolve(run, id=str(uuid.uuid4()), status=RunStatus.RUNNING, ended_at=None, results=None, revision=0)
    now = data.now()
    job = Job(id=lost.id, kind=JobKind.PLAYBOOK, worker=engine.worker, token=1, due_at=now, created_at=now)
    with data.transaction():
        data.runs.insert(lost)
        data.jobs.insert(job)
    until(lambda: work.runs.get(lost.id).status is RunStatus.SUCCESS, 30)


def test_ten_thousand_runs_that_wait_cost_no_thread(
    plugin: Any, until: Until, capsys: pytest.CaptureFixture[str]
) -> None:
    """Approvals and waits: as many threads as for ten of them, and next to no memory outside the store."""
    with Zona(store="memory://", plugins={"function": plugin}, workers=4) as zona:
        work, data = zona.tenant(), zona.tenant()._context.data
        ask = Step(name="ask", approval=Approval(message="Well?"))
        work.playbooks.save(PlaybookDefinition(title="Ask", steps=(ask, Step(name="then", set={"n": 1}))))
        work.playbooks.save(PlaybookDefinition(title="Rest", steps=(Step(name="long", wait=3_600),)))
        first = [work.playbooks.start(title) for title in ("Ask", "Rest") * 5]
        until(lambda: all(work.runs.get(run.id).status is RunStatus.WAITING for run in first))
        threads = threading.active_count()
        engine = zona._parts.engine
        samples = [(data.runs.need(run.id), data.jobs.need(run.id)) for run in first[:2]]
        tracemalloc.start()
        with data.transaction():
            for number in range(10_000):
                run, job = samples[number % 2]
                run_id = str(uuid.uuid4())
                data.runs.insert(evolve(run, id=run_id, idempotency_key=run_id))
                data.jobs.insert(evolve(job, id=run_id))
        stored, _ = tracemalloc.get_traced_memory()
        began = time.monotonic()
        engine.reap()
        engine.pick()
        look = time.monotonic() - began
        assert (threading.active_count(), engine.drives, engine.crew.room) == (threads, [], 4)
        with_them, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        last = data.runs.find({"playbook_title": "Ask"}, limit=1).items[0]
        [wait] = work.runs.waiting(last.id)
        assert wait.reason is WaitReason.APPROVAL
        work.runs.decide(last.id, "ask", approved=True)
        assert work.runs.wait(last.id, seconds=30).status is RunStatus.SUCCESS
        assert threading.active_count() <= threads + 4
    assert with_them - stored < 5_000_000
    with capsys.disabled():
        print(f" [{threads} threads, a look takes {look:.2f} s, {(with_them - stored) / 1e6:.1f} MB]", end="")
