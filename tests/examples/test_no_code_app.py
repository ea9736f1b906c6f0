"""The hand-written app: its definition, its tasks against a local server, and the commands of its page."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from zona_core import RunStatus, Secret, Workspace, Zona

KEY = "a-key-for-the-app"


class _Api(BaseHTTPRequestHandler):
    """Answers in the shapes that https://docs.abuseipdb.com/ gives."""

    server: FakeAbuseIpDb

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._serve(url.path, {name: values[0] for name, values in parse_qs(url.query).items()})

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._serve(urlsplit(self.path).path, {name: values[0] for name, values in parse_qs(sent).items()})

    def log_message(self, *args: Any) -> None:
        """Nothing is logged."""

    def _serve(self, path: str, given: dict[str, str]) -> None:
        self.server.requests.append((self.command, path, given))
        if self.headers.get("Key") != KEY:
            self._send(401, {"errors": [{"detail": "Authentication failed.", "status": 401}]})
        elif path == "/api/v2/check":
            self._send(200, {"data": self._reputation(given)})
        elif path == "/api/v2/check-block":
            reported = {"ipAddress": "203.0.113.9", "numReports": 3, "abuseConfidenceScore": 21}
            self._send(200, {"data": {"networkAddress": "203.0.113.0", "reportedAddress": [reported]}})
        elif path == "/api/v2/blacklist":
            rows = [{"ipAddress": "203.0.113.9", "abuseConfidenceScore": 100}]
            self._send(200, {"meta": {"generatedAt": "2025-03-01T10:00:00+00:00"}, "data": rows})
        elif path == "/api/v2/report":
            self._send(200, {"data": {"ipAddress": given["ip"], "abuseConfidenceScore": 52}})
        else:
            self._send(404, {"errors": [{"detail": "Not found", "status": 404}]})

    def _reputation(self, given: dict[str, str]) -> dict[str, Any]:
        return {
            "ipAddress": given["ipAddress"],
            "abuseConfidenceScore": 87,
            "totalReports": 14,
            "countryCode": "ZZ",
            "isp": "Example ISP",
            "isTor": False,
            "lastReportedAt": "2025-03-01T09:00:00+00:00",
        }

    def _send(self, status: int, data: Any) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class FakeAbuseIpDb(ThreadingHTTPServer):
    """The server."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        """The base URL for an instance."""
        return f"http://127.0.0.1:{self.server_port}/api/v2"


@pytest.fixture
def api(serve: Callable[..., Any]) -> Iterator[FakeAbuseIpDb]:
    """A running server."""
    server = FakeAbuseIpDb()
    with serve(server):
        yield server


@pytest.fixture
def workspace(tmp_path: Path, examples_dir: Path, api: FakeAbuseIpDb) -> Iterator[Workspace]:
    """A tenant with the app and an instance of it."""
    with Zona(store=f"sqlite:///{tmp_path / 'zona.db'}") as zona:
        zona.system().tenants.add("acme", private_networks=["127.0.0.0/8"])
        workspace = zona.tenant("acme")
        outcome = workspace.apps.import_document(
            (examples_dir / "no_code_app" / "app.yaml").read_bytes(), format="zona"
        )
        assert (outcome.app.title, outcome.tasks_created, outcome.warnings) == ("AbuseIPDB", 4, ())
        values = {"api_key": Secret(KEY), "base_url": api.url}
        workspace.instances.add("AbuseIPDB", title="main", values=values, allow_private=True)
        yield workspace


@pytest.mark.parametrize(
    ("tag", "inputs", "request_", "results"),
    [
        (
            "check_address",
            {"address": "118.25.6.39"},
            ("GET", "/api/v2/check", {"ipAddress": "118.25.6.39", "maxAgeInDays": "30"}),
            {
                "score": 87,
                "reports": 14,
                "country": "ZZ",
                "provider": "Example ISP",
                "tor": False,
                "last_reported": "2025-03-01T09:00:00+00:00",
            },
        ),
        (
            "check_network",
            {"network": "203.0.113.0/24", "max_age_days": 7},
            ("GET", "/api/v2/check-block", {"network": "203.0.113.0/24", "maxAgeInDays": "7"}),
            {"addresses": [{"ipAddress": "203.0.113.9", "numReports": 3, "abuseConfidenceScore": 21}]},
        ),
        (
            "blacklist",
            {},
            ("GET", "/api/v2/blacklist", {"limit": "1000"}),
            {"generated_at": "2025-03-01T10:00:00+00:00", "addresses": ["203.0.113.9"]},
        ),
        (
            "report_address",
            {"address": "203.0.113.9", "categories": [18, 22], "comment": "SSH & more"},
            ("POST", "/api/v2/report", {"ip": "203.0.113.9", "categories": "18,22", "comment": "SSH & more"}),
            {"score": 52},
        ),
    ],
    ids=["check_address", "check_network", "blacklist", "report_address"],
)
def test_every_task_works(
    workspace: Workspace,
    api: FakeAbuseIpDb,
    tag: str,
    inputs: dict[str, Any],
    request_: tuple[str, str, dict[str, str]],
    results: dict[str, Any],
) -> None:
    """Each task sends what the API documents and takes its outputs from the answer."""
    run = workspace.runs.run("AbuseIPDB", tag, inputs=inputs)
    assert run.status is RunStatus.SUCCESS, run.error
    assert run.results == results
    assert api.requests == [request_]


def test_a_refused_key_is_told(workspace: Workspace) -> None:
    """With a wrong key the run fails with the status, and the key is not in the record."""
    workspace.instances.update("AbuseIPDB", "main", values={"api_key": Secret("wrong-key-canary")})
    run = workspace.runs.run("AbuseIPDB", "check_address", inputs={"address": "118.25.6.39"})
    assert run.error is not None
    assert run.error["details"]["http_status"] == 401
    assert "canary" not in repr(run)


def test_its_playbooks_report_what_somebody_agrees_to(
    workspace: Workspace, examples_dir: Path, api: FakeAbuseIpDb
) -> None:
    """Each address is looked up, asked about, and reported with what was said."""
    for name in ("report_address", "report_addresses"):
        document = (examples_dir / "no_code_app" / f"{name}.yaml").read_bytes()
        workspace.playbooks.save(workspace.playbooks.read_document(document))
    run = workspace.playbooks.start("Report addresses", inputs={"addresses": ["203.0.113.9", "203.0.113.10"]})
    for approved in (True, False):
        asking, mark = None, ""
        while asking is None:
            mark = workspace.runs.progress(run.id, since=mark, seconds=1).mark
            below = [each for each in workspace.runs.list(playbook="Report an address").items if not each.status.ended]
            asking = next((each for each in below if workspace.runs.waiting(each.id)), None)
            asking = asking if asking and workspace.runs.waiting(asking.id)[0].step == "ask" else None
        workspace.runs.decide(asking.id, "ask", approved=approved)
        workspace.runs.wait(asking.id, seconds=30)
    ended = workspace.runs.wait(run.id, seconds=60)
    assert (ended.status, ended.results) == (RunStatus.SUCCESS, {"reported": 1, "failed": 1}), ended.error
    [report] = [given for method, path, given in api.requests if path == "/api/v2/report"]
    assert (report["categories"], report["comment"]) == ("18,22", "Seen in our logs (agreed by library)")


def test_the_commands_of_its_page_work(tmp_path: Path, examples_dir: Path, api: FakeAbuseIpDb) -> None:
    """The commands that the page shows do what it says, here with the local server in the place of the real one."""
    page = (examples_dir / "no_code_app" / "README.md").read_text(encoding="utf-8")
    commands = [shlex.split(line)[1:] for line in re.findall(r"^    (zona .+)$", page, re.MULTILINE)]
    assert [command[:2] for command in commands] == [["apps", "add"], ["instances", "add"], ["run", "AbuseIPDB"]]
    commands[1] += ["--allow-private", "--set", f"base_url={api.url}"]
    zona = str(Path(sys.executable).with_name("zona"))
    environment = {**os.environ, "ZONA_HOME": str(tmp_path), "ABUSEIPDB_KEY": KEY}
    local = [["init"], ["tenants", "policy", "localhost", "--allow-network", "127.0.0.0/8"]]
    for command in [*local, *commands]:
        done = subprocess.run(
            [zona, *command], cwd=examples_dir.parent, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert KEY not in done.stdout + done.stderr
    assert "87" in done.stdout
