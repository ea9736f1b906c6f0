"""``zona tasks``: what an app can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import app_titles, task_tags
from zona_cli._fields import show_fields, show_outputs
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core import Task

__all__ = ["tasks"]


@click.group(cls=Group)
def tasks() -> None:
    """See the tasks of an app."""


@tasks.command("list")
@click.argument("app", shell_complete=app_titles)
@paged()
@pass_session
def list_tasks(session: Session, app: str, limit: int | None, after: str | None) -> None:
    """List the tasks of APP."""
    here = session.workspace().tasks
    items, rest = gathered(lambda cursor, size: here.list(app, after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [out.Column("Task"), out.Column("Needs", "wrap"), out.Column("Status"), out.Column("Name", "cut")],
        lambda task: (task.task_tag, _needs(task), out.state(task.status.value), task.name),
        none="the app has no task",
    )


@tasks.command()
@click.argument("app", shell_complete=app_titles)
@click.argument("task", shell_complete=task_tags)
@pass_session
def show(session: Session, app: str, task: str) -> None:
    """Show what TASK of APP takes and gives."""
    found = session.workspace().tasks.get(app, task)
    if session.json:
        out.document(found)
        return
    policy = found.error_handling
    out.details(
        [
            ("Task", found.task_tag),
            ("ID", found.id),
            ("Name", found.name),
            ("Status", out.state(found.status.value)),
            ("Handler", found.task_handler),
            ("Timeout", f"{found.timeout:g} s"),
            ("Attempts", policy.attempts),
            ("Description", found.description if found.description != found.name else ""),
        ]
    )
    show_fields("Inputs", found.inputs)
    show_outputs(found.outputs)


def _needs(task: Task) -> str:
    return " ".join(field.name for field in task.inputs if field.required)
