"""The running service is what its OpenAPI document says, for whatever requests come (https://schemathesis.io)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zona_core import Secret, Zona

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
PASSWORD = "correct horse battery staple"
#: requests that would end the caller's own session, and with it the test of everything after them
ENDING = r"/(logout|sessions)|^/updateUser"
#: ``tox -e thorough``
THOROUGH = bool(os.environ.get("ZONA_TEST_THOROUGH"))
EXAMPLES = ["--max-examples", "25" if THOROUGH else "5"]
#: The reader may not enter most of the places that the administrator is taken to. Of its requests the many thousands
#: that go through all that a schema has, part by part, are left to the long run.
PHASES = {"admin": [], "reader": [] if THOROUGH else ["--phases", "examples,fuzzing,stateful"]}


@pytest.fixture
def furnished(home: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Secret]:
    """A platform with a user of each kind and something to find; tokens of those users."""
    for name in ("ZONA_HTTP_KEY_LIMIT", "ZONA_HTTP_TENANT_LIMIT"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("ZONA_ACCESS_TOKEN_SECONDS", "3600")
    monkeypatch.setenv("ZONA_CONTAINER_ENGINE", "memory:")
    monkeypatch.setenv("ZONA_HTTP_STREAM_SECONDS", "1")
    document = (Path(__file__).parents[1] / "data" / "openapi" / "shodan.yaml").read_bytes()
    with Zona() as zona:
        workspace = zona.tenant()
        workspace.apps.import_document(document)
        workspace.instances.add("Shodan", title="main", values={"api_key": "k"})
        for role in ("admin", "reader"):
            zona.system().users.add(f"test-{role}", PASSWORD, roles=[role])
        return {
            role: zona.gate.login(name=f"test-{role}", password=PASSWORD).access_token for role in ("admin", "reader")
        }


def run(url: str, token: Secret, report: Path, *options: str) -> tuple[int, str]:
    """Schemathesis with every check; its exit code and what it printed."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run", *options]
    command += ["-H", f"Authorization: Bearer {token.reveal()}", "--checks", "all", "--no-color", "--warnings", "off"]
    command += ["--generation-deterministic", "--report-ndjson-path", str(report), f"{url}/openapi.json"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=5_000 if THOROUGH else 500, cwd=report.parent
    )
    return done.returncode, done.stdout + done.stderr


def statuses(report: Path) -> dict[str, set[int]]:
    """The statuses that each operation answered with."""
    found: dict[str, set[int]] = {}
    for line in report.read_text(encoding="utf-8").splitlines():
        for label, status in answers(json.loads(line)):
            found.setdefault(label, set()).add(status)
    return found


def answers(event: Any) -> list[tuple[str, int]]:
    """Operation and status of every answer that an event of the report tells of."""
    recorder = event.get("ScenarioFinished", {}).get("recorder", {})
    interactions = recorder.get("interactions", {}).values()
    return [
        (recorder.get("label", ""), each["response"]["status_code"]) for each in interactions if each.get("response")
    ]


@pytest.mark.parametrize("role", ["admin", "reader"])
def test_no_request_makes_the_service_break_its_word(
    role: str, serve: Callable[..., Any], furnished: dict[str, Secret], tmp_path: Path
) -> None:
    """All checks pass on all operations, asked by somebody who may do everything and by one who may only read."""
    report = tmp_path / "report.ndjson"
    service = serve()
    options = [*EXAMPLES, *PHASES[role], "--exclude-path-regex", ENDING]
    code, told = run(service.url, furnished[role], report, *options)
    assert code == 0, told[-20_000:]
    found = statuses(report)
    assert found, "nothing was asked"
    assert not {label: seen for label, seen in found.items() if 500 in seen}


def test_nor_does_one_that_ends_the_callers_session(
    serve: Callable[..., Any], furnished: dict[str, Secret], tmp_path: Path
) -> None:
    """The same for what is left out above."""
    service = serve()
    options = [*EXAMPLES, "--include-path-regex", ENDING]
    code, told = run(service.url, furnished["admin"], tmp_path / "report.ndjson", *options)
    assert code == 0, told[-20_000:]
