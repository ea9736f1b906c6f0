"""``zona apps`` and ``zona tasks``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_an_openapi_document_becomes_an_app(ready: Any, document: Path) -> None:
    """The outcome is told in a sentence, and the app is listed."""
    done = ready("apps", "import-openapi", str(document))
    assert done.exit_code == 0
    assert done.stdout == "made Small API (app 1); tasks: 5 made\n"
    assert "Small API" in ready("apps", "list").stdout


def test_the_document_may_come_from_standard_input(ready: Any, document: Path) -> None:
    """``-`` reads it, ``--title`` names the app, JSON tells all of the outcome."""
    done = ready("apps", "import-openapi", "-", "--title", "Other", "-o", "json", input=document.read_text())
    outcome = json.loads(done.stdout)
    assert outcome["app"]["title"] == "Other"
    assert outcome["created"] is True
    assert outcome["tasks_created"] == 5
    assert outcome["warnings"] == []


def test_an_app_is_updated_only_when_asked(ready: Any, app: str, document: Path) -> None:
    """A taken title is refused; with ``--update`` tasks that are gone are retired."""
    refused = ready("apps", "import-openapi", str(document))
    assert refused.exit_code == 5
    assert "error[duplicate]" in refused.stderr
    spec = json.loads(document.read_text())
    del spec["paths"]["/wild"]
    document.write_text(json.dumps(spec))
    done = ready("apps", "import-openapi", str(document), "--update")
    assert done.stdout == "updated Small API (app 1); tasks: 1 retired\n"


def test_warnings_name_their_places(ready: Any, document: Path) -> None:
    """People see the first ten and how many more there are; JSON has them all."""
    spec = json.loads(document.read_text())
    for number in range(14):
        spec["paths"][f"/things/{number}/{{id}}"] = {
            "get": {"operationId": f"thing{number}", "responses": {"200": {"description": "ok"}}}
        }
    document.write_text(json.dumps(spec))
    told = ready("apps", "import-openapi", str(document))
    assert told.exit_code == 0
    assert told.stderr.count("warning: #/paths/~1things") == 10
    assert "… and 4 more warnings: --output json shows all" in told.stderr
    outcome = json.loads(ready("apps", "import-openapi", str(document), "--update", "-o", "json").stdout)
    assert len(outcome["warnings"]) == 14
    assert set(outcome["warnings"][0]) >= {"path", "message"}


def test_real_documents_are_imported(ready: Any, data_dir: Path) -> None:
    """A real API description becomes an app whose tasks are listed."""
    assert ready("apps", "import-openapi", str(data_dir / "openapi" / "shodan.yaml")).exit_code == 0
    listed = ready("tasks", "list", "Shodan")
    assert "get_shodan_ports" in listed.stdout


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [(b"{", 3, "error[invalid_document]"), (b"\xff\xfe\x00", 3, "error["), (b"", 3, "error[invalid_document]")],
)
def test_what_is_no_document_is_refused(ready: Any, content: bytes, code: int, text: str) -> None:
    """A file that is not of the format is told in one error."""
    done = ready("apps", "import-openapi", "-", input=content)
    assert done.exit_code == code
    assert text in done.stderr


def test_a_missing_file_is_wrong_usage(ready: Any) -> None:
    """Exit code 2 and the name of the file."""
    done = ready("apps", "import-openapi", "no-such-file.yaml")
    assert done.exit_code == 2
    assert "no-such-file.yaml" in done.stderr


def test_a_definition_of_zonas_own_is_added(ready: Any) -> None:
    """``apps add`` reads Zona's format and refuses another."""
    definition = {
        "title": "Mine",
        "handler_config": {"http": {"base_url": "https://api.example.com"}},
        "tasks": [
            {"name": "Get", "task_tag": "get", "task_handler": "http", "handler_config": {"method": "GET", "path": "/"}}
        ],
    }
    done = ready("apps", "add", "-", input=json.dumps(definition))
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "made Mine (app 1); tasks: 1 made\n"
    refused = ready("apps", "add", "-", input="[]")
    assert refused.exit_code == 3


def test_an_unknown_integration_names_those_there_are(ready: Any) -> None:
    """``apps install`` lists what plugins bring."""
    done = ready("apps", "install", "nothing")
    assert done.exit_code == 4
    assert "hint: known: " in done.stderr


def test_show_has_the_fields(ready: Any, app: str) -> None:
    """An app is found by title and by id; markup in its texts is text."""
    shown = ready("apps", "show", app)
    assert "[red]A small[/red] API." in shown.stdout
    assert "api_key" in shown.stdout
    assert json.loads(ready("apps", "show", "1", "-o", "json").stdout)["title"] == app


