"""Requests as fast as they are answered: by ``wrk``, or where that is missing by a small client of its own process.

As a program it is that client: ``python _http_load.py HOST PORT PATH TOKEN CONNECTIONS SECONDS BODY STATUS`` prints
what it found.
"""

from __future__ import annotations

import json
import re
import selectors
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Load", "fastest", "load", "loader"]

#: what wrk prints at its end: wrk itself tells no 95th percentile, nor which of the good answers are not the one wanted
_COUNTING = """
wrong = 0
setup = function(thread) thread_of_wrk = thread end
response = function(status) if status ~= %s then wrong = wrong + 1 end end
"""
_SCRIPT = """
done = function(summary, latency, requests)
  local failed = summary.errors
  local other = thread_of_wrk and thread_of_wrk:get("wrong") or failed.status
  local ms = function(percent) return latency:percentile(percent) / 1000 end
  io.write(string.format(
    '{"rate": %f, "p50": %f, "p95": %f, "p99": %f, "failed": %d}\\n', summary.requests * 1e6 / summary.duration,
    ms(50), ms(95), ms(99), other + failed.connect + failed.read + failed.write + failed.timeout))
end
"""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What a client found in one run."""

    #: answers a second
    rate: float
    #: milliseconds from request to answer
    p50: float
    p95: float
    p99: float
    #: answers other than 2xx and 3xx, or than the one wanted, and connections that broke
    failed: int


def loader() -> str:
    """Which client there is, in words."""
    return (
        "wrk"
        if shutil.which("wrk")
        else "wrk is not on PATH (apt install wrk): a client of this folder instead, slower"
    )


def load(
    address: tuple[str, int], path: str, token: str, *, connections: int, seconds: int, folder: Path, body: str = "",
    status: int = 0,
) -> Load:  # fmt: skip
    """Asks for ``path`` over so many connections for so long; ``folder`` is for files that are passed over.

    With ``body``, which is JSON, it posts that; with ``status`` any other answer counts as failed.
    """
    host, port = address
    if shutil.which("wrk"):
        script = folder / "told.lua"
        posts = f"wrk.method = 'POST'\nwrk.body = [[{body}]]\nwrk.headers['Content-Type'] = 'application/json'\n"
        script.write_text((posts if body else "") + (_COUNTING % status if status else "") + _SCRIPT)
        options = ["-t", "1", "-c", str(connections), "-d", f"{seconds}s", "-s", str(script)]
        command = ["wrk", *options, "-H", f"Authorization: Bearer {token}", f"http://{host}:{port}{path}"]
    else:
        figures = [str(connections), str(seconds)]
        command = [sys.executable, "-P", __file__, host, str(port), path, token, *figures, body, str(status)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30)
    return Load(**json.loads(done.stdout.splitlines()[-1]))


def fastest(found: list[Load]) -> Load:
    """The best of several runs; failures of all of them count."""
    best = max(found, key=lambda each: each.rate)
    return Load(best.rate, best.p50, best.p95, best.p99, sum(each.failed for each in found))


class _Client:
    """One connection, which sends its next request when it has the answer to its last."""

    def __init__(self, address: tuple[str, int], request: bytes, wanted: bytes) -> None:
        self._address = address
        self._wanted = wanted
        self._request = request
        self.times: list[float] = []
        self.failed = 0
        self._begin()

    def _begin(self) -> None:
        self.socket = socket.create_connection(self._address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._send()

    def _send(self) -> None:
        self._data = bytearray()
        self._began = time.perf_counter()
        self.socket.sendall(self._request)

    def read(self, selector: selectors.BaseSelector) -> None:
        """Takes what has come; with a whole answer it goes on to the next request."""
        try:
            part = self.socket.recv(65_536)
        except OSError:
            part = b""
        self._data += part
        head, found, body = self._data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        whole = bool(found and length) and len(body) >= int(length[1])
        if not whole and part:
            return
        if whole:
            self.times.append(time.perf_counter() - self._began)
        self.failed += not (whole and (head[9:12] == self._wanted if self._wanted else head[9:10] in b"23"))
        if whole and not _CLOSES.search(head):
            self._send()
            return
        selector.unregister(self.socket)
        self.socket.close()
        self._begin()
        selector.register(self.socket, selectors.EVENT_READ, self)


def _request(host: str, path: str, token: str, body: str) -> bytes:
    posts = f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n" if body else ""
    method = "POST" if body else "GET"
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n{posts}\r\n"
    return (head + body).encode()


def _run(address: tuple[str, int], request: bytes, connections: int, seconds: float, wanted: bytes) -> Load:
    with selectors.DefaultSelector() as selector:
        clients = [_Client(address, request, wanted) for _ in range(connections)]
        for each in clients:
            selector.register(each.socket, selectors.EVENT_READ, each)
        began = time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            for key, _ in selector.select(0.1):
                key.data.read(selector)
        for each in clients:
            each.socket.close()
    times = sorted(taken for each in clients for taken in each.times)
    p50, p95, p99 = (times[int(len(times) * part)] * 1000 if times else 0.0 for part in (0.5, 0.95, 0.99))
    return Load(len(times) / passed, p50, p95, p99, sum(each.failed for each in clients))


if __name__ == "__main__":
    _host, _port, _path, _token, _connections, _seconds, _body, _status = sys.argv[1:]
    _asked, _only = _request(_host, _path, _token, _body), b"" if _status == "0" else _status.encode()
    print(json.dumps(vars(_run((_host, int(_port)), _asked, int(_connections), float(_seconds), _only))))
