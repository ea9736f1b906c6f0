"""What is wrong with schedules, each fault with its path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from zona_core.domain.schedules import MissedRuns, Overlap, ScheduleDefinition, ScheduleStatus, schedule_faults
from zona_core.ports.calendar import Calendar

DAILY: dict[str, Any] = {"title": "Daily", "playbook": "Report", "cron": "0 6 * * *", "time_zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"playbook": "", "app": "Shodan", "task": "scan"},
        {"playbook": "", "app": "17", "task": "4", "instance": "main"},
        {"cron": "", "every": 1},
        {"cron": "", "every": 366 * 86_400.0},
        {"starts_at": datetime(2025, 1, 1, tzinfo=UTC), "ends_at": datetime(2025, 1, 1, 1, tzinfo=UTC)},
        {"starts_at": datetime(2025, 1, 1, tzinfo=timezone(timedelta(hours=-5)))},
        {"missed": MissedRuns.ALL, "overlap": Overlap.ALLOW},
        {"jitter": 86_400.0, "status": ScheduleStatus.INACTIVE, "inputs": {"days": 3}},
    ],
)
def test_good_schedules_have_no_fault(calendar: Calendar, given: dict[str, Any]) -> None:
    """A playbook or a task, by an expression or at intervals, with bounds or without."""
    assert schedule_faults(ScheduleDefinition(**{**DAILY, **given}), calendar) == []


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"title": " "}, ["title"]),
        ({"title": "a\nb"}, ["title"]),
        ({"playbook": ""}, ["playbook"]),
        ({"playbook": "a\0"}, ["playbook"]),
        ({"playbook": "", "app": "Shodan"}, ["task"]),
        ({"playbook": "", "task": "scan"}, ["app"]),
        ({"playbook": "", "instance": "main"}, ["app", "task"]),
        ({"app": "Shodan", "task": "scan"}, ["app", "task"]),
        ({"instance": "main"}, ["instance"]),
        ({"cron": ""}, ["cron"]),
        ({"every": 60.0}, ["every"]),
        ({"cron": "0 0 31 2 *"}, ["cron"]),
        ({"cron": "0 0 0 * * *"}, ["cron"]),
        ({"cron": "*" * 201}, ["cron"]),
        ({"cron": "", "every": 0.0}, ["every"]),
        ({"cron": "", "every": 0.999}, ["every"]),
        ({"cron": "", "every": 366 * 86_400 + 1}, ["every"]),
        ({"cron": "", "every": float("nan")}, ["every"]),
        ({"time_zone": "Mars/Olympus"}, ["time_zone"]),
        ({"time_zone": "Mars/Olympus", "cron": "61 * * * *"}, ["time_zone", "cron"]),
        ({"time_zone": "", "cron": "", "every": 60.0}, ["time_zone"]),
        ({"jitter": -1.0}, ["jitter"]),
        ({"jitter": 86_401.0}, ["jitter"]),
        ({"jitter": float("nan")}, ["jitter"]),
        ({"inputs": {str(n): n for n in range(1001)}}, ["inputs"]),
        ({"status": ScheduleStatus.DELETED}, ["status"]),
        ({"missed": MissedRuns.ALL}, ["overlap"]),
        ({"starts_at": datetime(2025, 1, 1)}, ["starts_at"]),  # noqa: DTZ001
        ({"starts_at": datetime(1, 1, 1, tzinfo=UTC)}, ["starts_at"]),
        ({"ends_at": datetime.max.replace(tzinfo=UTC)}, ["ends_at"]),
        ({"starts_at": datetime(2025, 1, 1, tzinfo=UTC), "ends_at": datetime(2025, 1, 1, tzinfo=UTC)}, ["ends_at"]),
    ],
)  # fmt: skip
def test_every_fault_has_its_path(calendar: Calendar, given: dict[str, Any], paths: list[str]) -> None:
    """Each thing that is wrong is named, with what would be right."""
    found = schedule_faults(ScheduleDefinition(**{**DAILY, **given}), calendar)
    assert [fault.path for fault in found] == paths
    assert all(fault.message and fault.expected for fault in found)


def test_all_faults_come_at_once(calendar: Calendar) -> None:
    """One look tells everything."""
    wrong = ScheduleDefinition(title="", time_zone="nowhere", jitter=-1.0, status=ScheduleStatus.DELETED)
    paths = [fault.path for fault in schedule_faults(wrong, calendar)]
    assert paths == ["title", "playbook", "time_zone", "cron", "jitter", "status"]
