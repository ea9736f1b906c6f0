"""Zona runs its own API: its ``/openapi.json`` is a document like any other, and its operations are tasks."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from attrs import define

from zona_core import Zona
from zona_core.domain.runs import Execution, RunStatus

PASSWORD = "canary correct horse"
MAIN = "from zona_cli.main import main; main()"
#: seconds after which something that should have happened counts as missing
PATIENCE = 60


@define(frozen=True, kw_only=True)
class Served:
    """A service, and an API key of its administrator."""

    url: str
    key: str

    def document(self) -> bytes:
        """What it says of itself."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)
        try:
            connection.request("GET", "/openapi.json")
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both sides have their homes."""
    return tmp_path_factory.mktemp("own_api")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    """``zona serve`` as a process, on a free port, with a store of its own."""
    with Zona.embedded(folder / "served") as zona:
        system = zona.system()
        system.users.add("admin", PASSWORD, roles=["admin"])
        key = system.api_keys.create("own", scopes=["*"], user="admin").text.reveal()
        zona.tenant()
    command = [sys.executable, "-c", MAIN, "-o", "json", "serve", "--port", "0", "--workers", "2"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZONA_")}
    environment["ZONA_HOME"] = str(folder / "served")
    with (
        (folder / "errors").open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as process,
    ):
        assert process.stdout is not None
        told = next((line for line in process.stdout if '"serving":' in line), "")
        rest = threading.Thread(target=process.stdout.read)  # the log must not fill the pipe
        rest.start()
        try:
            assert told, (folder / "errors").read_text()
            yield Served(url=json.loads(told)["serving"]["url"], key=key)
        finally:
            process.terminate()
            process.wait(PATIENCE)
            rest.join(PATIENCE)


class Remote:
    """The service, seen from another Zona: its operations as tasks."""

    def __init__(self, zona: Zona, served: Served) -> None:
        self.document = served.document()
        zona.system().tenants.set_network("localhost", ["127.0.0.0/8"])
        self._workspace = zona.tenant()
        self.outcome = self._workspace.apps.import_document(self.document, format="openapi")
        values = {"base_url": served.url, "api_key_api_key": served.key}
        self._workspace.instances.add("Zona", title="main", values=values, allow_private=True)

    def tags(self) -> list[str]:
        """The tasks that were made of the document."""
        found = self._workspace.tasks.list("Zona", limit=1_000)
        assert found.next is None
        return [task.task_tag for task in found.items]

    def attempt(self, task: str, /, **inputs: Any) -> Execution:
        """The run of an operation."""
        return self._workspace.runs.run("Zona", task, instance="main", inputs=inputs)

    def run(self, task: str, /, **inputs: Any) -> Any:
        """``data`` of the answer to an operation, as the task's output of that name."""
        run = self.attempt(task, **inputs)
        assert (run.status, run.error) == (RunStatus.SUCCESS, None)
        assert run.results["success"] is True
        return run.results["data"]


@pytest.fixture(scope="module")
def remote(served: Served, folder: Path) -> Iterator[Remote]:
    """Another Zona, connected to the service."""
    with Zona.embedded(folder / "client") as zona:
        zona.tenant()
        yield Remote(zona, served)


def test_zona_imports_and_runs_its_own_api(remote: Remote, served: Served) -> None:
    """Every operation becomes a task, with no warning; a whole piece of work is done by such tasks alone.

    The last of them has the service run a task of the same document on itself.
    """
    paths = json.loads(remote.document)["paths"]
    assert remote.outcome.warnings == ()
    assert sorted(remote.tags()) == sorted(
        operation["operationId"] for item in paths.values() for operation in item.values()
    )
    assert remote.run("self")["scopes"] == ["*"]
    assert remote.run("list_apps") == []
    content = base64.b64encode(remote.document).decode()
    document = {"name": "openapi.json", "content": content, "media_type": "application/json"}
    app = remote.run("import_document", document=document, format="openapi")["app"]
    assert remote.run("get_app", integration_id=app["integration_id"])["title"] == app["title"] == "Zona"
    credential = remote.run("add_credential", title="own key", secrets={"api_key_api_key": served.key})
    assert credential["secrets"] == {"api_key_api_key": "********"}
    tenant = remote.run("set_tenant_network", code="localhost", private_networks=["127.0.0.0/8"], If_Match="*")
    assert tenant["network"] == {"private_networks": ["127.0.0.0/8"]}
    instance = remote.run(
        "add_instance",
        app="Zona",
        title="itself",
        credential="own key",
        values={"base_url": served.url},
        allow_private=True,
    )
    run = remote.run("run_task", app="Zona", task="list_credentials", instance="itself")
    assert (run["status"], run["error"], run["instance_id"]) == ("success", None, instance["instance_id"])
    assert [each["title"] for each in run["results"]["data"]] == ["own key"]
    assert remote.run("get_run", run_id=run["id"])["results"] == run["results"]
    trail = [record["action"] for record in remote.run("search_audit")]
    assert trail == ["instances.add", "credentials.add", "apps.import_document"]
    assert remote.run("delete_app", integration_id=app["integration_id"], If_Match="*")["instances"] == 1
    assert remote.run("list_apps", status="active") == []


def test_what_the_service_refuses_is_told_by_the_run(remote: Remote) -> None:
    """An operation that the service refuses is a run that failed, with the service's status."""
    run = remote.attempt("get_app", integration_id=4711)
    assert run.status is RunStatus.FAILURE
    assert run.error is not None
    assert run.error["details"]["http_status"] == 404
