"""An instance's limits queue what comes too fast, and a breaker spares what is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from zona_core import InvalidInput, RunStatus, TaskCall, TaskFailed, Zona
from zona_core.usecases._engine.breakers import Breakers

Make = Callable[..., Any]


def limited(zona: Zona, **limits: Any) -> None:
    zona.tenant().instances.update("Demo", "main", rate_limiting=limits)


def test_more_than_may_run_at_a_time_waits_and_then_runs(zona: Zona, plugin: Any, echo: Make) -> None:
    """Never more than the bound are under way; none fails, all end."""
    lock, now, most = threading.Lock(), [0], [0]

    def function(call: TaskCall) -> dict[str, Any]:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return {}

    plugin.handler.functions["echo"] = function
    limited(zona, concurrent=2)
    work = zona.tenant()
    runs = [work.runs.start("Demo", "echo", inputs={"text": str(n)}) for n in range(8)]
    assert [work.runs.wait(run.id, seconds=30).status for run in runs] == [RunStatus.SUCCESS] * 8
    assert most == [2]


def test_calls_beyond_the_rate_are_put_off(zona: Zona, plugin: Any, echo: Make) -> None:
    """So many in so many seconds begin at once; those beyond begin when their turn comes, and none fails."""
    begun: list[float] = []
    plugin.handler.functions["echo"] = lambda call: begun.append(time.monotonic()) or {}
    limited(zona, requests=3, seconds=0.6)
    work = zona.tenant()
    runs = [work.runs.start("Demo", "echo", inputs={"text": str(n)}) for n in range(6)]
    assert [work.runs.wait(run.id, seconds=30).status for run in runs] == [RunStatus.SUCCESS] * 6
    begun.sort()
    assert begun[3] - begun[0] >= 0.15
    assert begun[5] - begun[0] >= 0.5


def test_limits_that_make_no_sense_are_refused(zona: Zona) -> None:
    """Each fault with its path."""
    with pytest.raises(InvalidInput) as caught:
        limited(zona, requests=-1, per="minute")
    assert [fault.path for fault in caught.value.faults] == ["rate_limiting.per", "rate_limiting.requests"]


def test_an_instance_that_fails_in_a_row_is_not_called_for_a_while(zona: Zona, plugin: Any, echo: Make) -> None:
    """After the pause one call tries; if it succeeds, all may again."""
    zona._parts.engine.breakers = Breakers(pause=0.3)
    calls: list[bool] = []
    away = True

    def function(call: TaskCall) -> dict[str, Any]:
        calls.append(away)
        if away:
            raise TaskFailed("connection refused", retryable=True)
        return {}

    plugin.handler.functions["echo"] = function
    work = zona.tenant()

    def run() -> Any:
        return work.runs.run("Demo", "echo", inputs={"text": "x"})

    assert [run().error["code"] for _ in range(10)] == ["task_failed"] * 8 + ["circuit_open"] * 2
    assert len(calls) == 8
    time.sleep(0.35)
    away = False
    assert run().status is RunStatus.SUCCESS
    assert run().status is RunStatus.SUCCESS
    assert len(calls) == 10
