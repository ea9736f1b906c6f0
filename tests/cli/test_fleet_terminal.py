"""``zona fleet`` as a process of its own: at a terminal, and as one that watches until it is told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminals import ZONA, at_terminal

FILE = """
name = "shop"
[services.web]
image = "web:1"
replicas = 2
[services.batch]
image = "batch:1"
group = "batch"
depends_on = ["web"]
"""
PATIENCE = 60.0


@pytest.fixture
def file(ready: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``fleet.toml`` in the working folder; each process has an engine of its own, with nothing in it."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ZONA_CONTAINER_ENGINE", "memory:?missing=web:missing")
    (folder / "fleet.toml").write_text(FILE)
    return folder / "fleet.toml"


def test_applying_asks_at_a_terminal(file: Path) -> None:
    """The plan is shown; no is the answer that is taken for granted."""
    with at_terminal("fleet", "apply") as at:
        at.until("apply this? [y/N]")
        assert b"+ batch" in at.shown
        at.type("\n")
        assert at.end() == 1
    assert b"nothing was done" in at.shown


def test_a_deployment_is_shown_on_the_screen(file: Path) -> None:
    """A table while it comes along, and one of what became of each service; the cursor is there again."""
    with at_terminal("fleet", "apply") as at:
        at.until("apply this? [y/N]")
        at.type("y\n")
        assert at.end() == 0
    last = at.shown.decode().rpartition("Took")[2].splitlines()
    assert [line.split()[:2] for line in last[1:3]] == [["web", "create"], ["batch", "create"]]
    assert "deployment 1 succeeded: 2 services" in last[3]
    assert b"\x1b[32m" in at.shown
    assert at.shown.rindex(b"\x1b[?25h") > at.shown.rindex(b"\x1b[?25l")


def test_a_failure_is_shown_on_the_screen(file: Path) -> None:
    """What failed, why, and what was never begun; without colours where they are not wanted."""
    file.write_text(FILE.replace("web:1", "web:missing"))
    with at_terminal("fleet", "apply", "--yes", NO_COLOR="1") as at:
        assert at.end() == 20
    shown = at.shown.decode()
    assert "image_missing" in shown
    assert "skipped" in shown
    assert "[deployment_rolled_back]: " in shown
    assert "\x1b[3" not in shown


def test_a_status_is_watched_on_the_screen(ready: Any, file: Path) -> None:
    """Until Ctrl-C, which is no fault; the last one stays."""
    assert ready("fleet", "apply", "--yes").exit_code == 0
    with at_terminal("fleet", "status", "--watch") as at:
        at.until("not as it is wanted")
        at.type("\x03")
        assert at.end() == 0
    assert b"Traceback" not in at.shown
    assert b"missing" in at.shown.rpartition(b"\x1b[?25h")[2]


@pytest.fixture
def watch(ready: Any, file: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that watches a fleet of which its engine has nothing yet."""
    assert ready("fleet", "apply", "--yes").exit_code == 0
    with subprocess.Popen(
        [*ZONA, "fleet", "watch", "--interval", "0.2", "-o", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watch_mends_until_it_is_told_to_end(watch: subprocess.Popen[str], ready: Any, number: int) -> None:
    """Each line is a JSON document that says what happened; the signal ends it with 0."""
    assert watch.stdout is not None
    told: list[dict[str, Any]] = []
    for line in watch.stdout:
        told.append(json.loads(line))
        if told[-1]["event"] == "DeploymentEnded":
            break
    assert told[0]["event"] == "DeploymentBegan"
    assert told[-1]["deployment"]["status"] == "succeeded"
    assert {"targets", "intent"}.isdisjoint(told[-1]["deployment"])
    watch.send_signal(number)
    assert watch.communicate(timeout=PATIENCE)[1] == ""
    assert watch.returncode == 0
    last = json.loads(ready("fleet", "history", "-o", "json").stdout)["items"][0]
    assert (last["action"], last["status"]) == ("watch", "succeeded")
