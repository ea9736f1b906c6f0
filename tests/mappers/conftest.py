"""What tests of event mappers share."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from zona_core.domain.events import Event, made_event
from zona_core.plugins import Plugins
from zona_core.ports.events import EventMapper

RECEIVED = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """The installed plugins."""
    return Plugins()


@pytest.fixture(scope="session")
def windows(plugins: Plugins) -> EventMapper:
    return plugins.event_mapper("windows")


@pytest.fixture(scope="session")
def cloudtrail(plugins: Plugins) -> EventMapper:
    return plugins.event_mapper("cloudtrail")


@pytest.fixture(scope="session")
def suricata(plugins: Plugins) -> EventMapper:
    return plugins.event_mapper("suricata")


@pytest.fixture(scope="session")
def made() -> Callable[..., Event]:
    """The event that a mapper makes of raw data."""

    def made(mapper: EventMapper, raw: Mapping[str, Any], source: str = "tests", **more: Any) -> Event:
        return made_event(mapper.map(dict(raw)), source=source, mapper="tests", received_at=RECEIVED, **more)

    return made


@pytest.fixture(scope="session")
def unzipped(data_dir: Path) -> Callable[[str], list[dict[str, Any]]]:
    """The events of a recording."""

    def unzipped(name: str) -> list[dict[str, Any]]:
        with zipfile.ZipFile(data_dir / "security-datasets" / f"{name}.zip") as archive:
            lines = archive.read(archive.namelist()[0]).splitlines()
        return [orjson.loads(line) for line in lines]

    return unzipped


@pytest.fixture(scope="session")
def mimikatz(unzipped: Callable[[str], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A recording of an attack: Sysmon, Security and PowerShell."""
    return unzipped("empire_mimikatz_logonpasswords")


@pytest.fixture(scope="session")
def trail(data_dir: Path) -> list[dict[str, Any]]:
    """All records of CloudTrail."""
    files = sorted((data_dir / "cloudtrail").glob("*.json"))
    return [record for file in files for record in orjson.loads(file.read_bytes())["Records"]]
