"""Where the command line takes a new password from: a file, the environment, or a hidden prompt. Never an argument."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from zona_cli._inputs import at_terminal
from zona_cli._text import one_line

if TYPE_CHECKING:
    from zona_core import Secret

__all__ = ["password_options"]


def password_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--password-file`` and ``--password-env``; the function gets the password as ``password``, a ``Secret``."""

    @functools.wraps(function)
    def gathering(*args: Any, password_file: BinaryIO | None, password_env: str | None, **kwargs: Any) -> Any:
        return function(*args, password=_password(password_file, password_env), **kwargs)

    from_file = click.option(
        "--password-file",
        type=click.File("rb"),
        metavar="PATH",
        help="The password from a file, - for standard input; a last line break is cut.",
    )
    from_variable = click.option(
        "--password-env", metavar="VARIABLE", help="The password from an environment variable."
    )
    return from_file(from_variable(gathering))


def _password(file: BinaryIO | None, variable: str | None) -> Secret:
    """The password; raises ``UsageError`` for what cannot be had."""
    from zona_core import Secret

    if file is not None and variable is not None:
        raise click.UsageError("give the password once: by --password-file or by --password-env")
    if file is not None:
        return Secret(_text(file.read()))
    if variable is not None:
        if not os.environ.get(variable):
            raise click.BadParameter(
                f"the environment variable {one_line(variable)} is not set, or empty", param_hint="--password-env"
            )
        return Secret(os.environ[variable])
    if not at_terminal():
        raise click.UsageError("there is no terminal to ask for a password at: use --password-file or --password-env")
    return Secret(click.prompt("Password", hide_input=True, confirmation_prompt="Password, once more", err=True))


def _text(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise click.BadParameter("the file is not UTF-8 text", param_hint="--password-file") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise click.BadParameter("the file is empty", param_hint="--password-file")
    return text
