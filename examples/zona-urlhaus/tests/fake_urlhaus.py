"""A server on the loopback address that answers as the URLhaus API documents (https://urlhaus-api.abuse.ch/)."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

#: the key that it accepts
AUTH_KEY = "an-auth-key-for-tests"
LISTED_URL = "http://203.0.113.7/bins/mozi.m"
LISTED_HOST = "203.0.113.7"

_ROW = {
    "id": "2345678",
    "urlhaus_reference": "https://urlhaus.abuse.ch/url/2345678/",
    "url": LISTED_URL,
    "url_status": "online",
    "date_added": "2025-03-01 10:15:07 UTC",
    "threat": "malware_download",
    "reporter": "example",
    "larted": "true",
    "tags": ["elf", "Mozi"],
}
_BLACKLISTS = {"spamhaus_dbl": "not listed", "surbl": "not listed"}
_URL = {
    "query_status": "ok",
    **_ROW,
    "host": LISTED_HOST,
    "last_online": None,
    "blacklists": _BLACKLISTS,
    "takedown_time_seconds": None,
    "payloads": [
        {
            "firstseen": "2025-03-01",
            "filename": None,
            "file_type": "elf",
            "response_size": "307960",
            "response_md5": "eec5c6c219535fba3a0492ea8118b397",
            "response_sha256": "12013662c71da69de977c04cd7021f13a70cf7bed4ca6c82acbc100464d4b0ef",
            "signature": "Mozi",
        }
    ],
}
_HOST = {
    "query_status": "ok",
    "urlhaus_reference": f"https://urlhaus.abuse.ch/host/{LISTED_HOST}/",
    "host": LISTED_HOST,
    "firstseen": "2025-03-01 10:15:07 UTC",
    "url_count": "12",
    "blacklists": _BLACKLISTS,
    "urls": [_ROW],
}


class _Api(BaseHTTPRequestHandler):
    server: FakeUrlhaus

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self._serve(parse_qs(self.rfile.read(length).decode()))

    def log_message(self, *args: Any) -> None:
        """Nothing is logged."""

    def _serve(self, form: dict[str, list[str]]) -> None:
        self.server.requests.append((self.command, self.path, form))
        if self.server.failures:
            status, headers = self.server.failures.pop(0)
            self._send(status, b"<html>away</html>", headers)
            return
        status, answer = self._answer({name: values[0] for name, values in form.items()})
        self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _answer(self, form: dict[str, str]) -> tuple[int, Any]:
        key = self.headers.get("Auth-Key")
        if key is None:
            return 401, {"error": "Unauthorized"}
        if key != AUTH_KEY:
            return 403, {"query_status": "unknown_auth_key"}
        recent = re.fullmatch(r"/v1/urls/recent/limit/(\d+)/", self.path)
        if recent:
            return 200, {"query_status": "ok", "urls": [_ROW] * min(int(recent[1]), 3)}
        if self.command != "POST":
            return 200, {"query_status": "http_post_expected"}
        if self.path == "/v1/url/":
            if not urlsplit(form.get("url", "")).hostname:
                return 200, {"query_status": "invalid_url"}
            return 200, _URL if form["url"] == LISTED_URL else {"query_status": "no_results"}
        if self.path == "/v1/host/":
            if not re.fullmatch(r"[A-Za-z0-9.-]+", form.get("host", "")):
                return 200, {"query_status": "invalid_host"}
            return 200, _HOST if form["host"] == LISTED_HOST else {"query_status": "no_results"}
        return 404, {"error": "Not found"}

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class FakeUrlhaus(ThreadingHTTPServer):
    """The server; ``failures`` are (status, headers) with which it answers the next requests instead."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.requests: list[tuple[str, str, dict[str, list[str]]]] = []
        self.failures: list[tuple[int, dict[str, str]]] = []

    @property
    def url(self) -> str:
        """The base URL for an instance."""
        return f"http://127.0.0.1:{self.server_port}/v1/"
