"""The metrics of the HTTP service."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from zona_http._metrics import FOLDER_VARIABLE, Metrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

#: counts what its arguments say, tells "counted", then lives until its standard input ends
WORKER = """
import sys
from zona_http._metrics import Metrics
metrics = Metrics("1.2.3", routes={"/a"})
for _ in range(int(sys.argv[1])):
    metrics.observe("GET", "/a", 200, 0.02)
metrics.auth_failure("token_expired")
metrics.started()
with metrics.stream():
    print("counted", flush=True)
    sys.stdin.read()
"""

#: renders what all processes counted
READER = """
import sys
from zona_http._metrics import Metrics
sys.stdout.buffer.write(Metrics("1.2.3").render()[1])
"""


def parsed(body: bytes) -> Samples:
    """The samples by name and labels."""
    families = text_string_to_metric_families(body.decode())
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for one in families for each in one.samples}


def key(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The key of a sample."""
    return name, tuple(sorted(labels.items()))


GET_A = key("zona_http_requests_total", method="GET", route="/a", status="200")


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of an app with one route."""
    return Metrics("1.2.3", routes={"/a"})


def test_requests_are_counted_and_timed(metrics: Metrics) -> None:
    """The count stands by method, route and status, the time in buckets."""
    metrics.observe("GET", "/a", 200, 0.02)
    metrics.observe("GET", "/a", 200, 0.3)
    content_type, body = metrics.render()
    samples = parsed(body)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert samples[GET_A] == 2
    assert samples[key("zona_http_request_seconds_bucket", method="GET", route="/a", le="0.025")] == 1
    assert samples[key("zona_http_request_seconds_bucket", method="GET", route="/a", le="+Inf")] == 2
    assert samples[key("zona_http_request_seconds_sum", method="GET", route="/a")] == pytest.approx(0.32)
    assert samples[key("zona_build_info", version="1.2.3")] == 1


def test_what_clients_invent_makes_no_new_series(metrics: Metrics) -> None:
    """Unknown methods and routes are counted together."""
    for number in range(50):
        metrics.observe(f"M{number}", None, 404, 0.001)
        metrics.observe("GET", f"/raw/{number}", 404, 0.001)
    samples = parsed(metrics.render()[1])
    counted = {labels: value for labels, value in samples.items() if labels[0] == "zona_http_requests_total"}
    assert counted == {
        key("zona_http_requests_total", method="other", route="unmatched", status="404"): 50,
        key("zona_http_requests_total", method="GET", route="unmatched", status="404"): 50,
    }


def test_routes_that_were_not_named_are_bounded() -> None:
    """Without a list of routes the first thousand are told apart, and no more."""
    metrics = Metrics("1")
    for number in range(1_100):
        metrics.observe("GET", f"/{number}", 200, 0.001)
    samples = parsed(metrics.render()[1])
    assert samples[key("zona_http_requests_total", method="GET", route="unmatched", status="200")] == 100


def test_refusals_are_counted_by_code_and_scope(metrics: Metrics) -> None:
    """Codes are label values as long as they are codes, and few."""
    metrics.auth_failure("token_expired")
    metrics.auth_failure("eyJhbGciOi.x.y")
    for number in range(200):
        metrics.auth_failure(f"code_{number}")
    metrics.rate_limited("tenant")
    samples = parsed(metrics.render()[1])
    assert samples[key("zona_auth_failures_total", code="token_expired")] == 1
    assert samples[key("zona_auth_failures_total", code="other")] == 1 + 101
    assert samples[key("zona_rate_limited_total", scope="tenant")] == 1


def test_requests_under_way_and_streams_go_up_and_down(metrics: Metrics) -> None:
    """A stream that ends with an error is no longer open."""
    metrics.started()
    metrics.started()
    metrics.ended()
    stream = metrics.stream()
    stream.__enter__()
    assert parsed(metrics.render()[1])[key("zona_http_streams")] == 1
    assert not stream.__exit__(ConnectionError, ConnectionError("gone"), None)
    samples = parsed(metrics.render()[1])
    assert (samples[key("zona_http_in_progress")], samples[key("zona_http_streams")]) == (1, 0)


def test_each_app_counts_for_itself() -> None:
    """Two apps in one process do not share a registry."""
    one, other = Metrics("1"), Metrics("1")
    one.observe("GET", "/a", 200, 0.1)
    assert GET_A in parsed(one.render()[1])
    assert GET_A not in parsed(other.render()[1])


def test_no_creation_times_are_told(metrics: Metrics) -> None:
    """The series are the same with one process as with several."""
    metrics.observe("GET", "/a", 200, 0.1)
    assert b"_created" not in metrics.render()[1]


def test_threads_lose_no_count(metrics: Metrics) -> None:
    """Counting from several threads at once adds up."""

    def count() -> None:
        for _ in range(500):
            metrics.observe("GET", "/a", 200, 0.001)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert parsed(metrics.render()[1])[GET_A] == 2_000


Start = Callable[[int], "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that worker processes share."""
    made = tmp_path / "metrics"
    made.mkdir()
    return made


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts a worker process that has counted that many requests when the call returns."""
    running = []

    def begin(count: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(count)],
            env=environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "counted\n"
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def environment(folder: Path) -> dict[str, str]:
    """This process's environment with the shared folder."""
    return {**os.environ, FOLDER_VARIABLE: str(folder)}


