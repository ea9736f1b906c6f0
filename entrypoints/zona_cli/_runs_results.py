"""``zona runs picture`` and ``results``: how a run went in the course of time, and all that it gave."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._completion import run_ids
from zona_cli._files import STANDARD, writing
from zona_cli._session import Session, pass_session

__all__ = ["picture", "results"]


@click.command(cls=Command)
@click.argument("run_id", metavar="ID", shell_complete=run_ids)
@click.option(
    "--format", "form", type=click.Choice(["svg", "png"]), help="By default what the file's name says, else svg."
)
@click.option("-f", "--file", metavar="FILE", default=STANDARD, help="Write there, - for standard output (default).")
@pass_session
def picture(session: Session, run_id: str, form: str | None, file: str) -> None:
    """Draw the run ID: a bar for each step and item, with its attempts, below a time axis."""
    from zona_core.ports.drawing import PictureFormat

    wanted = PictureFormat(form or ("png" if Path(file).suffix.lower() == ".png" else "svg"))
    if wanted is PictureFormat.PNG and file == STANDARD and sys.stdout.isatty():
        raise click.UsageError("a PNG is nothing for a terminal: use --file")
    content = session.workspace().runs.picture(run_id, format=wanted)
    with writing(file, "--file") as stream:
        stream.write(content)
    if file != STANDARD:
        told = {"file": file, "format": wanted.value, "bytes": len(content)}
        out.done(session, told, f"wrote {file} ({len(content):,} bytes)")


@click.command(cls=Command)
@click.argument("run_id", metavar="ID", shell_complete=run_ids)
@pass_session
def results(session: Session, run_id: str) -> None:
    """Write all that the run ID gave, as JSON, also what is too large for its record."""
    out.document(session.workspace().runs.results(run_id))
