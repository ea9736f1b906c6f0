"""``zona cases``: what an analyst does from the first look to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RULES = {
    "bad.yml": "title: Bad\nid: bad\nlogsource: {product: testing}\ndetection: {s: {word: bad}, condition: s}\n"
    "level: high\ntags: [attack.persistence, attack.execution, attack.t1059.001]\n",
    "odd.yml": "title: Odd\nid: odd\nlogsource: {product: testing}\ndetection: {s: {word: odd}, condition: s}\n"
    "level: low\n",
}
OPTIONS = {
    "time": "at", "key": ["id"], "host": "host", "message": "text",
    "observables": [{"name": "device.hostname", "type_id": 1, "value": "host"}],
}  # fmt: skip


def data_of(done: Any) -> Any:
    """What was written for programs."""
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def found(ready: Any, tmp_path: Path) -> Any:
    """``zona`` with a case of two alerts on web1, and an alert of none."""
    for name, text in RULES.items():
        (tmp_path / name).write_text(text)
    assert ready("rules", "add", *(str(tmp_path / name) for name in RULES)).exit_code == 0
    events = [("odd", "web1"), ("bad", "web1"), ("odd", "web2")]
    lines = [
        json.dumps(
            {"id": number, "at": f"2030-01-01T00:0{number}:00Z", "host": host, "word": word, "text": "\x1b[31mred"}
        )
        for number, (word, host) in enumerate(events, 1)
    ]
    (tmp_path / "options.json").write_text(json.dumps(OPTIONS))
    given = ("--source", "log", "--mapper", "generic", "--options", str(tmp_path / "options.json"))
    assert ready("events", "ingest", "-", *given, input="\n".join(lines)).exit_code == 0
    return ready


def test_a_case_is_shown_to_an_analyst(found: Any) -> None:
    """What it is about, tactics, alerts in the order of time, observables, open tasks and clocks."""
    found("cases", "tasks", "add", "1", "Ask the user", "--owner", "ann")
    found("cases", "tasks", "add", "1", "Block it")
    found("cases", "tasks", "done", "1", "2")
    shown = found("cases", "show", "1").stdout
    for part in ("Bad (host web1)", "high", "host web1", "Execution → Persistence", "T1059.001", "Ask the user"):
        assert part in shown
    assert "Open tasks (1 of 2)" in shown
    assert "Block it" not in shown
    assert shown.index("Odd") < shown.index("Bad", shown.index("Alerts (2)"))
    assert "2 events: zona cases events 1" in shown
    assert data_of(found("cases", "show", "1", "-o", "json"))["tasks"][0]["title"] == "Ask the user"
    assert found("cases", "show", "77").exit_code == 4


def test_cases_are_made_listed_and_searched(found: Any) -> None:
    """By hand, with alerts; the latest first."""
    made = found("cases", "create", "Lost laptop", "--owner", "ann", "--alert", "3", "--respond-within", "60")
    listed = data_of(found("cases", "list", "-o", "json"))["items"]
    assert made.stdout == f"made the case {listed[0]['id']}: Lost laptop\n"
    assert [case["title"] for case in listed] == ["Lost laptop", "Bad (host web1)"]
    assert [case["title"] for case in data_of(found("cases", "list", "--owner", "ann", "-o", "json"))["items"]] == [
        "Lost laptop"
    ]
    assert "Lost laptop" in found("cases", "list").stdout
    assert "Bad (host web1)" in found("cases", "search", "web1").stdout
    assert "due in" in found("cases", "show", str(listed[0]["id"])).stdout
    assert found("cases", "list", "--rule", "none").stderr == "there is no such case\n"


def test_a_case_is_worked_on_to_its_end(found: Any) -> None:
    """Assigned, changed, commented, closed, reopened; each is told in the timeline."""
    assert found("cases", "assign", "1", "ann").stdout == "the case 1, Bad (host web1) is ann's\n"
    assert found("cases", "update", "1", "--status", "in_progress", "--severity", "critical").exit_code == 0
    assert found("cases", "comment", "1", "-", input="From a pipe.\n").exit_code == 0
    assert found("cases", "close", "1", "true_positive", "--summary", "Set up anew.").stdout == (
        "closed the case 1, Bad (host web1): true positive\n"
    )
    assert found("cases", "close", "1", "benign").exit_code == 5
    assert found("cases", "reopen", "1", "--reason", "Again.").exit_code == 0
    told = found("cases", "timeline", "1").stdout
    for part in ("owner: none → ann", "status: open → in progress", "From a pipe.", "Set up anew.", "Again."):
        assert part in told
    newest = data_of(found("cases", "timeline", "1", "--newest-first", "--limit", "1", "-o", "json"))["items"]
    assert [entry["text"] for entry in newest] == ["Again."]


def test_a_comment_is_erased_with_a_yes(found: Any) -> None:
    """Without a terminal to ask at it takes --yes."""
    entry = data_of(found("cases", "comment", "1", "canary-7", "-o", "json"))["id"]
    assert found("cases", "erase-comment", "1", entry).exit_code == 2
    assert found("cases", "erase-comment", "1", entry, "--yes").exit_code == 0
    told = found("cases", "timeline", "1").stdout
    assert "canary-7" not in told
    assert "(erased by " in told


def test_tasks_are_listed_changed_and_cancelled(found: Any) -> None:
    """Each by its number in the case."""
    assert found("cases", "tasks", "list", "1").stderr == "there is no task\n"
    added = found("cases", "tasks", "add", "1", "Ask", "--due", "2031-01-01T00:00:00Z")
    assert added.stdout == "added the task 1 to the case 1: Ask\n"
    assert found("cases", "tasks", "change", "1", "1", "--title", "Ask again", "--owner", "bob").exit_code == 0
    assert found("cases", "tasks", "cancel", "1", "1").stdout == "the task 1 of the case 1 is cancelled\n"
    assert found("cases", "tasks", "reopen", "1", "1").exit_code == 0
    assert "Ask again" in found("cases", "tasks", "list", "1").stdout
    assert found("cases", "tasks", "done", "1", "9").exit_code == 4


def test_alerts_move_between_cases(found: Any) -> None:
    """Taken out, put in, or with the whole case."""
    assert found("cases", "attach", "1").exit_code == 2
    assert found("cases", "attach", "1", "--alert", "3").stdout == "the case 1 has 3 alerts now\n"
    assert found("cases", "detach", "1", "--alert", "3").stdout == "the case 1 has 2 alerts now\n"
    other = str(data_of(found("cases", "create", "Other", "-o", "json"))["id"])
    assert found("cases", "merge", other, "1").exit_code == 2
    assert found("cases", "merge", other, "1", "--yes").stdout == f"the case {other}, Other has 2 alerts now\n"
    shown = found("cases", "show", "1")
    assert shown.stderr == f"the case 1 is a part of the case {other}\n"


def test_events_and_observables_are_listed(found: Any) -> None:
    """As they are searched elsewhere; what is seen is noted, and found in other cases."""
    listed = found("cases", "events", "1", "--host", "WEB1", "--rule", "bad")
    assert "\x1b" not in listed.stdout
    assert len(data_of(found("cases", "events", "1", "-o", "json"))["items"]) == 2
    assert found("cases", "annotate", "1", "web1", "--malicious", "--note", "the shop").exit_code == 0
    assert found("cases", "annotate", "1", "nosuch").exit_code == 4
    [seen] = data_of(found("cases", "observables", "1", "-o", "json"))["items"]
    assert (seen["value"], seen["malicious"], seen["note"]) == ("web1", True, "the shop")
    assert "malicious" in found("cases", "sightings", "WEB1").stdout
    assert found("cases", "sightings", "nosuch").stderr == "it was seen in no case\n"


def test_evidence_goes_in_and_out(found: Any, tmp_path: Path) -> None:
    """Byte for byte; nothing is written for what is not there."""
    file = tmp_path / "mail.eml"
    file.write_bytes(bytes(range(256)) * 4_000)
    kept = data_of(found("cases", "evidence", "add", "1", str(file), "--description", "the mail", "-o", "json"))
    assert (kept["name"], kept["size"]) == ("mail.eml", 1_024_000)
    assert found("cases", "evidence", "add", "1", "-", "--name", "piped", input="x").exit_code == 0
    assert "mail.eml" in found("cases", "evidence", "list", "1").stdout
    target = tmp_path / "out"
    assert found("cases", "evidence", "get", kept["id"], str(target)).stdout == f"wrote 1,024,000 bytes to {target}\n"
    assert target.read_bytes() == file.read_bytes()
    assert found("cases", "evidence", "get", "none", str(tmp_path / "none")).exit_code == 4
    assert not (tmp_path / "none").exists()
    assert found("cases", "evidence", "remove", kept["id"]).exit_code == 2
    assert found("cases", "evidence", "remove", kept["id"], "--yes").stdout == "deleted mail.eml of the case 1\n"
    assert found("cases", "evidence", "add", "1", str(tmp_path / "nowhere")).exit_code == 2


def test_a_case_is_exported(found: Any, tmp_path: Path) -> None:
    """For programs to standard output, for people into a file."""
    document = data_of(found("cases", "export", "1"))
    assert (document["format"], document["case"]["id"]) == ("zona-case", 1)
    page = tmp_path / "case.html"
    assert found("cases", "export", "1", str(page), "--format", "html").exit_code == 0
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert found("cases", "export", "77", str(tmp_path / "none")).exit_code == 4
    assert not (tmp_path / "none").exists()