def run(code: str, folder: Path) -> bytes:
    """What a process that shares the folder prints."""
    return subprocess.run([sys.executable, "-c", code], env=environment(folder), capture_output=True, check=True).stdout


def test_any_process_answers_for_all(start: Start, folder: Path) -> None:
    """Counts, times, requests under way and streams of two workers are summed."""
    start(3)
    start(4)
    samples = parsed(run(READER, folder))
    assert samples[GET_A] == 7
    assert samples[key("zona_http_request_seconds_count", method="GET", route="/a")] == 7
    assert samples[key("zona_auth_failures_total", code="token_expired")] == 2
    assert samples[key("zona_http_in_progress")] == 2
    assert samples[key("zona_http_streams")] == 2
    assert samples[key("zona_build_info", version="1.2.3")] == 1


def test_a_killed_workers_counts_stay_and_its_requests_do_not(start: Start, folder: Path) -> None:
    """Counts never go back; what was under way in a dead worker is not under way; its files are gone."""
    start(3)
    killed = start(4)
    killed.kill()
    killed.wait()
    for _ in range(2):  # settling twice adds nothing twice
        samples = parsed(run(READER, folder))
        assert samples[GET_A] == 7
        assert samples[key("zona_http_request_seconds_sum", method="GET", route="/a")] == pytest.approx(0.14)
        assert samples[key("zona_http_in_progress")] == 1
        assert samples[key("zona_http_streams")] == 1
    assert not list(folder.glob(f"*_{killed.pid}.db"))


def test_the_hook_settles_a_worker_that_ended(start: Start, folder: Path) -> None:
    """``worker_gone`` moves the counts of worker after worker to the same files."""
    pids = []
    for _ in range(3):
        worker = start(2)
        worker.kill()
        worker.wait()
        pids.append(worker.pid)
        run(f"from zona_http._metrics import worker_gone; worker_gone({worker.pid})", folder)
    assert sorted(file.name for file in folder.glob("*.db")) == ["counter_gone.db", "histogram_gone.db"]
    assert parsed(run(READER, folder))[GET_A] == 6


def test_a_damaged_file_of_a_dead_worker_takes_nothing_along(start: Start, folder: Path) -> None:
    """What a worker left half written when it was killed is given up; the rest is told."""
    start(3)
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (folder / f"counter_{int(gone.stdout)}.db").write_bytes(b"\xff\x00\x00\x00\x00\x00\x00\x00\x70")
    assert parsed(run(READER, folder))[GET_A] == 3


def test_sharing_starts_afresh(folder: Path) -> None:
    """The folder is made and emptied, the variable set, and prometheus_client not yet imported."""
    (folder / "counter_1.db").write_bytes(b"old")
    code = (
        "import os, sys; from zona_http._metrics import share_metrics; share_metrics(sys.argv[1]);"
        f"print(os.listdir(sys.argv[1]), os.environ['{FOLDER_VARIABLE}'], 'prometheus_client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", str(folder), "False"]


def test_a_folder_that_is_named_too_late_is_refused(folder: Path) -> None:
    """Counting in one process what is meant for all would be wrong in silence."""
    code = (
        "import prometheus_client, sys; from zona_http._metrics import Metrics, share_metrics\n"
        "share_metrics(sys.argv[1])\n"
        "try: Metrics('1')\n"
        "except Exception as exc: print(exc.code)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "invalid_configuration"


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    """The fault is told when the app is made, not at the first request."""
    code = "from zona_http._metrics import Metrics\ntry: Metrics('1')\nexcept Exception as exc: print(exc.code)"
    assert run(code, tmp_path / "missing").strip() == b"invalid_configuration"
