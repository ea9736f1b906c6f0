"""A run's record for people."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from zona_cli import _output as out
from zona_cli._session import Session

if TYPE_CHECKING:
    from zona_core import Execution

__all__ = ["duration", "private_hint", "show_run"]


def show_run(run: Execution, *, with_error: bool = False) -> None:
    """Writes what was asked and what came of it, long results cut."""
    out.details(
        [
            ("Run", run.id),
            ("Task", f"{run.app_title} {run.task_tag}"),
            ("Instance", run.instance_title),
            ("Status", out.state(run.status.value)),
            ("Started", out.moment(run.started_at)),
            ("Took", duration(run)),
            ("Attempts", len(run.attempts)),
            ("By", run.actor),
            ("Records", run.records_processed or None),
        ]
    )
    rest = f"zona runs show {run.id} -o json"
    if run.inputs:
        _section("Inputs", run.inputs, rest)
    if run.results is not None:
        _section("Outputs", run.results, rest)
    if with_error and run.error is not None:
        _section("Error", run.error, rest)


def private_hint(session: Session, app: str, instance: str) -> str:
    """How an instance comes to reach a private address, as commands."""
    tenant = session.tenant or session.zona.settings.tenant
    named = shlex.join([app, instance])
    return (
        f"a private address needs both: zona instances update {named} --allow-private; zona tenants policy {tenant} "
        "--allow-network CIDR, with a network that holds the address (and those that zona tenants show lists, whose "
        "place it takes)"
    )


def duration(run: Execution) -> str:
    """How long it took, in few characters."""
    if run.started_at is None or run.ended_at is None:
        return ""
    seconds = (run.ended_at - run.started_at).total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _section(title: str, data: Any, rest: str) -> None:
    click.echo(f"\n{title}:")
    out.excerpt(data, rest)
