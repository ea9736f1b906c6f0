"""``zona events``: taken in from files, folders and standard input, found, counted; dead letters."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

RULE = (
    "title: Bad\nid: bad\nlogsource: {product: testing}\ndetection: {s: {word: bad}, condition: s}\nlevel: critical\n"
)
READ = ("--mapper", "generic", "--option", "time=at", "--option", 'key=["id"]', "--option", "host=host")


def line(number: int, **rest: Any) -> dict[str, Any]:
    """A raw event."""
    return {"id": number, "at": 1_893_456_000 + number, "host": "web1", **rest}


def lines(*raw: dict[str, Any]) -> str:
    """One event a line."""
    return "".join(json.dumps(each) + "\n" for each in raw)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder with three events in two files, and what is no log."""
    folder = tmp_path / "logs"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.ndjson").write_text(lines(line(1), line(2, word="bad")))
    (folder / "deep" / "b.json.gz").write_bytes(gzip.compress(lines(line(3, host="DB1")).encode()))
    (folder / "README").write_text("no events")
    return folder


def data_of(done: Any) -> Any:
    """What was written for programs."""
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def items(done: Any) -> list[Any]:
    """The ids of the events that were listed."""
    return [each["raw"]["id"] for each in data_of(done)["items"]]


def test_a_folder_is_taken_in_once(ready: Any, logs: Path, tmp_path: Path) -> None:
    """What rules find is told; the second time all of it is there already."""
    (tmp_path / "bad.yml").write_text(RULE)
    assert ready("rules", "add", str(tmp_path / "bad.yml")).exit_code == 0
    first = ready("events", "ingest", str(logs), "--source", "log", *READ)
    assert first.exit_code == 0, first.stderr
    told = first.stdout.splitlines()
    assert told[0].startswith("3 events: 3 stored (")
    assert told[1] == "1 hit of rules: 1 new alert, 1 new case"
    again = data_of(ready("events", "ingest", str(logs), "--source", "log", *READ, "-o", "json"))
    assert (again["received"], again["stored"], again["duplicates"], again["hits"]) == (3, 0, 3, 0)


def test_standard_input_is_taken_in(ready: Any, tmp_path: Path) -> None:
    """As it comes, with gzip as well, once in a call; options may lie in a file."""
    options = tmp_path / "options.json"
    options.write_text(json.dumps({"time": "at", "key": ["id"]}))
    read = ("--mapper", "generic", "--options", str(options))
    done = ready("events", "ingest", "-", "--source", "log", *read, input=gzip.compress(lines(line(1)).encode()))
    assert done.stdout.startswith("1 event: 1 stored (")
    assert ready("events", "ingest", "-", "-", "--source", "log").exit_code == 2


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 15)])
def test_what_cannot_be_taken_is_told(ready: Any, strict: tuple[str, ...], code: int) -> None:
    """As a warning; with --strict by the exit code, too."""
    done = ready("events", "ingest", "-", "--source", "log", *READ, *strict, input=f"{lines(line(1))}broken\n")
    assert done.exit_code == code
    assert done.stdout.startswith("2 events: 1 stored (")
    assert "1 event could not be taken: zona events dead list shows why" in done.stderr


