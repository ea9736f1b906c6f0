"""``zona playbooks``, and what ``zona runs`` does with runs of playbooks."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zona_core import Zona

START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from zona_cli.main import main; main()"
)
PLAYBOOK = """
title: Look up
description: Looks an address up.
inputs:
  - {name: ip, required: true}
  - {name: token, kind: secret}
steps:
  - name: host
    task: {app: Small API, task: get_host}
    inputs: {ip: "{{ inputs.ip }}"}
  - {name: many, when: "inputs.ip == 'none'", set: {x: 1}}
  - {name: each, for_each: [1, 2], set: {n: "{{ item }}"}}
outputs: {ip: "{{ steps.host.outputs.body.ip }}", all: "{{ steps.each.outputs.items[].n }}"}
"""
ASKING = """
title: Ask
steps:
  - {name: ask, approval: {message: "Go on?"}}
  - {name: done, set: {why: "{{ steps.ask.outputs.comment }}"}}
outputs: {why: "{{ steps.done.outputs.why }}"}
"""
BROKEN = """
title: Broken
steps:
  - {name: fails, task: {app: Small API, task: get_broken}}
  - {name: late, set: {x: 1}}
"""


@pytest.fixture
def files(tmp_path: Path) -> Any:
    """``files("a", text)`` gives the path of a file with that text."""

    def made(name: str, text: str) -> str:
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return str(path)

    return made


@pytest.fixture
def kept(ready: Any, connected: str, files: Any) -> Any:
    """``zona`` with the three playbooks."""
    texts = {"look": PLAYBOOK, "ask": ASKING, "broken": BROKEN}
    done = ready("playbooks", "save", *(files(name, text) for name, text in texts.items()))
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines() == [
        "kept Look up (playbook 1, revision 1)",
        "kept Ask (playbook 2, revision 1)",
        "kept Broken (playbook 3, revision 1)",
    ]
    return ready


def begun(zona: Any, title: str, *arguments: str) -> str:
    """The id of a run that was begun and is left alone."""
    done = zona("playbooks", "run", title, *arguments, "-o", "json")
    assert done.exit_code == 0, done.stderr
    run_id: str = json.loads(done.stdout)["id"]
    return run_id


def asking(zona: Any) -> str:
    """The id of a run that waits for an answer, and that nobody has in hand."""
    run_id, mark = begun(zona, "Ask"), ""
    with Zona() as other:
        other.work()
        runs = other.tenant().runs
        while not runs.waiting(run_id):
            mark = runs.progress(run_id, since=mark, seconds=1).mark
    return run_id


def test_playbooks_are_listed_shown_and_removed(kept: Any) -> None:
    """By title or id; the steps say what they do and what they follow."""
    assert [line.split()[0] for line in kept("playbooks", "list").stdout.splitlines()] == ["ID", "2", "3", "1"]
    shown = kept("playbooks", "show", "Look up").stdout
    assert "Small API get_host" in shown
    assert re.search(r"^host +Small API get_host +at once", shown, re.MULTILINE)
    assert re.search(r"^each +sets n, for each of a list +many:passed", shown, re.MULTILINE)
    assert json.loads(kept("playbooks", "show", "1", "-o", "json").stdout)["steps"][1]["when"] == "inputs.ip == 'none'"
    assert kept("playbooks", "remove", "Ask").exit_code == 2
    assert kept("playbooks", "remove", "Ask", "--yes").stdout == "removed the playbook Ask (playbook 2)\n"
    assert kept("playbooks", "show", "Ask").exit_code == 4


def test_every_fault_of_a_file_is_told(ready: Any, files: Any) -> None:
    """Unknown keys, wrong types and what is missing, each with its path; then what the graph and its names lack."""
    wrong = "{title: x, steps: [{name: a, task: {app: A}}, {name: b, foo: 1, after: a}], inputs: [{name: 1}]}"
    done = ready("playbooks", "check", files("wrong", wrong))
    assert done.exit_code == 3
    for path in ("inputs[0].name", "steps[0].task.task", "steps[1].after", "steps[1].foo"):
        assert f"  {path}: " in done.stderr
    done = ready("playbooks", "save", files("cycle", "{title: x, steps: [{name: a, after: [b]}, {name: b}]}"))
    assert done.exit_code == 3
    assert "cycle.yaml: " in done.stderr
    assert "a → b → a" in done.stderr
    assert ready("playbooks", "check", "-", input="[1]").exit_code == 3
    assert ready("playbooks", "check", "-", input="{title: x, steps: [{name: a}]}").stdout == "x is in order: 1 step\n"
    assert json.loads(ready("playbooks", "list", "-o", "json").stdout)["items"] == []


def test_a_run_is_followed_to_its_end(kept: Any) -> None:
    """Where there is no terminal, a line for each step; then the record, and its exit code."""
    done = kept("playbooks", "run", "Look up", "-i", "ip=1.2.3.4", "--wait")
    assert done.exit_code == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    ended = {line[2] for line in lines if line[1:2] == ["success"] and len(line) > 2}
    assert ended == {"host", "each[0]", "each[1]", "each"}
    assert "Skipped   many" in done.stdout
    assert '"ip": "1.2.3.4"' in done.stdout
    record = json.loads(kept("runs", "list", "-o", "json").stdout)["items"][0]
    assert record["results"] == {"ip": "1.2.3.4", "all": [1, 2]}
    steps = json.loads(kept("runs", "steps", record["id"], "-o", "json").stdout)["items"]
    assert {step["step"] for step in steps} == {"host", "each"}
    assert "each[1]" in kept("runs", "steps", record["id"]).stdout
    whole = kept("playbooks", "run", "1", "-i", "ip=1", "--wait", "-o", "json")
    assert json.loads(whole.stdout)["status"] == "success"


def test_a_failure_has_its_exit_code(kept: Any) -> None:
    """The record on standard output, the error on standard error; watching what has ended tells the same."""
    done = kept("playbooks", "run", "Broken", "--wait")
    assert done.exit_code == 7
    assert "failure   fails" in done.stdout
    assert done.stderr.startswith("error[http_status]: the step fails failed: ")
    run_id = json.loads(kept("runs", "list", "--playbook", "Broken", "-o", "json").stdout)["items"][0]["id"]
    again = kept("runs", "watch", run_id)
    assert (again.exit_code, again.stderr) == (7, done.stderr)
    assert kept("runs", "watch", "none").exit_code == 4
    replayed = kept("runs", "replay", run_id, "--from", "fails", "--wait", "-o", "json")
    assert (replayed.exit_code, json.loads(replayed.stdout)["replay_of"]) == (7, run_id)
    assert kept("runs", "replay", run_id, "--from", "ghost").exit_code == 4


def test_inputs_are_read_by_their_fields(kept: Any, monkeypatch: pytest.MonkeyPatch, files: Any) -> None:
    """From options, a file and the environment; wrong ones are refused before anything runs; a secret is not shown."""
    monkeypatch.setenv("TOKEN", "canary-token-5")
    given = ("--input-file", files("in", '{"ip": "9.9.9.9"}'), "--set-env", "token=TOKEN")
    done = kept("playbooks", "run", "Look up", *given, "--wait", "-o", "json")
    assert json.loads(done.stdout)["inputs"] == {"ip": "9.9.9.9", "token": "********"}
    assert "canary-token-5" not in done.stdout + done.stderr
    refused = kept("playbooks", "run", "Look up", "-i", "pi=1")
    assert refused.exit_code == 3
    assert "  pi: " in refused.stderr
    assert "  ip: " in refused.stderr


def test_a_rehearsal_calls_nothing(kept: Any, api: Any, files: Any) -> None:
    """The steps that would run, and how it would end."""
    api.key = "another"  # whoever called it would be refused
    sample = files("sample", '{"host": {"body": {"ip": "sampled"}}}')
    done = kept("playbooks", "rehearse", "Look up", "-i", "ip=1.2.3.4", "--samples", sample)
    assert done.exit_code == 0, done.stderr
    assert "Small API/get_host main" in done.stdout
    assert '"ip": "sampled"' in done.stdout
    failing = kept("playbooks", "rehearse", "Look up", "-i", "ip=1", "--samples", files("bad", "[]"))
    assert failing.exit_code == 3


def test_an_approval_is_shown_and_answered(kept: Any) -> None:
    """Another command answers; whoever carries runs out goes on."""
    run_id = asking(kept)
    shown = kept("runs", "show", run_id)
    assert "Go on?" in shown.stdout
    assert f"zona runs approve {run_id} ask" in shown.stdout
    assert kept("runs", "approve", run_id, "done").exit_code == 5
    done = kept("runs", "approve", run_id, "ask", "--comment", "seen")
    assert done.stdout == f"approved ask of Ask ({run_id})\n"
    watched = kept("runs", "watch", run_id, "--work")
    assert watched.exit_code == 0, watched.stderr
    assert '"why": "seen"' in watched.stdout
    assert kept("runs", "reject", run_id, "ask").exit_code == 5
    rejected = asking(kept)
    assert kept("runs", "reject", rejected, "ask").exit_code == 0
    assert kept("runs", "watch", rejected, "--work").stderr.startswith("error[rejected]: ")


def test_runs_are_paused_resumed_and_cancelled(kept: Any) -> None:
    """What has ended stays as it is; a run that is cancelled ends with the code of a failure."""
    run_id = begun(kept, "Ask")
    for command, told in (("pause", "is to pause"), ("resume", "goes on"), ("cancel", "is to end")):
        assert kept("runs", command, run_id).stdout == f"the run {run_id} {told}\n"
    assert kept("runs", "watch", run_id, "--work").exit_code == 7
    assert kept("runs", "cancel", run_id).stdout == f"the run {run_id} has ended already: cancelled\n"


def test_lists_have_whole_runs_unless_asked(kept: Any) -> None:
    """``--app`` has steps among them, ``--steps`` everything."""
    kept("playbooks", "run", "Look up", "-i", "ip=1", "--wait")

    def listed(*options: str) -> list[str]:
        items = json.loads(kept("runs", "list", *options, "-o", "json").stdout)["items"]
        return sorted(item["step"] for item in items)

    assert listed() == listed("--playbook", "Look up") == [""]
    assert listed("--app", "Small API") == ["host"]
    assert listed("--steps") == ["", "each", "each", "each", "host"]
    assert "Look up" in kept("runs", "list").stdout
    assert "Look up: host, Small API get_host" in kept("runs", "list", "--app", "Small API").stdout


def test_ctrl_c_leaves_the_run_alone(kept: Any) -> None:
    """The command ends with 130 and says how to go on; the run still waits."""
    with subprocess.Popen(
        [sys.executable, "-c", START, "playbooks", "run", "Ask", "--wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        while "waiting" not in line:
            assert line
            line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    run_id = json.loads(kept("runs", "list", "-o", "json").stdout)["items"][0]["id"]
    assert process.returncode == 130
    told = [f"the run goes on by itself: zona runs watch {run_id}", "error[interrupted]: interrupted"]
    assert [line for line in err.splitlines() if line] == told
    assert json.loads(kept("runs", "show", run_id, "-o", "json").stdout)["status"] == "waiting"
    assert kept("runs", "approve", run_id, "ask").exit_code == 0
    assert kept("runs", "watch", run_id, "--work").exit_code == 0
