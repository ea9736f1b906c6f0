"""A tenant with rules, and events to be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zona_core import Workspace, Zona

FIRST = datetime(2026, 3, 2, 8, tzinfo=UTC)
RULE = """
title: {title}
name: {name}
level: {level}
tags: [attack.execution]
logsource: {{product: windows}}
detection:
    selection: {{EventID: 1, Image|endswith: '{image}'}}
    condition: selection
"""


@pytest.fixture
def zona() -> Iterator[Zona]:
    with Zona(store="memory://") as opened:
        yield opened


@pytest.fixture
def workspace(zona: Zona) -> Workspace:
    return zona.tenant()


@pytest.fixture
def rule() -> Callable[..., tuple[str, str]]:
    """A rule that finds processes of an image."""

    def made(name: str, level: str = "medium", image: str = "") -> tuple[str, str]:
        text = RULE.format(title=f"The tool {name}", name=name, level=level, image=image or f"{name}.exe")
        return f"{name}.yml", text

    return made


@pytest.fixture
def started() -> Callable[..., dict[str, Any]]:
    """The event of a process that was started so many seconds after the first one."""

    def made(image: str, seconds: float = 0.0, host: str = "ws1", **more: Any) -> dict[str, Any]:
        return {
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "EventID": 1,
            "Hostname": host,
            "@timestamp": (FIRST + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z"),
            "Image": f"C:\\{image}",
            "ProcessGuid": f"{image}{seconds}{host}",
            **more,
        }

    return made
