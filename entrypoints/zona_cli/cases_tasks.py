"""``zona cases tasks``: what somebody has to do."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._moments import MOMENT
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.cases import Case, CaseTask

__all__ = ["tasks"]

_case = click.argument("case_id", metavar="CASE", type=int)
_task = click.argument("task", type=int)


@click.group(cls=Group)
def tasks() -> None:
    """What somebody has to do in a case."""


@tasks.command("list")
@_case
@pass_session
def list_tasks(session: Session, case_id: int) -> None:
    """List the tasks of CASE."""
    case = session.workspace().cases.get(case_id)
    columns = (
        out.Column("No.", right=True),
        out.Column("Task", "wrap"),
        out.Column("Status"),
        out.Column("Owner"),
        out.Column("Due"),
        out.Column("Done", "spare"),
    )
    out.listing(session, case.tasks, None, columns, _row, none="there is no task")


@tasks.command()
@_case
@click.argument("title")
@click.option("--owner", default="", metavar="NAME", help="Who is to do it.")
@click.option("--due", "due_at", type=MOMENT, metavar="TIME", help="Until when.")
@pass_session
def add(session: Session, case_id: int, title: str, owner: str, due_at: datetime | None) -> None:
    """Add a task called TITLE to CASE."""
    case = session.workspace().cases.add_task(case_id, title, owner=owner, due_at=due_at)
    out.done(session, case, f"added the task {case.tasks[-1].id} to the case {case.id}: {title}")


@tasks.command()
@_case
@_task
@click.option("--title", metavar="TEXT", help="What it is called.")
@click.option("--owner", metavar="NAME", help="Who is to do it.")
@click.option("--due", "due_at", type=MOMENT, metavar="TIME", help="Until when.")
@pass_session
def change(
    session: Session, /, *, case_id: int, task: int, title: str | None, owner: str | None, due_at: datetime | None
) -> None:
    """Change what is given of TASK of CASE."""
    case = session.workspace().cases.change_task(case_id, task, title=title, owner=owner, due_at=due_at)
    out.done(session, case, f"changed the task {task} of the case {case.id}")


@tasks.command()
@_case
@_task
@pass_session
def done(session: Session, case_id: int, task: int) -> None:
    """Say that TASK of CASE is done."""
    _set(session, case_id, task, "done")


@tasks.command()
@_case
@_task
@pass_session
def cancel(session: Session, case_id: int, task: int) -> None:
    """Say that TASK of CASE is not needed after all."""
    _set(session, case_id, task, "cancelled")


@tasks.command()
@_case
@_task
@pass_session
def reopen(session: Session, case_id: int, task: int) -> None:
    """Say that TASK of CASE is to be done after all."""
    _set(session, case_id, task, "open")


def _set(session: Session, case_id: int, task: int, status: str) -> Case:
    from zona_core.domain.cases import TaskStatus

    case = session.workspace().cases.change_task(case_id, task, status=TaskStatus(status))
    out.done(session, case, f"the task {task} of the case {case.id} is {status}")
    return case


def _row(task: CaseTask) -> tuple[object, ...]:
    due, done_at = out.short_moment(task.due_at), out.short_moment(task.done_at)
    return task.id, task.title, task.status.value, task.owner, due, done_at
