"""``zona serve``, and bare Falcon under the same server, as processes on free ports of the loopback interface."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

__all__ = ["MAIN", "Address", "body_of", "both", "service"]

Address = tuple[str, int]

MAIN = "from zona_cli.main import main; main()"
#: seconds that a server may take to start, and to stop
_PATIENCE = 20.0


@contextmanager
def both(
    server: str, threads: int, environment: Mapping[str, str], folder: Path, bodies: Mapping[str, bytes]
) -> Iterator[tuple[Address, Address]]:
    """The service with one worker, its log in a file; and bare Falcon, which answers paths with ``bodies``."""
    pairs = []
    for number, (path, body) in enumerate(bodies.items()):
        file = folder / f"body-{number}.json"
        file.write_bytes(body)
        pairs.append(f"{path}={file}")
    options = ["--port", "0", "--workers", "1", "--threads", str(threads), "--server", server]
    bare = [sys.executable, "-P", str(Path(__file__).with_name("_http_bare.py")), server, str(threads), *pairs]
    zona = [sys.executable, "-c", MAIN, "-o", "json", "serve", *options]
    name = f"{server}-{threads}.log"
    with (
        _process(zona, environment, folder / f"zona-{name}") as ours,
        _process(bare, environment, folder / f"bare-{name}") as theirs,
    ):
        yield ours.address(), theirs.address()


def body_of(address: Address, path: str, token: str) -> bytes:
    """The body of one answer; anything but 200 ends the benchmark."""
    connection = HTTPConnection(*address, timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise SystemExit(f"GET {path} was answered with {answer.status}: {body[:500].decode(errors='replace')}")
    return body


class _Process:
    """A server that was started; what it says is in ``log``."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._until = time.monotonic() + _PATIENCE
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, env=dict(environment), cwd=log.parent, start_new_session=True
            )

    def address(self) -> Address:
        """Where it listens, once its worker answers."""
        while b'"serving":' not in self._log.read_bytes():
            self._wait_a_little()
        line = next(each for each in self._log.read_text().splitlines() if '"serving":' in each)
        host, _, port = json.loads(line)["serving"]["url"].rpartition("/")[2].rpartition(":")
        body_of((host, int(port)), "/healthz", "")
        return host, int(port)

    def stop(self) -> None:
        """Ends it, with those that it started."""
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _wait_a_little(self) -> None:
        """Another program's start gives no sign to wait for; one that takes too long ends the benchmark."""
        if self._process.poll() is not None or time.monotonic() > self._until:
            raise SystemExit(f"a server did not start: {self._log.read_text()[-2_000:]}")
        time.sleep(0.02)


@contextmanager
def service(
    environment: Mapping[str, str], folder: Path, *, workers: int, threads: int, name: str = "service"
) -> Iterator[Address]:
    """``zona serve`` under Gunicorn."""
    options = ["--port", "0", "--workers", str(workers), "--threads", str(threads), "--server", "gunicorn"]
    command = [sys.executable, "-c", MAIN, "-o", "json", "serve", *options]
    with _process(command, environment, folder / f"{name}.log") as process:
        yield process.address()


@contextmanager
def _process(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[_Process]:
    process = _Process(command, environment, log)
    try:
        yield process
    finally:
        process.stop()
