"""``zona plugins``, and commands that plugins bring."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ZONA = [sys.executable, "-c", "from zona_cli.main import main; main()"]

GOOD = '''
import click
from zona_core import hookimpl
from zona_cli import Session, pass_session

@click.command()
@pass_session
def hello(session: Session) -> None:
    """Greet."""
    click.echo(f"hello from {session.workspace().tenant.tenant_code}")

@click.command("apps")
def impostor() -> None:
    click.echo("impostor")

@hookimpl
def zona_cli_commands(details):
    return [hello, impostor, "no command"]
'''
RAISING = """
from zona_core import hookimpl

@hookimpl
def zona_cli_commands(details):
    raise RuntimeError("out of order")
"""


@pytest.fixture
def strangers(home: Path, tmp_path: Path) -> Any:
    """``zona`` as a process that sees three packages of strangers, two of them broken."""
    site = tmp_path / "site"
    for name, code in (("good", GOOD), ("raising", RAISING), ("unloadable", "import no_such_module")):
        info = site / f"zona_test_{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zona-test-{name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[zona]\n{name} = zona_test_{name}\n")
        (site / f"zona_test_{name}.py").write_text(code)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.run(
            [*ZONA, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert call("init").returncode == 0
    return call


def test_zonas_own_plugins_are_listed(ready: Any) -> None:
    """Name, distribution, version, state and what they bring."""
    done = ready("plugins", "list")
    assert done.exit_code == 0
    assert "sqlite" in done.stdout
    listed = json.loads(ready("plugins", "list", "-o", "json").stdout)
    assert {"aesgcm", "http", "openapi", "sqlite"} <= {item["name"] for item in listed["items"]}
    assert {item["state"] for item in listed["items"]} == {"loaded"}
    assert "http" in listed["offers"]["task handlers"]


def test_plugins_are_listed_without_a_home(zona: Any, home: Path) -> None:
    """Looking at the plugins opens no store and makes nothing."""
    assert zona("plugins", "list").exit_code == 0
    assert not home.exists()


def test_a_blocked_plugin_is_shown_as_blocked(ready: Any) -> None:
    """It is left out and said to be."""
    listed = json.loads(ready("plugins", "list", "-o", "json", env={"ZONA_BLOCKED_PLUGINS": "openapi"}).stdout)
    assert [item["state"] for item in listed["items"] if item["name"] == "openapi"] == ["blocked"]
    assert listed["offers"]["importers"] == ["shuffle", "xsoar", "zona"]


def test_a_plugins_command_joins(strangers: Any) -> None:
    """It stands in the help and works in the tenant that the global options name; a built-in name is not taken over."""
    assert "Greet." in strangers("--help").stdout
    assert strangers("hello").stdout == "hello from localhost\n"
    assert strangers("--tenant", "nobody", "hello").returncode == 6
    assert "impostor" not in strangers("apps", "list").stdout


def test_broken_plugins_break_nothing(strangers: Any) -> None:
    """Other commands work, and the list says what is wrong with which."""
    assert strangers("--help").stderr == ""
    assert strangers("tenants", "list").returncode == 0
    done = strangers("plugins", "list", "-o", "json")
    assert done.returncode == 0
    errors = {item["name"]: item["error"] for item in json.loads(done.stdout)["items"] if item["state"] == "failed"}
    assert "out of order" in errors["raising"]
    assert "no_such_module" in errors["unloadable"]
    assert strangers("no-such-command").returncode == 2


def test_help_survives_a_faulty_configuration(strangers: Any, home: Path) -> None:
    """Help shows Zona's own commands although the plugins' cannot be known."""
    (home / "zona.toml").write_text("[zona]\nodd = 1\n")
    done = strangers("--help")
    assert (done.returncode, "Greet." in done.stdout) == (0, False)
    assert strangers("hello").returncode == 10


def test_a_blocked_name_that_no_plugin_has_is_told(ready: Any) -> None:
    """A misspelt name blocks nothing."""
    done = ready("plugins", "list", env={"ZONA_BLOCKED_PLUGINS": "http:htpt"})
    assert "warning: blocked_plugins names what is not installed: htpt\n" in done.stderr
