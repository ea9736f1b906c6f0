"""``zona worker`` carries out runs until it is told to end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from zona_cli._worker_settings import WorkerSettings
from zona_core import RunStatus, Zona

PATIENCE = 60.0
MAIN = "from zona_cli.main import main; main()"
Worker = subprocess.Popen[str]
Start = Callable[..., Worker]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts workers that end with the test."""
    made: list[Worker] = []

    def started(*arguments: str, **environment: str) -> Worker:
        command = [sys.executable, "-c", MAIN, "worker", *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        made.append(subprocess.Popen(command, env=os.environ | environment, **pipes))
        return made[-1]

    yield started
    for process in made:
        process.kill()
        process.communicate(timeout=PATIENCE)


@pytest.fixture
def beginner(connected: str, home: Path) -> Iterator[Zona]:
    """A Zona that begins runs and carries none out."""
    with Zona(home=str(home), executor="huey:redis://127.0.0.1:1") as zona:
        yield zona


def begun(worker: Worker) -> Worker:
    """The same, when it has said that it is ready."""
    assert worker.stderr is not None
    assert worker.stderr.readline() == f"Carrying out runs (process {worker.pid}, workers: 16, executor: threads)\n"
    return worker


def asked(url: str) -> dict[str, float]:
    """The samples that are served there, by name and labels."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_works_until_a_signal(start: Start, ready: Any, home: Path, number: int) -> None:
    """A line says that it is ready; a signal ends it with 0, and it is no worker any more."""
    process = start("-o", "json", "--workers", "3")
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told == {"working": {"pid": process.pid, "workers": 3, "executor": "threads"}}
    with Zona(home=str(home)) as zona:
        assert [worker.pid for worker in zona._parts.database.workers.all()] == [process.pid]
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0
        assert zona._parts.database.workers.all() == []


def test_it_carries_out_what_another_process_began(start: Start, beginner: Zona, connected: str) -> None:
    """Whoever waits for the run gets what came of it."""
    begun(start())
    run = beginner.tenant().runs.run(connected, "get_host", inputs={"ip": "192.0.2.7"})
    assert run.status is RunStatus.SUCCESS
    assert "192.0.2.7" in str(run.results)


def test_its_metrics_are_those_of_the_runs_that_it_carried_out(
    start: Start, beginner: Zona, connected: str, api: Any, tmp_path: Path
) -> None:
    """Nothing but runs and the version, of this process alone, naming nobody; the port is closed when it ends."""
    shared = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "nowhere")}
    process = start("-o", "json", "--metrics", "0", **shared)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["working"]["metrics"]
    before = asked(url)
    assert [name.partition("{")[0] for name, value in before.items() if value] == ["zona_build_info"]
    runs = beginner.tenant().runs
    assert runs.run(connected, "get_host", inputs={"ip": "192.0.2.7"}).status is RunStatus.SUCCESS
    slow = runs.start(connected, "get_slow", inputs={})
    assert api.reached.wait(PATIENCE)
    during = asked(url)
    assert during['zona_run_seconds_count{kind="task",status="success"}'] == 1
    assert during['zona_attempts_total{status="success"}'] == 1
    assert (during["zona_run_queue_seconds_count"], during["zona_runs_active"]) == (2, 1)
    assert asked(f"{url}?name[]=zona_runs_active") == {"zona_runs_active": 1}
    assert not any(word in line for line in during for word in ("_created", "zona_http", "localhost", "get_host"))
    api.released.set()
    assert runs.wait(slow.id, seconds=PATIENCE).status is RunStatus.SUCCESS
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0
    with pytest.raises(urllib.error.URLError):
        asked(url)


def test_the_environment_and_the_file_say_where_its_metrics_are(start: Start, ready: Any, home: Path) -> None:
    """The environment counts more than the file; the line that it is ready tells where."""
    (home / "zona.toml").write_text('[zona.worker]\nmetrics = "nonsense"\n')
    process = start(ZONA_WORKER_METRICS="localhost:0")
    assert process.stderr is not None
    found = re.search(r"executor: threads, metrics: (http://\S+/metrics)\)\n", process.stderr.readline())
    assert found is not None
    assert 'zona_build_info{version="' in str(asked(found[1]))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:65535", ("::1", 65_535)),
        ("metrics.internal:1", ("metrics.internal", 1)),
    ],
)
def test_an_address_may_leave_its_host_out(text: str, address: tuple[str, int]) -> None:
    """Then it is this machine's own; that of IPv6 stands in brackets."""
    assert WorkerSettings(metrics=text).metrics_address == address


def test_a_port_that_is_taken(start: Start, ready: Any, home: Path) -> None:
    """It is named before anything is begun, and nobody is a worker."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = start("--metrics", str(port))
        told = process.communicate(timeout=PATIENCE)[1]
    assert "error[address_unavailable]" in told
    assert f"port {port} of 127.0.0.1" in told
    assert process.returncode == 10
    with Zona(home=str(home)) as zona:
        assert zona._parts.database.workers.all() == []


def test_metrics_need_their_extra(ready: Any) -> None:
    """Without it the extra is named, and how to install it."""
    lacking = f"import sys; sys.modules['prometheus_client'] = None; {MAIN}"
    command = [sys.executable, "-c", lacking, "worker", "--metrics", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 10
    assert "error[extra_missing]" in done.stderr
    assert 'pip install "zona[http]"' in done.stderr


def test_a_handler_that_is_under_way_may_end(start: Start, beginner: Zona, connected: str, api: Any) -> None:
    """A worker that is told to end begins nothing more, and waits for what it has begun."""
    process = begun(start())
    runs = beginner.tenant().runs
    slow = runs.start(connected, "get_slow", inputs={})
    assert api.reached.wait(PATIENCE)
    process.send_signal(signal.SIGTERM)
    api.released.set()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert runs.get(slow.id).status is RunStatus.SUCCESS
    later = runs.start(connected, "get_host", inputs={"ip": "192.0.2.7"})
    assert runs.get(later.id).status is RunStatus.QUEUED


def test_a_second_signal_ends_it_at_once(start: Start, beginner: Zona, connected: str, api: Any) -> None:
    """Nobody has to wait for a handler that does not end; the run goes on elsewhere."""
    process = begun(start())
    slow = beginner.tenant().runs.start(connected, "get_slow", inputs={})
    assert api.reached.wait(PATIENCE)
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
    assert process.returncode == -signal.SIGTERM
    assert not beginner.tenant().runs.get(slow.id).status.ended


@pytest.mark.parametrize(
    ("environment", "code", "words"),
    [
        ({"ZONA_EXECUTOR": "huey:redis://host?canary=1"}, 10, "there is no such option"),
        ({"ZONA_EXECUTOR": "canary:"}, 10, "there is no executor for canary: URLs"),
        ({"ZONA_KEYRING": "file:/nowhere/key"}, 11, "/nowhere/key"),
        ({"ZONA_HOME": "/nowhere"}, 10, "zona init"),
        ({"ZONA_WORKER_METRICS": "65536"}, 10, "[HOST:]PORT"),
        ({"ZONA_WORKER_METRICS": "host:"}, 10, "[HOST:]PORT"),
        ({"ZONA_WORKER_METRICS": ":9464"}, 10, "[HOST:]PORT"),
        ({"ZONA_WORKER_METRICS": "nosuch.invalid:0"}, 10, "nosuch.invalid"),
    ],
)
def test_what_keeps_it_from_working(
    start: Start, ready: Any, environment: dict[str, str], code: int, words: str
) -> None:
    """It is told before anything is begun."""
    process = start(**environment)
    told = process.communicate(timeout=PATIENCE)[1]
    assert words in told
    assert process.returncode == code


def test_a_store_of_another_release(start: Start, ready: Any, connected: str, home: Path) -> None:
    """It is refused, with the way out."""
    with closing(sqlite3.connect(home / "zona.db")) as database, database:
        database.execute('drop index "apps.by_status"')
        database.execute('create index "apps.by_status" on apps (doc)')
    process = start()
    told = process.communicate(timeout=PATIENCE)[1]
    assert "error[store_differs]" in told
    assert "zona store migrate" in told
    assert process.returncode == 10
