"""A source of events for tests: a real HTTP server on loopback that gives them page by page, and fails as it is told.

``GET /events`` takes ``after`` (a cursor), ``since``, ``limit`` and ``page``; the answer has ``events`` and ``next``.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

__all__ = ["EventServer", "event_server"]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that die in the middle."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class EventServer:
    """See the module. ``events`` may grow meanwhile; an event's cursor is how many came before it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        #: answers in the place of the next ones: a status with headers, or "hang"
        self.troubles: list[tuple[int, dict[str, str]] | str] = []
        #: queries that came, in their order
        self.asked: list[dict[str, str]] = []
        #: how many requests are being answered, and how many were at once, at most
        self.under_way = 0
        self.most_under_way = 0
        #: set: requests that hang are answered
        self.released = threading.Event()
        #: seconds that each answer takes
        self.slow = 0.0
        self._lock = threading.Lock()
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body."""
        with self._lock:
            self.asked.append(query)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            trouble = self.troubles.pop(0) if self.troubles else None
        try:
            if trouble == "hang":
                self.released.wait()
            elif isinstance(trouble, tuple):
                return *trouble, {"message": "not now"}
            if self.slow:
                self.released.wait(self.slow)
            return 200, {}, self._page(query)
        finally:
            with self._lock:
                self.under_way -= 1

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        limit = int(query.get("limit", "100"))
        since = query.get("since", "")
        found = [each for each in self.events if each["at"] >= since]
        begin = int(query.get("after") or 0) + (int(query.get("page", "1")) - 1) * limit
        end = begin + limit
        return {
            "events": found[begin:end],
            "next": str(end) if end < len(found) else None,
            "position": min(end, len(found)),
        }


def _handler(server: EventServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = server.answer(dict(parse_qsl(urlsplit(self.path).query)))
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return Handler


@contextmanager
def event_server() -> Iterator[EventServer]:
    """A server for the time of the block."""
    made = EventServer()
    with made.server:
        thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            made.released.set()
            made.server.shutdown()
            thread.join()
