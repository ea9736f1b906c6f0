"""A server as a process of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

__all__ = ["ServerMissing", "ServerProcess", "free_port", "program"]

#: seconds after which a server that does not answer counts as broken
PATIENCE = 60.0


class ServerMissing(RuntimeError):
    """There is no such server on this machine, nor a package that carries it."""

    def report(self) -> NoReturn:
        """Skips the test for a developer; in CI, which leaves nothing out, it fails."""
        import pytest

        if os.environ.get("CI"):
            pytest.fail(str(self))
        pytest.skip(str(self))


class ServerProcess:
    """A running server that answers on ``127.0.0.1:port``; ``log`` is where it writes.

    Raises ``RuntimeError`` with the end of the log if it does not come up.
    """

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self._command = list(command)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it, again if it was killed, and waits until it takes connections."""
        with self._log.open("ab") as log:
            # In a session of its own: an interrupt from the terminal is for the tests, which end it themselves.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        ends = time.monotonic() + PATIENCE
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > ends:
                self.kill()
                told = self._log.read_text(errors="replace")[-2_000:]
                raise RuntimeError(f"{Path(self._command[0]).name} did not come up on port {self.port}:\n{told}")
            time.sleep(0.02)

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def kill(self) -> None:
        """SIGKILL, as a machine that loses its power."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as behind a broken network."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends it, kindly at first."""
        self.resume()
        self._signal(signal.SIGTERM)
        if self._process is not None:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def _signal(self, number: int) -> None:
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def free_port() -> int:
    """A TCP port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str, package: str, inside: str) -> str:
    """Where a server's program is: on the PATH, else ``inside`` (a glob) the package; raises ``ServerMissing``."""
    found = shutil.which(name)
    if found:
        return found
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(place).glob(inside)):
            if os.access(file, os.X_OK):
                return str(file)
    raise ServerMissing(f"there is no {name} on the PATH, and no Python package {package} that carries one")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
