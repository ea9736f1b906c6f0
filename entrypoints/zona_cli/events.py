"""``zona events``: taken in, found again and counted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._event_filters import event_filter, severity_name, which_events
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli.dead_letters import dead
from zona_cli.events_ingest import ingest

if TYPE_CHECKING:
    from zona_core.domain.events import Event

__all__ = ["events"]

#: as the core has them, which help does not wait for
_COUNTED: Final = ("severity", "class", "source", "host", "user", "src_ip", "dst_ip", "rule")
#: cells of the longest bar
_WIDEST: Final = 40
_COLUMNS: Final = (
    out.Column("Happened"),
    out.Column("Host", "wrap"),
    out.Column("User", "wrap"),
    out.Column("From"),
    out.Column("Message", "cut"),
    out.Column("Severity", "spare"),
    out.Column("Class", "spare"),
    out.Column("ID"),
)


@click.group(cls=Group)
def events() -> None:
    """Take security events in, and find them again."""


events.add_command(ingest)
events.add_command(dead)


@events.command("list")
@which_events
@paged(100)
@pass_session
def list_events(session: Session, which: dict[str, Any], limit: int | None, after: str | None) -> None:
    """List events, the latest first."""
    here, wanted = session.workspace().events, event_filter(which)
    items, rest = gathered(lambda cursor, size: here.list(wanted, after=cursor, limit=size), after, limit)
    out.listing(session, items, rest, _COLUMNS, _row, none="there is no such event")


@events.command()
@click.argument("words", nargs=-1, required=True)
@which_events
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, metavar="N", help="At most.")
@pass_session
def search(session: Session, words: tuple[str, ...], which: dict[str, Any], limit: int) -> None:
    """Find events with all WORDS in their message or observables, the most relevant first."""
    found = session.workspace().events.search(" ".join(words), event_filter(which), limit=limit)
    out.listing(session, found, None, _COLUMNS, _row, none="there is no such event")


@events.command()
@click.argument("event_id", metavar="ID")
@click.option("--raw", is_flag=True, help="As it came, as JSON, and nothing else.")
@pass_session
def show(session: Session, event_id: str, raw: bool) -> None:
    """Show the event ID."""
    found = session.workspace().events.get(event_id)
    if raw or session.json:
        out.document(found.raw if raw else found)
        return
    out.details(
        [
            ("ID", found.id),
            ("Happened", out.moment(found.occurred_at)),
            ("Received", out.moment(found.received_at)),
            ("Source", found.source),
            ("Mapper", found.mapper),
            ("Class", f"{found.class_name} ({found.class_uid})"),
            ("Activity", found.activity_name),
            ("Severity", out.state(severity_name(found.severity_id))),
            ("Message", found.message),
            ("Host", found.host),
            ("User", found.user),
            ("From", found.src_ip),
            ("To", found.dst_ip),
        ]
    )
    if found.observables:
        click.echo()
        columns = [out.Column("Observable"), out.Column("Value", "wrap"), out.Column("Where", "spare")]
        out.table(columns, [(each.type, each.value, each.name) for each in found.observables])
    click.echo("\nData:")
    out.excerpt(found.data, f"zona events show {found.id} -o json")


@events.command()
@click.argument("by", type=click.Choice(_COUNTED))
@which_events
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, metavar="N", help="At most.")
@pass_session
def figures(session: Session, by: str, which: dict[str, Any], limit: int) -> None:
    """Count events BY what they have, the most frequent first.

    Counting by rule takes --since and --until alone: it is how many events the rule's alerts have.
    """
    found = session.workspace().events.figures(by, event_filter(which), limit=limit)
    most = max((each.count for each in found), default=0)
    out.listing(
        session,
        found,
        None,
        [out.Column(by.replace("_", " ").capitalize(), "wrap"), out.Column("Events", right=True), out.Column("")],
        lambda each: (each.caption or _named(each.value), f"{each.count:,}", _bar(each.count, most)),
        none="there is no such event",
    )


@events.command()
@which_events
@click.option(
    "--every", "seconds", type=float, default=3_600.0, show_default=True, metavar="SECONDS", help="Length of a bar."
)
@pass_session
def histogram(session: Session, which: dict[str, Any], seconds: float) -> None:
    """Show how many events happened when; --since and --until are needed."""
    found = session.workspace().events.histogram(event_filter(which), seconds=seconds)
    if session.json:
        out.document(found)
        return
    most = max((each.count for each in found.bars), default=0)
    columns = [out.Column("From"), out.Column("Events", right=True), out.Column("")]
    out.table(columns, [(out.moment(each.at), f"{each.count:,}", _bar(each.count, most)) for each in found.bars])


def _row(event: Event) -> tuple[object, ...]:
    return (
        _at(event.occurred_at),
        event.host,
        event.user,
        event.src_ip,
        event.message,
        out.state(severity_name(event.severity_id)),
        event.class_name,
        event.id,
    )


def _at(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _named(value: str | int | None) -> str:
    return "(none)" if value in ("", None) else str(value)


def _bar(count: int, most: int) -> str:
    return "█" * max(1, round(_WIDEST * count / most)) if count else ""
