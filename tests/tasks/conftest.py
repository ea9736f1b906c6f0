"""A small API over HTTP, and an app whose tasks ask it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from serving import serving

from zona_core import AppDefinition, Field, FieldKind, OutputField, TaskDefinition, Workspace, Zona
from zona_core.domain.references import TaskRef

#: what the API takes for its key: a text that must be seen nowhere
KEY = "canary-7f3a9c-key"


class Api:
    """Answers what a test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.answer: Callable[[str], Any] = lambda path: {"path": path}
        #: an answer to ``/slow`` waits for it
        self.released = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name that http.server calls
                key = self.headers.get("X-Key", "")
                api.asked.append((self.path, key))
                if self.path == "/slow":
                    api.released.wait()
                content = json.dumps(api.answer(self.path)).encode()
                self.send_response(500 if self.path == "/broken" else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("X-Echo", key)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def api() -> Iterator[Api]:
    """The API, served by a thread."""
    made = Api()
    with serving(made.server, made.released):
        yield made


def make_task(tag: str = "look", **changes: Any) -> TaskDefinition:
    """A task that gets ``/hosts/IP``."""
    parts: dict[str, Any] = {
        "name": tag,
        "task_handler": "http",
        "inputs": (Field(name="ip", required=True), Field(name="token", kind=FieldKind.SECRET)),
        "outputs": (OutputField(name="ports", kind=FieldKind.LIST, path="body.ports"),),
        "handler_config": {"method": "GET", "path": "/hosts/{{ input.ip }}"},
    }
    return TaskDefinition(task_tag=tag, **{**parts, **changes})


def make_needs(*names: str, **changes: Any) -> dict[str, Any]:
    """What makes a task need others: ``tag``, or ``app/tag``."""
    references = [TaskRef(app=name.rpartition("/")[0], task=name.rpartition("/")[2]) for name in names]
    return {"depends_on": tuple(references), **changes}


def make_app(title: str, *tasks: TaskDefinition, **changes: Any) -> AppDefinition:
    """An app whose requests carry a key."""
    parts: dict[str, Any] = {
        "fields": (
            Field(name="base_url", kind=FieldKind.URL, required=True),
            Field(name="key", kind=FieldKind.SECRET, required=True),
        ),
        "handler_config": {"http": {"base_url": "{{ instance.base_url }}", "headers": {"X-Key": "{{ instance.key }}"}}},
        "tasks": tasks,
    }
    return AppDefinition(title=title, **{**parts, **changes})


@pytest.fixture
def task() -> Callable[..., TaskDefinition]:
    """See ``make_task``."""
    return make_task


@pytest.fixture
def needs() -> Callable[..., dict[str, Any]]:
    """See ``make_needs``."""
    return make_needs


@pytest.fixture
def app() -> Callable[..., AppDefinition]:
    """See ``make_app``."""
    return make_app


@pytest.fixture
def workspace(zona: Zona) -> Workspace:
    """A tenant that may reach this machine, with the app Hosts and nothing to run it with."""
    zona.tenant()
    zona.system().tenants.set_network("localhost", ["127.0.0.0/8"])
    here = zona.tenant()
    here.apps.upsert(
        make_app("Hosts", make_task(), make_task("info", inputs=(), handler_config={"method": "GET", "path": "/info"}))
    )
    return here


@pytest.fixture
def connected(workspace: Workspace, api: Api) -> Workspace:
    """The same with an instance that reaches the API."""
    workspace.instances.add("Hosts", title="Main", values={"base_url": api.url, "key": KEY}, allow_private=True)
    return workspace