def test_deleting_takes_a_yes(ready: Any, app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal ``--yes`` is required; at one the question is asked."""
    unasked = ready("apps", "delete", app)
    assert unasked.exit_code == 2
    assert "--yes" in unasked.stderr
    monkeypatch.setattr("zona_cli._inputs.at_terminal", lambda: True)
    declined = ready("apps", "delete", app, input="n\n")
    assert declined.exit_code == 1
    assert "nothing was done" in declined.stderr
    assert ready("apps", "show", app).exit_code == 0
    accepted = ready("apps", "delete", app, input="y\n")
    assert accepted.exit_code == 0
    assert accepted.stdout == "deleted Small API (app 1) with 5 tasks and 0 instances\n"
    gone = ready("apps", "delete", app, "--yes")
    assert gone.exit_code == 4


def test_lists_go_on_after_their_cursor(ready: Any, document: Path) -> None:
    """``--limit`` cuts a list, its cursor continues it, and no page repeats another."""
    for number in range(5):
        ready("apps", "import-openapi", str(document), "--title", f"App {number}")
    titles: list[str] = []
    cursor: str | None = None
    for size in (2, 2, 1):
        after = ["--after", cursor] if cursor else []
        page = json.loads(ready("apps", "list", "--limit", "2", *after, "-o", "json").stdout)
        assert len(page["items"]) == size
        titles += [item["title"] for item in page["items"]]
        cursor = page["next"]
    assert titles == [f"App {number}" for number in range(5)]
    assert cursor is None
    assert "there are more: --after " in ready("apps", "list", "--limit", "2").stderr
    wrong = ready("apps", "list", "--after", "nonsense")
    assert wrong.exit_code == 3
    assert "error[invalid_cursor]" in wrong.stderr


def test_tasks_show_what_they_take_and_give(ready: Any, app: str) -> None:
    """The inputs' table says name, kind and whether one is required."""
    shown = ready("tasks", "show", app, "get_host")
    assert shown.exit_code == 0
    assert [line.split()[:3] for line in shown.stdout.splitlines() if line.startswith("ip ")] == [["ip", "text", "yes"]]
    assert "Outputs:" in shown.stdout
    assert json.loads(ready("tasks", "show", app, "get_host", "-o", "json").stdout)["task_handler"] == "http"
    listed = json.loads(ready("tasks", "list", app, "-o", "json").stdout)
    assert len(listed["items"]) == 5


def test_what_is_not_there_is_told(ready: Any, app: str) -> None:
    """Unknown apps and tasks have exit code 4 and a hint."""
    for arguments in (["apps", "show", "no"], ["tasks", "list", "no"], ["tasks", "show", app, "no"]):
        done = ready(*arguments)
        assert done.exit_code == 4
        assert "hint: zona " in done.stderr


def test_an_empty_list_is_no_error(ready: Any) -> None:
    """Standard output stays empty; JSON has no items."""
    done = ready("apps", "list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "import-openapi" in done.stderr
    assert json.loads(ready("apps", "list", "-o", "json").stdout) == {"items": [], "next": None}


def test_a_document_of_the_other_format_is_told_where_to_go(ready: Any, document: Path, tmp_path: Path) -> None:
    """Each of the two commands names the other; what is neither gets no such hint."""
    definition = tmp_path / "app.yaml"
    definition.write_text("title: A\ntasks: []\n")
    assert "hint: zona apps add " in ready("apps", "import-openapi", str(definition)).stderr
    assert "hint: zona apps import-openapi " in ready("apps", "add", str(document)).stderr
    assert "hint" not in ready("apps", "add", "-", input="name: A").stderr


def test_an_update_names_the_instances_that_it_leaves_incomplete(ready: Any) -> None:
    """A new required field is wanting in the instances that are there."""
    base = {"title": "A", "handler_config": {"http": {"base_url": "https://api.example.com"}}}
    ready("apps", "add", "-", input=json.dumps(base))
    ready("instances", "add", "A", "--title", "main")
    changed = {**base, "fields": [{"name": "region", "required": True}]}
    done = ready("apps", "add", "-", "--update", input=json.dumps(changed))
    assert done.exit_code == 0
    assert "warning: the instance main cannot be used as it is: region: " in done.stderr
    assert ready("instances", "update", "A", "main", "--set", "region=eu").exit_code == 0
    assert ready("apps", "add", "-", "--update", input=json.dumps(changed)).stderr == ""


def test_apps_are_searched(ready: Any, app: str) -> None:
    """``--search`` lists the apps that have all words; it gives no cursor and takes none."""
    assert app in ready("apps", "list", "--search", "API sma").stdout
    found = json.loads(ready("apps", "list", "--search", "small", "--limit", "1", "-o", "json").stdout)
    assert [each["title"] for each in found["items"]] == [app]
    assert "no app has all these words" in ready("apps", "list", "--search", "small large").stderr
    assert ready("apps", "list", "--search", "-").exit_code == 3
    assert ready("apps", "list", "--search", "x", "--after", "y").exit_code == 2
