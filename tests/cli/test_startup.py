"""What ``zona`` loads before it knows what is asked, and what its help says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import click
import pytest

from zona_cli.main import cli

HEAVY = ["zona_core", "rich", "cryptography", "sqlite3", "yaml", "cattrs", "urllib3", "jmespath", "typed_settings"]


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below ``group`` with its path."""
    with click.Context(group) as ctx:
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            assert command is not None
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from commands(command, *path, name)


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_nothing_heavy_is_loaded_for(argument: str) -> None:
    """Help and version come without the core, the libraries for output, and every driver."""
    code = (
        "import json, sys\n"
        "from zona_cli.main import main\n"
        f"sys.argv = ['zona', {argument!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert set(json.loads(done.stderr)).isdisjoint(HEAVY)


def test_the_version_is_the_distributions(zona: Any) -> None:
    """``zona --version`` names both."""
    assert zona("--version").stdout == f"zona {version('zona')}\n"


@pytest.mark.parametrize("path", [path for path, _ in commands(cli)], ids=" ".join)
def test_help_names_the_options(zona: Any, path: tuple[str, ...]) -> None:
    """Each command says in a sentence what it does and names every option with what it is for."""
    command = dict(commands(cli))[path]
    done = zona(*path, "--help")
    assert done.exit_code == 0
    assert command.help
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help
            assert all(name in done.stdout for name in param.opts)


def test_a_group_without_a_command_shows_its_help(zona: Any) -> None:
    """Wrong usage that explains itself."""
    done = zona("apps")
    assert done.exit_code == 2
    assert "import-openapi" in done.output
