"""``zona cases attach``, ``detach``, ``timeline``, ``events``, ``observables``, ``annotate``, ``sightings``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli import _output as out
from zona_cli._cases_texts import ENTRY_COLUMNS, entry_row, happened, verdict
from zona_cli._commands import Command
from zona_cli._event_filters import event_filter, severity_name, which_events
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.cases import Sighting
    from zona_core.domain.events import Event

__all__ = ["COMMANDS"]

_case = click.argument("case_id", metavar="CASE", type=int)
_alerts = click.option("--alert", "alerts", type=int, multiple=True, metavar="ID", help="An alert, with its events.")
_events = click.option("--event", "events", multiple=True, metavar="ID", help="An event.")
_newest = click.option("--newest-first", is_flag=True, help="In the order in which one reads news.")
_SIGHTING_COLUMNS: Final = (
    out.Column("Case", right=True),
    out.Column("Type"),
    out.Column("Value", "wrap"),
    out.Column("Seen", right=True),
    out.Column("First", "spare"),
    out.Column("Last"),
    out.Column("Is"),
    out.Column("Note", "wrap"),
)
_EVENT_COLUMNS: Final = (
    out.Column("Happened"),
    out.Column("Severity"),
    out.Column("Class", "wrap"),
    out.Column("Host", "wrap"),
    out.Column("User", "wrap"),
    out.Column("From"),
    out.Column("Message", "cut"),
    out.Column("ID", "spare"),
)


@click.command(cls=Command)
@_case
@_alerts
@_events
@pass_session
def attach(session: Session, case_id: int, alerts: tuple[int, ...], events: tuple[str, ...]) -> None:
    """Put alerts and events into CASE by hand."""
    _check(alerts, events)
    case = session.workspace().cases.attach(case_id, alerts=alerts, events=events)
    out.done(session, case, f"the case {case.id} has {case.alerts:,} alerts now")


@click.command(cls=Command)
@_case
@_alerts
@_events
@pass_session
def detach(session: Session, case_id: int, alerts: tuple[int, ...], events: tuple[str, ...]) -> None:
    """Take alerts and events out of CASE; such an alert joins no case by itself any more."""
    _check(alerts, events)
    case = session.workspace().cases.detach(case_id, alerts=alerts, events=events)
    out.done(session, case, f"the case {case.id} has {case.alerts:,} alerts now")


@click.command(cls=Command)
@_case
@_newest
@paged()
@pass_session
def timeline(session: Session, case_id: int, newest_first: bool, limit: int | None, after: str | None) -> None:
    """Show what happened to CASE."""
    here = session.workspace().cases
    items, rest = gathered(
        lambda cursor, size: here.timeline(case_id, newest_first=newest_first, after=cursor, limit=size), after, limit
    )
    out.listing(session, items, rest, ENTRY_COLUMNS, entry_row, none="nothing happened")


@click.command(cls=Command)
@_case
@which_events
@click.option("--rule", default="", metavar="ID", help="Those that this rule brought.")
@_newest
@paged(100)
@pass_session
def events(
    session: Session, /, *, case_id: int, which: dict[str, Any], limit: int | None, after: str | None, **how: Any
) -> None:
    """List the events of CASE in the order of time."""
    here, wanted = session.workspace().cases, event_filter(which)
    items, rest = gathered(
        lambda cursor, size: here.events(case_id, wanted, after=cursor, limit=size, **how), after, limit
    )
    out.listing(session, items, rest, _EVENT_COLUMNS, _event, none="there is no such event")


@click.command(cls=Command)
@_case
@paged()
@pass_session
def observables(session: Session, case_id: int, limit: int | None, after: str | None) -> None:
    """List the observables of CASE."""
    here = session.workspace().cases
    items, rest = gathered(lambda cursor, size: here.observables(case_id, after=cursor, limit=size), after, limit)
    out.listing(session, items, rest, _SIGHTING_COLUMNS, _sighting, none="there is no observable")


@click.command(cls=Command)
@click.argument("value")
@paged()
@pass_session
def sightings(session: Session, value: str, limit: int | None, after: str | None) -> None:
    """Show in which cases VALUE was seen: an address, a host, a digest."""
    here = session.workspace().cases
    items, rest = gathered(lambda cursor, size: here.sightings(value, after=cursor, limit=size), after, limit)
    out.listing(session, items, rest, _SIGHTING_COLUMNS, _sighting, none="it was seen in no case")


@click.command(cls=Command)
@_case
@click.argument("value")
@click.option("--malicious/--harmless", default=None, help="Whether it is a sign of an attack; without: nobody knows.")
@click.option("--note", default="", metavar="TEXT", help="What is to be known of it.")
@click.option("--type", "type_id", type=int, metavar="NUMBER", help="OCSF's number, if VALUE is of several types.")
@pass_session
def annotate(
    session: Session, /, *, case_id: int, value: str, malicious: bool | None, note: str, type_id: int | None
) -> None:
    """Say something of the observable VALUE of CASE, in the place of what was said."""
    here = session.workspace().cases
    types = [type_id] if type_id is not None else _types(session, case_id, value)
    if len(types) > 1:
        raise click.UsageError(f"it is of several types: give --type {' or --type '.join(map(str, types))}")
    said = here.annotate(case_id, value, type_id=types[0] if types else 0, note=note, malicious=malicious)
    out.done(session, said, f"noted of {said.value} ({said.type}) in the case {said.case_id}")


def _types(session: Session, case_id: int, value: str) -> list[int]:
    """Of which types a value is in a case."""
    here = session.workspace().cases
    case = here.get(case_id)
    found, _ = gathered(lambda cursor, size: here.sightings(value, after=cursor, limit=size), None, None)
    return sorted(each.type_id for each in found if each.case_id == case.id)


def _check(alerts: tuple[int, ...], events: tuple[str, ...]) -> None:
    if not alerts and not events:
        raise click.UsageError("nothing was named: give --alert or --event")


def _sighting(sighting: Sighting) -> tuple[object, ...]:
    return (
        sighting.case_id,
        sighting.type,
        sighting.value,
        f"{sighting.count:,}",
        happened(sighting.first_at),
        happened(sighting.last_at),
        verdict(sighting.malicious),
        sighting.note,
    )


def _event(event: Event) -> tuple[object, ...]:
    return (
        happened(event.occurred_at),
        out.state(severity_name(event.severity_id)),
        event.class_name,
        event.host,
        event.user,
        event.src_ip,
        event.message,
        event.id,
    )


#: in the order in which help lists them
COMMANDS: Final = (attach, detach, timeline, events, observables, annotate, sightings)
