"""``zona silences``: alerts of which nobody is told, for a while or in maintenance windows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from zona_cli import _output as out
from zona_cli._alert_filters import SEVERITIES
from zona_cli._commands import Group
from zona_cli._inputs import Assignment, confirm
from zona_cli._moments import MOMENT
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted

if TYPE_CHECKING:
    from zona_core.domain.silences import Silence

__all__ = ["silences"]

_id = click.argument("silence_id", type=int, metavar="SILENCE")


@click.group(cls=Group)
def silences() -> None:
    """Have nobody told of some alerts: they are made all the same, as suppressed ones."""


@silences.command()
@click.argument("title")
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@click.option("--rule", "rules", multiple=True, metavar="ID", help="Only alerts of this rule. Several may be given.")
@click.option(
    "--group", "groups", multiple=True, type=Assignment(), metavar="NAME=VALUE",
    help="Only alerts with this in their group, as entity=host:ws-7.",
)  # fmt: skip
@click.option("--most-severity", type=click.Choice(SEVERITIES), help="Only alerts up to this severity.")
@click.option("--from", "starts_at", type=MOMENT, metavar="TIME", help="The first moment at which it holds.")
@click.option("--until", "ends_at", type=MOMENT, metavar="TIME", help="The first moment at which it holds no more.")
@click.option("--cron", default="", metavar="EXPRESSION", help='A maintenance window opens, as "0 22 * * SUN".')
@click.option("--time-zone", default="UTC", metavar="NAME", help="Whose clocks --cron goes by.  [default: UTC]")
@click.option("--duration", type=float, default=3_600.0, show_default=True, metavar="SECONDS", help="Of a window.")
@click.option("--replace", "silence_id", type=int, metavar="SILENCE", help="In the place of this one.")
@pass_session
def add(
    session: Session,
    /,
    *,
    rules: tuple[str, ...],
    groups: tuple[tuple[str, str], ...],
    most_severity: str | None,
    silence_id: int | None,
    **described: Any,
) -> None:
    """Keep a silence called TITLE. Without --rule, --group and --most-severity it is for all alerts."""
    from zona_core.domain.silences import SilenceDefinition

    definition = SilenceDefinition(**described, rules=rules, group=dict(groups), most_severity=most_severity or "")
    kept = session.workspace().silences.save(definition, silence_id=silence_id)
    out.done(session, kept, f"kept the silence {kept.title} (silence {kept.id}): {_what(kept)}, {_when(kept)}")


@silences.command("list")
@click.option("--active", is_flag=True, help="Only those in force now.")
@paged()
@pass_session
def list_silences(session: Session, active: bool, limit: int | None, after: str | None) -> None:
    """List the silences."""
    here = session.workspace().silences
    items, rest = gathered(lambda cursor, size: here.list(active=active, after=cursor, limit=size), after, limit)
    columns = [
        out.Column("ID", right=True),
        out.Column("Title"),
        out.Column("Covers", "wrap"),
        out.Column("Holds", "wrap"),
        out.Column("By"),
        out.Column("Reason", "cut"),
    ]
    out.listing(
        session,
        items,
        rest,
        columns,
        lambda each: (each.id, each.title, _what(each), _when(each), each.user_id, each.reason),
        none="there is no silence" + (" in force" if active else ""),
    )


@silences.command()
@_id
@pass_session
def show(session: Session, silence_id: int) -> None:
    """Show SILENCE."""
    found = session.workspace().silences.get(silence_id)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("ID", found.id),
            ("Title", found.title),
            ("Reason", found.reason),
            ("Rules", "\n".join(found.rules)),
            ("Group", ", ".join(f"{name}: {value}" for name, value in found.group.items())),
            ("Up to", found.most_severity),
            ("Holds", _when(found)),
            ("Made", f"{out.moment(found.created_ts)} by {found.user_id}"),
            ("Revision", found.revision),
        ]
    )


@silences.command()
@_id
@pass_session
def end(session: Session, silence_id: int) -> None:
    """End SILENCE now, for good."""
    ended = session.workspace().silences.end(silence_id)
    out.done(session, ended, f"ended the silence {ended.title} (silence {ended.id})")


@silences.command()
@_id
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, silence_id: int, yes: bool) -> None:
    """Remove SILENCE; alerts that it suppressed stay so."""
    here = session.workspace().silences
    found = here.get(silence_id)
    confirm(f"Remove the silence {found.title}?", yes=yes)
    removed = here.remove(found.id)
    out.done(session, removed, f"removed the silence {removed.title} (silence {removed.id})")


def _what(silence: Silence) -> str:
    parts = [counted(len(silence.rules), "rule")] if silence.rules else []
    parts += [f"{name} {value}" for name, value in silence.group.items()]
    parts += [f"up to {silence.most_severity}"] if silence.most_severity else []
    return ", ".join(parts) or "all alerts"


def _when(silence: Silence) -> str:
    parts = [f"{silence.duration:g} s from {silence.cron} {silence.time_zone}"] if silence.cron else []
    parts += [f"from {_at(silence.starts_at)}"] if silence.starts_at else []
    parts += [f"until {_at(silence.ends_at)}"] if silence.ends_at else []
    return ", ".join(parts) or "until it is removed"


def _at(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
