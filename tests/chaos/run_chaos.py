"""Runs of playbooks while workers are killed and frozen, MongoDB fails over and Redis restarts; prints what came of it.

    python tests/chaos/run_chaos.py --store sqlite|mongo --executor threads|huey --runs 1000 --seconds 120

Exits with 1 if a run hangs, ends otherwise than it should, has lost a step, or ran one again that was recorded.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "servers")]
os.environ.setdefault("ZONA_MASTER_KEY", base64.b64encode(bytes(range(32))).decode())

from chaotic.fleet import Fleet  # noqa: E402  # found by the lines above
from chaotic.shapes import HANGS, SHAPES, prepare  # noqa: E402
from chaotic.verdict import Verdict, roots, verdict  # noqa: E402
from chaotic.worker import ChaosPlugin  # noqa: E402
from real_servers import RedisServer, replica_set  # noqa: E402

from zona_core import RunStatus, StoreUnavailable, Workspace, Zona  # noqa: E402
from zona_core.domain.jobs import WaitReason  # noqa: E402

T = TypeVar("T")

#: seconds for what has to end after the last fault
PATIENCE = 180.0
#: what must be empty at the end
MUST_BE_EMPTY = ("hanging", "wrong", "lost", "superfluous", "run_again")


def main() -> int:
    """See the module."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(arguments.folder or made)
        folder.mkdir(parents=True, exist_ok=True)
        with _fleet(folder, arguments) as (fleet, work):
            told = Chaos(fleet, work, arguments).told()
    print(json.dumps(told, indent=2))
    return int(any(told[name] for name in MUST_BE_EMPTY))


class Chaos:
    """One go: runs are begun while faults come, then all is calm and everything has to end."""

    def __init__(self, fleet: Fleet, work: Workspace, arguments: argparse.Namespace) -> None:
        self._fleet = fleet
        self._work = work
        self._wanted = arguments.runs
        self._seconds = arguments.seconds
        self._pause = arguments.pause
        self._chance = random.Random(arguments.seed)
        self._cancels = arguments.cancels

    def told(self) -> Verdict:
        """What came of it."""
        began = time.monotonic()
        self._disturbed()
        self._fleet.calm()
        calm_at = time.monotonic()
        self._until(lambda: self._unended() == 0)
        ended_at = time.monotonic()
        cancels = self._cancelled()
        found = _patiently(lambda: verdict(self._work, self._fleet.log))
        seconds = {"disturbed": round(calm_at - began, 1), "until_all_ended": round(ended_at - calm_at, 1)}
        return {**found, "faults": self._fleet.counts, "seconds": seconds, "cancel_seconds": cancels}

    def _disturbed(self) -> None:
        ends_at = time.monotonic() + self._seconds
        faults_at, shapes = time.monotonic() + self._pause, itertools.cycle(SHAPES)
        asked, counted, count_at = 0, 0, 0.0
        while time.monotonic() < ends_at:
            if time.monotonic() >= count_at:  # what a worker was asked for may have died with it
                counted = len(_patiently(lambda: roots(self._work)))
                asked, count_at = counted, time.monotonic() + 2
                self._answer()
                if counted >= self._wanted and not self._unended():
                    return
            for _ in range(min(4, self._wanted - asked)):
                self._fleet.begin(next(shapes), f"key-{time.monotonic_ns()}")
                asked += 1
            if time.monotonic() >= faults_at:
                self._fleet.disturb()
                faults_at = time.monotonic() + self._chance.uniform(0.5, 1.5) * self._pause
            time.sleep(0.05)

    def _answer(self) -> None:
        """Approves what waits for it."""
        data = self._work._context.data
        for run in _patiently(lambda: data.runs.all({"status": RunStatus.WAITING.value})):
            for wait in _patiently(lambda run=run: self._work.runs.waiting(run.id)):
                if wait.reason is WaitReason.APPROVAL:
                    _patiently(lambda run=run, wait=wait: _decided(self._work, run.id, wait.step))

    def _unended(self) -> int:
        return sum(not run.status.ended for run in _patiently(lambda: roots(self._work)))

    def _until(self, condition: Callable[[], bool]) -> None:
        ends_at = time.monotonic() + PATIENCE
        while not condition() and time.monotonic() < ends_at:
            self._answer()
            time.sleep(0.25)

    def _cancelled(self) -> dict[str, float]:
        """Seconds from the wish to the recorded end, for runs that other processes hold and for runs that wait."""
        taken = []
        for number in range(self._cancels):
            self._fleet.begin(HANGS[number % len(HANGS)], f"cancel-{number}")
        data = self._work._context.data
        titles = {"playbook_title": HANGS[0], "step": None}, {"playbook_title": HANGS[1], "step": None}
        self._until(lambda: self._under_way() >= self._cancels)
        for where in titles:
            for run in _patiently(lambda where=where: data.runs.all(where)):
                began = time.monotonic()
                _patiently(lambda run=run: self._work.runs.cancel(run.id))
                ended = _patiently(lambda run=run: self._work.runs.wait(run.id, seconds=PATIENCE))
                if ended.status is RunStatus.CANCELLED:
                    taken.append(time.monotonic() - began)
        if not taken:
            return {}
        return {
            "count": len(taken),
            "median": round(statistics.median(taken), 3),
            "longest": round(max(taken), 3),
        }

    def _under_way(self) -> int:
        runs = _patiently(lambda: self._work._context.data.runs.all({"parent_id": None}))
        states = {HANGS[0]: RunStatus.RUNNING, HANGS[1]: RunStatus.WAITING}
        return sum(run.status is states.get(run.playbook_title) for run in runs)


