"""Typed fields as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._text import json_text

if TYPE_CHECKING:
    from zona_core import Field, OutputField

__all__ = ["show_fields", "show_outputs"]


def show_fields(title: str, fields: Iterable[Field]) -> None:
    """Writes what an instance or a task takes, the required ones first; nothing if there is none."""
    rows = [
        (
            field.name,
            _kind(field),
            "yes" if field.required else "",
            "" if field.default is None else _short(field.default),
            out.shortened(field.help or field.label),
        )
        for field in sorted(fields, key=lambda field: not field.required)
    ]
    if rows:
        click.echo(f"\n{title}:")
        out.table(
            [
                out.Column("Name"),
                out.Column("Kind", "wrap"),
                out.Column("Required"),
                out.Column("Default", "wrap"),
                out.Column("Help", "wrap"),
            ],
            rows,
        )


def show_outputs(outputs: Iterable[OutputField], *, title: str = "Outputs") -> None:
    """Writes what a task gives; nothing if there is nothing."""
    rows = [
        (output.name, output.kind.value, output.path, out.shortened(output.help or output.label)) for output in outputs
    ]
    if rows:
        click.echo(f"\n{title}:")
        columns = [out.Column("Name"), out.Column("Kind"), out.Column("Path", "wrap"), out.Column("Help", "wrap")]
        out.table(columns, rows)


def _kind(field: Field) -> str:
    if field.choices:
        return "choice: " + ", ".join(map(_short, field.choices))
    if field.item_kind is not None:
        return f"{field.kind.value} of {field.item_kind.value}"
    return field.kind.value


def _short(value: object) -> str:
    return value if isinstance(value, str) else json_text(value, indent=None)