def test_what_fails_midway_says_what_is_stored(ready: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that all may be given again."""
    many = tmp_path / "many.ndjson"
    many.write_text(lines(*(line(number) for number in range(3_000))))
    from zona_core.persistence.database import TenantData

    record, left = TenantData.record, iter(range(2))

    def failing(data: Any, *given: Any, **named: Any) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        record(data, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(TenantData, "record", failing)
        done = ready("events", "ingest", str(many), "--source", "log", *READ)
    assert done.exit_code == 130
    assert "stored; all may be given again" in done.stderr
    again = data_of(ready("events", "ingest", str(many), "--source", "log", *READ, "-o", "json"))
    assert again["received"] == again["stored"] + again["duplicates"] == 3_000
    assert f"{again['duplicates']:,} stored" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("no-such-file", "--source", "log"), 2),
        ((".",), 2),
        ((".", "--source", ""), 3),
        ((".", "--source", "log", "--mapper", "nosuch"), 4),
        ((".", "--source", "log", "--option", "time"), 2),
        ((".", "--source", "log", "--option", "time=at"), 3),
    ],
)
def test_what_is_wrong_is_refused(ready: Any, arguments: tuple[str, ...], code: int) -> None:
    """With the exit codes that other commands have."""
    assert ready("events", "ingest", *arguments).exit_code == code


def test_progress_is_shown_to_those_who_look(ready: Any, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events, and how many a second; nothing of it in a pipe."""
    from zona_cli import events_ingest

    told: list[str] = []
    watch = events_ingest._Watch(told.append, 0.0)
    monkeypatch.setattr(events_ingest, "_Watch", lambda tell, began: watch)
    assert ready("events", "ingest", str(logs), "--source", "log", *READ).stderr == ""
    assert told
    assert told[-1].startswith("3 events, ")
    assert told[-1].endswith(" a second")


@pytest.fixture
def sent(ready: Any, logs: Path) -> Any:
    """``zona`` with three events."""
    assert ready("events", "ingest", str(logs), "--source", "log", *READ).exit_code == 0
    return ready


def test_events_are_listed_shown_and_searched(sent: Any) -> None:
    """By what they have and by words; in pages; one of them whole, or as it came."""
    listed = sent("events", "list").stdout
    assert listed.splitlines()[0].split() == [
        "Happened", "Host", "User", "From", "Message", "Severity", "Class", "ID",
    ]  # fmt: skip
    assert items(sent("events", "list", "-o", "json")) == [3, 2, 1]
    assert items(sent("events", "list", "--host", "db1", "-o", "json")) == [3]
    assert items(sent("events", "list", "--until", "2030-01-01T00:00:02Z", "-o", "json")) == [1]
    page = data_of(sent("events", "list", "--limit", "2", "-o", "json"))
    assert items(sent("events", "list", "--after", page["next"], "-o", "json")) == [1]
    event = page["items"][0]
    assert data_of(sent("events", "show", event["id"], "--raw")) == event["raw"]
    assert data_of(sent("events", "show", event["id"], "-o", "json")) == event
    shown = sent("events", "show", event["id"]).stdout
    assert "Base Event (0)" in shown
    assert "db1" in shown
    assert sent("events", "show", "0" * 32).exit_code == 4
    assert sent("events", "search", "nothing").stderr == "there is no such event\n"


def test_events_are_counted(sent: Any) -> None:
    """The most frequent first, with bars; and in time."""
    rows = [row.split() for row in sent("events", "figures", "host").stdout.splitlines()]
    assert rows[0] == ["Host", "Events"]
    assert [(row[0], row[1], len(row[2])) for row in rows[1:]] == [("web1", "2", 40), ("db1", "1", 20)]
    within = ("--since", "2030-01-01T00:00:00Z", "--until", "2030-01-01T00:00:06Z", "--every", "2")
    bars = data_of(sent("events", "histogram", *within, "-o", "json"))["bars"]
    assert [each["count"] for each in bars] == [1, 2, 0]
    assert len(sent("events", "histogram", *within).stdout.splitlines()) == 4
    assert sent("events", "histogram").exit_code == 3


def test_dead_letters_are_listed_tried_again_and_dropped(ready: Any) -> None:
    """Read by another mapper they become events; the others are dropped by their ids."""
    body = f"{lines(line(1))}broken\n"
    assert ready("events", "ingest", "-", "--source", "log", "--mapper", "suricata", input=body).exit_code == 0
    listed = ready("events", "dead", "list").stdout
    assert "unmappable_event" in listed
    assert "unreadable_event" in listed
    told = ready("events", "dead", "replay", "--source", "log", *READ).stdout
    assert told == "2 dead letters: 1 taken now, 1 of which only the beginning of a text is left\n"
    assert items(ready("events", "list", "-o", "json")) == [1]
    (left,) = data_of(ready("events", "dead", "list", "-o", "json"))["items"]
    assert ready("events", "dead", "drop", left["id"]).exit_code == 2
    assert ready("events", "dead", "drop", left["id"], "--yes").stdout == "deleted 1 dead letter\n"
    assert ready("events", "dead", "list").stderr == "there is none\n"


def test_names_in_events_cannot_write_to_the_terminal(ready: Any) -> None:
    """Logs come from anywhere: what is in them is shown without control characters."""
    evil = line(1, host="\x1b[31mred\u202e")
    ready("events", "ingest", "-", "--source", "log", *READ, input=lines(evil))
    for shown in (ready("events", "list").stdout, ready("events", "figures", "host").stdout):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "\\x1b[31mred" in shown


def test_a_user_is_told_without_a_place_to_work_in(zona: Any) -> None:
    """As by other commands."""
    assert zona("events", "list").exit_code == 10
