"""``zona`` as a process of its own, at a terminal that a test reads and types at."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ZONA", "Terminal", "at_terminal"]

#: ``getpass`` asks the controlling terminal, which a process takes for itself
_TAKE_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
#: who was started in the background ignores SIGINT, and hands that down
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from zona_cli.main import main; main()"
)
#: the command ``zona``
ZONA = [sys.executable, "-c", _START]


class Terminal:
    """A process at a terminal of 80 columns, and what it has shown."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.shown = b""
        self._master = master

    def until(self, text: str) -> None:
        """Reads until ``text`` is shown."""
        while text.encode() not in self.shown:
            assert self._read(), f"ended before {text!r}: {self.shown.decode()}"

    def type(self, text: str) -> None:
        """Types."""
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Reads to the end; gives the exit code."""
        while self._read():
            pass
        return self.process.wait()

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # how Linux tells that nobody has the other end any more
            return False
        self.shown += data
        return bool(data)


@contextmanager
def at_terminal(*arguments: str, **variables: str) -> Iterator[Terminal]:
    """``zona`` with all three streams at a terminal: ``with at_terminal("apps", "list") as shown``."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    command = [sys.executable, "-c", _TAKE_TERMINAL + _START, *arguments]
    with subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**environment, "TERM": "xterm", **variables},
    ) as process:
        os.close(slave)
        try:
            yield Terminal(process, master)
        finally:
            process.kill()
            os.close(master)
