"""The small API behind the quick start: it answers what its document describes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
import yaml


@pytest.fixture(scope="module")
def api(load: Callable[[str], ModuleType], serve: Callable[..., Any]) -> Iterator[Any]:
    """A running server."""
    server = load("live_api.py").LiveApi(key="k3y&")
    with serve(server):
        yield server


def ask(api: Any, method: str, path: str, key: str | None = "k3y&", **query: str) -> tuple[int, Any]:
    """Status and JSON data of an answer."""
    asked = urlencode({**query, **({"key": key} if key is not None else {})})
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request(method, f"{api.url}{path}?{asked}")
        return answer.status, answer.json()


def test_every_operation_of_the_document_is_answered(api: Any, data_dir: Path) -> None:
    """Each operation, given its required parameters, answers with data; without the key, with a problem."""
    document = yaml.safe_load((data_dir / "openapi" / "shodan.yaml").read_text(encoding="utf-8"))
    alert = ask(api, "POST", "/shodan/alert")[1]["id"]
    operations = [(path, method, what) for path, item in document["paths"].items() for method, what in item.items()]
    assert len(operations) == 10
    for path, method, what in operations:
        filled = path.replace("{ip}", "8.8.8.8").replace("{id}", alert)
        query = {one["name"]: "org" for one in what.get("parameters", []) if one["in"] == "query"}
        assert ask(api, method.upper(), filled, **query)[0] == 200, path
        status, problem = ask(api, method.upper(), filled, key=None, **query)
        assert (status, problem["status"], problem["title"]) == (401, 401, "Unauthorized"), path


@pytest.mark.parametrize("key", ["", "k3y", "k3y&&", "ключ"])
def test_a_wrong_key_is_refused(api: Any, key: str) -> None:
    """Any other key than the server's is refused."""
    assert ask(api, "GET", "/shodan/ports", key=key)[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/shodan/host/192.0.2.99", 404),
        ("GET", "/shodan/host/nonsense", 400),
        ("GET", "/search", 400),
        ("GET", "/elsewhere", 404),
        ("POST", "/shodan/ports", 405),
        ("GET", "/shodan/alert/NOPE/info", 404),
    ],
)
def test_what_cannot_be_answered_is_a_problem(api: Any, method: str, path: str, status: int) -> None:
    """Wrong addresses, missing parameters, unknown paths and methods are told with their status."""
    found, problem = ask(api, method, path)
    assert (found, problem["status"]) == (status, status)
    assert problem["detail"]


def test_hosts_can_be_searched(api: Any) -> None:
    """Words and ``name:value`` filters narrow the services down; facets count them."""
    found = ask(api, "POST", "/shodan/query/search", query="product:nginx tcp")[1]
    assert [row["ip_str"] for row in found["matches"]] == ["192.0.2.10"]
    counted = ask(api, "GET", "/shodan/host/count", query="org:nobody", facets="port")[1]
    assert counted == {"total": 0, "facets": {"port": []}, "matches": []}
    assert ask(api, "GET", "/shodan/host/8.8.8.8")[1]["ports"] == [53, 443]


def test_it_runs_as_a_program(examples_dir: Path) -> None:
    """The program prints its URL first, logs nothing, and ends cleanly on SIGTERM."""
    command = [sys.executable, str(examples_dir / "live_api.py"), "--key", "canary"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        line = program.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", line)
        answer = urllib3.request("GET", f"{line}/shodan/ports?key=canary", retries=False)
        assert json.loads(answer.data) == [22, 53, 80, 443, 3389]
        program.send_signal(signal.SIGTERM)
        rest, errors = program.communicate(timeout=30)
    assert (program.returncode, rest, errors) == (0, "", "")
