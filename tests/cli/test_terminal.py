"""``zona`` as a process of its own: at a real terminal, in pipes, and when it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminals import ZONA, at_terminal


@pytest.fixture
def terminal() -> Callable[..., Any]:
    """``with terminal("apps", "list") as shown``: ``zona`` with all three streams at a terminal."""
    return at_terminal


def piped(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """``zona`` with its streams in pipes."""
    return subprocess.run([*ZONA, *arguments], capture_output=True, text=True, check=False, timeout=60, **options)


def test_a_hidden_prompt_shows_nothing(ready: Any, app: str, terminal: Any) -> None:
    """A required secret is asked for by its label, and what is typed is not echoed."""
    with terminal("instances", "add", app, "--title", "main") as at:
        at.until("API key")
        at.type("canary-tty-1\n")
        assert at.end() == 0
    assert b"added the instance main" in at.shown
    assert b"canary-tty-1" not in at.shown
    assert json.loads(ready("instances", "show", app, "main", "-o", "json").stdout)["values"]["api_key"] == "********"


def test_deleting_asks_at_a_terminal(ready: Any, app: str, terminal: Any) -> None:
    """No is the answer that is taken for granted."""
    with terminal("apps", "delete", app) as at:
        at.until("[y/N]")
        at.type("\n")
        assert at.end() == 1
    assert b"nothing was done" in at.shown
    assert ready("apps", "show", app).exit_code == 0


def test_ctrl_c_at_a_prompt_ends_with_130(ready: Any, app: str, terminal: Any) -> None:
    """Without a traceback, and without an instance."""
    with terminal("instances", "add", app, "--title", "main") as at:
        at.until("API key")
        at.type("\x03")
        assert at.end() == 130
    assert b"Traceback" not in at.shown
    assert b"interrupted" in at.shown
    assert json.loads(ready("instances", "list", "-o", "json").stdout)["items"] == []


def test_ctrl_c_in_a_run_ends_with_130_and_is_recorded(ready: Any, connected: str, api: Any) -> None:
    """The run that was broken off is in the history as a failure."""
    with subprocess.Popen(
        [*ZONA, "run", connected, "get_slow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert api.reached.wait(60)
        process.send_signal(signal.SIGINT)
        api.released.set()
        out, err = process.communicate()
    assert process.returncode == 130
    assert (out, err.decode().strip()) == (b"", "error[interrupted]: interrupted")
    record = json.loads(ready("runs", "list", "-o", "json").stdout)["items"][0]
    assert (record["status"], record["error"]["code"]) == ("failure", "run_interrupted")


def test_a_run_without_an_end_does_not_hold_the_process(ready: Any, connected: str) -> None:
    """After its timeout the command ends although the other side never answers."""
    done = piped("run", connected, "get_slow", "--timeout", "0.3")
    assert done.returncode == 8
    assert done.stderr.startswith("error[task_timeout]: ")


def test_a_reader_that_leaves_is_no_error(ready: Any, data_dir: Path) -> None:
    """As with ``| head -1``: silence, and the exit code that shells give to a broken pipe."""
    assert ready("apps", "import-openapi", str(data_dir / "openapi" / "jira.yaml")).exit_code == 0
    for mode in ("table", "json"):
        reading, writing = os.pipe()
        with subprocess.Popen(
            [*ZONA, "tasks", "list", "Jira", "-o", mode], stdout=writing, stderr=subprocess.PIPE
        ) as process:
            os.close(reading)
            os.close(writing)
            assert process.stderr is not None
            assert process.stderr.read() == b""
        assert process.returncode == 141


def test_what_is_piped_is_whole(ready: Any, data_dir: Path) -> None:
    """Rows are lines of any length, without colours, even if the terminal is said to be narrow."""
    ready("apps", "import-openapi", str(data_dir / "openapi" / "jira.yaml"))
    environment = {**os.environ, "COLUMNS": "20"}
    done = piped("tasks", "list", "Jira", env=environment)
    tasks = json.loads(piped("tasks", "list", "Jira", "-o", "json").stdout)["items"]
    assert len(done.stdout.splitlines()) == 1 + len(tasks)
    assert all(task["task_tag"] in line for task, line in zip(tasks, done.stdout.splitlines()[1:], strict=True))
    assert "\x1b" not in done.stdout
    assert "…" not in done.stdout


def test_a_terminal_gets_whole_names_and_no_line_too_long(ready: Any, data_dir: Path, terminal: Any) -> None:
    """At 80 columns descriptions are cut, the names that one needs are not; NO_COLOR is heeded."""
    ready("apps", "import-openapi", str(data_dir / "openapi" / "shodan.yaml"))
    with terminal("tasks", "list", "Shodan", NO_COLOR="1", TERM="dumb") as at:
        assert at.end() == 0
    lines = at.shown.decode().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("get_shodan_host_search_facets ") for line in lines)
    with terminal("tenants", "list") as at:
        assert at.end() == 0
    assert b"\x1b[32mactive" in at.shown


def test_standard_input_that_is_closed_asks_nothing(ready: Any, app: str) -> None:
    """No question, no waiting: a fault that says what is missing."""
    done = piped("instances", "add", app, "--title", "main", stdin=subprocess.DEVNULL)
    assert done.returncode == 3
    assert "api_key" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stream_that_knows_few_characters_breaks_nothing(ready: Any, document: Path, encoding: str) -> None:
    """JSON stays JSON with all its characters; tables escape what cannot be written."""
    assert ready("apps", "import-openapi", str(document), "--title", "Zürich → 東京").exit_code == 0
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = piped("apps", "list", "-o", "json", env=environment, encoding=encoding)
    assert json.loads(done.stdout)["items"][0]["title"] == "Zürich → 東京"
    done = piped("apps", "list", env=environment, encoding=encoding)
    assert done.returncode == 0
    assert r"\u2192 \u6771\u4eac" in done.stdout


def test_a_terminal_gets_the_columns_that_it_has_room_for(ready: Any, data_dir: Path, terminal: Any) -> None:
    """Long names do not squeeze states and times; what has no content takes no room."""
    ready("apps", "import-openapi", str(data_dir / "openapi" / "shodan.yaml"), "--title", "全角の題" * 5)
    with terminal("apps", "list", NO_COLOR="1", TERM="dumb") as at:
        assert at.end() == 0
    header, row = at.shown.decode().splitlines()
    assert header.split() == ["ID", "Title", "Version", "Status", "Changed"]
    assert "全角の題" * 5 in row
    ready("instances", "add", "1", "--title", "main")
    with terminal("instances", "list", NO_COLOR="1", TERM="dumb") as at:
        assert at.end() == 0
    assert "Tested" not in at.shown.decode()
    assert "Tested" in piped("instances", "list").stdout


def test_a_run_is_watched_on_the_screen(ready: Any, terminal: Any, tmp_path: Path) -> None:
    """A table that says what is waited for and how to answer; Ctrl-C leaves the run alone, to be watched again."""
    file = tmp_path / "ask.yaml"
    file.write_text("{title: Ask, steps: [{name: zero}, {name: ask, approval: {message: Sure?}}, {name: last}]}")
    assert ready("playbooks", "save", str(file)).exit_code == 0
    with terminal("playbooks", "run", "Ask", "--wait", NO_COLOR="1") as at:
        at.until("zona runs approve")
        assert b"asks: Sure?" in at.shown
        at.type("\x03")
        assert at.end() == 130
    assert b"the run goes on by itself" in at.shown
    run_id = json.loads(ready("runs", "list", "-o", "json").stdout)["items"][0]["id"]
    assert ready("runs", "approve", run_id, "ask").exit_code == 0
    with terminal("runs", "watch", run_id, "--work", NO_COLOR="1") as at:
        assert at.end() == 0
    rows = [line.split()[:2] for line in at.shown.decode().splitlines() if line.strip()]
    assert [name for name, *_ in rows if name in ("zero", "ask", "last")][-3:] == ["zero", "ask", "last"]
