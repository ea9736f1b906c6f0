"""``zona alerts``: what rules found, and what people do about it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli import _output as out
from zona_cli._alert_filters import alert_filter, which_alerts
from zona_cli._commands import Group
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted

if TYPE_CHECKING:
    from zona_core.domain.alerts import Alert
    from zona_core.domain.events import Event
    from zona_core.usecases.alerts import UpdatedAlerts

__all__ = ["alerts"]

#: as the core has them, which help does not wait for
_COUNTED: Final = ("severity", "state", "rule", "entity", "owner", "policy", "resolution")
_RESOLUTIONS: Final = ("true_positive", "benign", "false_positive", "duplicate", "other")
#: cells of the longest bar
_WIDEST: Final = 40
_COLUMNS: Final = (
    out.Column("ID", right=True),
    out.Column("Last event"),
    out.Column("Severity"),
    out.Column("State"),
    out.Column("Title", "cut"),
    out.Column("About", "wrap"),
    out.Column("Hits", right=True),
    out.Column("Case", right=True),
    out.Column("Owner"),
)

_id = click.argument("alert_id", type=int, metavar="ALERT")
_ids = click.argument("alert_ids", type=int, nargs=-1, required=True, metavar="ALERT...")
_note = click.option("--note", default="", metavar="TEXT", help="What is to be known of it.")


@click.group(cls=Group)
def alerts() -> None:
    """See what rules found, and say what it is."""


@alerts.command("list")
@which_alerts
@paged(100)
@pass_session
def list_alerts(session: Session, which: dict[str, Any], limit: int | None, after: str | None) -> None:
    """List alerts, the ones with the latest events first."""
    here, wanted = session.workspace().alerts, alert_filter(which)
    items, rest = gathered(lambda cursor, size: here.list(wanted, after=cursor, limit=size), after, limit)
    out.listing(session, items, rest, _COLUMNS, _row, none="there is no such alert")


@alerts.command()
@click.argument("words", nargs=-1, required=True)
@which_alerts
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, metavar="N", help="At most.")
@pass_session
def search(session: Session, words: tuple[str, ...], which: dict[str, Any], limit: int) -> None:
    """Find alerts with all WORDS in title or entity, the most relevant first."""
    found = session.workspace().alerts.search(" ".join(words), alert_filter(which), limit=limit)
    out.listing(session, found, None, _COLUMNS, _row, none="there is no such alert")


@alerts.command()
@_id
@pass_session
def show(session: Session, alert_id: int) -> None:
    """Show ALERT."""
    found = session.workspace().alerts.get(alert_id)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("ID", found.id),
            ("Title", found.title),
            ("Severity", out.state(found.severity)),
            ("State", out.state(found.state.value)),
            ("Resolution", found.resolution.value),
            ("Note", found.note),
            ("About", found.entity),
            ("Group", ", ".join(f"{name}: {value}" for name, value in found.group.items())),
            ("Rule", found.rule),
            ("Hits", f"{found.count:,}"),
            ("First event", out.moment(found.first_at)),
            ("Last event", out.moment(found.last_at)),
            ("Sources", ", ".join(found.sources)),
            ("Tags", ", ".join(found.tags)),
            ("Case", found.case_id or ""),
            ("Owner", found.owner),
            ("Policy", found.policy_id or "the default"),
            ("Silence", found.silence_id or ""),
            ("Runs", "\n".join(found.runs)),
            ("Problems", "\n".join(found.problems)),
            ("Made", out.moment(found.created_at)),
            ("Acknowledged", out.moment(found.acknowledged_at)),
            ("Closed", out.moment(found.closed_at)),
            ("Escalated", counted(found.escalation_step, "step") if found.escalation_step else ""),
            ("Next step", out.moment(found.escalate_at)),
            ("Revision", found.revision),
        ]
    )


@alerts.command()
@_id
@paged(100)
@pass_session
def events(session: Session, alert_id: int, limit: int | None, after: str | None) -> None:
    """List the events of ALERT, the earliest first."""
    here = session.workspace().alerts
    items, rest = gathered(lambda cursor, size: here.events(alert_id, after=cursor, limit=size), after, limit)
    columns = [
        out.Column("Happened"),
        out.Column("Class", "wrap"),
        out.Column("Host", "wrap"),
        out.Column("User", "wrap"),
        out.Column("Message", "cut"),
        out.Column("ID", "spare"),
    ]
    out.listing(session, items, rest, columns, _event_row, none="its events were removed")


@alerts.command()
@_ids
@_note
@pass_session
def acknowledge(session: Session, alert_ids: tuple[int, ...], note: str) -> None:
    """Say that somebody has seen to ALERT: it escalates no further."""
    _move(session, alert_ids, "acknowledged", note=note)


@alerts.command()
@_ids
@click.option("--as", "resolution", type=click.Choice(_RESOLUTIONS), required=True, help="What it turned out to be.")
@_note
@pass_session
def close(session: Session, alert_ids: tuple[int, ...], resolution: str, note: str) -> None:
    """Close ALERT. Further hits make another alert; its case stays open."""
    _move(session, alert_ids, "closed", note=note, resolution=resolution)


@alerts.command()
@_ids
@_note
@pass_session
def reopen(session: Session, alert_ids: tuple[int, ...], note: str) -> None:
    """Open ALERT again: it escalates by the steps that are not done yet."""
    _move(session, alert_ids, "open", note=note)


@alerts.command()
@_id
@click.argument("owner", required=False, default="")
@pass_session
def assign(session: Session, alert_id: int, owner: str) -> None:
    """Say that OWNER is to look into ALERT; without OWNER nobody is."""
    after = session.workspace().alerts.assign(alert_id, owner)
    out.done(session, after, f"the alert {after.id} is {after.owner or 'nobody'}'s: {after.title}")


@alerts.command()
@click.argument("by", type=click.Choice(_COUNTED))
@which_alerts
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, metavar="N", help="At most.")
@pass_session
def figures(session: Session, by: str, which: dict[str, Any], limit: int) -> None:
    """Count alerts BY what they have, the most frequent first."""
    found = session.workspace().alerts.figures(by, alert_filter(which), limit=limit)
    most = max((each.count for each in found), default=0)
    columns = [out.Column(by.capitalize(), "wrap"), out.Column("Alerts", right=True), out.Column("")]
    out.listing(
        session,
        found,
        None,
        columns,
        lambda each: (each.caption or _named(each.value), f"{each.count:,}", _bar(each.count, most)),
        none="there is no such alert",
    )


@alerts.command()
@which_alerts
@click.option(
    "--every", "seconds", type=float, default=3_600.0, show_default=True, metavar="SECONDS", help="Length of a bar."
)
@pass_session
def histogram(session: Session, which: dict[str, Any], seconds: float) -> None:
    """Show how many alerts had their last event when; --since and --until are needed."""
    found = session.workspace().alerts.histogram(alert_filter(which), seconds=seconds)
    if session.json:
        out.document(found)
        return
    most = max((each.count for each in found.bars), default=0)
    columns = [out.Column("From"), out.Column("Alerts", right=True), out.Column("")]
    out.table(columns, [(out.moment(each.at), f"{each.count:,}", _bar(each.count, most)) for each in found.bars])


@alerts.command()
@_id
@click.option("--retry", is_flag=True, help="Try those that failed again.")
@paged(100)
@pass_session
def notifications(session: Session, alert_id: int, retry: bool, limit: int | None, after: str | None) -> None:
    """Show who was, or is to be, told of ALERT, the latest first."""
    here = session.workspace().alerts
    if retry:
        again = here.notify_again(alert_id)
        out.done(session, again, f"{counted(len(again), 'notification')} will be tried again")
        return
    items, rest = gathered(lambda cursor, size: here.notifications(alert_id, after=cursor, limit=size), after, limit)
    columns = [
        out.Column("Stored"),
        out.Column("Channel"),
        out.Column("State"),
        out.Column("Sent"),
        out.Column("Attempts", right=True),
        out.Column("Subject", "cut"),
        out.Column("Not taken because", "wrap"),
    ]
    out.listing(
        session,
        items,
        rest,
        columns,
        lambda each: (
            _at(each.at),
            each.channel,
            out.state(each.state.value),
            "" if each.sent_at is None else _at(each.sent_at),
            each.attempts,
            each.subject,
            each.error,
        ),
        none="nobody was told",
    )


def _move(session: Session, alert_ids: tuple[int, ...], state: str, *, note: str, resolution: str = "") -> None:
    """Puts alerts in a state; with a single one that cannot be, the command fails."""
    from zona_core.domain.alerts import AlertState, Resolution

    here = session.workspace().alerts
    if len(alert_ids) == 1:
        after = _move_one(session, alert_ids[0], AlertState(state), Resolution(resolution), note)
        out.done(session, after, f"the alert {after.id} is {after.state.value}: {after.title}")
        return
    done = here.update_many(alert_ids, state=AlertState(state), resolution=Resolution(resolution), note=note)
    out.done(session, done, f"{counted(len(done.changed), 'alert')} {_are(done)} {state}")
    for refusal in done.refused:
        out.note(session, f"{refusal.code}: {refusal.message}")
    if done.refused:
        raise click.exceptions.Exit(5)


def _move_one(session: Session, alert_id: int, state: Any, resolution: Any, note: str) -> Alert:
    here = session.workspace().alerts
    match state.value:
        case "closed":
            return here.close(alert_id, resolution=resolution, note=note)
        case "acknowledged":
            return here.acknowledge(alert_id, note=note)
        case _:
            return here.reopen(alert_id, note=note)


def _are(done: UpdatedAlerts) -> str:
    return "is" if len(done.changed) == 1 else "are"


def _row(alert: Alert) -> tuple[object, ...]:
    return (
        alert.id,
        _at(alert.last_at),
        out.state(alert.severity),
        out.state(alert.state.value),
        alert.title,
        alert.entity,
        f"{alert.count:,}",
        alert.case_id or "",
        alert.owner,
    )


def _event_row(event: Event) -> tuple[object, ...]:
    return _at(event.occurred_at), event.class_name, event.host, event.user, event.message, event.id


def _at(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _named(value: str | int | None) -> str:
    return "(none)" if value in ("", None) else str(value)


def _bar(count: int, most: int) -> str:
    return "█" * max(1, round(_WIDEST * count / most)) if count else ""
