"""A process killed at any point of an upsert leaves a consistent store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zona_core import Zona

PROGRAM = """
import os, signal, sqlite3, sys
from zona_core import AppDefinition, Field, TaskDefinition, Zona

path, kill_at = sys.argv[1], int(sys.argv[2])
zona = Zona(store=f"sqlite:///{path}")
workspace = zona.tenant()
calls = 0

def count_down(code, offset):
    # every Python-level function entry below the use-case is a point at which the power may fail
    global calls
    calls += 1
    if calls == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

def trace(frame, event, arg):
    if event in ("call", "c_call"):
        count_down(None, None)

def app(tag):
    tasks = tuple(TaskDefinition(name=f"{tag}{n}", task_tag=f"{tag}{n}", task_handler="http",
        handler_config={"method": "GET", "path": "/"}) for n in range(5))
    return AppDefinition(title="Whole", description=tag, tasks=tasks,
        handler_config={"http": {"base_url": "https://api.example.com"}}, fields=(Field(name=tag),))

app_id = workspace.apps.upsert(app("before")).app.integration_id
workspace.instances.add("Whole", title="main", values={"before": "kept"})
sys.setprofile(trace)
workspace.apps.upsert(app("after"), app_id=app_id)
sys.setprofile(None)
print(calls)
"""


def run(path: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), str(kill_at)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ),
    )


def state(path: Path) -> str:
    """Which of the two versions the store holds; fails if it is a mixture."""
    with Zona(store=f"sqlite:///{path}") as zona:
        assert zona._parts.database.store.check().notes == ()
        workspace = zona.tenant()
        app = workspace.apps.get("Whole")
        version = app.description
        assert [field.name for field in app.fields] == [version]
        assert [task.task_tag for task in workspace.tasks.list("Whole").items] == [f"{version}{n}" for n in range(5)]
        kept = {"before": {"before": "kept"}, "after": {}}
        assert workspace.instances.get("Whole", "main").values == kept[version]
        assert workspace.audit.verify().intact
        assert workspace.audit.verify().records == {"before": 2, "after": 3}[version]
        workspace.apps.upsert(workspace_definition(version), app_id=app.integration_id)
    return version


def workspace_definition(version: str) -> object:
    from zona_core import AppDefinition

    return AppDefinition(title="Whole", description=f"{version} and usable")


def test_a_kill_at_any_point_leaves_the_old_or_the_new_app_whole(tmp_path: Path) -> None:
    """Killed at 24 points spread over all calls of an update, the store holds one version, whole, and works on."""
    whole = run(tmp_path / "whole.db", 0)
    assert whole.returncode == 0, whole.stderr
    calls = int(whole.stdout)
    assert calls > 500
    seen = []
    for step in range(24):
        path = tmp_path / f"killed{step}.db"
        killed = run(path, 1 + calls * step // 24)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        seen.append(state(path))
    assert "before" in seen
    assert sorted(seen, reverse=True) == seen, "a later kill never finds an older state"


@pytest.mark.parametrize("kill_at", [0])
def test_without_a_kill_the_new_app_is_there(tmp_path: Path, kill_at: int) -> None:
    """The program's own outcome is the new version."""
    assert run(tmp_path / "x.db", kill_at).returncode == 0
    assert state(tmp_path / "x.db") == "after"
