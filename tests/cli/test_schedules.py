"""``zona schedules``: kept, shown, foretold, paused and started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

PLAYBOOK = """
title: Report
inputs:
  - {name: days, kind: number, required: true}
  - {name: token, kind: secret}
steps:
  - {name: sum, set: {days: "{{ inputs.days }}"}}
outputs: {days: "{{ steps.sum.outputs.days }}"}
"""


@pytest.fixture
def kept(ready: Any, tmp_path: Path) -> Any:
    """``zona`` with a playbook, and a schedule of it."""
    path = tmp_path / "report.yaml"
    path.write_text(PLAYBOOK)
    assert ready("playbooks", "save", str(path)).exit_code == 0
    arguments = ("--playbook", "Report", "--cron", "0 6 * * *", "--time-zone", "Europe/Berlin", "-i", "days=7")
    done = ready(
        "schedules", "add", "Morning report", *arguments, "--set-env", "token=TOKEN", env={"TOKEN": "canary-3"}
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("kept the schedule Morning report (schedule 1): next at 20")
    return ready


def data_of(done: Any) -> Any:
    """What was written for programs."""
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_schedules_are_listed_shown_and_removed(kept: Any) -> None:
    """By title or id, secrets masked."""
    listed, shown = kept("schedules", "list").stdout, kept("schedules", "show", "Morning report").stdout
    assert "0 6 * * * Europe/Berlin" in listed
    assert "Report" in shown
    assert '"days": 7' in shown
    found = data_of(kept("schedules", "show", "1", "-o", "json"))
    assert (found["inputs"], found["status"]) == ({"days": 7, "token": "********"}, "active")
    assert data_of(kept("schedules", "list", "-o", "json")) == {"items": [found], "next": None}
    assert "canary-3" not in listed + shown
    assert kept("schedules", "remove", "Morning report").exit_code == 2
    done = kept("schedules", "remove", "Morning report", "--yes")
    assert done.stdout == "removed the schedule Morning report (schedule 1)\n"
    assert kept("schedules", "show", "1").exit_code == 4


def test_adding_again_replaces(kept: Any) -> None:
    """Everything is as it was said last; intervals, policies and bounds are taken."""
    done = kept(
        "schedules", "add", "Morning report", "--playbook", "Report", "--every", "90", "--jitter", "5", "--missed",
        "all", "--overlap", "allow", "--starts-at", "2035-01-01T00:00:00+01:00", "--ends-at", "2036-01-01T00:00Z",
        "--paused", "--description", "x", "--input-file", "-", "-o", "json", input='{"days": 2}',
    )  # fmt: skip
    found = data_of(done)
    assert {name: found[name] for name in ("id", "every", "cron", "jitter", "missed", "overlap", "status")} == {
        "id": 1, "every": 90.0, "cron": "", "jitter": 5.0, "missed": "all", "overlap": "allow", "status": "inactive",
    }  # fmt: skip
    assert (found["starts_at"], found["next_at"], found["inputs"]) == ("2034-12-31T23:00:00Z", None, {"days": 2})


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--playbook", "Report", "--cron", "0 6 * * *"), 3, "inputs.days: a value is required"),
        (("--playbook", "Report", "--cron", "61 6 * * *", "-i", "days=1"), 3, "cron: its minute cannot be used"),
        (("--playbook", "Ghost", "--cron", "0 6 * * *"), 4, "there is no playbook 'Ghost'"),
        (("--cron", "0 6 * * *"), 3, "playbook: is missing, and so are app and task"),
        (("--playbook", "Report", "--starts-at", "2030-01-01"), 2, "it has no time zone"),
        (("--playbook", "Report", "--ends-at", "noon"), 2, "it is no time"),
    ],
)
def test_what_is_wrong_is_told(kept: Any, arguments: tuple[str, ...], code: int, told: str) -> None:
    """With the place, and the exit code of its kind."""
    done = kept("schedules", "add", "New", *arguments)
    assert done.exit_code == code, done.stderr
    assert told in done.stderr


def test_a_schedule_is_paused_and_resumed(kept: Any) -> None:
    """What is to come is told as long as it is active."""
    assert len(data_of(kept("schedules", "upcoming", "Morning report", "--count", "3", "-o", "json"))["items"]) == 3
    assert kept("schedules", "upcoming", "Morning report").stdout.splitlines()[0].split()[0] == "Firing"
    assert kept("schedules", "pause", "1").stdout == "paused the schedule Morning report (schedule 1)\n"
    assert data_of(kept("schedules", "upcoming", "1", "-o", "json"))["items"] == []
    assert "next at" in kept("schedules", "resume", "Morning report").stdout


def test_a_schedule_is_started(kept: Any) -> None:
    """Followed to its end, or left to others."""
    done = kept("schedules", "fire", "Morning report", "--wait", "-o", "json")
    assert done.exit_code == 0, done.stderr
    run_id = data_of(kept("schedules", "show", "1", "-o", "json"))["last_run_id"]
    run = data_of(kept("runs", "show", run_id, "-o", "json"))
    assert (run["results"], run["trigger"], run["actor"].partition(":")[0]) == ({"days": 7}, "schedules/1", "cli")
    assert kept("schedules", "fire", "Morning report").stdout.startswith("begun: zona runs watch ")
