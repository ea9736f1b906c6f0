"""The plugin in an embedded Zona, against a server that answers as URLhaus does."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_urlhaus import AUTH_KEY, LISTED_HOST, LISTED_URL, FakeUrlhaus

from zona_core import (
    AppDefinition,
    Execution,
    InvalidInput,
    RunStatus,
    Secret,
    TaskDefinition,
    TaskFailed,
    Workspace,
    Zona,
)


@pytest.fixture
def server() -> Iterator[FakeUrlhaus]:
    """A server of its own for each test."""
    with FakeUrlhaus() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A tenant that has the app and may reach the loopback address."""
    monkeypatch.setenv("URLHAUS_TEST_KEY", base64.b64encode(os.urandom(32)).decode())
    with Zona(store=f"sqlite:///{tmp_path / 'zona.db'}", keyring="env:URLHAUS_TEST_KEY", home=str(tmp_path)) as zona:
        zona.tenant()
        zona.system().tenants.set_network("localhost", ["127.0.0.0/8"])
        workspace = zona.tenant()
        workspace.apps.install("urlhaus")
        yield workspace


def connected(workspace: Workspace, base_url: str, key: str = AUTH_KEY, *, allow_private: bool = True) -> None:
    """Adds the instance ``main``."""
    workspace.instances.add(
        "URLhaus",
        title="main",
        values={"auth_key": Secret(key), "base_url": base_url},
        allow_private=allow_private,
    )


def run(workspace: Workspace, tag: str, **inputs: object) -> Execution:
    """Runs a task on the instance ``main``."""
    return workspace.runs.run("URLhaus", tag, instance="main", inputs=inputs)


def test_a_listed_url_comes_with_its_payloads(workspace: Workspace, server: FakeUrlhaus) -> None:
    """A URL in the database is listed with status, threat, tags and the files it served."""
    connected(workspace, server.url)
    done = run(workspace, "lookup_url", url=LISTED_URL)
    assert done.status is RunStatus.SUCCESS, done.error
    assert done.results is not None
    assert done.results["listed"] is True
    assert (done.results["threat"], done.results["tags"]) == ("malware_download", ["elf", "Mozi"])
    assert done.results["payloads"][0]["signature"] == "Mozi"
    assert done.performance["http_status"] == 200
    assert server.requests == [("POST", "/v1/url/", {"url": [LISTED_URL]})]


def test_an_unlisted_url_is_an_answer(workspace: Workspace, server: FakeUrlhaus) -> None:
    """A URL that is not in the database is a success that says so."""
    connected(workspace, server.url)
    done = run(workspace, "lookup_url", url="https://example.com/a?b=c&d=e f")
    assert done.status is RunStatus.SUCCESS, done.error
    assert done.results == {"listed": False, "tags": [], "payloads": []}
    assert server.requests[0][2] == {"url": ["https://example.com/a?b=c&d=e f"]}


def test_a_listed_host_comes_with_its_urls(workspace: Workspace, server: FakeUrlhaus) -> None:
    """A host's URLs come as a list; the count, a text on the wire, is a number."""
    connected(workspace, server.url)
    done = run(workspace, "lookup_host", host=LISTED_HOST)
    assert done.results is not None, done.error
    assert (done.results["listed"], done.results["url_count"]) == (True, 12)
    assert [row["url"] for row in done.results["urls"]] == [LISTED_URL]
    assert done.records_processed == 1


def test_recent_urls_are_limited(workspace: Workspace, server: FakeUrlhaus) -> None:
    """The limit is in the path; without one it is the task's default."""
    connected(workspace, server.url)
    assert run(workspace, "recent_urls", limit=2).records_processed == 2
    assert run(workspace, "recent_urls").records_processed == 3
    assert [path for _, path, _ in server.requests] == ["/v1/urls/recent/limit/2/", "/v1/urls/recent/limit/100/"]


@pytest.mark.parametrize("limit", [0, 1001, 1.5, "many"])
def test_a_limit_out_of_bounds_is_refused(workspace: Workspace, server: FakeUrlhaus, limit: object) -> None:
    """Inputs are checked before anything is asked."""
    connected(workspace, server.url)
    with pytest.raises(InvalidInput, match="limit"):
        run(workspace, "recent_urls", limit=limit)
    assert server.requests == []


