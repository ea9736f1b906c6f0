"""``docs/cli.md`` says what is true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from zona_cli._errors import BROKEN_PIPE, INTERRUPTED
from zona_cli.main import cli
from zona_core.errors import EXIT_AND_STATUS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"\bzona [^`\n]*", "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)))
TABLE = re.findall(r"^\| `zona ([^`]*)` \|([^|]*)\|$", PAGE, re.MULTILINE)


def command_of(line: str) -> tuple[click.Command, list[str], str]:
    """The command that a line names, the words after it, and its name."""
    command: click.Command = cli
    words = shlex.split(line)
    path = []
    while isinstance(command, click.Group) and words:
        with click.Context(command) as ctx:
            found = command.get_command(ctx, words[0])
        assert found is not None, words[0]
        command = found
        path.append(words.pop(0))
    return command, words, " ".join(path)


def options_of(command: click.Command) -> set[str]:
    return {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("line", EXAMPLES)
def test_examples_name_commands_and_options_that_exist(line: str) -> None:
    """Every line of a shell example is a command with options of its own."""
    command, words, _ = command_of(re.split(r"[|)]", line.removeprefix("zona "))[0])
    assert {word for word in words if word.startswith("-")} <= options_of(command)


def test_every_command_stands_in_the_table() -> None:
    """The table has each command once, with options that it has."""
    listed = []
    for usage, text in TABLE:
        command, _, path = command_of(usage)
        listed.append(path)
        assert set(re.findall(r"--[a-z-]+", text)) <= options_of(command), path
    assert sorted(listed) == sorted(set(listed))
    assert set(listed) == set(_leaves(cli, ()))


def _leaves(group: click.Group, path: tuple[str, ...]) -> list[str]:
    leaves = []
    with click.Context(group) as ctx:
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            here = (*path, name)
            leaves += _leaves(command, here) if isinstance(command, click.Group) else [" ".join(here)]
    return leaves


def test_every_exit_code_stands_in_the_table() -> None:
    """Those of the errors, and those of the command line alone."""
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert told == {code for code, _ in EXIT_AND_STATUS.values()} | {0, 2, INTERRUPTED, BROKEN_PIPE}
