"""Commands of ``zona runs`` that change the course of a run: cancel, pause, resume, approve, reject, replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._completion import run_ids
from zona_cli._session import Session, pass_session
from zona_cli.watch import follow

if TYPE_CHECKING:
    from zona_core import Execution

__all__ = ["approve", "cancel", "pause", "reject", "replay", "resume"]

_run = click.argument("run_id", metavar="ID", shell_complete=run_ids)
_step = click.argument("step")
_reason = click.option("--reason", default="", metavar="TEXT", help="For the audit trail.")
_comment = click.option("--comment", default="", metavar="TEXT", help="For the steps that follow, and the record.")


@click.command(cls=Command)
@_run
@_reason
@pass_session
def cancel(session: Session, run_id: str, reason: str) -> None:
    """End the run ID, with all that it is doing.

    What it has begun at a remote side may take effect all the same.
    """
    _steered(session, session.workspace().runs.cancel(run_id, reason=reason), "is to end")


@click.command(cls=Command)
@_run
@_reason
@pass_session
def pause(session: Session, run_id: str, reason: str) -> None:
    """Have the run ID begin nothing more; what is under way ends and counts."""
    _steered(session, session.workspace().runs.pause(run_id, reason=reason), "is to pause")


@click.command(cls=Command)
@_run
@pass_session
def resume(session: Session, run_id: str) -> None:
    """Have the paused run ID go on."""
    _steered(session, session.workspace().runs.resume(run_id), "goes on")


@click.command(cls=Command)
@_run
@_step
@_comment
@pass_session
def approve(session: Session, run_id: str, step: str, comment: str) -> None:
    """Approve what STEP of the run ID asks; zona runs show tells what that is."""
    _decided(session, run_id, step, comment, approved=True)


@click.command(cls=Command)
@_run
@_step
@_comment
@pass_session
def reject(session: Session, run_id: str, step: str, comment: str) -> None:
    """Reject what STEP of the run ID asks: the step fails."""
    _decided(session, run_id, step, comment, approved=False)


@click.command(cls=Command)
@_run
@click.option("--from", "step", default="", metavar="STEP", help="From there on; else from what did not end well.")
@click.option("--wait", is_flag=True, help="Follow it to its end.")
@pass_session
def replay(session: Session, run_id: str, step: str, wait: bool) -> None:
    """Run a playbook again as in the run ID, which has ended, from a step on.

    Steps that ended well and do not come after it are not run again: their outputs count.
    """
    begun = session.workspace().runs.replay(run_id, step=step)
    if wait:
        follow(session, begun.id)
    else:
        out.done(session, begun, f"begun: zona runs watch {begun.id} follows it")


def _decided(session: Session, run_id: str, step: str, comment: str, *, approved: bool) -> None:
    run = session.workspace().runs.decide(run_id, step, approved=approved, comment=comment)
    out.done(session, run, f"{'approved' if approved else 'rejected'} {step} of {run.playbook_title} ({run_id})")


def _steered(session: Session, run: Execution, what: str) -> None:
    told = f"has ended already: {run.status.value}" if run.status.ended else what
    out.done(session, run, f"the run {run.id} {told}")
