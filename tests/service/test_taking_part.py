"""The service's processes carry out runs that others left, unless a queue leaves them to workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from real_servers import free_port
from waiting import until

from zona_core import AppDefinition, TaskDefinition, Zona

PATIENCE = 60.0


def left_to_others(home: Path) -> Zona:
    """A Zona that carries nothing out."""
    return Zona(home=str(home), executor=f"huey:redis://127.0.0.1:{free_port()}")


def pids(zona: Zona) -> list[int]:
    """The processes that are workers."""
    return sorted(worker.pid for worker in zona._parts.database.workers.all())


@pytest.mark.parametrize("server", ["gunicorn", "granian"])
def test_every_process_takes_part(serve: Callable[..., Any], home: Path, server: str) -> None:
    """Those that serve requests, not the main one, which has no thread of its own; they leave when they end."""
    service = serve("--server", server)
    with left_to_others(home) as zona:
        until(lambda: set(pids(zona)) <= set(service.workers()) and len(pids(zona)) == 2)
        assert service.pid not in pids(zona)
        threads = [path.read_text().strip() for path in Path(f"/proc/{service.pid}/task").glob("*/comm")]
        assert [name for name in threads if name.startswith("zona")] == []
        assert service.stop() == 0
        assert pids(zona) == []


def test_a_run_that_another_process_left_is_carried_out(serve: Callable[..., Any], home: Path) -> None:
    """Whoever began it."""
    serve()
    address = f"http://127.0.0.1:{free_port()}"
    call = {"method": "GET", "path": "/"}
    task = TaskDefinition(name="Ask", task_tag="ask", task_handler="http", handler_config=call)
    app = AppDefinition(title="Demo", handler_config={"http": {"base_url": address}}, tasks=(task,))
    with left_to_others(home) as zona:
        workspace = zona.tenant()
        workspace.apps.upsert(app)
        workspace.instances.add("Demo", title="main", values={})
        run = workspace.runs.start("Demo", "ask", inputs={})
        ended = workspace.runs.wait(run.id, seconds=PATIENCE)
    assert ended.status.ended
    assert ended.error


def test_with_a_queue_runs_are_left_to_workers(
    serve: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service answers and carries nothing out."""
    monkeypatch.setenv("ZONA_EXECUTOR", f"huey:redis://127.0.0.1:{free_port()}")
    service = serve()
    assert service.get()[0] == 200
    with left_to_others(home) as zona:
        assert pids(zona) == []


def test_a_queue_that_cannot_be_used(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told before anything is begun."""
    monkeypatch.setenv("ZONA_EXECUTOR", "huey:redis://host?canary=1")
    with pytest.raises(AssertionError, match="there is no such option"):
        serve()
