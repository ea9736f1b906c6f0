"""``zona runs``: the history of what was run."""

from __future__ import annotations

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import app_titles, run_ids
from zona_cli._paging import gathered, paged
from zona_cli._runs import duration, show_run
from zona_cli._runs_picture import picture
from zona_cli._session import Session, pass_session

__all__ = ["runs"]

_STATUSES = ["queued", "waiting", "running", "paused", "success", "failure", "timeout", "cancelled"]


@click.group(cls=Group)
def runs() -> None:
    """See what was run."""


@runs.command("list")
@click.option("--app", shell_complete=app_titles, help="Runs of this app.")
@click.option("--task", help="Runs of this task; goes with --app.")
@click.option("--instance", help="Runs with this instance; goes with --app.")
@click.option("--status", type=click.Choice(_STATUSES), help="Runs in this status.")
@paged(50)
@pass_session
def list_runs(
    session: Session,
    *,
    app: str | None,
    task: str | None,
    instance: str | None,
    status: str | None,
    limit: int,
    after: str | None,
) -> None:
    """List runs, the latest first."""
    from zona_core import RunStatus

    here = session.workspace().runs
    wanted = RunStatus(status) if status else None
    items, rest = gathered(
        lambda cursor, size: here.list(app=app, task=task, instance=instance, status=wanted, after=cursor, limit=size),
        after,
        limit,
    )
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("Run"),
            out.Column("Started"),
            out.Column("Status"),
            out.Column("Took", "spare", right=True),
            out.Column("App, task", "wrap"),
        ],
        lambda run: (
            run.id,
            out.short_moment(run.started_at or run.created_at),
            out.state(run.status.value),
            duration(run),
            f"{run.app_title} {run.task_tag}",
        ),
        none="there is no such run",
    )


@runs.command()
@click.argument("run_id", metavar="ID", shell_complete=run_ids)
@pass_session
def show(session: Session, run_id: str) -> None:
    """Show the record of the run ID; with --output json all of it."""
    found = session.workspace().runs.get(run_id)
    if session.json:
        out.document(found)
    else:
        show_run(found, with_error=True)


runs.add_command(picture)
