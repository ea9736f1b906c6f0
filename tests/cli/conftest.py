"""What the tests of the command line share: ``zona`` in this process, and a small API to connect to."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from serving import serving

from zona_cli.main import cli

Zona = Callable[..., Result]

#: what the API takes for its key: a text that must be seen nowhere
KEY = "canary-7f3a9c-key"

_OPERATIONS = {
    "/hosts/{ip}": ("get_host", [{"name": "ip", "in": "path", "required": True, "schema": {"type": "string"}}]),
    "/many": ("get_many", [{"name": "count", "in": "query", "schema": {"type": "integer"}}]),
    "/slow": ("get_slow", []),
    "/broken": ("get_broken", []),
    "/wild": ("get_wild", []),
}


class Api:
    """A small API that wants a key and repeats it, as badly made ones do."""

    key = KEY

    def __init__(self) -> None:
        #: whether a request to ``/slow`` has come, and whether it may be answered
        self.reached = threading.Event()
        self.released = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, key: str) -> tuple[int, Any]:
        """Status and body for a path."""
        if key != self.key:
            return 401, {"error": "wrong key"}
        if path == "/slow":
            self.reached.set()
            self.released.wait()
        if path == "/broken":
            return 500, {"error": "out of order"}
        if path.startswith("/many"):
            return 200, {"items": [{"number": number} for number in range(int(path.rpartition("=")[2]))]}
        if path == "/wild":
            return 200, {"text": "\x1b[31mred\x1b[0m [bold]markup[/bold] \x9b2J \u202eevil"}
        return 200, {"ip": path.rpartition("/")[2], "ports": [22, 443], "seen": f"key {key}"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name that http.server calls
                status, body = api.answer(self.path, self.headers.get("X-Key", ""))
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that is not there yet; the master key comes from a file in it."""
    monkeypatch.delenv("ZONA_MASTER_KEY", raising=False)
    monkeypatch.setenv("ZONA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def zona(home: Path) -> Zona:
    """``zona`` in this process: ``zona("apps", "list")`` gives click's ``Result``; there is no terminal."""

    def call(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(cli, list(arguments), prog_name="zona", **options)

    return call


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that ``zona init`` made, to be copied."""
    folder = tmp_path_factory.mktemp("prepared") / "home"
    environment = {name: None for name in os.environ if name.startswith("ZONA_")} | {"ZONA_HOME": str(folder)}
    done = CliRunner(env=environment).invoke(cli, ["init"], prog_name="zona")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def ready(zona: Zona, home: Path, prepared: Path) -> Zona:
    """``zona`` after ``zona init``."""
    shutil.copytree(prepared, home)
    return zona


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """An OpenAPI document of the API; its title has what a careless shell would stumble over."""
    spec = {
        "openapi": "3.0.3",
        "info": {"title": "Small API", "version": "1", "description": "[red]A small[/red] API."},
        "servers": [{"url": "http://127.0.0.1:9"}],
        "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
        "security": [{"key": []}],
        "paths": {
            path: {
                "get": {
                    "operationId": operation,
                    "summary": f"What {path} gives",
                    "parameters": parameters,
                    "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {}}}}},
                }
            }
            for path, (operation, parameters) in _OPERATIONS.items()
        },
    }
    file = tmp_path / "small.json"
    file.write_text(json.dumps(spec))
    return file


@pytest.fixture
def app(ready: Zona, document: Path) -> str:
    """The title of an app with no instance yet."""
    done = ready("apps", "import-openapi", str(document))
    assert done.exit_code == 0, done.stderr
    return "Small API"


@pytest.fixture
def connected(ready: Zona, app: str, api: Api, monkeypatch: pytest.MonkeyPatch) -> str:
    """The title of an app that is connected to the API, with its instance ``main``."""
    monkeypatch.setenv("SMALL_KEY", api.key)
    assert ready("tenants", "policy", "localhost", "--allow-network", "127.0.0.0/8").exit_code == 0
    added = ready(
        *("instances", "add", app, "--title", "main", "--allow-private"),
        *("--set", f"base_url={api.url}", "--set-env", "api_key=SMALL_KEY"),
    )
    assert added.exit_code == 0, added.stderr
    return app
