"""Metrics of runs: what is counted, and that nothing in them names anybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from falcon.testing import TestClient

from zona_core import AppDefinition, RunStatus, Zona
from zona_core.domain.runs import Attempt, Execution
from zona_http import create_app
from zona_http._metrics import Metrics

ZERO = datetime(2030, 1, 1, tzinfo=UTC)


def record(status: RunStatus, seconds: float, *attempts: RunStatus, **more: Any) -> Execution:
    tries = tuple(Attempt(started_at=ZERO, duration_ms=1, status=each) for each in attempts)
    ended = ZERO + timedelta(seconds=seconds)
    return Execution(id="x", status=status, created_at=ZERO, started_at=ZERO, ended_at=ended, attempts=tries, **more)


def figures(metrics: Metrics) -> dict[str, float]:
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in metrics.render()[1].decode().splitlines()
        if not line.startswith("#")
    }


def test_runs_steps_and_attempts_are_counted() -> None:
    """By kind and status, with their times; what is under way is a gauge."""
    metrics = Metrics("1")
    run = record(RunStatus.SUCCESS, 4.0, RunStatus.FAILURE, RunStatus.SUCCESS)
    metrics.runs.claimed("acme", run, 0.2)
    metrics.runs.claimed("acme", run, -1.0)
    metrics.runs.left("acme", run)
    metrics.runs.recorded("acme", [record(RunStatus.TIMEOUT, 0.3, RunStatus.TIMEOUT, step="a", step_kind="task")])
    metrics.runs.ended("acme", run, ())
    metrics.runs.ended("acme", record(RunStatus.FAILURE, 1.0, playbook_id=7), ())
    metrics.runs.reaped(3)
    found = figures(metrics)
    assert found['zona_run_seconds_count{kind="task",status="success"}'] == 1
    assert found['zona_run_seconds_sum{kind="task",status="success"}'] == 4.0
    assert found['zona_run_seconds_count{kind="playbook",status="failure"}'] == 1
    assert found['zona_step_seconds_bucket{kind="task",le="0.5",status="timeout"}'] == 1
    assert found['zona_attempts_total{status="failure"}'] == 1
    assert found['zona_attempts_total{status="timeout"}'] == 1
    assert (found["zona_runs_active"], found["zona_runs_reaped_total"]) == (1, 3)
    assert (found["zona_run_queue_seconds_count"], found["zona_run_queue_seconds_sum"]) == (2, 0.2)


def test_the_service_counts_the_runs_of_its_process(plugin: Any, app_factory: Callable[..., AppDefinition]) -> None:
    """What is run through its ``Zona``, by whichever way, is in ``/metrics``; tenants and titles are not."""
    plugin.handler.functions["echo"] = lambda call: {}
    with Zona(store="memory://", plugins={"function": plugin}) as zona:
        client = TestClient(create_app(zona))
        work = zona.tenant()
        work.apps.upsert(app_factory())
        work.instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        work.runs.run("Demo", "echo", inputs={"text": "x"})
        zona._parts.engine.close()  # whoever waits for a run is told of its end before observers are
        text = client.simulate_get("/metrics").text
    assert 'zona_run_seconds_count{kind="task",status="success"} 1.0' in text
    assert "zona_runs_active 0.0" in text
    assert "localhost" not in text
    assert "Demo" not in text
