"""Runs left to worker processes that a real Redis wakes: how many a second with one, two and four of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import _http_servers as servers
from _engine_parts import Plugin, chain, entry_point, prepared
from _report import Figure, rate

from zona_core import Zona
from zona_core.domain.runs import RunStatus

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "servers"))
from real_servers import redis_server  # the tests' way to have one

__all__ = ["over_the_queue"]

THREADS, STEPS = 4, 5
_PATIENCE = 60.0


def over_the_queue(folder: Path, *, runs: int, workers: Sequence[int]) -> list[Figure]:
    """Playbooks of five no-op steps a second; the baseline is one worker."""
    folder.mkdir(parents=True)
    entry_point(folder / "site")
    found: list[Figure] = []
    with redis_server(folder / "redis") as redis:
        rates = [_rate(folder, f"huey:{redis.url}", count, runs) for count in workers]
    for count, each in zip(workers, rates, strict=True):
        found.append(rate(f"{STEPS}-step playbooks on the queue a second, workers: {count}", each, rates[0]))
    return found


def _rate(folder: Path, executor: str, workers: int, runs: int) -> float:
    home = folder / f"home-{workers}"
    with Zona.embedded(home, plugins={"bench": Plugin()}, executor=executor) as zona:
        prepared(zona, chain(STEPS))
        with _workers(folder, home, executor, workers):
            work = zona.tenant()
            work.playbooks.start(f"chain {STEPS}", patience=_PATIENCE)  # all are awake
            began = time.perf_counter()
            for _ in range(runs):
                work.playbooks.start(f"chain {STEPS}")
            while (
                work.runs.list(status=RunStatus.QUEUED, limit=1).items
                or work.runs.list(status=RunStatus.RUNNING, limit=1).items
            ):
                if time.perf_counter() - began > _PATIENCE:
                    raise SystemExit("the runs did not end")
                time.sleep(0.01)
            return runs / (time.perf_counter() - began)


@contextmanager
def _workers(folder: Path, home: Path, executor: str, count: int) -> Iterator[None]:
    path = os.pathsep.join([str(folder / "site"), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "ZONA_HOME": str(home), "ZONA_EXECUTOR": executor}
    command = [sys.executable, "-c", servers.MAIN, "-o", "json", "worker", "--workers", str(THREADS)]
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    try:
        for process in started:
            assert process.stdout is not None
            json.loads(process.stdout.readline())  # the line that says it is ready
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()
