"""``zona playbooks``: tasks and decisions as a graph of steps, kept, tried and run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import playbook_titles
from zona_cli._errors import report_failed_run
from zona_cli._fields import show_fields
from zona_cli._inputs import (
    Assignment,
    Sources,
    confirm,
    file_name,
    json_object,
    secret_hint,
    secret_options,
    values,
)
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted, json_text
from zona_cli.watch import follow

if TYPE_CHECKING:
    from zona_core import Field
    from zona_core.domain.playbooks import Edge, Playbook, PlaybookDefinition, Step
    from zona_core.usecases._engine.rehearsal import Rehearsal

__all__ = ["playbooks"]

_title = click.argument("playbook", shell_complete=playbook_titles)
_inputs = click.option(
    "-i", "--input", "inputs", multiple=True, type=Assignment(), metavar="NAME=VALUE", help="An input."
)
_input_file = click.option(
    "--input-file", type=click.File("rb"), metavar="FILE", help="A JSON object of inputs, - for standard input."
)


@click.group(cls=Group)
def playbooks() -> None:
    """Keep and run playbooks: steps that run tasks, wait, ask and decide."""


@playbooks.command()
@click.argument("files", nargs=-1, required=True, type=click.File("rb"), metavar="FILE...")
@pass_session
def save(session: Session, files: tuple[BinaryIO, ...]) -> None:
    """Keep the playbooks in the files, each a new one or in the place of the one with its title.

    FILE is JSON or YAML, - for standard input. All files are read before anything is kept. A playbook that another one
    runs has to come before it.
    """
    here = session.workspace().playbooks
    read = [(file_name(file), _read(session, file)) for file in files]
    kept = []
    for name, definition in read:
        with _naming(name):
            kept.append(here.save(definition))
    if session.json:
        out.document(kept)
        return
    for each in kept:
        out.done(session, each, f"kept {each.title} (playbook {each.id}, revision {each.revision})")


@playbooks.command("list")
@paged()
@pass_session
def list_playbooks(session: Session, limit: int | None, after: str | None) -> None:
    """List the playbooks."""
    here = session.workspace().playbooks
    items, rest = gathered(lambda cursor, size: here.list(after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("ID", right=True),
            out.Column("Title"),
            out.Column("Version"),
            out.Column("Status"),
            out.Column("Steps", right=True),
            out.Column("Changed"),
            out.Column("Description", "cut"),
        ],
        lambda each: (
            each.id,
            each.title,
            each.version,
            out.state(each.status.value),
            len(each.steps),
            out.short_moment(each.updated_ts),
            each.description,
        ),
        none="there is no playbook yet: zona playbooks save FILE makes one",
    )


@playbooks.command()
@_title
@pass_session
def show(session: Session, playbook: str) -> None:
    """Show PLAYBOOK (a title or an id), its inputs and its steps."""
    found = session.workspace().playbooks.get(playbook)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("ID", found.id),
            ("Title", found.title),
            ("Version", found.version),
            ("Status", out.state(found.status.value)),
            ("Description", found.description),
            ("Tags", ", ".join(found.tags)),
            ("Outputs", ", ".join(found.outputs)),
            ("Made", f"{out.moment(found.created_ts)} by {found.user_id}"),
            ("Changed", out.moment(found.updated_ts)),
            ("Revision", found.revision),
        ]
    )
    show_fields("Inputs", found.inputs)
    _show_steps(found)


@playbooks.command()
@click.argument("file", type=click.File("rb"))
@pass_session
def check(session: Session, file: BinaryIO) -> None:
    """Tell everything that is wrong with the playbook in FILE; keep nothing.

    FILE is JSON or YAML, - for standard input. Exits with 3 if something is wrong.
    """
    definition = _read(session, file)
    session.workspace().playbooks.check(definition)
    out.done(session, definition, f"{definition.title} is in order: {counted(len(definition.steps), 'step')}")


@playbooks.command()
@_title
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, playbook: str, yes: bool) -> None:
    """Remove PLAYBOOK; runs of it that are under way go on."""
    here = session.workspace().playbooks
    found = here.get(playbook)
    confirm(f"Remove the playbook {found.title}?", yes=yes)
    removed = here.remove(found.id)
    out.done(session, removed, f"removed the playbook {removed.title} (playbook {removed.id})")


@playbooks.command()
@_title
@_inputs
@_input_file
@secret_options
@click.option("--wait", is_flag=True, help="Follow it to its end.")
@pass_session
def run(
    session: Session,
    *,
    playbook: str,
    inputs: tuple[tuple[str, str], ...],
    input_file: BinaryIO | None,
    sources: Sources,
    wait: bool,
) -> None:
    """Begin a run of PLAYBOOK.

    It goes on in a service (zona serve), or with --wait here: then it is followed to its end, and the command exits
    with 0 if it succeeded, 7 if it failed or was cancelled, 8 if it took too long. Ctrl-C leaves the run alone.
    """
    here = session.workspace().playbooks
    found = here.get(playbook)
    given, left = _given(session, found, sources._replace(plain=inputs), input_file)
    with secret_hint(left, given):
        begun = here.start(found.id, inputs=given)
    if wait:
        follow(session, begun.id)
    else:
        out.done(session, begun, f"begun: zona runs watch {begun.id} follows it")


@playbooks.command()
@_title
@_inputs
@_input_file
@secret_options
@click.option(
    "--samples",
    type=click.File("rb"),
    metavar="FILE",
    help="A JSON object: outputs by step, in the place of made-up ones.",
)
@pass_session
def rehearse(
    session: Session,
    *,
    playbook: str,
    inputs: tuple[tuple[str, str], ...],
    input_file: BinaryIO | None,
    sources: Sources,
    samples: BinaryIO | None,
) -> None:
    """Tell which steps of PLAYBOOK would run with what, and how a run would end.

    Nothing is called, waited for or written. Tasks give what stands in --samples, or what is made up by the types of
    their outputs. Exits with 7 if the run would fail.
    """
    here = session.workspace().playbooks
    found = here.get(playbook)
    given, left = _given(session, found, sources._replace(plain=inputs), input_file)
    with secret_hint(left, given):
        told = here.rehearse(found.id, inputs=given, samples=json_object(samples) if samples is not None else {})
    if session.json:
        out.document(told)
    else:
        _show_rehearsal(told)
    if told.error is not None:
        sys.stdout.flush()  # the steps before the error, where both go to one place
        raise click.exceptions.Exit(report_failed_run(told.error, timed_out=False, json=session.json))


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Says in errors which file they are about."""
    from zona_core import ZonaError

    try:
        yield
    except ZonaError as exc:
        exc.message = f"{name}: {exc.message}"
        raise


