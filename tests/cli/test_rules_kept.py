"""``zona rules`` that a tenant keeps: added, shown, switched, removed; exceptions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RULE = "title: Bad\nid: bad\nlogsource: {product: testing}\ndetection: {s: {word: bad}, condition: s}\nlevel: high\n"
NARROWER = "title: Known\nlogsource: {product: testing}\nfilter: {rules: [bad], s: {host: db1}, condition: not s}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two rules, one of them hidden deep."""
    (tmp_path / "rules" / "deep").mkdir(parents=True)
    (tmp_path / "rules" / "bad.yml").write_text(RULE)
    (tmp_path / "rules" / "deep" / "worse.yaml").write_text(
        RULE.replace("bad", "worse").replace("Bad", "Worse").replace("high", "low")
    )
    return tmp_path / "rules"


@pytest.fixture
def kept(ready: Any, folder: Path) -> Any:
    """``zona`` with both."""
    assert ready("rules", "add", str(folder)).stdout == "2 rules: 2 new, 0 replaced, 0 as they were\n"
    return ready


def data_of(done: Any) -> Any:
    """What was written for programs."""
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_adding_again_replaces(kept: Any, folder: Path) -> None:
    """What changed, and nothing else."""
    (folder / "bad.yml").write_text(RULE.replace("high", "critical"))
    assert kept("rules", "add", str(folder)).stdout == "2 rules: 0 new, 1 replaced, 1 as they were\n"


def test_what_cannot_be_used_or_read_is_told(ready: Any, folder: Path) -> None:
    """By a warning and the exit code; the others are taken."""
    (folder / "broken.yml").write_text(RULE.replace("condition: s", "condition: t").replace("id: bad", "id: broken"))
    done = ready("rules", "add", str(folder))
    assert done.exit_code == 15
    assert done.stdout == "3 rules: 3 new, 0 replaced, 0 as they were\n"
    assert "warning: 1 rule cannot be used: Bad (" in done.stderr
    (folder / "latin.yml").write_bytes(b"title: caf\xe9\n")
    assert "1 file could not be read: " in ready("rules", "add", str(folder)).stderr
    listed = data_of(ready("rules", "list", "--unusable", "-o", "json"))["items"]
    assert [each["id"] for each in listed] == ["broken"]
    assert "Cannot be used" in ready("rules", "show", "broken").stdout
    assert ready("rules", "add", "no-such-folder").exit_code == 2


def test_rules_are_listed_and_shown(kept: Any) -> None:
    """By what they are, by words, one whole, or as it was given."""
    rows = [row.split() for row in kept("rules", "list").stdout.splitlines()]
    assert rows[0] == ["Level", "Title", "Kind", "Log", "source", "State", "ID"]
    assert [row[:2] for row in rows[1:]] == [["high", "Bad"], ["low", "Worse"]]

    def found(*arguments: str) -> list[str]:
        return [each["id"] for each in data_of(kept("rules", "list", *arguments, "-o", "json"))["items"]]

    assert found("--level", "low") == ["worse"]
    assert found("--disabled") == []
    assert found("--product", "testing", "--limit", "1") == ["bad"]
    assert found("--search", "worse") == ["worse"]
    assert kept("rules", "list", "--search", "worse", "--level", "low").exit_code == 2
    assert kept("rules", "show", "bad", "--text").stdout == RULE
    shown = kept("rules", "show", "bad").stdout
    assert "testing" in shown
    assert "enabled" in shown
    assert kept("rules", "show", "nosuch").exit_code == 4


def test_rules_are_switched_and_removed(kept: Any) -> None:
    """Removing asks first."""
    assert kept("rules", "disable", "bad").stdout == "Bad is asked no more\n"
    listed = data_of(kept("rules", "list", "--disabled", "-o", "json"))["items"]
    assert [each["id"] for each in listed] == ["bad"]
    assert kept("rules", "enable", "bad").stdout == "Bad is asked from now on\n"
    assert kept("rules", "remove", "bad").exit_code == 2
    assert kept("rules", "remove", "bad", "--yes").stdout == "deleted the rule Bad\n"
    assert kept("rules", "remove", "bad", "--yes").exit_code == 4


def test_exceptions_are_made_listed_and_ended(kept: Any, tmp_path: Path) -> None:
    """From a file or standard input, until a moment or for good."""
    (tmp_path / "known.yml").write_text(NARROWER)
    until = ("--until", "2999-01-01T00:00:00Z", "--reason", "a test")
    first = kept("rules", "except", "add", "Known host", str(tmp_path / "known.yml"), *until)
    assert first.stdout.startswith("kept the exception Known host (exception 1): it holds until 2999-01-01 ")
    second = kept("rules", "except", "add", "Another", "-", input=NARROWER)
    assert second.stdout == "kept the exception Another (exception 2): it holds until it is removed\n"
    rows = kept("rules", "except", "list").stdout.splitlines()
    assert len(rows) == 3
    assert "Known host" in rows[1]
    assert "a test" in rows[1]
    assert kept("rules", "except", "remove", "1", "--yes").stdout == "ended the exception 1\n"
    assert [each["id"] for each in data_of(kept("rules", "except", "list", "-o", "json"))["items"]] == [2]
    assert kept("rules", "except", "remove", "1", "--yes").exit_code == 4
    assert kept("rules", "except", "add", "Bad", "-", input=RULE).exit_code == 3
    assert kept("rules", "except", "add", "Bad", "-", input=b"\xff").exit_code == 2
