"""Exactly once: workers in threads and in processes look at the same time, and are killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from zona_core import RunStatus, Zona
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.schedules import MissedRuns, Overlap, Schedule, ScheduleDefinition
from zona_core.usecases._engine.firing import Firing
from zona_core.usecases._engine.scheduled import origin_of

NOTHING = PlaybookDefinition(title="Nothing", steps=(Step(name="set", set={"x": 1}),))
#: what a worker's process does; PATCH may have it killed somewhere
WORKER = """
import os, signal, sys
from zona_core import Zona
from zona_core.persistence.repository import Repository
from zona_core.usecases._engine.firing import Firing

def dies(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def dying(method, kind):
    whole = getattr(Repository, method)
    def one(self, model, *rest, **more):
        if type(model).__name__ == kind and getattr(model, "trigger", "schedules/").startswith("schedules/"):
            dies()
        return whole(self, model, *rest, **more)
    setattr(Repository, method, one)

with Zona(store=sys.argv[1], lease_seconds=1.0, workers=2) as zona:
    PATCH
    zona.work()
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store that several processes share."""
    return f"sqlite:///{tmp_path / 'zona.db'}"


@pytest.fixture
def zona(url: str) -> Iterator[Zona]:
    """A Zona that does not work, with a playbook."""
    with Zona(store=url) as made:
        made.tenant().playbooks.save(NOTHING)
        yield made


@pytest.fixture
def worker(url: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts processes that work."""
    begun: list[subprocess.Popen[str]] = []

    def started(patch: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER.replace("PATCH", patch or "pass"), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield started
    for process in begun:
        process.kill()
        process.communicate()


def each_second(**given: Any) -> ScheduleDefinition:
    """A schedule of each second, none of whose firings may be lost."""
    base = {"title": "Often", "playbook": "Nothing", "every": 1.0, "missed": MissedRuns.ALL, "overlap": Overlap.ALLOW}
    return ScheduleDefinition(**{**base, **given})


def data_of(zona: Zona) -> Any:
    """The tenant's data, past the use-cases."""
    return zona._parts.database.tenant("localhost")


def ids_until(schedule: Schedule, last: datetime) -> set[str]:
    """The ids of the runs of all firings up to ``last``."""
    first = schedule.next_at
    assert first is not None
    times = [first + timedelta(seconds=number) for number in range(round((last - first).total_seconds()) + 1)]
    return {origin_of("localhost", schedule, each).run_id for each in times}


def test_of_many_threads_one_fires_each_schedule(zona: Zona, url: str) -> None:
    """Each is replaced once, by one of them, and its run and its job are there once."""
    work, workers, schedules = zona.tenant(), 6, 15
    for number in range(schedules):
        work.schedules.save(each_second(title=f"S{number}", every=3_600.0))
    now = data_of(zona).now()
    for number in range(1, schedules + 1):
        made = now - timedelta(hours=1)
        data_of(zona).schedules.modify({"_id": str(number)}, next_at=now, due_at=now, created_ts=made)
    before = {each.id: each.revision for each in work.schedules.list().items}
    barrier, told = threading.Barrier(workers), []

    def look(one: Zona) -> None:
        firing = Firing(one._parts, told.append)
        barrier.wait()
        firing.look()
        while firing._under_way is not None:
            firing.look()

    zonas = [Zona(store=url) for _ in range(workers)]
    threads = [threading.Thread(target=look, args=(one,)) for one in zonas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in zonas:
        one.close()
    assert {each.id: each.revision for each in work.schedules.list().items} == {
        key: revision + 1 for key, revision in before.items()
    }
    assert len(told) == schedules
    runs = data_of(zona).runs.all()
    assert sorted(run.trigger for run in runs) == sorted(f"schedules/{number}" for number in before)
    assert {job.id for job in data_of(zona).jobs.all()} == {run.id for run in runs}


@pytest.mark.parametrize(
    "patch",
    ['dying("insert", "Execution")', 'dying("insert", "Job")'],
    ids=["before the run", "before the job"],
)
def test_a_worker_that_is_killed_while_it_fires_has_done_nothing(
    zona: Zona, worker: Callable[..., subprocess.Popen[str]], patch: str
) -> None:
    """Another one fires in its stead, and misses nothing."""
    made = zona.tenant().schedules.save(each_second())
    process = worker(patch)
    assert process.wait(60) == -signal.SIGKILL
    assert data_of(zona).runs.all() == []
    assert data_of(zona).jobs.all() == []
    assert zona.tenant().schedules.get("Often") == made
    worker()
    assert made.next_at is not None
    first = origin_of("localhost", made, made.next_at).run_id
    until(lambda: (run := data_of(zona).runs.get(first)) is not None and run.status is RunStatus.SUCCESS)


def test_a_worker_that_is_killed_after_it_fired_leaves_the_run_to_others(
    zona: Zona, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    """The run is there, and is carried out by whoever comes next, once."""
    made = zona.tenant().schedules.save(each_second(every=86_400.0))
    now = data_of(zona).now()
    earlier = now - timedelta(days=1, seconds=1)
    data_of(zona).schedules.modify({"_id": "1"}, created_ts=earlier, next_at=earlier + timedelta(days=1), due_at=now)
    process = worker("zona._parts.engine._rounds._firing._begun = dies")
    assert process.wait(60) == -signal.SIGKILL
    fired = zona.tenant().schedules.get("Often")
    assert fired.revision == made.revision + 2
    [run] = data_of(zona).runs.all()
    assert (run.id, run.status) == (fired.last_run_id, RunStatus.QUEUED)
    worker()
    until(lambda: data_of(zona).runs.get(run.id).status is RunStatus.SUCCESS)
    assert zona.tenant().schedules.get("Often") == fired


def test_no_firing_is_lost_or_doubled_by_processes_that_die(
    zona: Zona, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    """Three processes fire and carry out, and are killed one after the other while they do: each firing has one run."""
    made = zona.tenant().schedules.save(each_second())
    processes = [worker() for _ in range(3)]
    for place in (0, 1, 2, 0, 1, 2):
        count = len(data_of(zona).runs.all())
        until(lambda count=count: len(data_of(zona).runs.all()) > count)
        os.kill(processes[place].pid, signal.SIGKILL)
        processes[place].wait()
        processes[place] = worker()
    last = zona.tenant().schedules.pause("Often").last_at
    assert last is not None
    until(lambda: all(run.status is RunStatus.SUCCESS for run in data_of(zona).runs.all({"trigger": "schedules/1"})))
    found = [run.id for run in data_of(zona).runs.all({"trigger": "schedules/1"})]
    assert set(found) == ids_until(made, last)
    assert len(found) == len(set(found)) >= 6
