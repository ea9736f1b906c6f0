"""``zona runs picture``, ``zona runs results`` and ``zona store duties``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zona_core import Zona


@pytest.fixture
def run_id(ready: Any, connected: str) -> str:
    """A run that has ended, with more results than 1 KiB."""
    assert ready("run", connected, "get_many", "count=500").exit_code == 0
    found: str = json.loads(ready("runs", "list", "-o", "json").stdout)["items"][0]["id"]
    return found


def test_a_run_is_drawn_into_a_file(ready: Any, run_id: str, tmp_path: Path) -> None:
    """SVG or PNG as the name says; without a file SVG goes to standard output."""
    for name, begin in (("run.svg", b"<?xml"), ("run.png", b"\x89PNG")):
        done = ready("runs", "picture", run_id, "--file", str(tmp_path / name))
        assert done.exit_code == 0
        assert "wrote" in done.stderr + done.stdout
        assert (tmp_path / name).read_bytes().startswith(begin)
    shown = ready("runs", "picture", run_id)
    assert "</svg>" in shown.stdout
    assert ready("runs", "picture", "nobody").exit_code == 4


def test_results_are_written_whole(ready: Any, connected: str, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON, also those that are not in the record, of which ``show`` has the beginning."""
    assert len(json.loads(ready("runs", "results", run_id).stdout)["body"]["items"]) == 500
    monkeypatch.setenv("ZONA_MAX_RESULT_BYTES", "1024")
    done = ready("run", connected, "get_many", "count=500", "-o", "json")
    large = json.loads(done.stdout)
    assert large["results"] is None
    assert len(json.loads(ready("runs", "results", large["id"]).stdout)["body"]["items"]) == 500
    assert f"zona runs results {large['id']}" in ready("runs", "show", large["id"]).stdout


def test_duties_are_listed(ready: Any, home: Path) -> None:
    """None before a worker has looked after the store; then each with when it is due."""
    assert json.loads(ready("store", "duties", "-o", "json").stdout) == {"items": [], "next": None}
    with Zona(home=str(home)) as zona:
        zona.work()
        while len(zona.system().store.duties()) < 8:
            pass
    shown = ready("store", "duties").stdout
    names = (
        "case_clocks",
        "escalation",
        "event_retention",
        "expiry",
        "health_checks",
        "licence",
        "retention",
        "signing_keys",
    )
    for name in names:
        assert name in shown
