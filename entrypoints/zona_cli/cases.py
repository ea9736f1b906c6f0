"""``zona cases``: found, looked at and changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli import _output as out
from zona_cli._cases_texts import clock, entity, happened, named, verdict
from zona_cli._commands import Group
from zona_cli._moments import MOMENT
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted
from zona_cli.cases_changes import COMMANDS as CHANGES
from zona_cli.cases_contents import COMMANDS as CONTENTS
from zona_cli.cases_evidence import evidence, export
from zona_cli.cases_tasks import tasks

if TYPE_CHECKING:
    from zona_core import Workspace
    from zona_core.domain.alerts import Alert
    from zona_core.domain.cases import Case, Sighting

__all__ = ["cases"]

#: as the core has them, which help does not wait for
_STATUSES: Final = ("open", "in_progress", "on_hold", "closed", "merged")
_SEVERITIES: Final = ("informational", "low", "medium", "high", "critical")
#: rows of a part of what ``show`` tells
_MOST: Final = 40
#: characters of an observable's value there
_LONGEST: Final = 80
_COLUMNS: Final = (
    out.Column("Case", right=True),
    out.Column("Title", "wrap"),
    out.Column("Severity"),
    out.Column("Status"),
    out.Column("Owner", "spare"),
    out.Column("Alerts", right=True),
    out.Column("Last event"),
    out.Column("Overdue", "spare"),
)


@click.group(cls=Group)
def cases() -> None:
    """Look into what was found, and note what came of it."""


for command in (*CHANGES, *CONTENTS, tasks, evidence, export):
    cases.add_command(command)


@cases.command("list")
@click.option("--status", type=click.Choice(_STATUSES), help="Those with this status.")
@click.option("--severity", type=click.Choice(_SEVERITIES), default=None, help="Those of this severity.")
@click.option("--owner", default="", metavar="NAME", help="Those of this owner.")
@click.option("--rule", default="", metavar="ID", help="Those with alerts of this rule.")
@click.option("--since", type=MOMENT, metavar="TIME", help="Those made at this moment or later.")
@click.option("--until", type=MOMENT, metavar="TIME", help="Those made before this moment.")
@paged(100)
@pass_session
def list_cases(
    session: Session, /, *, status: str | None, severity: str | None, limit: int | None, after: str | None, **which: Any
) -> None:
    """List cases, the latest first; those merged into others only with --status merged."""
    from zona_core.domain.cases import CaseStatus

    here, wanted = session.workspace().cases, None if status is None else CaseStatus(status)
    items, rest = gathered(
        lambda cursor, size: here.list(status=wanted, severity=severity or "", after=cursor, limit=size, **which),
        after,
        limit,
    )
    out.listing(session, items, rest, _COLUMNS, _row, none="there is no such case")


@cases.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, metavar="N", help="At most.")
@pass_session
def search(session: Session, words: tuple[str, ...], limit: int) -> None:
    """Find cases with all WORDS in title, entity, description or summary, the most relevant first."""
    found = session.workspace().cases.search(" ".join(words), limit=limit)
    out.listing(session, found, None, _COLUMNS, _row, none="there is no such case")


@cases.command()
@click.argument("case_id", metavar="CASE", type=int)
@pass_session
def show(session: Session, case_id: int) -> None:
    """Show CASE: what it is about, its alerts in the order of time, observables, tasks and clocks."""
    here = session.workspace()
    case = here.cases.get(case_id)
    if session.json:
        out.document(case)
        return
    if case.id != case_id:
        out.note(session, f"the case {case_id} is a part of the case {case.id}")
    _header(case)
    _prose("Description", case.description)
    _prose("Summary", case.summary)
    _attack(case)
    _alerts(here, case)
    _observables(here, case)
    _tasks(case)
    events = here.cases.event_page(case.id, limit=1).total
    files = len(here.evidence.list(case.id).items)
    click.echo(f"\n{counted(events, 'event')}: zona cases events {case.id}")
    click.echo(f"{counted(files, 'file')}: zona cases evidence list {case.id}")
    click.echo(f"what happened: zona cases timeline {case.id}")


def _row(case: Case) -> tuple[object, ...]:
    return (
        case.id,
        case.title,
        out.state(case.severity),
        named(case.status.value) + (f": {named(case.resolution.value)}" if case.resolution.value else ""),
        case.owner,
        f"{case.alerts:,}",
        out.short_moment(case.last_at),
        ", ".join(case.breaches),
    )


def _header(case: Case) -> None:
    now, ended = datetime.now(UTC), named(case.resolution.value)
    span = f"{happened(case.first_at)} to {happened(case.last_at)}" if case.first_at else ""
    out.details(
        [
            ("Case", f"{case.id}: {case.title}"),
            ("Severity", out.state(case.severity)),
            ("Status", named(case.status.value) + (f": {ended}" if ended else "")),
            ("About", entity(case)),
            ("Events", span),
            ("Owner", case.owner),
            ("Made", f"{out.moment(case.created_at)} by {case.user_id}"),
            ("Begun", clock(case.respond_by, case.responded_at, over="respond" in case.breaches, now=now)),
            ("Closed", clock(case.resolve_by, case.closed_at, over="resolve" in case.breaches, now=now)),
            ("Tags", ", ".join(tag for tag in case.tags if not tag.startswith("attack."))),
        ]
    )


def _prose(title: str, text: str) -> None:
    if text.strip():
        click.echo(f"\n{title}:")
        out.details([("", text)])


def _attack(case: Case) -> None:
    from zona_core.domain.attack import tactics_of, techniques_of

    tactics, techniques = tactics_of(case.tags), techniques_of(case.tags)
    if tactics or techniques:
        click.echo("\nATT&CK:")
        out.details([("Tactics", " → ".join(tactics)), ("Techniques", ", ".join(techniques))])


def _alerts(here: Workspace, case: Case) -> None:
    found = here.cases.alerts(case.id, limit=_MOST)
    if not found.items:
        return
    click.echo(f"\nAlerts ({case.alerts:,}):")
    columns = (
        out.Column("First"),
        out.Column("Last"),
        out.Column("Severity"),
        out.Column("Alert", "wrap"),
        out.Column("Hits", right=True),
        out.Column("State", "spare"),
        out.Column("ID", right=True),
    )
    out.table(columns, map(_alert, sorted(found.items, key=lambda alert: (alert.first_at, alert.id))))
    if found.next is not None:
        click.echo(f"… and more: zona alerts list --case {case.id}")


def _alert(alert: Alert) -> tuple[object, ...]:
    state = alert.resolution.value or alert.state.value
    first, last = happened(alert.first_at), happened(alert.last_at)
    # Of one day the second time needs no date.
    last = last[11:] if first[:10] == last[:10] else last
    return first, last, out.state(alert.severity), alert.title, f"{alert.count:,}", named(state), alert.id


def _observables(here: Workspace, case: Case) -> None:
    found = here.cases.observables(case.id, limit=1_000).items
    if not found:
        return
    shown = sorted(found, key=lambda each: (each.malicious is not True, not each.note, -each.count))[:_MOST]
    click.echo(f"\nObservables ({len(found):,}{' or more' if len(found) == 1_000 else ''}):")
    columns = (
        out.Column("Type"),
        out.Column("Value", "wrap"),
        out.Column("Seen", right=True),
        out.Column("Is"),
        out.Column("Note", "wrap"),
    )
    out.table(columns, map(_observable, shown))
    if len(found) > len(shown):
        click.echo(f"… and more: zona cases observables {case.id}")


def _observable(sighting: Sighting) -> tuple[object, ...]:
    value = sighting.value if len(sighting.value) <= _LONGEST else f"{sighting.value[:_LONGEST]}…"
    return sighting.type, value, f"{sighting.count:,}", verdict(sighting.malicious), sighting.note


def _tasks(case: Case) -> None:
    left = [task for task in case.tasks if task.status.value == "open"]
    if not case.tasks:
        return
    click.echo(f"\nOpen tasks ({len(left):,} of {len(case.tasks):,}):")
    if left:
        columns = (out.Column("No.", right=True), out.Column("Task", "wrap"), out.Column("Owner"), out.Column("Due"))
        out.table(columns, ((task.id, task.title, task.owner, out.short_moment(task.due_at)) for task in left))
