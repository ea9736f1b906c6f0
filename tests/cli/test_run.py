"""``zona run``, ``zona runs``, ``zona audit`` and ``zona store``."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def test_a_run_shows_what_came_of_it(ready: Any, connected: str) -> None:
    """Status, inputs and outputs are shown, and the run is in the history."""
    done = ready("run", connected, "get_host", "ip=1.2.3.4")
    assert done.exit_code == 0
    assert "success" in done.stdout
    assert '"ip": "1.2.3.4"' in done.stdout
    listed = json.loads(ready("runs", "list", "-o", "json").stdout)["items"]
    assert [run["task_tag"] for run in listed] == ["get_host"]
    assert listed[0]["id"] in done.stdout
    assert listed[0]["id"] in ready("runs", "list").stdout


def test_json_is_the_record(ready: Any, connected: str) -> None:
    """One document with the record's attributes, secrets masked."""
    done = ready("run", connected, "get_host", "ip=1", "-o", "json")
    record = json.loads(done.stdout)
    assert record["status"] == "success"
    assert record["results"]["body"]["seen"] == "key ********"
    shown = json.loads(ready("runs", "show", record["id"], "-o", "json").stdout)
    assert shown == record


def test_long_results_are_cut_for_people_only(ready: Any, connected: str) -> None:
    """The table says how to see the rest; JSON has all."""
    done = ready("run", connected, "get_many", "count=500")
    record = json.loads(ready("runs", "list", "-o", "json").stdout)["items"][0]
    assert len(done.stdout.splitlines()) < 70
    assert f"more lines: zona runs show {record['id']} -o json" in done.stdout
    assert len(record["results"]["body"]["items"]) == 500


def test_a_failed_run_has_its_exit_code(ready: Any, connected: str) -> None:
    """The record goes to standard output, the error to standard error, also in JSON."""
    done = ready("run", connected, "get_broken")
    assert done.exit_code == 7
    assert "failure" in done.stdout
    assert done.stderr.startswith("error[http_status]: ")
    done = ready("run", connected, "get_broken", "-o", "json")
    assert done.exit_code == 7
    assert json.loads(done.stdout)["status"] == "failure"
    assert json.loads(done.stderr)["error"]["code"] == "http_status"
    shown = ready("runs", "show", json.loads(done.stdout)["id"])
    assert shown.exit_code == 0
    assert "http_status" in shown.stdout


def test_a_run_that_takes_too_long_has_its_exit_code(ready: Any, connected: str) -> None:
    """Exit code 8, and the record says timeout."""
    done = ready("run", connected, "get_slow", "--timeout", "0.2", "-o", "json")
    assert done.exit_code == 8
    assert json.loads(done.stdout)["status"] == "timeout"
    assert json.loads(done.stderr)["error"]["code"] == "task_timeout"


def test_inputs_come_from_a_file_and_the_command_line(ready: Any, connected: str, tmp_path: Path) -> None:
    """What is named on the command line counts more."""
    file = tmp_path / "input.json"
    file.write_text('{"count": 3}')
    assert len(_items(ready("run", connected, "get_many", "--input-file", str(file), "-o", "json"))) == 3
    done = ready("run", connected, "get_many", "count=2", "--input-file", "-", "-o", "json", input='{"count": 3}')
    assert len(_items(done)) == 2


def _items(done: Any) -> list[Any]:
    items: list[Any] = json.loads(done.stdout)["results"]["body"]["items"]
    return items


def test_wrong_inputs_are_told_before_anything_runs(ready: Any, connected: str) -> None:
    """Every fault at once, and no run in the history."""
    done = ready("run", connected, "get_many", "count=few", "other=1")
    assert done.exit_code == 3
    assert "  other: there is no such field" in done.stderr
    assert "  count: 'few' is not a number" in done.stderr
    for text in ("[1]", "{", ""):
        assert ready("run", connected, "get_many", "--input-file", "-", input=text).exit_code == 3
    assert ready("run", connected, "get_many", "count").exit_code == 2
    assert ready("run", connected, "get_many", "count=1", "count=2").exit_code == 2
    assert ready("run", connected, "get_many", "--timeout", "0").exit_code == 3
    assert json.loads(ready("runs", "list", "-o", "json").stdout)["items"] == []