def _decided(work: Workspace, run_id: str, step: str) -> None:
    from zona_core import Conflict

    try:
        work.runs.decide(run_id, step, approved=True)
    except Conflict:  # it was answered already
        return


def _patiently(action: Callable[[], T]) -> T:
    ends_at = time.monotonic() + PATIENCE
    while True:
        try:
            return action()
        except StoreUnavailable:
            if time.monotonic() > ends_at:
                raise
        time.sleep(0.1)


@contextmanager
def _fleet(folder: Path, arguments: argparse.Namespace) -> Iterator[tuple[Fleet, Workspace]]:
    """Servers, workers, and a Zona in this process that carries nothing out."""
    with ExitStack() as stack:
        mongo = redis = None
        store = f"sqlite:///{folder}/zona.db?synchronous=NORMAL"
        if arguments.store == "mongo":
            mongo = stack.enter_context(replica_set(folder / "mongo", 3))
            store = mongo.url_of("chaos", heartbeatFrequencyMS=500, connectTimeoutMS=1000, socketTimeoutMS=5000)
        settings: dict[str, Any] = {"store": store, "lease_seconds": arguments.lease, "workers": arguments.threads}
        if arguments.executor == "huey":
            redis = RedisServer(folder / "redis")
            stack.callback(redis.kill)
            settings["executor"] = f"huey:{redis.url}?name=chaos"
        home = folder / "home"
        settings["home"] = str(home)
        observer = stack.enter_context(Zona(plugins={"chaos": ChaosPlugin(os.devnull)}, **settings))
        prepare(observer.tenant())
        chance = random.Random(arguments.seed)
        fleet = Fleet(folder, settings, arguments.workers, chance, replica_set=mongo, redis=redis)
        stack.callback(fleet.close)
        yield fleet, observer.tenant()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--store", choices=("sqlite", "mongo"), default="sqlite")
    parser.add_argument("--executor", choices=("threads", "huey"), default="threads")
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long faults come at most")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two faults, more or less")
    parser.add_argument("--workers", type=int, default=3, help="processes")
    parser.add_argument("--threads", type=int, default=4, help="of each process")
    parser.add_argument("--lease", type=float, default=2.0, help="seconds")
    parser.add_argument("--cancels", type=int, default=10, help="runs that are cancelled at the end")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--folder", default="", help="where everything is kept; empty: it goes with the end")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
