"""``history``, ``diff`` and ``restore`` of apps and tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zona_cli._diffs import show_differences
from zona_core.domain.differences import Difference, differences


@pytest.fixture
def changed(ready: Any, app: str, document: Path) -> str:
    """The app after an update: another description, another task, and one that is retired."""
    spec = json.loads(document.read_text())
    spec["info"]["description"] = "Another one."
    spec["paths"]["/many"]["get"]["summary"] = "Many of them"
    del spec["paths"]["/wild"]
    document.write_text(json.dumps(spec))
    done = ready("apps", "import-openapi", str(document), "--update")
    assert done.exit_code == 0, done.stderr
    return app


def test_a_history_is_listed(ready: Any, changed: str) -> None:
    """Revision, when and by whom it was replaced, and what the change was; of a retired task as well."""
    header, row = ready("apps", "history", changed).stdout.splitlines()
    assert header.split() == ["Revision", "Until", "Replaced", "by", "What", "was", "changed", "then"]
    assert row.split()[0] == "1"
    assert "cli:" in row
    assert row.endswith("description")
    assert ready("tasks", "history", changed, "get_wild").stdout.splitlines()[1].endswith("status")
    unchanged = ready("tasks", "history", changed, "get_host")
    assert (unchanged.exit_code, unchanged.stdout, unchanged.stderr) == (0, "", "it was never anything else\n")
    items = json.loads(ready("tasks", "history", changed, "get_many", "-o", "json").stdout)["items"]
    assert [each["number"] for each in items] == [1]
    assert set(items[0]) == {"number", "replaced_at", "replaced_by", "changes", "changed"}


def test_differences_are_shown(ready: Any, changed: str) -> None:
    """With the present, or with another revision; nothing, and a note, where there is none; JSON has all of them."""
    done = ready("apps", "diff", changed, "1")
    assert done.stdout == '~ description: "[red]A small[/red] API." → "Another one."\n'
    assert ready("apps", "diff", changed, "2", "1").stdout.startswith('~ description: "Another one." → ')
    same = ready("apps", "diff", changed, "2")
    assert (same.exit_code, same.stdout, same.stderr) == (0, "", "they do not differ\n")
    [found] = json.loads(ready("apps", "diff", changed, "1", "-o", "json").stdout)
    assert (found["path"], found["change"], found["after"]) == ("description", "changed", "Another one.")
    assert "~ name: " in ready("tasks", "diff", changed, "get_many", "1").stdout


def test_what_was_is_restored(ready: Any, changed: str) -> None:
    """An app, a task, and a task that was retired; JSON gives the model."""
    done = ready("apps", "restore", changed, "1")
    assert done.stdout == "restored revision 1 of Small API (app 1)\n"
    assert "[red]A small[/red] API." in ready("apps", "show", changed).stdout
    restored = json.loads(ready("tasks", "restore", changed, "get_many", "1", "-o", "json").stdout)
    assert (restored["task_tag"], restored["revision"]) == ("get_many", 3)
    assert ready("tasks", "show", changed, "get_wild").exit_code == 4
    assert ready("tasks", "restore", changed, "get_wild", "1").exit_code == 0
    assert ready("tasks", "show", changed, "get_wild").exit_code == 0


def test_instances_that_a_restore_leaves_incomplete_are_named(ready: Any, tmp_path: Path) -> None:
    """As with an update."""
    file = tmp_path / "app.json"
    for fields in ([{"name": "site", "required": True}], [{"name": "other"}]):
        file.write_text(json.dumps({"title": "Own", "fields": fields}))
        assert ready("apps", "add", str(file), "--update").exit_code == 0
    assert ready("instances", "add", "Own", "--title", "main").exit_code == 0
    done = ready("apps", "restore", "Own", "1")
    assert "the instance main cannot be used as it is: site" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("apps", "diff", "Small API", "7"), 4),
        (("apps", "restore", "Small API", "7"), 4),
        (("apps", "diff", "Small API", "0"), 2),
        (("tasks", "restore", "Small API", "nothing", "1"), 4),
        (("apps", "history", "Nothing"), 4),
    ],
)
def test_what_is_not_there_is_told(ready: Any, changed: str, arguments: tuple[str, ...], code: int) -> None:
    """By the exit codes of every command."""
    assert ready(*arguments).exit_code == code


def test_lines_are_harmless_and_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters are escaped, long values cut, and into a pipe go no colours."""
    before = {"gone": [1], "long": "x" * 500, "tasks": [{"task_tag": "a", "t": "\x1b[31m"}]}
    after = {"long": "y" * 500, "tasks": [{"task_tag": "a", "t": "\u202e"}], "new\n\x9b": {"b": None}}
    show_differences(differences(before, after))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "- gone: [1]",
        f'~ long: "{"x" * 119}… → "{"y" * 119}…',
        '~ tasks[a].t: "\\u001b[31m" → "\\u202e"',
        '+ new \\x9b: {"b": null}',
    ]


def test_no_difference_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even an empty one."""
    show_differences([])
    assert capsys.readouterr().out == ""


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Green for what came, red for what went, yellow for what changed."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    show_differences(Difference(path=each, change=each) for each in ("added", "removed", "changed"))
    for line, colour in zip(capsys.readouterr().out.splitlines(), ("32", "31", "33"), strict=True):
        assert line.startswith(f"\x1b[{colour}m")
