"""Prism, Stoplight's mock server, as a child process on a free port of the loopback interface."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import define

__all__ = ["PRISM", "Prism", "PrismError", "prism", "prism_version"]

PRISM = Path(__file__).resolve().parent.parent / "tests" / "prism" / "node_modules" / "@stoplight" / "prism-cli"
#: seconds that Prism may take to read a document
_PATIENCE = 60.0
_COMPLAINT = re.compile(r"\[VALIDATOR\].*? error +(?:Violation: )?(.+)|^(?:\w*Error): (.+)", re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class PrismError(Exception):
    """Prism does not serve the document."""


@define
class Prism:
    """A running Prism."""

    url: str
    _process: subprocess.Popen[bytes]
    _log: Path
    _read: int = 0

    def ended(self) -> bool:
        """Whether it does not run any more; a process that is about to end is given a moment."""
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            return False
        return True

    def complaint(self) -> str:
        """The last thing that it found wrong since it was asked before, or ""."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            text = _COLOURS.sub("", log.read().decode(errors="replace"))
            self._read = log.tell()
        found = _COMPLAINT.findall(text)
        return " ".join(found[-1]).strip() if found else ""


def prism_version(folder: Path) -> str:
    """The version of the Prism in ``folder``; raises ``PrismError`` if there is none."""
    try:
        text = (folder / "package.json").read_text(encoding="utf-8")
    except OSError:
        raise PrismError(f"there is no Prism in {folder}: run `npm ci` in tests/prism") from None
    found = re.search(r'"version":\s*"([^"]+)"', text)
    return found[1] if found else "unknown"


@contextmanager
def prism(folder: Path, document: Path) -> Iterator[Prism]:
    """Prism serving ``document``, stopped at the end; raises ``PrismError`` if it does not come up."""
    node = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if node is None:
        raise PrismError("node is not on PATH")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = document.with_suffix(".log")
    command = [
        node,
        str(folder / "dist" / "index.js"),
        "mock",
        "--verboseLevel",
        "error",
        "-p",
        str(port),
        str(document),
    ]
    with log.open("wb") as output:
        # A group of its own: what is called node may be a program that starts the real one and would leave it behind.
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    running = Prism(f"http://127.0.0.1:{port}", process, log)
    try:
        _await(running, process, port)
        yield running
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and those that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


def _await(running: Prism, process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise PrismError(running.complaint() or "Prism ended at once")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise PrismError(f"Prism did not answer within {_PATIENCE:g} s")
