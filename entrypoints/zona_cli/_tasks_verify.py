"""``zona tasks verify``: what is wrong with a task in a file, and what a run to try it gives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._completion import app_titles, instance_titles
from zona_cli._errors import report_failed_run
from zona_cli._fields import show_outputs
from zona_cli._inputs import Assignment, Sources, secret_options, values
from zona_cli._runs import private_hint
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.usecases._trial_runs import TrialRun
    from zona_core.usecases._verification import TaskVerification

__all__ = ["verify"]

_REST: Final = "--output json shows all"


@click.command(cls=Command)
@click.argument("app", shell_complete=app_titles)
@click.argument("file", type=click.File("rb"))
@click.option("--run", is_flag=True, help="Run it once, if nothing is wrong: the real thing for the remote side.")
@click.option("--instance", shell_complete=instance_titles, metavar="TITLE", help="What it is to be run with.")
@click.option("--input", "inputs", multiple=True, type=Assignment(), metavar="NAME=VALUE", help="An input.")
@click.option("--timeout", type=float, default=30.0, show_default=True, metavar="SECONDS", help="At most 300.")
@secret_options
@pass_session
def verify(
    session: Session,
    *,
    app: str,
    file: BinaryIO,
    run: bool,
    instance: str | None,
    inputs: tuple[tuple[str, str], ...],
    timeout: float,
    sources: Sources,
) -> None:
    """Tell what is wrong with a task before it is stored in APP, and what it would take to run it.

    FILE is JSON or YAML, - for standard input. Nothing is stored of it. A run to try it shows the response and the
    outputs that the task could have. Exits with 3 if something is wrong or lacking; with --run otherwise as zona run
    does.
    """
    here = session.workspace().tasks
    definition = here.read_document(file.read())
    given = values(session, definition.inputs, sources._replace(plain=inputs), ask=False)
    with out.working(f"verifying {definition.task_tag}"):
        found = here.verify(app, definition, instance=instance, inputs=given or None, timeout=timeout, run=run)
    if session.json:
        out.document(found)
    else:
        _show(definition.task_tag, found)
    _refuse(session, app, found)


def _show(tag: str, found: TaskVerification) -> None:
    out.details(
        [
            ("Task", tag),
            ("Would be", f"stored in the place of task {found.task_id}" if found.task_id else "a new one"),
            ("Wrong", len(found.faults) + len(found.input_faults) or "nothing"),
        ]
    )
    click.echo("\nA run needs:")
    out.table(
        [out.Column("What"), out.Column("Which"), out.Column("There"), out.Column("Lacking", "wrap")],
        [(each.kind.value, each.subject, "yes" if each.met else "no", each.detail) for each in found.prerequisites],
    )
    if found.trial_run is not None:
        _show_run(found.trial_run)


def _show_run(tried: TrialRun) -> None:
    click.echo("\nTried:")
    out.details(
        [
            ("Status", out.state(tried.status.value)),
            ("Instance", tried.instance_title),
            ("Took", f"{tried.duration_ms:,.0f} ms"),
        ]
    )
    if tried.error is not None:
        return
    click.echo("\nResponse:" if tried.complete else "\nResponse (its outer part):")
    out.excerpt(tried.response, _REST)
    if tried.outputs:
        click.echo("\nWhat the task's outputs give:")
        out.excerpt(tried.outputs, _REST)
    show_outputs(tried.inferred_outputs, title="Outputs that it could have")


def _refuse(session: Session, app: str, found: TaskVerification) -> None:
    """Ends with an error if the verification did."""
    from zona_core import AddressRefused, InvalidInput, RunStatus

    sys.stdout.flush()  # what was found before the error, where both go to one place
    if found.faults:
        raise InvalidInput.of(found.faults, "The task")
    if found.input_faults:
        raise InvalidInput.of(found.input_faults, "The input")
    lacking = [each for each in found.prerequisites if not each.met]
    if lacking:
        raise InvalidInput("a run lacks what it needs: " + "; ".join(f"{each.kind}: {each.detail}" for each in lacking))
    tried = found.trial_run
    if tried is None or tried.error is None:
        return
    error = tried.error
    if error.get("code") == AddressRefused.code and error.get("hint"):
        error = {**error, "hint": private_hint(session, app, tried.instance_title)}
    timed_out = tried.status is RunStatus.TIMEOUT
    raise click.exceptions.Exit(report_failed_run(error, timed_out=timed_out, json=session.json))
