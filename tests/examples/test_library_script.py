"""The script that embeds Zona: a document, an account and a task in five lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

KEY = "a-key-for-the-script"


@pytest.fixture(scope="module")
def api(load: Callable[[str], ModuleType], serve: Callable[..., Any]) -> Iterator[Any]:
    """A running server."""
    server = load("live_api.py").LiveApi(key=KEY)
    with serve(server):
        yield server


@pytest.fixture
def script(python: Callable[..., Any], examples_dir: Path, data_dir: Path, api: Any) -> Callable[..., Any]:
    """Runs the script on the Shodan document against the server."""

    def run(*arguments: str, key: str = KEY) -> Any:
        document = data_dir / "openapi" / "shodan.yaml"
        done = python(examples_dir / "library_script.py", document, api.url, *arguments, env={"API_KEY": key})
        assert key not in done.stdout + done.stderr
        return done

    return run


def test_a_task_runs_and_its_record_is_printed(script: Callable[..., Any]) -> None:
    """The record has the answer's data; the key stands nowhere in what is printed."""
    done = script("get_shodan_host_ip", "--inputs", '{"ip": "8.8.8.8"}', "--allow-network", "127.0.0.0/8")
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(done.stdout)
    assert (record["status"], record["task_tag"], record["app_title"]) == ("success", "get_shodan_host_ip", "Shodan")
    assert '"ports": [53, 443]' in json.dumps(record["results"])


def test_a_failed_run_is_printed_with_its_reason(script: Callable[..., Any]) -> None:
    """A refused key is a record with the status, and exit code 1."""
    done = script(
        "get_shodan_host_ip",
        "--inputs",
        '{"ip": "8.8.8.8"}',
        "--allow-network",
        "127.0.0.0/8",
        key="not-the-right-key",
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["error"]["details"]["http_status"] == 401


def test_private_addresses_are_refused_by_default(script: Callable[..., Any]) -> None:
    """Without leave the task does not reach the loopback address."""
    done = script("get_shodan_host_ip", "--inputs", '{"ip": "8.8.8.8"}')
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "address_refused"


def test_an_unknown_task_is_an_error(script: Callable[..., Any]) -> None:
    """A task that the app does not have is told as JSON on the error stream, with exit code 2."""
    done = script("no_such_task")
    assert (done.returncode, done.stdout) == (2, "")
    assert json.loads(done.stderr)["code"] == "not_found"
