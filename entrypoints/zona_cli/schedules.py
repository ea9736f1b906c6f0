"""``zona schedules``: when playbooks and tasks run by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import playbook_titles, schedule_titles
from zona_cli._inputs import Assignment, Sources, confirm, json_object, secret_hint, secret_options, values
from zona_cli._moments import MOMENT
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli.watch import follow

if TYPE_CHECKING:
    from zona_core import Field
    from zona_core.domain.schedules import Schedule, ScheduleDefinition

__all__ = ["schedules"]

_title = click.argument("schedule", shell_complete=schedule_titles)


@click.group(cls=Group)
def schedules() -> None:
    """Have playbooks and tasks run by themselves, in zona serve and zona worker."""


@schedules.command()
@click.argument("title")
@click.option("--playbook", default="", shell_complete=playbook_titles, metavar="TITLE", help="The playbook to run.")
@click.option("--app", default="", metavar="TITLE", help="In its place, the app of the task to run.")
@click.option("--task", default="", metavar="TAG", help="That task.")
@click.option("--instance", default="", metavar="TITLE", help="Needed if the app has several.")
@click.option("--cron", default="", metavar="EXPRESSION", help='As "30 2 * * MON-FRI".')
@click.option("--every", type=float, metavar="SECONDS", help="In the place of --cron: at even intervals.")
@click.option("--time-zone", default="UTC", metavar="NAME", help="Whose clocks --cron goes by.  [default: UTC]")
@click.option("--jitter", type=float, default=0.0, metavar="SECONDS", help="Put each firing off by so much at most.")
@click.option(
    "--missed", type=click.Choice(["skip", "once", "all"]), default="once", show_default=True,
    help="What of the firings that passed while nothing was there to fire.",
)  # fmt: skip
@click.option(
    "--overlap", type=click.Choice(["skip", "allow"]), default="skip", show_default=True,
    help="What if the run before is still going.",
)  # fmt: skip
@click.option("--starts-at", type=MOMENT, metavar="TIME", help="The first moment at which it may fire.")
@click.option("--ends-at", type=MOMENT, metavar="TIME", help="The first moment at which it may no more.")
@click.option("--paused", is_flag=True, help="It fires once it is resumed.")
@click.option("--description", default="", metavar="TEXT", help="What it is for.")
@click.option("-i", "--input", "inputs", multiple=True, type=Assignment(), metavar="NAME=VALUE", help="An input.")
@click.option(
    "--input-file", type=click.File("rb"), metavar="FILE", help="A JSON object of inputs, - for standard input."
)
@secret_options
@pass_session
def add(
    session: Session,
    /,
    *,
    inputs: tuple[tuple[str, str], ...],
    input_file: BinaryIO | None,
    sources: Sources,
    paused: bool,
    missed: str,
    overlap: str,
    **described: Any,
) -> None:
    """Keep a schedule called TITLE, a new one or in the place of the one with that title.

    It runs a playbook, or with --app and --task a task, in the name of whoever adds it.
    """
    from attrs import evolve

    from zona_core.domain.schedules import MissedRuns, Overlap, ScheduleDefinition, ScheduleStatus

    definition = ScheduleDefinition(
        **described,
        missed=MissedRuns(missed),
        overlap=Overlap(overlap),
        status=ScheduleStatus.INACTIVE if paused else ScheduleStatus.ACTIVE,
    )
    given = json_object(input_file) if input_file is not None else {}
    fields = _fields(session, definition)
    left = [field for field in fields if field.name not in given]
    given |= values(session, fields, sources._replace(plain=inputs), ask=False)
    with secret_hint(left, given):
        kept = session.workspace().schedules.save(evolve(definition, inputs=given))
    out.done(session, kept, f"kept the schedule {kept.title} (schedule {kept.id}): {_next(kept)}")


@schedules.command("list")
@paged()
@pass_session
def list_schedules(session: Session, limit: int | None, after: str | None) -> None:
    """List the schedules."""
    here = session.workspace().schedules
    items, rest = gathered(lambda cursor, size: here.list(after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("ID", right=True),
            out.Column("Title"),
            out.Column("Runs", "wrap"),
            out.Column("When", "wrap"),
            out.Column("Status"),
            out.Column("Next"),
            out.Column("Last run started nothing because", "cut"),
        ],
        lambda each: (
            each.id,
            each.title,
            _what(each),
            _when(each),
            out.state(each.status.value),
            out.short_moment(each.next_at),
            each.status_reason,
        ),
        none="there is no schedule yet: zona schedules add TITLE makes one",
    )


@schedules.command()
@_title
@pass_session
def show(session: Session, schedule: str) -> None:
    """Show SCHEDULE (a title or an id); secrets are masked."""
    from zona_core import as_data

    found = session.workspace().schedules.get(schedule)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("ID", found.id),
            ("Title", found.title),
            ("Description", found.description),
            ("Runs", _what(found)),
            ("When", _when(found)),
            ("From", out.moment(found.starts_at)),
            ("Until", out.moment(found.ends_at)),
            ("Jitter", f"up to {found.jitter:g} s" if found.jitter else ""),
            ("Missed", found.missed.value),
            ("Overlap", found.overlap.value),
            ("Status", out.state(found.status.value)),
            ("Next", out.moment(found.due_at)),
            ("Last", out.moment(found.last_at)),
            ("Last run", found.last_run_id),
            ("Started nothing", found.status_reason),
            ("In the name of", found.user_id),
            ("Revision", found.revision),
        ]
    )
    if found.inputs:
        click.echo("\nInputs:")
        out.excerpt(as_data(found)["inputs"], f"zona schedules show {found.id} -o json")


@schedules.command()
@_title
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, schedule: str, yes: bool) -> None:
    """Remove SCHEDULE; its runs that are under way go on."""
    here = session.workspace().schedules
    found = here.get(schedule)
    confirm(f"Remove the schedule {found.title}?", yes=yes)
    removed = here.remove(found.id)
    out.done(session, removed, f"removed the schedule {removed.title} (schedule {removed.id})")


@schedules.command()
@_title
@pass_session
def pause(session: Session, schedule: str) -> None:
    """Have SCHEDULE fire no more, until it is resumed."""
    paused = session.workspace().schedules.pause(schedule)
    out.done(session, paused, f"paused the schedule {paused.title} (schedule {paused.id})")


@schedules.command()
@_title
@pass_session
def resume(session: Session, schedule: str) -> None:
    """Have SCHEDULE fire again; what passed meanwhile is not made up for."""
    resumed = session.workspace().schedules.resume(schedule)
    out.done(session, resumed, f"resumed the schedule {resumed.title} (schedule {resumed.id}): {_next(resumed)}")


@schedules.command()
@_title
@click.option("--wait", is_flag=True, help="Follow it to its end.")
@pass_session
def fire(session: Session, schedule: str, wait: bool) -> None:
    """Start the run of SCHEDULE now, in your name; the next firing comes as planned.

    It goes on in a service (zona serve), or with --wait here: then it is followed to its end, and the command exits
    with 0 if it succeeded, 7 if it failed or was cancelled, 8 if it took too long. Ctrl-C leaves the run alone.
    """
    begun = session.workspace().schedules.fire(schedule)
    if wait:
        follow(session, begun.id)
    else:
        out.done(session, begun, f"begun: zona runs watch {begun.id} follows it")


@schedules.command()
@_title
@click.option("--count", type=click.IntRange(1, 100), default=10, show_default=True, help="How many.")
@pass_session
def upcoming(session: Session, schedule: str, count: int) -> None:
    """Show the next firings of SCHEDULE."""
    found = session.workspace().schedules.upcoming(schedule, count=count)
    out.listing(
        session,
        found,
        None,
        [out.Column("Firing"), out.Column("Starts its run")],
        lambda each: (out.moment(each.at), out.moment(each.due_at)),
        none="there is none to come",
    )


def _fields(session: Session, definition: ScheduleDefinition) -> Sequence[Field]:
    """What the playbook or the task takes; nothing if neither is named, which saving tells."""
    here = session.workspace()
    if definition.playbook:
        return here.playbooks.get(definition.playbook).inputs
    if definition.app and definition.task:
        return here.tasks.get(definition.app, definition.task).inputs
    return ()


def _what(schedule: Schedule) -> str:
    return schedule.playbook or " ".join(filter(None, (schedule.app, schedule.task, schedule.instance)))


def _when(schedule: Schedule) -> str:
    return f"every {schedule.every:g} s" if schedule.every is not None else f"{schedule.cron} {schedule.time_zone}"


def _next(schedule: Schedule) -> str:
    return f"next at {out.moment(schedule.due_at)}" if schedule.due_at else "it waits for no firing"
