"""A small real HTTP API on the loopback address, with the operations of the Shodan document in ``tests/data/openapi``.

::

    python examples/live_api.py [--port 8080] [--key demo-key]

The first line it prints is the URL that it listens on, ``http://127.0.0.1:PORT``; it serves until it is stopped. Every
request needs the API key in the query parameter ``key``. What it tells of hosts is made up; but for a well-known name
server they have documentation addresses (RFC 5737).
"""

from __future__ import annotations

import argparse
import hmac
import ipaddress
import json
import re
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

DEMO_KEY = "demo-key"

HOSTS: dict[str, list[dict[str, Any]]] = {
    "192.0.2.10": [
        {"port": 22, "transport": "tcp", "product": "OpenSSH", "version": "9.2p1", "org": "Example Hosting"},
        {"port": 443, "transport": "tcp", "product": "nginx", "version": "1.18.0", "org": "Example Hosting"},
    ],
    "198.51.100.7": [
        {"port": 3389, "transport": "tcp", "product": "Remote Desktop Protocol", "version": "", "org": "Example ISP"},
    ],
    "203.0.113.5": [
        {"port": 80, "transport": "tcp", "product": "Apache httpd", "version": "2.4.49", "org": "Example Corp"},
        {"port": 53, "transport": "udp", "product": "BIND", "version": "9.16.1", "org": "Example Corp"},
    ],
    "8.8.8.8": [
        {"port": 53, "transport": "udp", "product": "", "version": "", "org": "Google LLC"},
        {"port": 443, "transport": "tcp", "product": "", "version": "", "org": "Google LLC"},
    ],
}
EXPLOITS: list[dict[str, Any]] = [
    {"_id": "50383", "source": "ExploitDB", "cve": ["CVE-2021-41773"], "description": "Apache httpd path traversal"},
    {"_id": "45001", "source": "ExploitDB", "cve": ["CVE-2018-15473"], "description": "OpenSSH user enumeration"},
]
FACETS = ["asn", "country", "org", "port", "product", "version"]
FILTERS = ["asn", "city", "country", "hostname", "net", "org", "port", "product", "version"]


class Refusal(Exception):
    """A request that is answered with a problem document (RFC 9457)."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass
class Request:
    """What an operation is asked."""

    query: Mapping[str, str]
    #: JSON data, or None
    body: Any
    #: by id: what POST /shodan/alert made
    alerts: dict[str, dict[str, Any]]

    def needed(self, name: str) -> str:
        """A query parameter that must be there."""
        if not self.query.get(name):
            raise Refusal(400, f"The query parameter {name!r} is missing.")
        return self.query[name]


class LiveApi(ThreadingHTTPServer):
    """The server; ``port`` 0 stands for a free one."""

    daemon_threads = True

    def __init__(self, port: int = 0, key: str = DEMO_KEY) -> None:
        super().__init__(("127.0.0.1", port), _Requests)
        self.key = key
        self.alerts: dict[str, dict[str, Any]] = {}

    @property
    def url(self) -> str:
        """The base URL for an instance."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Any:
        """The JSON data for a request. Raises ``Refusal``."""
        if not hmac.compare_digest(query.get("key", "").encode(), self.key.encode()):
            raise Refusal(401, "The API key in the query parameter 'key' is missing or wrong.")
        for known_method, pattern, operation in _OPERATIONS:
            match = re.fullmatch(pattern, path)
            if match and known_method == method:
                return operation(Request(query, body, self.alerts), *map(unquote, match.groups()))
        if any(re.fullmatch(pattern, path) for _, pattern, _ in _OPERATIONS):
            raise Refusal(405, f"{method} is not what {path} takes.")
        raise Refusal(404, f"There is nothing at {path}.")


def host(_: Request, ip: str) -> Any:
    try:
        address = str(ipaddress.ip_address(ip))
    except ValueError:
        raise Refusal(400, "Invalid IP.") from None
    if address not in HOSTS:
        raise Refusal(404, "No information available for that IP.")
    services = HOSTS[address]
    return {
        "ip_str": address,
        "org": services[0]["org"],
        "country_code": "ZZ",
        "hostnames": [f"host-{address.replace('.', '-')}.example.net"],
        "ports": [service["port"] for service in services],
        "data": services,
        "last_update": "2025-03-01T10:15:07.000000",
    }


