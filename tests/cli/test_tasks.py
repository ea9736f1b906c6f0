"""``zona tasks``: verifying, storing, deleting and drawing tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

TASK = """
name: Deep look
task_tag: deep
task_handler: http
inputs: [{name: ip, required: true}, {name: token, kind: secret}]
outputs: [{name: ports, kind: list, path: body.ports}]
depends_on: [{task: get_many}]
handler_config:
  method: GET
  path: "/hosts/{{ input.ip }}"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A task that needs another one of the app."""
    path = tmp_path / "deep.yaml"
    path.write_text(TASK)
    return path


def test_a_task_is_stored_from_a_file(ready: Any, app: str, file: Path) -> None:
    """Made the first time, updated the second; JSON tells the whole task."""
    assert ready("tasks", "add", app, str(file)).stdout == "made deep (task 6)\n"
    assert ready("tasks", "add", app, "-", input=TASK).stdout == "updated deep (task 6)\n"
    stored = json.loads(ready("tasks", "add", app, str(file), "-o", "json").stdout)
    assert (stored["task_tag"], stored["revision"]) == ("deep", 3)
    wrong = ready("tasks", "add", app, "-", input=TASK + "lost: 1\n")
    assert (wrong.exit_code, "lost: is not a known key" in wrong.stderr) == (3, True)


def test_a_task_is_verified_without_being_stored(ready: Any, app: str, connected: str, file: Path) -> None:
    """What is wrong and what is lacking end with 3; a good one with 0."""
    good = ready("tasks", "verify", app, str(file))
    assert good.exit_code == 0, good.stderr
    assert "a new one" in good.stdout
    wrong = ready("tasks", "verify", app, "-", input=TASK.replace("input.ip", "input.nope").replace("get_many", "gone"))
    assert wrong.exit_code == 3
    for path in ("handler_config.path", "depends_on[0]"):
        assert path in wrong.stderr
    bad_input = ready("tasks", "verify", app, str(file), "--input", "port=1")
    assert (bad_input.exit_code, "The input is not valid" in bad_input.stderr) == (3, True)
    ready("instances", "update", app, "main", "--status", "maintenance")
    lacking = ready("tasks", "verify", app, str(file), "-o", "json")
    assert lacking.exit_code == 3
    needed = {each["kind"]: each["met"] for each in json.loads(lacking.stdout)["prerequisites"]}
    assert needed == {"app": True, "handler": True, "instance": False, "dependency": True}
    assert "deep" not in ready("tasks", "list", app).stdout


def test_a_run_to_try_it_shows_the_outputs(ready: Any, app: str, connected: str, file: Path, api: Any) -> None:
    """The response, masked, and the outputs that it could have; nothing is among the runs."""
    options = ("--run", "--input", "ip=192.0.2.7", "--set-env", "token=SMALL_KEY")
    done = ready("tasks", "verify", app, str(file), *options)
    assert done.exit_code == 0, done.stderr
    assert "body.ports" in done.stdout
    assert "192.0.2.7" in done.stdout
    assert api.key not in done.output
    assert json.loads(ready("runs", "list", "-o", "json").stdout)["items"] == []
    broken = TASK.replace('"/hosts/{{ input.ip }}"', "/broken")
    failed = ready("tasks", "verify", app, "-", *options, input=broken)
    assert (failed.exit_code, "error[http_status]" in failed.stderr) == (7, True)


def test_who_needs_a_task_keeps_it(ready: Any, app: str, file: Path) -> None:
    """It is told and refused with 5; forced, those who needed it wait."""
    ready("tasks", "add", app, str(file))
    told = ready("tasks", "dependents", app, "get_many")
    assert "deep" in told.stdout
    assert "it cannot be deleted without --force" in told.stderr
    assert "it can be deleted" in ready("tasks", "dependents", app, "deep").stderr
    assert json.loads(ready("tasks", "dependents", app, "deep", "-o", "json").stdout)["can_delete"] is True
    assert ready("tasks", "delete", app, "get_many").exit_code == 2
    refused = ready("tasks", "delete", app, "get_many", "--yes")
    assert (refused.exit_code, "deep" in refused.stderr) == (5, True)
    forced = ready("tasks", "delete", app, "get_many", "--yes", "--force")
    assert forced.stdout == "deleted get_many (task 2)\n"
    assert "get_many (missing)" in ready("tasks", "graph", app).stdout


def test_a_graph_is_shown_in_order(ready: Any, app: str, file: Path) -> None:
    """A table of steps, the whole graph as JSON, and text for Mermaid."""
    ready("tasks", "add", app, str(file))
    rows = [line.split() for line in ready("tasks", "graph", app).stdout.splitlines()]
    assert rows[0] == ["Step", "Task", "Status", "Needs"]
    assert rows[-1] == ["2", "deep", "active", "get_many"]
    assert {row[0] for row in rows[1:-1]} == {"1"}
    graph = json.loads(ready("tasks", "graph", app, "-o", "json").stdout)
    assert graph["generations"][1:] == [[6]]
    assert ready("tasks", "graph", app, "--format", "mermaid").stdout.startswith("graph LR\n")


def test_a_graph_is_drawn_into_a_file(ready: Any, app: str, tmp_path: Path) -> None:
    """The file's name says the format; what it does not say, and a table, are wrong usage."""
    starts = {"g.svg": b"<", "g.png": b"\x89PNG", "g.mmd": b"graph LR"}
    for name, start in starts.items():
        assert ready("tasks", "graph", app, "-f", str(tmp_path / name)).exit_code == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    told = json.loads(ready("-o", "json", "tasks", "graph", app, "-f", str(tmp_path / "g.svg")).stdout)
    assert told == {"file": str(tmp_path / "g.svg"), "format": "svg", "bytes": (tmp_path / "g.svg").stat().st_size}
    svg = ready("tasks", "graph", app, "--format", "svg").stdout_bytes
    assert svg == (tmp_path / "g.svg").read_bytes()
    for options in (("-f", "g.txt"), ("-f", "g.svg", "--format", "table"), ("-f", str(tmp_path / "no" / "g.svg"))):
        assert ready("tasks", "graph", app, *options).exit_code == 2


def test_the_input_is_written_as_json_schema(ready: Any, app: str) -> None:
    """With required inputs and types."""
    schema = json.loads(ready("tasks", "input", app, "get_host").stdout)
    assert schema["required"] == ["ip"]
    assert schema["properties"]["ip"]["type"] == "string"
