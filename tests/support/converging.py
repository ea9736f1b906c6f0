"""A process that converges a service, to be killed in the middle of it; it writes a line for each progress."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from contextlib import closing

from zona_core.domain.fleet.targets import Target
from zona_core.ports.engines import Progress
from zona_docker.single import SingleEngine

__all__ = ["killed_at"]


def killed_at(line: int, url: str, fleet: str, target: Target) -> None:
    """Has another process converge the service, and kills it with SIGKILL once it has told so many progresses."""
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pickle.dump((url, fleet, target), process.stdin)
        process.stdin.close()
        for _ in range(line):
            assert process.stdout.readline(), "it ended before it was killed"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def _told(progress: Progress) -> None:
    print(progress, flush=True)


if __name__ == "__main__":
    engine_url, its_fleet, its_target = pickle.load(sys.stdin.buffer)
    with closing(SingleEngine.of_url(engine_url)) as engine:
        engine.converge(its_fleet, its_target, _told)
