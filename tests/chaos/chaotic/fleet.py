"""Worker processes, and what may happen to them and to the store."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from real_servers import RedisServer, ReplicaSet

__all__ = ["Fleet", "Worker"]

#: seconds after which a process that does not get ready counts as broken
PATIENCE = 60.0
#: seconds by which workers' clocks are wrong, in turn
SHIFTS = (0.0, 60.0, -60.0)


class Worker:
    """One process. Only ever its own process id is signalled."""

    def __init__(self, options: dict[str, Any], errors: Path) -> None:
        script = str(Path(__file__).with_name("worker.py"))
        with errors.open("ab") as told:
            self._process = subprocess.Popen(
                [sys.executable, script, json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
                start_new_session=True,
            )
        self.frozen_until = 0.0

    @property
    def ready(self) -> bool:
        """Whether it has begun to work."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    @property
    def alive(self) -> bool:
        """Whether it runs, if only to be continued."""
        return self._process.poll() is None

    def begin(self, title: str, key: str) -> None:
        """Has it begin a run; what a dead one was told is lost."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, OSError):
            self._process.stdin.write(f"{title} {key}\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError, OSError):
                stream.close()

    def freeze(self, seconds: float) -> None:
        """SIGSTOP, until ``thaw`` is called after so many seconds."""
        os.kill(self._process.pid, signal.SIGSTOP)
        self.frozen_until = time.monotonic() + seconds

    def thaw(self) -> None:
        """SIGCONT, once its time has come."""
        if self.frozen_until and time.monotonic() >= self.frozen_until:
            if self.alive:
                os.kill(self._process.pid, signal.SIGCONT)
            self.frozen_until = 0.0


class Fleet:
    """So many workers at any time; ``disturb`` does something bad to one of them or to a server."""

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        count: int,
        chance: random.Random,
        *,
        replica_set: ReplicaSet | None = None,
        redis: RedisServer | None = None,
    ) -> None:
        self.log = folder / "calls.jsonl"
        self.errors = folder / "errors.log"
        self.log.touch()
        self.counts = {"killed": 0, "frozen": 0, "failovers": 0, "redis_restarts": 0}
        self._settings = settings
        self._count = count
        self._chance = chance
        self._mongo = replica_set
        self._redis = redis
        self._down: list[tuple[float, Any]] = []
        self._next: list[Callable[[], None]] = []
        self._told = False
        self._made = 0
        self.workers = [self._new() for _ in range(count)]
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="ticker")
        self._ticker.start()
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def begin(self, title: str, key: str) -> None:
        """Has some worker begin a run."""
        awake = [worker for worker in self.workers if worker.alive and not worker.frozen_until]
        if awake:
            self._chance.choice(awake).begin(title, key)

    def _tick(self) -> None:
        """Ends what lasts for a while: frozen processes go on, servers that were killed come back.

        In a thread of its own, whatever whoever begins runs has to wait for.
        """
        while not self._over.wait(0.05):
            for worker in list(self.workers):
                worker.thaw()
            for due, server in list(self._down):
                if time.monotonic() >= due:
                    server.start()
                    self._down.remove((due, server))

    def disturb(self) -> None:
        """One fault: all kinds in turn, in an order by chance; what happens to servers comes first of all."""
        if not self._next:
            kinds: list[Callable[[], None]] = [self._kill, self._kill, self._freeze]
            kinds += [self._fail_over] if self._mongo is not None else []
            kinds += [self._restart_redis] if self._redis is not None else []
            self._next = self._chance.sample(kinds, len(kinds)) if self._told else kinds
            self._told = True
        self._next.pop()()

    def calm(self) -> None:
        """Ends all faults."""
        for worker in self.workers:
            worker.frozen_until = min(worker.frozen_until, time.monotonic())
        ends = time.monotonic() + PATIENCE
        while self._down or any(worker.frozen_until for worker in self.workers):
            if time.monotonic() > ends:
                raise RuntimeError("what was stopped did not come back")
            time.sleep(0.02)
        self._wait()

    def close(self) -> None:
        """Kills all workers."""
        self._over.set()
        self._ticker.join()
        for worker in self.workers:
            worker.kill()

    def _kill(self) -> None:
        victim = self._chance.choice(self.workers)
        victim.kill()
        self.workers.remove(victim)
        self.workers.append(self._new())
        self.counts["killed"] += 1

    def _freeze(self) -> None:
        awake = [worker for worker in self.workers if worker.alive and not worker.frozen_until]
        if len(awake) > 1:
            self._chance.choice(awake).freeze(self._settings["lease_seconds"] * self._chance.uniform(1.2, 2))
            self.counts["frozen"] += 1

    def _fail_over(self) -> None:
        if not self._down and self._mongo is not None:
            primary = self._mongo.primary
            primary.kill()
            self._down.append((time.monotonic() + self._chance.uniform(1, 4), primary))
            self.counts["failovers"] += 1

    def _restart_redis(self) -> None:
        if self._redis is not None and not self._down:
            self._redis.kill()
            self._down.append((time.monotonic() + self._chance.uniform(0, 3), self._redis))
            self.counts["redis_restarts"] += 1

    def _new(self) -> Worker:
        shift = SHIFTS[self._made % len(SHIFTS)]
        self._made += 1
        return Worker({"log": str(self.log), "settings": self._settings, "shift": shift}, self.errors)

    def _wait(self) -> None:
        ends = time.monotonic() + PATIENCE
        while not all(worker.ready for worker in self.workers):
            if time.monotonic() > ends or not all(worker.alive for worker in self.workers):
                raise RuntimeError(f"a worker did not come up:\n{self.errors.read_text(errors='replace')[-4_000:]}")
            time.sleep(0.02)
