"""``zona tasks``: what an app can do, and what it is to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import app_titles, task_tags
from zona_cli._fields import show_fields, show_outputs
from zona_cli._inputs import confirm
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._tasks_graph import graph
from zona_cli._tasks_verify import verify
from zona_cli.history import restore_task, task_diff, task_history

if TYPE_CHECKING:
    from zona_core import Task

__all__ = ["tasks"]


@click.group(cls=Group)
def tasks() -> None:
    """See, verify, store and delete the tasks of an app."""


for _command in (verify, graph, task_history, task_diff, restore_task):
    tasks.add_command(_command)


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


@tasks.command("input")
@click.argument("app", shell_complete=app_titles)
@click.argument("task", shell_complete=task_tags)
@pass_session
def show_input(session: Session, app: str, task: str) -> None:
    """Write what TASK of APP takes, as JSON Schema."""
    from zona_core.domain.schemas import input_schema

    found = session.workspace().tasks.get(app, task)
    out.document(input_schema(found.inputs, title=found.name, description=found.description))


@tasks.command()
@click.argument("app", shell_complete=app_titles)
@click.argument("file", type=click.File("rb"))
@pass_session
def add(session: Session, app: str, file: BinaryIO) -> None:
    """Store a task of APP, a new one or in the place of the one with its tag.

    FILE is JSON or YAML, - for standard input; it has what stands below tasks in a definition of an app.
    """
    here = session.workspace().tasks
    stored = here.upsert(app, here.read_document(file.read()))
    verb = "made" if stored.revision == 1 else "updated"
    out.done(session, stored, f"{verb} {stored.task_tag} (task {stored.id})")


@tasks.command()
@click.argument("app", shell_complete=app_titles)
@click.argument("task", shell_complete=task_tags)
@pass_session
def dependents(session: Session, app: str, task: str) -> None:
    """Tell who needs TASK of APP, in whichever app, and so keeps it from being deleted."""
    found = session.workspace().tasks.dependents(app, task)
    if session.json:
        out.document(found)
        return
    if found.dependents:
        out.table(
            [out.Column("Task"), out.Column("App"), out.Column("Needs it"), out.Column("For")],
            [
                (
                    each.task_tag,
                    each.app,
                    "itself" if each.direct else "by way of others",
                    each.kind.value.replace("_", " "),
                )
                for each in found.dependents
            ],
        )
    if found.hidden:
        out.note(session, f"{found.hidden:,} more that you may not see")
    if found.health_check:
        out.note(session, "the app's health check runs it")
    out.note(session, "it can be deleted" if found.can_delete else "it cannot be deleted without --force")


@tasks.command()
@click.argument("app", shell_complete=app_titles)
@click.argument("task", shell_complete=task_tags)
@click.option("--force", is_flag=True, help="Delete it although others need it: they wait for its tag then.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, app: str, task: str, force: bool, yes: bool) -> None:
    """Delete TASK of APP; refused while others need it, or the app's health check runs it."""
    here = session.workspace().tasks
    found = here.get(app, task)
    confirm(f"Delete {found.task_tag} (task {found.id})?", yes=yes)
    deleted = here.delete(app, found.id, force=force)
    out.done(session, deleted, f"deleted {deleted.task_tag} (task {deleted.id})")


def _needs(task: Task) -> str:
    return " ".join(field.name for field in task.inputs if field.required)
