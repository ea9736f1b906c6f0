"""A run's record for people, and the exit code that follows from how it ended."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from zona_cli import _output as out
from zona_cli._errors import report_failed_run
from zona_cli._session import Session

if TYPE_CHECKING:
    from datetime import datetime

    from zona_core import Execution
    from zona_core.usecases._engine.waits import Waiting

__all__ = ["duration", "end_as", "private_hint", "show_run", "show_waiting", "subject", "took", "unit_name"]


def show_run(run: Execution, *, with_error: bool = False, waiting: Sequence[Waiting] = ()) -> None:
    """Writes what was asked and what came of it, long results cut, and what the run waits for."""
    task = f"{run.app_title} {run.task_tag}" if run.task_id else ""
    out.details(
        [
            ("Run", run.id),
            ("Playbook", run.playbook_title),
            ("Step", unit_name(run)),
            ("Task", task),
            ("Instance", run.instance_title),
            ("Status", out.state(run.status.value)),
            ("Started", out.moment(run.started_at)),
            ("Took", duration(run)),
            ("Attempts", len(run.attempts) if task else None),
            ("Skipped", ", ".join(run.skipped)),
            ("Part of", run.parent_id),
            ("Replay of", run.replay_of),
            ("Begun by", run.trigger),
            ("By", run.actor),
            ("Records", run.records_processed or None),
        ]
    )
    rest = f"zona runs show {run.id} -o json"
    if run.inputs:
        _section("Inputs", run.inputs, rest)
    if run.results is not None:
        _section("Outputs", run.results, rest)
    if run.results_blob is not None:
        _section("Outputs", run.results_blob.excerpt, f"zona runs results {run.id}")
    if with_error and run.error is not None:
        _section("Error", run.error, rest)
    show_waiting(run.id, waiting)


def show_waiting(run_id: str, waiting: Sequence[Waiting]) -> None:
    """Writes what a run waits for, and how to answer what is asked; nothing if it waits for nothing."""
    if not waiting:
        return
    click.echo("\nWaits for:")
    out.table(
        [out.Column("Step"), out.Column("Reason"), out.Column("Until"), out.Column("What", "wrap")],
        [(each.step, each.reason.value, out.short_moment(each.until), each.detail) for each in waiting],
    )
    for each in waiting:
        if each.reason.value == "approval":
            click.echo(f"\nzona runs approve {run_id} {each.step}, or reject")


def end_as(session: Session, ended: Execution) -> None:
    """Ends the command as the run ended: with its error, and the exit code of that, unless it succeeded."""
    from zona_core import AddressRefused, RunStatus

    if ended.error is None:
        return
    sys.stdout.flush()  # the record before the error, where both go to one place
    error = ended.error
    if error.get("code") == AddressRefused.code and error.get("hint"):
        error = {**error, "hint": private_hint(session, ended.app_title, ended.instance_title)}
    timed_out = ended.status is RunStatus.TIMEOUT
    raise click.exceptions.Exit(report_failed_run(error, timed_out=timed_out, json=session.json))


def private_hint(session: Session, app: str, instance: str) -> str:
    """How an instance comes to reach a private address, as commands."""
    tenant = session.tenant or session.zona.settings.tenant
    named = shlex.join([app, instance])
    return (
        f"a private address needs both: zona instances update {named} --allow-private; zona tenants policy {tenant} "
        "--allow-network CIDR, with a network that holds the address (and those that zona tenants show lists, whose "
        "place it takes)"
    )


def subject(run: Execution) -> str:
    """What was run, in one line."""
    what = [f"{run.app_title} {run.task_tag}"] if run.task_id else []
    if run.playbook_id:
        what.insert(0, f"{run.playbook_title}: {unit_name(run)}" if run.step else run.playbook_title)
    return ", ".join(what)


def unit_name(run: Execution) -> str:
    """A step's name, with the number of its item if it is one's; empty for a whole run."""
    return run.step if run.item is None else f"{run.step}[{run.item}]"


def duration(run: Execution) -> str:
    """How long it took, in few characters; empty while it is not over."""
    return "" if run.started_at is None or run.ended_at is None else took(run.started_at, run.ended_at)


def took(start: datetime, end: datetime) -> str:
    """The time between two moments, in few characters."""
    seconds = (end - start).total_seconds()
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 120 else _hours(minutes)


def _hours(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes < 2_880 else f"{minutes // 1_440} days"


def _section(title: str, data: Any, rest: str) -> None:
    click.echo(f"\n{title}:")
    out.excerpt(data, rest)
