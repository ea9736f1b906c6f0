"""A process that takes part in carrying out runs until its standard input ends; and the handler that it has.

Usage: ``python worker_process.py FOLDER NAME=VALUE …`` with settings of ``Zona``. It prints a line when it is ready.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zona_core import Connection, ConnectionReport, Fault, TaskCall, TaskOutcome, Zona, hookimpl

__all__ = ["MarkingPlugin", "WorkerProcess"]


class Marking:
    """A handler that leaves a file for each call, with the process that it was called in, in ``folder``.

    With the text ``wait`` the call lasts until there is a file ``go``, or the run is abandoned.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def app_faults(self, app: Any) -> list[Fault]:
        return []

    def task_faults(self, task: Any, app: Any) -> list[Fault]:
        return []

    def run(self, call: TaskCall) -> TaskOutcome:
        file = self._folder / f"{call.idempotency_key}.{os.getpid()}"
        count = int(file.read_text()) if file.exists() else 0
        written = file.with_name(f"{file.stem}-{os.getpid()}-{threading.get_ident()}")
        written.write_text(str(count + 1))
        written.replace(file)  # whoever looks finds the whole of it
        while call.inputs["text"] == "wait" and not (self._folder / "go").exists() and not call.abandoned():
            threading.Event().wait(0.01)
        return TaskOutcome(outputs={"pid": os.getpid()}, records_processed=1)

    def test(self, connection: Connection, timeout: float) -> ConnectionReport:
        return ConnectionReport(ok=True)


class MarkingPlugin:
    """Brings the handler under the name ``function``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @hookimpl
    def zona_task_handlers(self, details: Any) -> Mapping[str, Any]:
        return {"function": lambda: Marking(self._folder)}


class WorkerProcess:
    """The process, ready to work."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        pairs = [f"{name}={value}" for name, value in settings.items()]
        command = [sys.executable, str(Path(__file__).resolve()), str(folder), *pairs]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        self.pid = self._process.pid

    def kill(self) -> None:
        """SIGKILL, as a machine that loses its power."""
        self._process.kill()
        self._process.communicate(timeout=60)

    def stop(self) -> int:
        """Has it end; its exit code."""
        self._process.communicate(timeout=60)
        return self._process.returncode


def main(folder: str, *pairs: str) -> None:
    """The process."""
    options: dict[str, Any] = dict(pair.split("=", 1) for pair in pairs)
    for name in ("workers", "lease_seconds"):
        if name in options:
            options[name] = float(options[name]) if name == "lease_seconds" else int(options[name])
    with Zona(plugins={"marking": MarkingPlugin(Path(folder))}, **options) as zona:
        zona.work()
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