def test_an_instance_is_needed_and_named(ready: Any, app: str) -> None:
    """An app that needs an instance and has none says how to add one."""
    done = ready("run", app, "get_host", "ip=1")
    assert done.exit_code == 3
    assert "error[instance_needed]" in done.stderr
    assert "hint: zona instances add" in done.stderr
    assert ready("run", app, "get_host", "ip=1", "--instance", "no").exit_code == 4
    assert ready("run", app, "no").exit_code == 4
    assert ready("run", "no", "no").exit_code == 4


def test_history_is_filtered_and_paged(ready: Any, connected: str) -> None:
    """By app, task and status, the latest first, on from a cursor."""
    for arguments in (["get_host", "ip=1"], ["get_broken"], ["get_host", "ip=2"]):
        ready("run", connected, *arguments)
    of_task = json.loads(ready("runs", "list", "--app", connected, "--task", "get_host", "-o", "json").stdout)
    assert [run["inputs"]["ip"] for run in of_task["items"]] == ["2", "1"]
    failed = json.loads(ready("runs", "list", "--status", "failure", "-o", "json").stdout)
    assert [run["task_tag"] for run in failed["items"]] == ["get_broken"]
    first = json.loads(ready("runs", "list", "--limit", "2", "-o", "json").stdout)
    rest = json.loads(ready("runs", "list", "--limit", "2", "--after", first["next"], "-o", "json").stdout)
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    assert ready("runs", "list", "--task", "get_host").exit_code == 3
    assert ready("runs", "list", "--status", "odd").exit_code == 2
    assert ready("runs", "show", "no-such-run").exit_code == 4


def test_changes_are_in_the_audit_trail(ready: Any, connected: str) -> None:
    """Who, what and to what, in the name of the user who runs the process; the chain holds."""
    listed = ready("audit", "list")
    assert "instances.add" in listed.stdout
    records = json.loads(ready("audit", "list", "--target", "apps/1", "-o", "json").stdout)["items"]
    assert [record["action"] for record in records] == ["apps.import_document"]
    assert records[0]["actor"].startswith("cli:")
    assert ready("audit", "verify").stdout == "the audit trail is intact: 2 records\n"
    check = json.loads(ready("audit", "verify", "-o", "json").stdout)
    assert check == {"records": 2, "broken_at": None, "intact": True}


def test_a_broken_audit_trail_is_told(ready: Any, connected: str, home: Path) -> None:
    """A record that was removed behind Zona's back ends with exit code 5."""
    for name in ("a", "b"):
        ready("credentials", "add", name, "--set-file", "api_key=-", input="x")
    with closing(sqlite3.connect(home / "zona.db")) as database, database:
        database.execute("delete from audit where _id like 'localhost/%2'")
    done = ready("audit", "verify")
    assert done.exit_code == 5
    assert "error[audit_broken]" in done.stderr
    assert json.loads(ready("audit", "verify", "-o", "json").stdout)["intact"] is False


def test_the_store_is_migrated_and_checked(ready: Any) -> None:
    """A new store is in order and has nothing to migrate."""
    assert "nothing was to do" in ready("store", "migrate").stdout
    assert "in order" in ready("store", "check").stdout
    report = json.loads(ready("store", "check", "-o", "json").stdout)
    assert report["notes"] == []


def test_a_store_that_differs_is_told(ready: Any, connected: str, home: Path) -> None:
    """An index that is another than declared ends the check with exit code 5; migrating mends it."""
    with closing(sqlite3.connect(home / "zona.db")) as database, database:
        database.execute('drop index "apps.by_status"')
        database.execute('create index "apps.by_status" on apps (doc)')
    done = ready("store", "check")
    assert done.exit_code == 5
    assert "error[store_differs]" in done.stderr
    assert "by_status" in done.stderr
    assert "by_status" in ready("store", "migrate").stdout
    assert ready("store", "check").exit_code == 0


def test_a_store_that_is_none_is_told(ready: Any, home: Path) -> None:
    """A file that is no database ends with the exit code of the store."""
    (home / "other.db").write_bytes(b"this is not a database, and it is long enough to be looked at" * 20)
    done = ready("apps", "list", "--store", f"sqlite:///{home / 'other.db'}")
    assert done.exit_code == 9
    assert "error[" in done.stderr


def test_a_failed_run_tells_the_other_sides_answer(ready: Any, connected: str) -> None:
    """What an API says of its refusal is what one needs to see."""
    assert "  response: {" in ready("run", connected, "get_broken").stderr
