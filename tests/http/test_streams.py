"""Following a run by server-sent events, over a real connection to a threaded server."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from attrs import evolve
from falcon.testing import TestClient

from zona_core import AppDefinition, RetryPolicy, RunStatus, TaskCall, TaskFailed, Zona
from zona_http import HttpSettings, create_app

CANARY = "canary-secret-value"


class Gate:
    """A handler that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, call: TaskCall) -> dict[str, Any]:
        self.begun.set()
        assert self.go.wait(20)
        return {"text": call.inputs["text"]}


class Watched:
    """A WSGI application that says when a response was closed, and whether the service is stopping."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.closed = threading.Semaphore(0)
        self.stopping = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        environ["zona.stopping"] = self.stopping.is_set
        parts = self._app(environ, start_response)
        try:
            yield from parts
        finally:
            if close := getattr(parts, "close", None):
                close()
            self.closed.release()


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection; a client that went away is no news."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke."""


class Quiet(WSGIRequestHandler):
    """Writes no log."""

    def log_message(self, *args: Any) -> None:
        """Nothing."""

    def get_stderr(self) -> Any:
        return io.StringIO()


class Events:
    """A stream as a client sees it."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=20)
        self._connection.request("GET", path, headers=headers)
        self.response: HTTPResponse = self._connection.getresponse()

    def next(self) -> dict[str, str]:
        """The next block that is no comment; empty at the end."""
        block: dict[str, str] = {}
        for line in self.response:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if not name and block:
                return block
            if name and not name.startswith(":"):
                block[name] = value
        return block

    def rest(self) -> list[dict[str, str]]:
        """All blocks up to the end."""
        return list(iter(self.next, {}))

    def close(self) -> None:
        """Goes away."""
        self.response.close()
        self._connection.close()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """What the task ``echo`` does; it ends at the latest with the test."""
    made = Gate()
    yield made
    made.go.set()


@pytest.fixture
def served(plugin: Any, gate: Gate, app_factory: Callable[..., AppDefinition], tmp_path: Path) -> Iterator[Zona]:
    """A Zona on a file, with the app Demo and an instance of it."""
    plugin.handler.functions["echo"] = gate
    with Zona(store=f"sqlite:///{tmp_path / 'zona.db'}", plugins={"function": plugin}) as zona:
        app = app_factory()
        task = evolve(app.tasks[0], error_handling=RetryPolicy(attempts=2, initial=0.001))
        zona.tenant().apps.upsert(evolve(app, tasks=(task,)))
        zona.tenant().instances.add("Demo", title="main", values={"api_key": CANARY})
        yield zona
        gate.go.set()


@pytest.fixture
def settings() -> HttpSettings:
    """Two threads: one stream at a time."""
    return HttpSettings(secure_cookies=False, threads=2)


@pytest.fixture
def watched(app: Any) -> Watched:
    """The application as the server has it."""
    return Watched(app)


@pytest.fixture
def follow(watched: Watched, people: Any) -> Iterator[Callable[..., Events]]:
    """``follow(run_id, role=…, last=…)`` opens a stream over a connection of its own."""
    server = make_server("127.0.0.1", 0, watched, server_class=Server, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    opened: list[Events] = []

    def followed(run_id: str, role: str = "admin", last: str = "", headers: dict[str, str] | None = None) -> Events:
        headers = headers or people.bearer(role)
        if last:
            headers["Last-Event-ID"] = last
        opened.append(Events(server.server_port, f"/api/v1/runs/{run_id}/events", headers))
        return opened[-1]

    yield followed
    for each in opened:
        each.close()
    server.shutdown()
    server.server_close()
    thread.join()


def start(zona: Zona, **inputs: Any) -> str:
    return zona.tenant().runs.start("Demo", "echo", inputs={"text": "x", **inputs}).id


def test_a_stream_tells_each_state_of_a_run_until_its_end(
    served: Zona, plugin: Any, gate: Gate, follow: Callable[..., Events]
) -> None:
    """The attempts that failed are told as they end; ids are revisions; no secret is shown."""

    def flaky(call: TaskCall) -> dict[str, Any]:
        result = gate(call)
        if call.attempt == 1:
            raise TaskFailed(f"busy with {CANARY}", retryable=True)
        return result

    plugin.handler.functions["echo"] = flaky
    run_id = start(served, token=CANARY)
    assert gate.begun.wait(10)
    stream = follow(run_id)
    headers = stream.response.headers
    assert (headers["content-type"], headers["cache-control"]) == ("text/event-stream", "no-store")
    assert headers["x-accel-buffering"] == "no"
    assert stream.next() == {"retry": "1000"}
    first = stream.next()
    assert (first["event"], first["id"], json.loads(first["data"])["status"]) == ("run", "1", "running")
    gate.go.set()
    events = stream.rest()
    assert events[-1] == {
        "id": "end",
        "event": "end",
        "data": json.dumps({"id": run_id, "status": "success"}).replace(" ", ""),
    }
    states = [json.loads(each["data"]) for each in events[:-1]]
    assert [int(each["id"]) for each in events[:-1]] == [state["revision"] for state in states]
    assert len(states[-1]["attempts"]) == 2
    assert CANARY not in str(events) + str(first)
    assert "********" in str(events)


def test_a_client_that_comes_back_goes_on_after_the_last_event(
    served: Zona, gate: Gate, follow: Callable[..., Events], client: TestClient, people: Any
) -> None:
    """Nothing is told twice; after the end there is nothing, so that an EventSource stays away."""
    gate.go.set()
    run_id = start(served)
    ended = served.tenant().runs.wait(run_id, seconds=10)
    assert [each.get("event") for each in follow(run_id, last=str(ended.revision)).rest()] == [None, "end"]
    assert [each.get("event") for each in follow(run_id, last="1").rest()] == [None, "run", "end"]
    assert [each.get("event") for each in follow(run_id, last="nonsense").rest()] == [None, "run", "end"]
    answer = client.simulate_get(f"/api/v1/runs/{run_id}/events", headers={**people.bearer(), "Last-Event-ID": "end"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.simulate_head(f"/api/v1/runs/{run_id}/events", headers=people.bearer()).status_code == 200


def test_one_thread_is_left_to_others_and_taken_back_from_who_went_away(
    served: Zona, gate: Gate, follow: Callable[..., Events], watched: Watched, client: TestClient
) -> None:
    """A second stream is told what there is and to ask again; once the first client is gone, there is room again."""
    run_id = start(served)
    assert gate.begun.wait(10)
    first = follow(run_id)
    assert [first.next().get("event"), first.next()["event"]] == [None, "run"]
    assert b"zona_http_streams 1.0" in client.simulate_get("/metrics").content
    second = follow(run_id).rest()
    assert [each.get("event") for each in second] == [None, "run"]
    assert second[0] == {"retry": "2000"}
    assert watched.closed.acquire(timeout=10)
    first.close()
    assert watched.closed.acquire(timeout=20)
    assert b"zona_http_streams 0.0" in client.simulate_get("/metrics").content
    assert follow(run_id).next() == {"retry": "1000"}


def test_with_a_single_thread_no_stream_stays_open(served: Zona, gate: Gate, people: Any) -> None:
    """The client is told what there is, and polls."""
    run_id = start(served)
    assert gate.begun.wait(10)
    client = TestClient(create_app(served, HttpSettings(secure_cookies=False, threads=1)))
    answer = client.simulate_get(f"/api/v1/runs/{run_id}/events", headers=people.bearer())
    assert answer.text.startswith("retry: 2000\n\nid: 1\nevent: run\n")


def test_a_stream_lasts_no_longer_than_the_settings_say(served: Zona, gate: Gate, people: Any) -> None:
    """The client comes back by itself; the run goes on."""
    run_id = start(served)
    assert gate.begun.wait(10)
    client = TestClient(create_app(served, HttpSettings(secure_cookies=False, threads=2, stream_seconds=1)))
    answer = client.simulate_get(f"/api/v1/runs/{run_id}/events", headers=people.bearer())
    assert answer.text.startswith("retry: 1000\n\nid: 1\nevent: run\n")
    assert answer.text.endswith(":\n\n")
    assert served.tenant().runs.get(run_id).status is RunStatus.RUNNING


def test_who_is_logged_out_is_told_no_more(
    served: Zona, gate: Gate, follow: Callable[..., Events], people: Any
) -> None:
    """A session that ends elsewhere ends its stream, with the code of the refusal."""
    run_id = start(served)
    assert gate.begun.wait(10)
    stream = follow(run_id, "operator")
    assert [stream.next().get("event"), stream.next()["event"]] == [None, "run"]
    served.system().sessions.end_all(people.user("operator").id)
    [problem] = stream.rest()
    assert problem["event"] == "problem"
    assert json.loads(problem["data"])["code"] == "token_revoked"


def test_who_may_not_any_more_is_told_no_more(
    served: Zona, gate: Gate, follow: Callable[..., Events], people: Any
) -> None:
    """A role that is taken away, and a tenant that is suspended, end a stream."""
    run_id = start(served)
    assert gate.begun.wait(10)
    stream = follow(run_id, "operator")
    assert [stream.next().get("event"), stream.next()["event"]] == [None, "run"]
    served.system().users.update(people.user("operator").id, roles=[])
    assert json.loads(stream.rest()[0]["data"])["code"] == "permission_denied"
    stream = follow(run_id)
    assert [stream.next().get("event"), stream.next()["event"]] == [None, "run"]
    served.system().tenants.suspend("localhost")
    assert json.loads(stream.rest()[0]["data"])["code"] == "tenant_suspended"


def test_a_service_that_stops_ends_its_streams(
    served: Zona, gate: Gate, follow: Callable[..., Events], watched: Watched
) -> None:
    """Nobody waits for a stream to use up its time."""
    run_id = start(served)
    assert gate.begun.wait(10)
    stream = follow(run_id)
    assert [stream.next().get("event"), stream.next()["event"]] == [None, "run"]
    watched.stopping.set()
    assert stream.rest() == []


def test_what_may_not_be_seen_is_not_streamed(served: Zona, client: TestClient, people: Any, problem: Any) -> None:
    """An unknown run, another tenant's user and nobody at all get a problem, not a stream."""
    served.system().tenants.add("acme")
    run_id = start(served)
    path = f"/api/v1/runs/{run_id}/events"
    problem(client.simulate_get("/api/v1/runs/none/events", headers=people.bearer()), 404, "not_found")
    problem(client.simulate_get(path, headers=people.bearer("admin", "acme")), 404, "not_found")
    problem(client.simulate_get(path), 401, "token_missing")
