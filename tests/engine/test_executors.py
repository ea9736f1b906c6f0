"""Runs over several processes: the same whether workers hear of them over a queue or look by themselves."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from real_servers import RedisServer
from redis_fixtures import server as redis_own  # noqa: F401  # a fixture
from redis_fixtures import shared_server as redis_shared  # noqa: F401  # a fixture
from waiting import PATIENCE, until
from worker_process import MarkingPlugin, WorkerProcess

from zona_core import AppDefinition, Execution, RunStatus, Zona
from zona_core.usecases._engine import rounds


@pytest.fixture(params=["threads", "huey"])
def executor(request: pytest.FixtureRequest) -> str:
    """The setting."""
    if request.param == "threads":
        return "threads:"
    return str(_queue(request.getfixturevalue("redis_shared")))


def _queue(server: RedisServer) -> str:
    return f"huey:{server.url}?name=test_{time.monotonic_ns()}"


class Fleet:
    """Processes and Zonas on one store."""

    def __init__(
        self, folder: Path, executor: str, app: AppDefinition, stack: ExitStack, settings: dict[str, Any]
    ) -> None:
        self.marks = folder / "marks"
        self.marks.mkdir()
        store = f"sqlite:///{folder}/zona.db?synchronous=NORMAL"
        self._settings: dict[str, Any] = {"store": store, "executor": executor, **settings}
        self._stack = stack
        self.zona = self.another()
        self.zona.tenant().apps.upsert(app)
        self.zona.tenant().instances.add("Demo", title="main", values={"api_key": "s3cret-value"})

    def another(self, **options: Any) -> Zona:
        """Another Zona in this process."""
        plugins = {"marking": MarkingPlugin(self.marks)}
        return self._stack.enter_context(Zona(plugins=plugins, **self._settings, **options))

    def process(self, **options: Any) -> WorkerProcess:
        """A process that works."""
        made = WorkerProcess(self.marks, self._settings | options)
        self._stack.callback(made.kill)
        return made

    def start(self, text: str = "x") -> Execution:
        """Begins a run."""
        return self.zona.tenant().runs.start("Demo", "echo", inputs={"text": text})

    def ended(self, run: Execution) -> Execution:
        """Its record at its end."""
        found = self.zona.tenant().runs.wait(run.id, seconds=PATIENCE)
        assert found.status.ended
        return found

    def called(self) -> list[tuple[str, int, int]]:
        """Idempotency key, process and number of the handler's calls."""
        parts = [(*file.name.split("."), file.read_text()) for file in self.marks.glob("*.*")]
        return [(key, int(pid), int(count)) for key, pid, count in parts]


@pytest.fixture
def settings() -> dict[str, Any]:
    """Further settings of all of them."""
    return {}


@pytest.fixture
def fleet(
    tmp_path: Path, executor: str, settings: dict[str, Any], app_factory: Callable[..., AppDefinition]
) -> Iterator[Fleet]:
    """A Zona with an app and an instance, and what works beside it."""
    with ExitStack() as stack:
        yield Fleet(tmp_path, executor, app_factory(), stack, settings)


@pytest.fixture
def queue_fleet(
    tmp_path: Path,
    redis_own: RedisServer,  # noqa: F811  # the fixture
    app_factory: Callable[..., AppDefinition],
) -> Iterator[tuple[Fleet, RedisServer]]:
    """The same over a queue in a server of the test's own."""
    with ExitStack() as stack:
        yield Fleet(tmp_path, _queue(redis_own), app_factory(), stack, {}), redis_own


def test_who_carries_a_run_out(fleet: Fleet, executor: str) -> None:
    """Without a queue it is whoever begins it; with one, another process that works."""
    worker = fleet.process()
    run = fleet.ended(fleet.start())
    assert run.status is RunStatus.SUCCESS
    assert run.results == {"pid": os.getpid() if executor == "threads:" else worker.pid}
    assert worker.stop() == 0