@pytest.mark.parametrize("key", ["wrong-key-canary", "wrong-key-canary%41+/="])
def test_a_wrong_key_is_told_and_not_shown(workspace: Workspace, server: FakeUrlhaus, key: str) -> None:
    """A key that URLhaus does not know fails the run with that code, and stands nowhere in the record."""
    connected(workspace, server.url, key)
    done = run(workspace, "lookup_host", host=LISTED_HOST)
    assert done.status is RunStatus.FAILURE
    assert done.error is not None
    assert (done.error["code"], done.error["details"]) == ("unknown_auth_key", {"http_status": 403})
    assert len(done.attempts) == 1
    assert "canary" not in repr(done)
    report = workspace.instances.test("URLhaus", "main")
    assert (report.ok, "unknown_auth_key" in report.detail, "canary" in report.detail) == (False, True, False)


def test_a_working_instance_is_reported(workspace: Workspace, server: FakeUrlhaus) -> None:
    """Testing an instance asks for one URL and reports that the key is accepted."""
    connected(workspace, server.url)
    assert workspace.instances.test("URLhaus", "main").ok
    assert [path for _, path, _ in server.requests] == ["/v1/urls/recent/limit/1/"]


def test_a_key_that_no_header_can_carry_is_refused(workspace: Workspace, server: FakeUrlhaus) -> None:
    """A key with a line end is refused when the instance is added, and not shown."""
    with pytest.raises(InvalidInput, match="auth_key") as caught:
        connected(workspace, server.url, "canary\r\nX-Other: 1")
    assert "canary" not in repr(caught.value.as_dict())


def test_what_is_no_host_fails_with_the_remote_code(workspace: Workspace, server: FakeUrlhaus) -> None:
    """What URLhaus refuses fails with URLhaus' own word for it, once."""
    connected(workspace, server.url)
    done = run(workspace, "lookup_host", host="not a host")
    assert done.error is not None
    assert done.error["code"] == "invalid_host"
    assert len(done.attempts) == 1


def test_a_busy_server_is_asked_again(workspace: Workspace, server: FakeUrlhaus) -> None:
    """Status 429 and 5xx are tried again, after the time that the server wishes."""
    connected(workspace, server.url)
    server.failures = [(429, {"Retry-After": "0"}), (503, {"Retry-After": "0"})]
    done = run(workspace, "lookup_host", host=LISTED_HOST)
    assert done.status is RunStatus.SUCCESS, done.error
    assert [attempt.error and attempt.error["code"] for attempt in done.attempts] == [
        "rate_limited",
        "remote_error",
        None,
    ]


def test_an_unexpected_answer_is_told(workspace: Workspace, server: FakeUrlhaus) -> None:
    """A web page in the place of the API fails with its status, once."""
    connected(workspace, server.url)
    server.failures = [(200, {})]
    done = run(workspace, "lookup_host", host=LISTED_HOST)
    assert done.error is not None
    assert (done.error["code"], done.error["details"]["http_status"]) == ("unexpected_answer", 200)


def test_the_policy_holds_for_this_plugin_too(workspace: Workspace, server: FakeUrlhaus) -> None:
    """An instance that does not ask for private addresses reaches none: nothing arrives at the server."""
    connected(workspace, server.url, allow_private=False)
    done = run(workspace, "lookup_host", host=LISTED_HOST)
    assert done.error is not None
    assert done.error["code"] == "address_refused"
    assert server.requests == []


def test_a_redirect_is_not_followed(workspace: Workspace, server: FakeUrlhaus) -> None:
    """The Auth-Key goes to the configured address and no further."""
    connected(workspace, server.url)
    server.failures = [(302, {"Location": server.url + "elsewhere"})]
    done = run(workspace, "lookup_host", host=LISTED_HOST)
    assert done.error is not None
    assert done.error["details"]["http_status"] == 302
    assert len(server.requests) == 1


def test_a_server_that_is_away_is_unreachable(workspace: Workspace, server: FakeUrlhaus) -> None:
    """Without anyone listening a run fails as unreachable, and so does a test of the instance."""
    connected(workspace, server.url)
    server.shutdown()
    server.server_close()
    done = run(workspace, "lookup_host", host=LISTED_HOST)
    assert done.error is not None
    assert done.error["code"] == "unreachable"
    with pytest.raises(TaskFailed) as caught:
        workspace.instances.test("URLhaus", "main", timeout=5)
    assert caught.value.code == "unreachable"


def test_a_task_of_ones_own_is_checked(workspace: Workspace) -> None:
    """An app that uses the handler with a wrong query, or without its fields, is refused with every fault."""
    task = TaskDefinition(name="x", task_tag="x", task_handler="urlhaus", handler_config={"query": "hash", "a": 1})
    with pytest.raises(InvalidInput) as caught:
        workspace.apps.upsert(AppDefinition(title="Mine", tasks=(task,)))
    assert {fault.path for fault in caught.value.faults} == {
        "fields",
        "tasks[0].handler_config.a",
        "tasks[0].handler_config.query",
    }
