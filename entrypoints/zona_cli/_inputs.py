"""Values by name from the command line, files, the environment and, for secrets, a hidden prompt."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import click

from zona_cli._output import warn
from zona_cli._session import Session
from zona_cli._text import one_line

if TYPE_CHECKING:
    from zona_core import Field, Secret

__all__ = [
    "Assignment",
    "Sources",
    "at_terminal",
    "confirm",
    "file_name",
    "json_object",
    "secret_hint",
    "secret_options",
    "secrets",
    "value_options",
    "values",
]

Assignments = Sequence[tuple[str, str]]


class Assignment(click.ParamType[tuple[str, str]]):
    """``NAME=VALUE``, as ``(name, value)``."""

    name = "assignment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Parts at the first ``=``. The message quotes nothing: a text in the wrong place may be a secret."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            form = param.metavar if param is not None and param.metavar else "NAME=VALUE"
            self.fail(f"what was given is not of the form {form.strip('[].')}", param, ctx)
        return name, text


class Sources(NamedTuple):
    """Where values are taken from: name and text, name and path, name and variable; names to ask for."""

    plain: Assignments = ()
    files: Assignments = ()
    variables: Assignments = ()
    prompts: Sequence[str] = ()

    def checked_names(self) -> set[str]:
        """All names that are given a value.

        Raises ``UsageError`` if one is given two, or if standard input should give two values.
        """
        names = [name for given in (self.plain, self.files, self.variables) for name, _ in given]
        names += self.prompts
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise click.UsageError(f"given more than once: {', '.join(map(one_line, twice))}")
        if [path for _, path in self.files].count("-") > 1:
            raise click.UsageError("standard input (-) can be read for one value only")
        return set(names)


def secret_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--set-file``, ``--set-env`` and ``--prompt``; the function gets them as ``sources``."""

    @functools.wraps(function)
    def gathering(
        *args: Any,
        set_file: Assignments,
        set_env: Assignments,
        prompt: Sequence[str],
        set_plain: Assignments = (),
        **kwargs: Any,
    ) -> Any:
        return function(*args, sources=Sources(set_plain, set_file, set_env, prompt), **kwargs)

    options = (
        _assignments("--set-env", "NAME=VARIABLE", "A value from an environment variable."),
        _assignments("--set-file", "NAME=PATH", "A value from a file, - for standard input; a last line break is cut."),
        click.option("--prompt", multiple=True, metavar="NAME", help="A secret to be typed, unseen, at the terminal."),
    )
    return functools.reduce(lambda made, option: option(made), reversed(options), gathering)


