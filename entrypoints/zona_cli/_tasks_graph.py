"""``zona tasks graph``: in which order an app's tasks can be run, as a table, as text for Mermaid, or as a picture."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._completion import app_titles
from zona_cli._files import STANDARD, writing
from zona_cli._session import Session, pass_session
from zona_cli._text import one_line

if TYPE_CHECKING:
    from zona_core.domain.references import DependencyKind
    from zona_core.domain.task_graphs import TaskGraph, TaskNode

__all__ = ["graph"]


@click.command(cls=Command)
@click.argument("app", shell_complete=app_titles)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "mermaid", "svg", "png"]),
    help="What is written; by default what the file's name says, else a table.",
)
@click.option("-f", "--file", metavar="FILE", help="Write there, - for standard output; not a table.")
@pass_session
def graph(session: Session, app: str, form: str | None, file: str | None) -> None:
    """Show what the tasks of APP need, each after that.

    With what they need in other apps, and the tasks of other apps that need them. Those of one step do not need one
    another. A table has only the names; Mermaid is text that many viewers of Markdown draw.
    """
    form = form or _form_of(file)
    if form == "table":
        if file is not None:
            raise click.UsageError("a table is not written to a file: use --format mermaid, svg or png")
        _show(session, session.workspace().tasks.graph(app))
        return
    target = STANDARD if file is None else file
    if form == "png" and target == STANDARD and sys.stdout.isatty():
        raise click.UsageError("a PNG is nothing for a terminal: use --file")
    content = _content(session, app, form)
    with writing(target, "--file") as stream:
        stream.write(content)
    if target != STANDARD:
        told = {"file": target, "format": form, "bytes": len(content)}
        out.done(session, told, f"wrote {target} ({len(content):,} bytes)")


def _form_of(file: str | None) -> str:
    if file is None:
        return "table"
    forms = {".svg": "svg", ".png": "png", ".mmd": "mermaid", ".mermaid": "mermaid"}
    form = forms.get(Path(file).suffix.lower())
    if form is None:
        raise click.UsageError(f"{one_line(file)} does not say what it is to be: use --format")
    return form


def _content(session: Session, app: str, form: str) -> bytes:
    from zona_core.domain.task_graphs import mermaid
    from zona_core.usecases.tasks import PictureFormat

    here = session.workspace().tasks
    return mermaid(here.graph(app)).encode() if form == "mermaid" else here.picture(app, format=PictureFormat(form))


def _show(session: Session, found: TaskGraph) -> None:
    if session.json:
        out.document(found)
        return
    if found.nodes:
        step = {key: number for number, layer in enumerate(found.generations, start=1) for key in layer}
        columns = [
            out.Column("Step", right=True),
            out.Column("Task"),
            out.Column("Status"),
            out.Column("Needs", "wrap"),
        ]
        rows = [
            (step[node.task_id], _named(node), out.state(node.status.value), ", ".join(_needs(found, node)))
            for node in found.nodes
        ]
        out.table(columns, rows)
    else:
        out.note(session, "the app has no task")
    if found.hidden:
        out.note(session, f"{found.hidden:,} more that you may not see")


def _needs(found: TaskGraph, node: TaskNode) -> Iterator[str]:
    names = {each.task_id: _named(each) for each in found.nodes}
    for edge in found.edges:
        if edge.needing == node.task_id:
            yield names[edge.needed] + _what_for(edge.kind)
    for lack in found.missing:
        if lack.needing == node.task_id:
            tag = lack.task_tag if lack.app == found.title else f"{lack.app}/{lack.task_tag}"
            yield f"{tag}{_what_for(lack.kind)} (missing)"


def _named(node: TaskNode) -> str:
    return node.task_tag if node.own else f"{node.app}/{node.task_tag}"


def _what_for(kind: DependencyKind) -> str:
    return "" if kind.value == "task" else f" ({kind.value.replace('_', ' ')})"
