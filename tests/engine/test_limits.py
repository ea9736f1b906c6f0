"""An instance's limits queue what comes too fast, and a breaker spares what is away."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from waiting import until

from zona_core import InvalidInput, RunStatus, TaskCall, TaskFailed, Zona
from zona_core.domain.jobs import WaitReason
from zona_core.domain.playbooks import Step, StepTask
from zona_core.usecases._engine.turns import Turns

Make = Callable[..., Any]


def limited(zona: Zona, **limits: Any) -> None:
    zona.tenant().instances.update("Demo", "main", rate_limiting=limits)


class Gate:
    """A handler whose calls begin and go on when the test says so."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.most = self._now = 0
        self._lock = threading.Lock()

    def __call__(self, call: TaskCall) -> dict[str, Any]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.begun.release()
        assert self.go.acquire(timeout=60)
        with self._lock:
            self._now -= 1
        return {}


@pytest.fixture
def gate(plugin: Any) -> Gate:
    """What the task ``echo`` does."""
    plugin.handler.functions["echo"] = made = Gate()
    return made


@pytest.fixture
def nobody_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for others to end goes on because it is told, and not by itself."""
    monkeypatch.setattr(Turns, "LOOKS_AGAIN", 3_600.0)


@pytest.mark.usefixtures("nobody_looks_again")
def test_more_than_may_run_at_a_time_waits_and_then_runs(zona: Zona, gate: Gate) -> None:
    """Never more than the bound are under way; each that ends has another one begin; none fails, all end."""
    limited(zona, concurrent=2)
    work = zona.tenant()
    runs = [work.runs.start("Demo", "echo", inputs={"text": str(n)}) for n in range(8)]
    until(lambda: sum(work.runs.get(run.id).status is RunStatus.WAITING for run in runs) == 6)
    waiting = [wait for run in runs for wait in work.runs.waiting(run.id)]
    assert {(wait.reason, wait.detail) for wait in waiting} == {(WaitReason.SLOT, "instances/1")}
    for _ in runs:
        assert gate.begun.acquire(timeout=20)
        gate.go.release()
    assert [work.runs.wait(run.id, seconds=30).status for run in runs] == [RunStatus.SUCCESS] * 8
    assert gate.most == 2


@pytest.mark.usefixtures("nobody_looks_again")
def test_items_that_wait_for_one_another_go_on_as_soon_as_one_ends(
    zona: Zona, gate: Gate, echo: Make, playbook: Make
) -> None:
    """Also while other units of their run are under way, and without the run being put away."""
    limited(zona, concurrent=1)
    work = zona.tenant()
    work.playbooks.save(playbook(echo("each", for_each=list(range(12)))))
    gate.go = threading.Semaphore(12)
    assert work.playbooks.run("Enrich").status is RunStatus.SUCCESS
    assert gate.most == 1


class Branches:
    """A run that holds the only place at an instance, and one whose branch waits for it beside another branch."""

    def __init__(self, zona: Zona, plugin: Any, playbook: Make) -> None:
        self.begun, self.go = threading.Semaphore(0), {name: threading.Event() for name in ("held", "main", "other")}
        plugin.handler.functions["echo"] = self._echo
        self.work = work = zona.tenant()
        work.instances.add("Demo", title="other", values={"api_key": "k"})
        limited(zona, concurrent=1)
        steps = [
            Step(name=name, task=StepTask(app="Demo", task="echo", instance=name), inputs={"text": name}, after=())
            for name in ("main", "other")
        ]
        work.playbooks.save(playbook(*steps))
        self.held = work.runs.start("Demo", "echo", instance="main", inputs={"text": "held"})
        assert self.begun.acquire(timeout=20)
        self.run = work.playbooks.start("Enrich")
        assert self.begun.acquire(timeout=20)
        until(lambda: [wait.step for wait in work.runs.waiting(self.run.id)] == ["main"])

    def _echo(self, call: TaskCall) -> dict[str, Any]:
        self.begun.release()
        assert self.go[call.inputs["text"]].wait(60)
        return {}


@pytest.mark.usefixtures("nobody_looks_again")
def test_a_branch_hears_that_another_run_has_left(zona: Zona, plugin: Any, playbook: Make) -> None:
    """It waits for its turn while another branch of its run is under way, so that the run is not put away."""
    both = Branches(zona, plugin, playbook)
    both.go["held"].set()
    assert both.begun.acquire(timeout=20)
    both.go["main"].set()
    both.go["other"].set()
    ended = [both.work.runs.wait(each.id, seconds=30).status for each in (both.held, both.run)]
    assert ended == [RunStatus.SUCCESS] * 2


def test_a_call_that_ends_while_its_process_closes_is_recorded(plugin: Any, app_factory: Make, playbook: Make) -> None:
    """Somebody waits for its place, who cannot have it any more: that does not concern whoever leaves."""
    store = f"memory://{uuid.uuid4().hex}"
    with Zona(store=store, plugins={"function": plugin}) as other:
        with Zona(store=store, plugins={"function": plugin}, workers=4) as zona:
            zona.tenant().apps.upsert(app_factory())
            zona.tenant().instances.add("Demo", title="main", values={"api_key": "k"})
            both = Branches(zona, plugin, playbook)
            closing = threading.Thread(target=zona.close)
            closing.start()
            until(lambda: zona._parts.engine.crew._closed)
            both.go["held"].set()
            until(lambda: other.tenant().runs.get(both.held.id).status.ended)
            both.go["other"].set()
            closing.join(30)
        assert other.tenant().runs.get(both.held.id).status is RunStatus.SUCCESS


def test_calls_beyond_the_rate_are_put_off(clocked: Zona, plugin: Any, clock: Any) -> None:
    """So many in so many seconds begin at once; those beyond wait for the moment of their turn, and none fails."""
    begun: list[str] = []
    plugin.handler.functions["echo"] = lambda call: begun.append(call.inputs["text"]) or {}
    limited(clocked, requests=3, seconds=60)
    work, start = clocked.tenant(), clock.now()
    runs = []
    for n in range(6):
        runs.append(work.runs.start("Demo", "echo", inputs={"text": str(n)}))
        ready = RunStatus.SUCCESS if n < 3 else RunStatus.WAITING
        until(lambda ready=ready: work.runs.get(runs[-1].id).status is ready)
    assert begun == ["0", "1", "2"]
    waits = [wait for run in runs for wait in work.runs.waiting(run.id)]
    assert [(wait.reason, (wait.until - start) / timedelta(seconds=1)) for wait in waits] == [
        (WaitReason.RATE, 20), (WaitReason.RATE, 40), (WaitReason.RATE, 60),
    ]  # fmt: skip
    for n in (3, 4, 5):
        clock.move(20)
        assert work.runs.wait(runs[n].id, seconds=30).status is RunStatus.SUCCESS
        assert begun == [str(each) for each in range(n + 1)]


def test_limits_that_make_no_sense_are_refused(zona: Zona) -> None:
    """Each fault with its path."""
    with pytest.raises(InvalidInput) as caught:
        limited(zona, requests=-1, per="minute")
    assert [fault.path for fault in caught.value.faults] == ["rate_limiting.per", "rate_limiting.requests"]


def test_an_instance_that_fails_in_a_row_is_not_called_for_a_while(clocked: Zona, plugin: Any, clock: Any) -> None:
    """After the pause one call tries; if it succeeds, all may again. What is refused takes no turn from others."""
    calls: list[bool] = []
    away = True

    def function(call: TaskCall) -> dict[str, Any]:
        calls.append(away)
        if away:
            raise TaskFailed("connection refused", retryable=True)
        return {}

    plugin.handler.functions["echo"] = function
    limited(clocked, requests=11, seconds=3_600)
    work = clocked.tenant()

    def run() -> Any:
        return work.runs.run("Demo", "echo", inputs={"text": "x"})

    assert [run().error["code"] for _ in range(10)] == ["task_failed"] * 8 + ["circuit_open"] * 2
    assert len(calls) == 8
    clock.move(10)
    away = False
    assert [run().status for _ in range(3)] == [RunStatus.SUCCESS] * 3
    assert len(calls) == 11
