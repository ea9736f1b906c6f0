"""``zona runs``: the history of what was run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import app_titles, playbook_titles, run_ids
from zona_cli._moments import MOMENT
from zona_cli._paging import gathered, paged
from zona_cli._runs import duration, show_run, subject
from zona_cli._runs_results import picture, results
from zona_cli._session import Session, pass_session
from zona_cli._steps import STEP_COLUMNS, step_row
from zona_cli.steering import approve, cancel, pause, reject, replay, resume
from zona_cli.watch import watch

__all__ = ["runs"]

_STATUSES = ["queued", "waiting", "running", "paused", "success", "failure", "timeout", "cancelled"]


@click.group(cls=Group)
def runs() -> None:
    """See what was run, and steer what is under way."""


for _command in (watch, cancel, pause, resume, approve, reject, replay):
    runs.add_command(_command)


@runs.command("list")
@click.option("--app", shell_complete=app_titles, help="Runs of this app.")
@click.option("--task", help="Runs of this task; goes with --app.")
@click.option("--instance", help="Runs with this instance; goes with --app.")
@click.option("--playbook", shell_complete=playbook_titles, help="Runs of this playbook, also by other playbooks.")
@click.option("--steps", is_flag=True, help="Also what ran within other runs; with --app it always does.")
@click.option("--status", type=click.Choice(_STATUSES), help="Runs in this status.")
@click.option("--since", type=MOMENT, metavar="TIME", help="Runs made from then on, as 2030-01-31T09:00:00Z.")
@click.option("--until", type=MOMENT, metavar="TIME", help="Runs made before then.")
@paged(50)
@pass_session
def list_runs(
    session: Session,
    *,
    app: str | None,
    task: str | None,
    instance: str | None,
    playbook: str | None,
    steps: bool,
    status: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    after: str | None,
) -> None:
    """List runs, the latest first."""
    from zona_core import RunStatus

    here = session.workspace().runs
    which: dict[str, Any] = {"app": app, "task": task, "instance": instance, "playbook": playbook, "steps": steps}
    which |= {"since": since, "until": until}
    wanted = RunStatus(status) if status else None
    items, rest = gathered(
        lambda cursor, size: here.list(**which, status=wanted, after=cursor, limit=size), after, limit
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
            out.Column("What", "wrap"),
        ],
        lambda run: (
            run.id,
            out.short_moment(run.started_at or run.created_at),
            out.state(run.status.value),
            duration(run),
            subject(run),
        ),
        none="there is no such run",
    )


@runs.command()
@click.argument("run_id", metavar="ID", shell_complete=run_ids)
@pass_session
def show(session: Session, run_id: str) -> None:
    """Show the record of the run ID and what it waits for; with --output json all of the record."""
    here = session.workspace().runs
    found = here.get(run_id)
    if session.json:
        out.document(found)
    else:
        show_run(found, with_error=True, waiting=() if found.status.ended else here.waiting(run_id))


@runs.command()
@click.argument("run_id", metavar="ID", shell_complete=run_ids)
@paged()
@pass_session
def steps(session: Session, run_id: str, limit: int | None, after: str | None) -> None:
    """List the steps of the playbook's run ID that have ended, in the order in which they did."""
    here = session.workspace().runs
    items, rest = gathered(lambda cursor, size: here.steps(run_id, after=cursor, limit=size), after, limit)
    out.listing(session, items, rest, STEP_COLUMNS, step_row, none="no step has ended")


runs.add_command(picture)
runs.add_command(results)