def _read(session: Session, file: BinaryIO) -> PlaybookDefinition:
    with _naming(file_name(file)):
        return session.workspace().playbooks.read_document(file.read())


def _given(
    session: Session, playbook: Playbook, sources: Sources, input_file: BinaryIO | None
) -> tuple[dict[str, Any], list[Field]]:
    """The inputs that are given, those named singly before those of the file; and the fields that the file has not."""
    given = json_object(input_file) if input_file is not None else {}
    left = [field for field in playbook.inputs if field.name not in given]
    return given | values(session, playbook.inputs, sources, ask=False), left


def _show_steps(playbook: Playbook) -> None:
    from zona_core.domain.playbooks import edges_of

    edges = edges_of(playbook.steps)
    click.echo("\nSteps:")
    out.table(
        [out.Column("Step"), out.Column("Does", "wrap"), out.Column("After", "wrap"), out.Column("When", "cut")],
        [(step.name, _does(step), _after(step, edges[step.name]), step.when) for step in playbook.steps],
    )


def _does(step: Step) -> str:
    match step.kind.value:
        case "task" if step.task is not None:
            does = " ".join(filter(None, (step.task.app, step.task.task, step.task.instance)))
        case "approval" if step.approval is not None:
            does = f"asks: {step.approval.message}"
        case "wait":
            does = f"waits {step.wait} s"
        case "playbook":
            does = f"runs {step.playbook}"
        case _:
            does = f"sets {', '.join(step.set or {}) or 'nothing'}"
    return does if step.for_each is None else f"{does}, for each of a list"


def _after(step: Step, edges: tuple[Edge, ...]) -> str:
    named = (each.step if each.on.value == "success" else f"{each.step}:{each.on.value}" for each in edges)
    return f" {'or' if step.join.value == 'any' else 'and'} ".join(named) or "at once"


def _show_rehearsal(told: Rehearsal) -> None:
    out.table(
        [out.Column("Step"), out.Column("Would end"), out.Column("Calls", "wrap"), out.Column("With", "cut")],
        [
            (
                each.step if each.item is None else f"{each.step}[{each.item}]",
                out.state(each.status.value),
                " ".join(filter(None, (each.task, each.instance))) or each.kind.value,
                each.error["message"] if each.error else json_text(each.inputs, indent=None) if each.inputs else "",
            )
            for each in told.steps
        ],
    )
    click.echo()
    out.details([("Would end", out.state(told.status.value)), ("Skipped", ", ".join(told.skipped))])
    if told.results is not None:
        click.echo("\nOutputs:")
        out.excerpt(told.results, "--output json shows all")
