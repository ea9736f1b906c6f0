"""The main job, from end to end: a real OpenAPI document becomes an app, and a task of it a recorded run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from serving import serving

from zona_core import AddressRefused, RunStatus, Secret, Zona

ROOT = Path(__file__).resolve().parent
KEY = "canary-main-job-42"


class Api(BaseHTTPRequestHandler):
    """A live HTTP API: answers a host look-up to whoever brings the key."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        known = parse_qs(url.query).get("key") == [KEY]
        body = (
            {"ip": url.path.rsplit("/", 1)[-1], "ports": [22, 443], "echo": self.path} if known else {"error": "no key"}
        )
        data = json.dumps(body).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    """The base URL of the running API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


def test_from_an_openapi_document_to_a_recorded_run(api: str, tmp_path: Path) -> None:
    """Import, connect with an encrypted secret, run against a live API, read the record in a new process's eyes."""
    document = (ROOT / "data" / "openapi" / "shodan.yaml").read_bytes()
    with Zona.embedded(tmp_path) as zona:
        zona.system().tenants.set_network(zona.tenant().tenant.tenant_code, ["127.0.0.0/8"])
    with Zona.embedded(tmp_path) as zona:
        workspace = zona.tenant()
        outcome = workspace.apps.import_document(document)
        assert outcome.app.title == "Shodan"
        assert outcome.tasks_created == 10
        assert outcome.warnings
        values = {"base_url": api, "api_key": Secret(KEY)}
        workspace.instances.add("Shodan", title="main", values=values, allow_private=True)
        run = workspace.runs.run("Shodan", "get_shodan_host_ip", inputs={"ip": "8.8.8.8"})
        assert run.status is RunStatus.SUCCESS, run.error
    with Zona.embedded(tmp_path) as zona:
        recorded = zona.tenant().runs.get(run.id)
    assert recorded == run
    assert recorded.results
    assert recorded.results["body"]["ports"] == [22, 443]
    assert KEY not in str(recorded)
    assert all(KEY.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_wrong_key_is_a_recorded_failure_with_its_reason(api: str, tmp_path: Path) -> None:
    """The API's refusal is in the record: code, status and what it said."""
    with Zona.embedded(tmp_path) as zona:
        zona.tenant()
        zona.system().tenants.set_network("localhost", ["127.0.0.0/8"])
        workspace = zona.tenant()
        workspace.apps.import_document((ROOT / "data" / "openapi" / "shodan.yaml").read_bytes())
        values = {"base_url": api, "api_key": "wrong"}
        workspace.instances.add("Shodan", title="main", values=values, allow_private=True)
        run = workspace.runs.run("Shodan", "get_shodan_ports")
    assert run.status is RunStatus.FAILURE
    assert run.error
    assert run.error["code"] == "http_status"
    assert run.error["details"]["http_status"] == 401


@pytest.mark.parametrize(("asks", "networks"), [(False, ["127.0.0.0/8"]), (True, []), (True, ["10.0.0.0/8"])])
def test_loopback_is_refused_unless_instance_and_policy_agree(
    api: str, tmp_path: Path, asks: bool, networks: list[str]
) -> None:
    """Without both consents the request is not made."""
    with Zona.embedded(tmp_path) as zona:
        zona.tenant()
        zona.system().tenants.set_network("localhost", networks)
        workspace = zona.tenant()
        workspace.apps.import_document((ROOT / "data" / "openapi" / "shodan.yaml").read_bytes())
        values = {"base_url": api, "api_key": KEY}
        workspace.instances.add("Shodan", title="main", values=values, allow_private=asks)
        run = workspace.runs.run("Shodan", "get_shodan_ports")
    assert run.error
    assert run.error["code"] == AddressRefused.code