def value_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``secret_options`` and ``--set``."""
    plain = _assignments(
        "--set", "NAME=VALUE", "A value. Others on this machine can see it: not for secrets.", "set_plain"
    )
    return plain(secret_options(function))


def _assignments(
    option: str, metavar: str, text: str, *names: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(option, *names, multiple=True, type=Assignment(), metavar=metavar, help=text)


def values(session: Session, fields: Iterable[Field], sources: Sources, *, ask: bool) -> dict[str, Any]:
    """What the sources give, read by the kind of each field; names without a field are left to the core to refuse.

    With ``ask`` required secrets that are still missing are asked for, too, if there is a terminal to ask at.
    Raises ``UsageError`` for what cannot be had.
    """
    from zona_core import FieldKind

    known = {field.name: field for field in fields}
    names = sources.checked_names()
    exposed = [name for name, _ in sources.plain if name in known and known[name].kind is FieldKind.SECRET]
    if exposed:
        warn(
            session,
            f"{', '.join(exposed)}: a secret on the command line is seen in the list of processes and kept in the "
            "shell's history; use --set-env or --set-file",
        )
    asked = dict.fromkeys(sources.prompts)
    if ask and at_terminal():
        required = (field for field in known.values() if field.kind is FieldKind.SECRET and field.required)
        asked |= {field.name: None for field in required if field.name not in names}
    given = {name: _value(known.get(name), text) for name, text in sources.plain}
    given |= {name: _from_file(known.get(name), name, path) for name, path in sources.files}
    given |= {name: _value(known.get(name), _variable(name, variable)) for name, variable in sources.variables}
    return given | _prompted({name: known[name].label if name in known else "" for name in asked})


def secrets(sources: Sources) -> dict[str, Secret]:
    """Secrets without fields that they belong to; raises ``UsageError`` for what cannot be had."""
    from zona_core import Secret

    sources.checked_names()
    given = {name: Secret(_text_of(name, path)) for name, path in sources.files}
    given |= {name: Secret(_variable(name, variable)) for name, variable in sources.variables}
    return given | _prompted(dict.fromkeys(sources.prompts, ""))


@contextmanager
def secret_hint(fields: Iterable[Field], given: Mapping[str, Any]) -> Iterator[None]:
    """Tells, where an input is refused for want of a secret, how to give one."""
    from zona_core import FieldKind, InvalidInput

    try:
        yield
    except InvalidInput as exc:
        secret = [field.name for field in fields if field.kind is FieldKind.SECRET and field.required]
        missing = [name for name in secret if name not in given]
        if missing and not exc.hint:
            exc.hint = f"give {missing[0]} by --set-env {missing[0]}=VARIABLE or --set-file {missing[0]}=PATH"
        raise


def at_terminal() -> bool:
    """Whether there is somebody who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Ends the command unless ``yes`` is given or the question is answered so.

    Raises ``UsageError`` if nobody can be asked.
    """
    if yes:
        return
    if not at_terminal():
        raise click.UsageError("there is no terminal to ask for confirmation at: use --yes")
    if not click.confirm(one_line(question), err=True):
        click.echo("nothing was done", err=True)
        raise click.exceptions.Exit(1)


def file_name(file: BinaryIO) -> str:
    """What a file that was opened for reading is called."""
    return "standard input" if file is sys.stdin.buffer else one_line(getattr(file, "name", "the file"))


def json_object(file: BinaryIO) -> dict[str, Any]:
    """The JSON object in a file; raises ``InvalidInput``."""
    import json

    from zona_core import InvalidInput

    try:
        found = json.loads(file.read())
    except (ValueError, RecursionError) as exc:
        raise InvalidInput(f"{file_name(file)} is not JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise InvalidInput(f"{file_name(file)} does not hold a JSON object", hint='{"NAME": value, …}')
    return found


def _prompted(labels: Mapping[str, str]) -> dict[str, Secret]:
    """Secrets that are typed and not shown, by name; raises ``UsageError`` if nobody can be asked."""
    from zona_core import Secret

    if labels and not at_terminal():
        raise click.UsageError("there is no terminal to ask for secrets at: use --set-env or --set-file")
    return {
        name: Secret(click.prompt(one_line(label or name), hide_input=True, err=True)) for name, label in labels.items()
    }


def _value(field: Field | None, text: str) -> Any:
    from zona_core import FieldKind, Secret
    from zona_core.domain.values import parsed

    if field is None or field.kind is FieldKind.SECRET:
        return Secret(text)  # what belongs to no field may be a misspelt secret
    return parsed(field, text)


def _from_file(field: Field | None, name: str, path: str) -> Any:
    from zona_core import FieldKind

    if field is not None and field.kind is FieldKind.FILE:
        return _file(name, path)
    return _value(field, _text_of(name, path))


def _file(name: str, path: str) -> Mapping[str, str]:
    from base64 import b64encode
    from mimetypes import guess_type

    media_type = guess_type(path)[0] or "application/octet-stream"
    content = b64encode(_bytes_of(name, path)).decode()
    return {"name": "stdin" if path == "-" else Path(path).name, "content": content, "media_type": media_type}


def _text_of(name: str, path: str) -> str:
    try:
        text = _bytes_of(name, path).decode()
    except UnicodeDecodeError:
        raise _bad("--set-file", name, "the file is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise _bad("--set-file", name, "the file is empty")
    return text


def _bytes_of(name: str, path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        raise _bad("--set-file", name, f"{path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise _bad("--set-file", name, "the path is not usable") from exc


def _variable(name: str, variable: str) -> str:
    text = os.environ.get(variable, "")
    if not text:
        raise _bad("--set-env", name, f"the environment variable {variable} is not set, or empty")
    return text


def _bad(option: str, name: str, why: str) -> click.BadParameter:
    return click.BadParameter(f"{one_line(name)}: {one_line(why)}", param_hint=option)
