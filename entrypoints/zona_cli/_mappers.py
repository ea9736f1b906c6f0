"""By which mapper raw events are read: the options that commands share."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, BinaryIO

import click

from zona_cli._inputs import Assignment, json_object

__all__ = ["mapper_options"]


def mapper_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--mapper``, ``--option`` and ``--options``; the function gets ``mapper`` and ``options``."""

    @functools.wraps(function)
    def gathering(*args: Any, single: tuple[tuple[str, str], ...], options_file: BinaryIO | None, **kwargs: Any) -> Any:
        options = json_object(options_file) if options_file is not None else {}
        return function(*args, options={**options, **{name: _value(text) for name, text in single}}, **kwargs)

    several = click.option("--options", "options_file", type=click.File("rb"), metavar="FILE", help="As a JSON object.")
    one = click.option(
        "--option",
        "single",
        multiple=True,
        type=Assignment(),
        metavar="NAME=VALUE",
        help="An option of the mapper: as JSON, or else as text.",
    )
    name = click.option("--mapper", default="", metavar="NAME", help="How events are read.")
    return name(one(several(gathering)))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
