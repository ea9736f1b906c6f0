"""What tests of detection rules share."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from zona_core.domain.detection import DetectionRule
from zona_sigma._rules import SigmaRules

pytest.register_assert_rewrite("naive_sigma")


@pytest.fixture(scope="session")
def rules() -> SigmaRules:
    """The engine."""
    return SigmaRules()


@pytest.fixture
def written() -> Callable[..., str]:
    """The text of a rule with a detection; more attributes replace its own."""

    def written(detection: Mapping[str, Any], **more: Any) -> str:
        document = {"title": "A rule", "logsource": {"product": "testing"}, "detection": dict(detection), **more}
        return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)

    return written


@pytest.fixture
def asked(rules: SigmaRules, written: Callable[..., str]) -> Callable[..., bool]:
    """Whether a rule with that detection answers to an event."""

    def asked(
        detection: Mapping[str, Any],
        event: Mapping[str, Any],
        placeholders: Mapping[str, Sequence[str]] | None = None,
        **more: Any,
    ) -> bool:
        parsed = rules.parse([("rule.yml", written(detection, **more))])
        assert [rule.unusable for rule in parsed] == [None]
        detector = rules.compile(parsed, (), placeholders)
        assert not detector.refused
        return bool(list(detector.match([event])))

    return asked


@pytest.fixture(scope="session")
def sigma_dir(data_dir: Path) -> Path:
    """SigmaHQ's rules and regression data, all of them or the few that are shipped."""
    return data_dir / "sigma"


@pytest.fixture(scope="session")
def corpus(rules: SigmaRules, sigma_dir: Path) -> list[DetectionRule]:
    """All rules that there are, parsed."""
    found = sorted(path for path in sigma_dir.glob("rules*/**/*.yml"))
    return rules.parse((os.fspath(path.relative_to(sigma_dir)), path.read_text("utf-8")) for path in found)


@pytest.fixture(scope="session")
def recording(data_dir: Path) -> list[dict[str, Any]]:
    """The events of a Windows recording, or of the shipped part of it."""
    path = data_dir / "security-datasets" / "empire_mimikatz_logonpasswords.zip"
    with zipfile.ZipFile(path) as archive:
        return [orjson.loads(line) for line in archive.read(archive.namelist()[0]).splitlines() if line.strip()]
