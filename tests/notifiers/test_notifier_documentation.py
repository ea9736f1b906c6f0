"""The page on notifications tells what the notifiers have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zona_core import Zona

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")


def named(header: str) -> list[str]:
    """What stands in backticks in the first column of the table whose first line begins so."""
    table = PAGE.partition(header)[2].partition("\n\n")[0].splitlines()[2:]
    return [name for row in table for name in re.findall(r"`(\w+)`", row.split("|")[1])]


@pytest.mark.parametrize("kind", ["email", "slack", "webhook"])
def test_every_option_is_documented(kind: str) -> None:
    """Each once, in order."""
    with Zona(store="memory://") as zona:
        assert named(f"| option of `{kind}` |") == [field.name for field in zona.plugins.notifier(kind).options]


def test_every_kind_is_documented() -> None:
    """Each once."""
    with Zona(store="memory://") as zona:
        assert sorted(named("| kind |")) == zona.plugins.offers["notifiers"]


def test_every_code_is_documented() -> None:
    """Those that are in the notifiers' source are those of the table."""
    modules = (ROOT / "plugins" / "notifiers" / "zona_notifiers").glob("*.py")
    source = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    used = set(re.findall(r'(?:code=|, |^ +)"([a-z]+_[a-z_]+)",(?: |\n +)retryable', source, re.MULTILINE))
    used |= set(re.findall(r'code="(\w+)"', source)) | {"key_unavailable"}
    assert used == set(named("| code |"))
