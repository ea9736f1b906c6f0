"""``zona channels``: where people are told."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import channel_titles, notifier_names
from zona_cli._inputs import Sources, confirm, value_options, values
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted, json_text

if TYPE_CHECKING:
    from zona_core.domain.policies import Channel

__all__ = ["channels"]

_title = click.argument("channel", shell_complete=channel_titles)


@click.group(cls=Group)
def channels() -> None:
    """Say where people are told of alerts and cases: by e-mail, webhook, Slack."""


@channels.command()
@click.argument("title")
@click.argument("notifier", shell_complete=notifier_names)
@value_options
@click.option("--disabled", is_flag=True, help="Nothing is delivered until it is enabled.")
@pass_session
def add(session: Session, *, title: str, notifier: str, sources: Sources, disabled: bool) -> None:
    """Make a channel called TITLE that delivers by NOTIFIER: email, webhook, slack, or a plugin's.

    Its options are values by name; required secrets that no option gives are asked for.
    """
    fields = session.zona.plugins.notifier(notifier).options
    given = values(session, fields, sources, ask=True)
    made = session.workspace().channels.save(title, notifier=notifier, options=given, enabled=not disabled, revision=0)
    out.done(session, made, f"added the channel {made.title} (channel {made.id})")
    out.note(session, f"zona channels test {shlex.quote(made.title)} tells whether it works")


@channels.command()
@_title
@click.option("--title", help="The new title.")
@value_options
@click.option("--enabled/--disabled", default=None, help="Whether anything is delivered.")
@pass_session
def update(session: Session, *, channel: str, title: str | None, sources: Sources, enabled: bool | None) -> None:
    """Change what is given of CHANNEL (a title or an id); the other options stay. An empty value removes one."""
    here = session.workspace().channels
    found = here.get(channel)
    given = values(session, session.zona.plugins.notifier(found.notifier).options, sources, ask=False)
    options = {name: value for name, value in {**found.options, **given}.items() if value != ""}
    after = here.save(
        found.title if title is None else title,
        notifier=found.notifier,
        options=options,
        enabled=found.enabled if enabled is None else enabled,
        channel_id=found.id,
        revision=found.revision,
    )
    out.done(session, after, f"changed the channel {after.title} (channel {after.id})")


@channels.command("list")
@paged()
@pass_session
def list_channels(session: Session, limit: int | None, after: str | None) -> None:
    """List the channels."""
    here = session.workspace().channels
    items, rest = gathered(lambda cursor, size: here.list(after=cursor, limit=size), after, limit)
    columns = [
        out.Column("ID", right=True),
        out.Column("Title"),
        out.Column("Notifier"),
        out.Column("Status"),
        out.Column("Options", "cut"),
    ]
    out.listing(
        session,
        items,
        rest,
        columns,
        lambda each: (each.id, each.title, each.notifier, _status(each), _options(each)),
        none="there is no channel yet: zona channels add TITLE NOTIFIER makes one",
    )


@channels.command()
@_title
@pass_session
def show(session: Session, channel: str) -> None:
    """Show CHANNEL (a title or an id); secrets are masked."""
    found = session.workspace().channels.get(channel)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("ID", found.id),
            ("Title", found.title),
            ("Notifier", found.notifier),
            ("Status", _status(found)),
            *((name, _shown(value)) for name, value in found.options.items()),
            ("Made", f"{out.moment(found.created_ts)} by {found.user_id}"),
            ("Changed", out.moment(found.updated_ts)),
            ("Revision", found.revision),
        ]
    )


@channels.command()
@_title
@click.option("--timeout", type=float, default=20.0, show_default=True, metavar="SECONDS", help="For the other side.")
@pass_session
def test(session: Session, channel: str, timeout: float) -> None:
    """Send a trial notification to CHANNEL. Exits with 7 if it was not taken."""
    here = session.workspace().channels
    with out.working(f"sending a trial notification to {channel}"):
        report = here.test(channel, timeout=timeout)
    sentence = "taken" if report.ok else f"not taken: {report.code}: {report.detail}"
    out.done(session, report, f"{sentence} ({report.duration_ms:.0f} ms)")
    if not report.ok:
        raise click.exceptions.Exit(7)


@channels.command()
@_title
@click.option("--retry", is_flag=True, help="Try them again, the 1,000 oldest.")
@paged(100)
@pass_session
def failures(session: Session, channel: str, retry: bool, limit: int | None, after: str | None) -> None:
    """List the notifications that CHANNEL was not able to bring, the latest first."""
    here = session.workspace().channels
    if retry:
        again = here.retry(channel)
        out.done(session, again, f"{counted(again.count, 'notification')} will be tried again")
        return
    items, rest = gathered(lambda cursor, size: here.failures(channel, after=cursor, limit=size), after, limit)
    columns = [
        out.Column("Stored"),
        out.Column("About"),
        out.Column("Attempts", right=True),
        out.Column("Not taken because", "wrap"),
        out.Column("ID", "spare"),
    ]
    out.listing(
        session,
        items,
        rest,
        columns,
        lambda each: (out.short_moment(each.at), each.target, each.attempts, each.error, each.id),
        none="none was given up",
    )


@channels.command()
@_title
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, channel: str, yes: bool) -> None:
    """Remove CHANNEL; refused while a policy names it."""
    here = session.workspace().channels
    found = here.get(channel)
    confirm(f"Remove the channel {found.title}?", yes=yes)
    removed = here.remove(found.id)
    out.done(session, removed, f"removed the channel {removed.title} (channel {removed.id})")


def _status(channel: Channel) -> object:
    return out.state("active" if channel.enabled else "inactive")


def _options(channel: Channel) -> str:
    return ", ".join(f"{name}: {_shown(value)}" for name, value in channel.options.items())


def _shown(value: object) -> str:
    from zona_core import as_data

    return value if isinstance(value, str) else json_text(as_data(value), indent=None).strip('"')
