"""A worker process: carries runs out, begins one for each line of its standard input, and logs what its handler does.

Each line of the log is one write of a file that all workers append to.
"""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from zona_core import StoreUnavailable, TaskCall, TaskFailed, TaskOutcome, Zona, hookimpl
from zona_core.usecases._engine.book import record_id

__all__ = ["main"]


class ShiftedClock:
    """The machine's clock with a time of day that is wrong."""

    def __init__(self, shift: float) -> None:
        self._shift = timedelta(seconds=shift)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._shift

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ChaosHandler:
    """Asks the store, before anything else, whether the step that it is called for is recorded there as ended."""

    def __init__(self, log: str) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.zona: Zona | None = None

    def app_faults(self, app: Any) -> list[Any]:
        return []

    def task_faults(self, task: Any, app: Any) -> list[Any]:
        return []

    def run(self, call: TaskCall) -> TaskOutcome:
        run, key = call.inputs["run"], call.inputs["key"]
        about = {"run": run, "key": key, "attempt": call.attempt, "idempotency": call.idempotency_key}
        self._tell("begin", **about, recorded=self._is_recorded(run, key))
        while call.inputs["hangs"] and not call.abandoned():
            time.sleep(0.05)
        time.sleep(random.choice((0.0, 0.005, 0.02, 0.05, 0.2)))
        if call.inputs["flaky"] and call.attempt <= zlib.crc32(f"{run}{key}".encode()) % 4:
            self._tell("fail", **about)
            raise TaskFailed("not this time", retryable=True)
        self._tell("end", **about)
        return TaskOutcome(outputs={"key": key})

    def _is_recorded(self, run: str, key: str) -> bool | None:
        assert self.zona is not None
        try:
            return self.zona.tenant()._context.data.runs.get(record_id(run, key)) is not None
        except StoreUnavailable:
            return None  # nobody can tell: judged by the log alone

    def _tell(self, what: str, **more: Any) -> None:
        line = json.dumps({"what": what, "at": time.time(), "pid": os.getpid(), **more})
        os.write(self._log, f"{line}\n".encode())


class ChaosPlugin:
    """Brings the handler ``chaos``."""

    def __init__(self, log: str) -> None:
        self.handler = ChaosHandler(log)

    @hookimpl
    def zona_task_handlers(self, details: Any) -> dict[str, Callable[[], ChaosHandler]]:
        return {"chaos": lambda: self.handler}


def main(argument: str) -> None:
    """Works until its standard input ends; ``argument``: settings, log and shift of the clock as JSON."""
    options = json.loads(argument)
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {os.getpid()} %(threadName)s %(message)s")
    plugin = ChaosPlugin(options["log"])
    clock = ShiftedClock(options["shift"])
    with Zona(plugins={"chaos": plugin}, clock=clock, **options["settings"]) as zona:
        plugin.handler.zona = zona
        _patiently(zona.work)
        print("ready", flush=True)
        for line in sys.stdin:
            title, key = line.split()
            _patiently(lambda title=title, key=key: zona.tenant().playbooks.start(title, idempotency_key=key))


def _patiently(action: Callable[[], object]) -> None:
    """Does it, again if the store was away: then it may have been done twice, which the verdict counts as two runs."""
    while True:
        try:
            action()
        except StoreUnavailable:
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1])