def exploit_search(asked: Request) -> Any:
    matches = [row for row in EXPLOITS if asked.needed("query").lower() in json.dumps(row).lower()]
    return {"matches": matches, "total": len(matches)}


def ports(_: Request) -> Any:
    return sorted({service["port"] for services in HOSTS.values() for service in services})


def count(asked: Request) -> Any:
    found = _matching(asked.needed("query"))
    wanted = [name.partition(":")[0] for name in asked.query.get("facets", "").split(",") if name]
    facets = {
        name: [{"value": value, "count": number} for value, number in Counter(row[name] for row in found).most_common()]
        for name in wanted
        if name in ("org", "port", "product", "version")
    }
    return {"total": len(found), "facets": facets, "matches": []}


def query_search(asked: Request) -> Any:
    found = _matching(asked.needed("query"))
    return {"total": len(found), "matches": found}


def make_alert(asked: Request) -> Any:
    body = asked.body if isinstance(asked.body, dict) else {}
    alert = {"id": secrets.token_hex(8).upper(), "name": body.get("name", ""), "filters": body.get("filters", {})}
    asked.alerts[alert["id"]] = alert
    return alert


def alert_info(asked: Request, alert_id: str) -> Any:
    if alert_id not in asked.alerts:
        raise Refusal(404, f"There is no alert {alert_id}.")
    return asked.alerts[alert_id]


def facets(_: Request) -> Any:
    return FACETS


def filters(_: Request) -> Any:
    return FILTERS


def tokens(asked: Request) -> Any:
    text = asked.query.get("query", "")
    pairs = dict(re.findall(r"(\w+):(\S+)", text))
    return {"attributes": pairs, "filters": sorted(pairs), "string": re.sub(r"\w+:\S+", "", text).strip(), "errors": []}


#: method, pattern of the path, what answers; the first that fits
_OPERATIONS: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", r"/search", exploit_search),
    ("GET", r"/shodan/host/count", count),
    ("GET", r"/shodan/host/search/facets", facets),
    ("GET", r"/shodan/host/search/filters", filters),
    ("GET", r"/shodan/host/search/tokens", tokens),
    ("GET", r"/shodan/host/([^/]+)", host),
    ("GET", r"/shodan/ports", ports),
    ("POST", r"/shodan/query/search", query_search),
    ("POST", r"/shodan/alert", make_alert),
    ("GET", r"/shodan/alert/([^/]+)/info", alert_info),
]


def _matching(text: str) -> list[dict[str, Any]]:
    """The services that have every word of ``text``; ``name:value`` asks for that value."""
    rows = [{"ip_str": ip, **service} for ip, services in HOSTS.items() for service in services]
    for word in text.split():
        name, colon, value = word.partition(":")
        rows = [
            row
            for row in rows
            if (str(row.get(name, "")).lower() == value.lower() if colon else word.lower() in json.dumps(row).lower())
        ]
    return rows


class _Requests(BaseHTTPRequestHandler):
    server: LiveApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *args: Any) -> None:
        """Nothing is logged: request lines carry the key."""

    def _serve(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        try:
            data = self.server.answer(self.command, url.path, query, _json(sent))
            self._send(200, "application/json", data)
        except Refusal as refusal:
            problem = {"type": "about:blank", "title": self.responses[refusal.status][0], "status": refusal.status}
            self._send(refusal.status, "application/problem+json", {**problem, "detail": str(refusal)})

    def _send(self, status: int, media_type: str, data: Any) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _json(sent: bytes) -> Any:
    try:
        return json.loads(sent) if sent else None
    except ValueError:
        raise Refusal(400, "The body is not JSON.") from None


def main() -> None:
    """Serves until SIGINT or SIGTERM."""
    options = argparse.ArgumentParser(description="A small API to try Zona with.")
    options.add_argument("--port", type=int, default=0, help="by default a free one")
    options.add_argument("--key", default=DEMO_KEY, help="the API key to accept (default: %(default)s)")
    given = options.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with LiveApi(given.port, given.key) as api:
        print(api.url, flush=True)
        with suppress(KeyboardInterrupt):
            api.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
