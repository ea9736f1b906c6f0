"""A client that asks a server for its page 25 times a second and counts what it is answered.

It is a process, so that it can run in the namespaces of a test's host. Each request is a connection of its own, and the
next one does not wait for it. Usage of the process: ``python polling.py HOST PORT PATH``, until standard input ends.
"""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["Polling", "polling"]

RATE = 25.0
#: seconds that a client waits for its answer
PATIENCE = 10.0


class Polling:
    """What the client was answered; known once it has ended."""

    def __init__(self) -> None:
        self.sent = 0
        #: answers with status 200, by their text
        self.answers: dict[str, int] = {}
        #: what became of the other requests: second, and status and text or error
        self.failures: list[list[Any]] = []


@contextmanager
def polling(host: str, port: int, entering: Sequence[str] = (), *, path: str = "/") -> Iterator[Polling]:
    """Has a client poll for the time of the block; ``entering`` is the beginning of a command within a host."""
    command = [*entering, sys.executable, __file__, host, str(port), path]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = Polling()
    try:
        assert process.stdout.readline() == "began\n"
        yield found
        report = json.loads(process.communicate("", timeout=2 * PATIENCE)[0])
        found.sent, found.answers, found.failures = report["sent"], report["answers"], report["failures"]
    finally:
        process.kill()
        process.communicate()


class Client:
    """The client in its process."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._address = (host, port)
        self._path = path
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()
        self._failures: list[list[Any]] = []

    def run(self) -> dict[str, Any]:
        """Polls until standard input ends."""
        began = time.monotonic()
        threads: list[threading.Thread] = []
        while not select.select([sys.stdin], [], [], max(0.0, began + len(threads) / RATE - time.monotonic()))[0]:
            threads.append(threading.Thread(target=self._ask, args=(time.monotonic() - began,)))
            threads[-1].start()
            if len(threads) == 1:
                print("began", flush=True)
        for thread in threads:
            thread.join()
        return {"sent": len(threads), "answers": self._answers, "failures": self._failures}

    def _ask(self, second: float) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=PATIENCE)
        try:
            connection.request("GET", self._path, headers={"Connection": "close"})
            answer = connection.getresponse()
            text = answer.read().decode()
            failure = None if answer.status == 200 else [round(second, 2), answer.status, text]
        except (OSError, http.client.HTTPException) as exc:
            text, failure = "", [round(second, 2), 0, repr(exc)]
        finally:
            connection.close()
        with self._lock:
            if failure is None:
                self._answers[text] += 1
            else:
                self._failures.append(failure)


if __name__ == "__main__":
    print(json.dumps(Client(sys.argv[1], int(sys.argv[2]), sys.argv[3]).run()))
