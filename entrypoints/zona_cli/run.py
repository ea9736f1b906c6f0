"""``zona run``: one task, now."""

from __future__ import annotations

from typing import BinaryIO

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._completion import app_titles, instance_titles, task_tags
from zona_cli._inputs import Assignment, Sources, json_object, secret_hint, secret_options, values
from zona_cli._runs import end_as, show_run
from zona_cli._session import Session, pass_session

__all__ = ["run"]


@click.command(cls=Command)
@click.argument("app", shell_complete=app_titles)
@click.argument("task", shell_complete=task_tags)
@click.argument("inputs", nargs=-1, type=Assignment(), metavar="[NAME=VALUE]...")
@click.option("--instance", shell_complete=instance_titles, metavar="TITLE", help="Needed if the app has several.")
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="How long one attempt may take, instead of the task's own."
)
@click.option(
    "--input-file", type=click.File("rb"), metavar="FILE", help="A JSON object of inputs, - for standard input."
)
@secret_options
@pass_session
def run(
    session: Session,
    *,
    app: str,
    task: str,
    inputs: tuple[tuple[str, str], ...],
    instance: str | None,
    timeout: float | None,
    input_file: BinaryIO | None,
    sources: Sources,
) -> None:
    """Run TASK of APP and show what came of it.

    An input named here counts more than the same one in the input file. Exits with 0 if the run succeeded, 7 if it
    failed, 8 if it took too long, 12 if the address is not one that it may reach.
    """
    workspace = session.workspace()
    fields = workspace.tasks.get(app, task).inputs
    given = json_object(input_file) if input_file is not None else {}
    left = [field for field in fields if field.name not in given]
    given |= values(session, fields, sources._replace(plain=inputs), ask=False)
    with out.working(f"running {app} {task}"), secret_hint(left, given):
        ended = workspace.runs.run(app, task, instance=instance, inputs=given, timeout=timeout)
    if session.json:
        out.document(ended)
    else:
        show_run(ended)
    end_as(session, ended)
