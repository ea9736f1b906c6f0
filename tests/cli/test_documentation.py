"""The pages say what is true of the command line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from zona_cli._errors import BROKEN_PIPE, INTERRUPTED, PARTLY
from zona_cli.main import cli
from zona_core.errors import EXIT_AND_STATUS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")]


def shell_lines(page: str) -> list[str]:
    """Commands of ``zona`` in shell blocks and indented ones."""
    blocks = [*re.findall(r"```sh\n(.*?)```", page, re.DOTALL), *re.findall(r"^    (.*)$", page, re.MULTILINE)]
    return re.findall(r"(?:^|[(|{] *|do +)(zona [^`\n#;|)]*)", "\n".join(blocks), re.MULTILINE)


EXAMPLES = sorted({line for page in PAGES for line in shell_lines(page.read_text(encoding="utf-8"))})
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
    command, words, _ = command_of(line.removeprefix("zona "))
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
    assert told == {code for code, _ in EXIT_AND_STATUS.values()} | {0, 2, PARTLY, INTERRUPTED, BROKEN_PIPE}