def test_many_runs_over_several_processes(fleet: Fleet, executor: str) -> None:
    """Each is carried out once, and no process is idle."""
    workers = [fleet.process(workers=4) for _ in range(2)]
    runs = [fleet.ended(run) for run in [fleet.start() for _ in range(200)]]
    assert {run.status for run in runs} == {RunStatus.SUCCESS}
    called = fleet.called()
    assert sorted(key for key, _, _ in called) == sorted(run.idempotency_key for run in runs)
    assert {count for _, _, count in called} == {1}
    if executor != "threads:":
        assert {pid for _, pid, _ in called} == {worker.pid for worker in workers}


def test_who_only_begins_runs_leaves_them_to_others(queue_fleet: tuple[Fleet, RedisServer]) -> None:
    """With a queue, a process that does not work carries out nothing, whatever it looks at."""
    fleet, _ = queue_fleet
    run, engine = fleet.start(), fleet.zona._parts.engine
    engine.look(fleet.zona.settings.tenant, run.id)
    engine.reap()
    engine.pick()
    assert fleet.zona.tenant().runs.get(run.id).status is RunStatus.QUEUED
    worker = fleet.process()
    assert fleet.ended(run).results == {"pid": worker.pid}


@pytest.mark.parametrize("settings", [{"lease_seconds": 2, "workers": 1}])
def test_what_a_dead_worker_held_goes_on_elsewhere(fleet: Fleet, executor: str) -> None:
    """A process that is killed in mid-run is noticed by its lease, and another one carries the run out."""
    if executor == "threads:":
        fleet.start("wait")  # the only thread of the one that begins runs is busy from now on
    first = fleet.process()
    run = fleet.start("wait")
    until(lambda: any(pid == first.pid for _, pid, _ in fleet.called()))
    first.kill()
    second = fleet.process()
    until(lambda: any(pid == second.pid for _, pid, _ in fleet.called()))
    (fleet.marks / "go").touch()
    assert fleet.ended(run).results == {"pid": second.pid}
    assert {key for key, pid, _ in fleet.called() if pid != os.getpid()} == {run.idempotency_key}


def test_a_worker_that_is_asked_to_end_gives_back_what_waits(fleet: Fleet) -> None:
    """Runs that it has not begun are carried out by the next one."""
    first = fleet.process(workers=1)
    runs = [fleet.start() for _ in range(20)]
    assert first.stop() == 0
    fleet.process()
    assert {fleet.ended(run).status for run in runs} == {RunStatus.SUCCESS}
    assert sorted(key for key, _, _ in fleet.called()) == sorted(run.idempotency_key for run in runs)


def test_a_queue_that_is_away(queue_fleet: tuple[Fleet, RedisServer]) -> None:
    """Runs that are begun then are carried out all the same: workers look by themselves."""
    fleet, server = queue_fleet
    worker = fleet.process()
    assert fleet.ended(fleet.start()).status is RunStatus.SUCCESS
    server.kill()
    runs = [fleet.ended(run) for run in [fleet.start() for _ in range(5)]]
    assert {run.results["pid"] for run in runs if run.results} == {worker.pid}
    server.start()
    assert fleet.ended(fleet.start()).status is RunStatus.SUCCESS


def test_wake_ups_alone_are_enough(queue_fleet: tuple[Fleet, RedisServer], monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that never look by themselves carry runs out, also after the queue was away."""
    monkeypatch.setattr(rounds, "_LOOKS", 3_600.0)
    fleet, server = queue_fleet
    fleet.another().work()
    assert fleet.ended(fleet.start()).status is RunStatus.SUCCESS
    server.kill()
    missed = fleet.start()
    server.start()
    until(lambda: fleet.zona.tenant().runs.wait(fleet.start().id, seconds=0.5).status.ended)
    assert fleet.ended(missed).status is RunStatus.SUCCESS
