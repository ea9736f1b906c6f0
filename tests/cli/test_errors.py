"""How a call fails: what is told, in which form, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from zona_cli._errors import report, wants_json
from zona_cli.main import cli
from zona_core import Fault, InvalidInput


def test_an_error_has_code_faults_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """Each fault on a line of its own with its path and what is expected."""
    faults = [Fault("fields[2].name", "is empty", "a name"), Fault("title", "is taken")]
    error = InvalidInput("two things are wrong", faults=faults, hint="look again")
    assert report(error, json=False) == 3
    assert capsys.readouterr().err.splitlines() == [
        "error[invalid_input]: two things are wrong",
        "  fields[2].name: is empty (expected a name)",
        "  title: is taken",
        "hint: look again",
    ]


def test_many_faults_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """People see twenty; JSON has all."""
    error = InvalidInput.of(Fault(f"tasks[{index}]", "is wrong") for index in range(50))
    report(error, json=False)
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[-1]) == (22, "  … and 30 more: --output json shows all")
    report(error, json=True)
    assert len(json.loads(capsys.readouterr().err)["error"]["errors"]) == 50


def test_errors_are_json_in_json_mode(ready: Any) -> None:
    """On standard error, with the same codes; wrong usage has the code usage."""
    done = ready("apps", "show", "no", "-o", "json")
    assert json.loads(done.stderr)["error"]["code"] == "not_found"
    assert done.stdout == ""
    for arguments in (["apps", "show", "-o", "json"], ["-o", "json", "apps", "list", "--odd"], ["aps", "-o", "json"]):
        done = ready(*arguments)
        assert done.exit_code == 2
        assert json.loads(done.stderr)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["apps", "-o", "json"], True),
        (["--output", "json"], True),
        (["--output=json"], True),
        (["-ojson"], True),
        (["-o", "table", "json"], False),
        ([], False),
    ],
)
def test_json_is_recognised_in_arguments_that_cannot_be_parsed(arguments: list[str], asked: bool) -> None:
    """The form of an error about arguments is what those arguments ask for."""
    assert wants_json(arguments) is asked


def test_an_unknown_command_names_one_like_it(zona: Any) -> None:
    """Wrong usage, exit code 2."""
    done = zona("aps", "list")
    assert done.exit_code == 2
    assert "'apps'" in done.stderr


def test_a_faulty_configuration_names_every_fault(zona: Any, home: Path) -> None:
    """Exit code 10, with the file and the setting."""
    home.mkdir()
    (home / "zona.toml").write_text("[zona]\nodd = 1\nworkers = 0\n")
    done = zona("apps", "list")
    assert done.exit_code == 10
    assert "odd: there is no such setting" in done.stderr
    assert "  workers: 0 is out of range" in done.stderr


def test_a_missing_key_has_its_exit_code(ready: Any, app: str, home: Path) -> None:
    """Exit code 11 when a secret cannot be sealed."""
    (home / "master.key").unlink()
    done = ready("instances", "add", app, "--title", "a", "--set-file", "api_key=-", input="x")
    assert done.exit_code == 11
    assert "error[master_key_missing]" in done.stderr


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes ``zona plugins`` fail in a way that nobody foresaw, with a secret in the error's text."""

    @click.command()
    def broken() -> None:
        password = "canary-local"  # noqa: F841  # what a traceback with locals would show
        raise RuntimeError("canary-text")

    find = cli.get_command
    monkeypatch.setattr(cli, "get_command", lambda ctx, name: broken if name == "plugins" else find(ctx, name))


@pytest.mark.usefixtures("faulty")
def test_an_unforeseen_error_is_one_line(zona: Any) -> None:
    """Its kind and place, not its text, which may quote anything."""
    done = zona("plugins")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("internal error: RuntimeError in test_errors.py:")
    assert "canary" not in done.output
    told = json.loads(zona("-o", "json", "plugins").stderr)
    assert told["error"]["code"] == "internal_error"


@pytest.mark.usefixtures("faulty")
def test_a_traceback_is_shown_when_asked_for(zona: Any) -> None:
    """With ``ZONA_DEBUG=1``, and never with local variables."""
    done = zona("plugins", env={"ZONA_DEBUG": "1"})
    assert "Traceback" in done.stderr
    assert "password = " not in done.stderr.replace('password = "canary-local"', "")


def test_what_is_listed_is_not_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """The message leaves out the fault that stands below it, and names that are expected of several stand once."""
    report(InvalidInput.of(Fault(name, "is unknown", "one of x, y") for name in "abc"), json=False)
    assert capsys.readouterr().err.splitlines() == [
        "error[invalid_input]: The input is not valid:",
        "  a: is unknown (expected one of x, y)",
        "  b: is unknown",
        "  c: is unknown",
    ]
