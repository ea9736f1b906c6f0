"""``zona feeds``: where events are fetched from, by polling or out of streams."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import feed_titles
from zona_cli._inputs import confirm
from zona_cli._moments import MOMENT
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted
from zona_cli.feeds_add import MAKING, next_of, target_of, when_of

if TYPE_CHECKING:
    from zona_core.domain.feeds import Feed
    from zona_core.usecases.feeds import FeedStatus

__all__ = ["feeds"]

_title = click.argument("feed", shell_complete=feed_titles)


@click.group(cls=Group)
def feeds() -> None:
    """Fetch security events, by polling tasks or out of streams, in zona serve and zona worker."""


for _command in MAKING:
    feeds.add_command(_command)


@feeds.command("list")
@paged()
@pass_session
def list_feeds(session: Session, limit: int | None, after: str | None) -> None:
    """List the feeds, and how they stand."""
    here = session.workspace().feeds
    items, rest = gathered(lambda cursor, size: here.list(after=cursor, limit=size), after, limit)
    if session.json:
        out.listing(session, items, rest, [], lambda _: ())
        return
    out.listing(
        session,
        [(feed, here.state(feed.id)) for feed in items],
        rest,
        [
            out.Column("ID", right=True),
            out.Column("Title"),
            out.Column("From", "wrap"),
            out.Column("When"),
            out.Column("Status"),
            out.Column("Events", right=True),
            out.Column("Behind", right=True),
            out.Column("Next"),
            out.Column("Failed because", "cut"),
        ],
        lambda each: (
            each[0].id,
            each[0].title,
            target_of(each[0]),
            when_of(each[0]),
            out.state(_status(*each)),
            f"{each[1].state.stored:,}",
            _seconds(each[1].lag),
            out.short_moment(each[1].start.start_time),
            each[1].state.error,
        ),
        none="there is no feed yet: zona feeds add TITLE makes one",
    )


@feeds.command()
@_title
@pass_session
def show(session: Session, feed: str) -> None:
    """Show FEED (a title or an id) and how far it has come; secrets are masked."""
    from zona_core import as_data

    here = session.workspace().feeds
    found = here.get(feed)
    status = here.state(found.id)
    if session.json:
        out.document({**as_data(found), "status": as_data(status)})
        return
    state = status.state
    out.details(
        [
            ("ID", found.id),
            ("Title", found.title),
            ("Description", found.description),
            ("From", target_of(found)),
            ("When", when_of(found)),
            ("Status", out.state(_status(found, status))),
            ("Source", found.source),
            ("Mapper", found.mapper or "the one that takes an event"),
            ("Filter", found.filter),
            ("In hand of", state.owner),
            ("Began last", out.moment(state.polled_at)),
            ("Succeeded last", out.moment(state.succeeded_at)),
            ("Next", out.moment(status.start.start_time)),
            ("Next because", status.start.reason.value),
            ("Fetches from", out.moment(status.start.since) if found.app else ""),
            ("Cursor", str(state.cursor)),
            ("Behind", _seconds(status.lag)),
            ("Failures", state.failures or ""),
            ("Failed because", f"{state.error_code}: {state.error}" if state.error else ""),
            ("Polls", f"{state.polls:,} ({counted(state.pages, 'page')})"),
            ("Events", _counts(status)),
            ("In the name of", found.user_id),
            ("Revision", found.revision),
        ]
    )
    for name in ("inputs", "options", "mapper_options"):
        if getattr(found, name):
            click.echo(f"\n{name.replace('_', ' ').capitalize()}:")
            out.excerpt(as_data(found)[name], f"zona feeds show {found.id} -o json")


@feeds.command()
@_title
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, feed: str, yes: bool) -> None:
    """Remove FEED and how far it has come; its events stay."""
    here = session.workspace().feeds
    found = here.get(feed)
    confirm(f"Remove the feed {found.title}?", yes=yes)
    removed = here.remove(found.id)
    out.done(session, removed, f"removed the feed {removed.title} (feed {removed.id})")


@feeds.command()
@_title
@pass_session
def enable(session: Session, feed: str) -> None:
    """Have FEED be fetched from now on."""
    here = session.workspace().feeds
    enabled = here.enable(feed)
    out.done(session, enabled, f"enabled the feed {enabled.title} (feed {enabled.id}): {next_of(here, enabled)}")


@feeds.command()
@_title
@pass_session
def disable(session: Session, feed: str) -> None:
    """Have FEED be fetched no more; what is under way ends soon."""
    disabled = session.workspace().feeds.disable(feed)
    out.done(session, disabled, f"disabled the feed {disabled.title} (feed {disabled.id})")


@feeds.command()
@_title
@pass_session
def poll(session: Session, feed: str) -> None:
    """Fetch what FEED has now, also while it is disabled.

    The command exits with 7 if it failed; what was fetched before that is kept.
    """
    with out.working("fetching"):
        report = session.workspace().feeds.poll(feed)
    events = report.events
    made = [
        counted(number, noun)
        for number, noun in ((events.new_alerts, "alert"), (events.new_cases, "case"), (events.runs, "run"))
        if number
    ]
    told = [
        f"{counted(report.pages, 'page')}: {counted(events.received, 'event')}, {events.stored:,} new",
        *([f"{events.dead:,} not taken"] if events.dead else []),
        *([f"{report.skipped:,} left out"] if report.skipped else []),
        *made,
    ]
    out.done(session, report, ", ".join(told) + ("" if report.complete or report.error else "; more follows"))
    if report.error is not None:
        out.warn(session, f"{report.error['code']}: {report.error['message']}")
        click.get_current_context().exit(7)


@feeds.command()
@_title
@click.option("--to", type=MOMENT, metavar="TIME", help="Fetch what happened since then.")
@click.option("--cursor", metavar="TEXT", help="Go on from this cursor of the source.")
@pass_session
def reset(session: Session, feed: str, to: datetime | None, cursor: str | None) -> None:
    """Have the poll FEED go on from another place; without one, from its beginning.

    What is fetched again is not stored twice.
    """
    here = session.workspace().feeds
    found = here.get(feed)
    state = here.reset(found.id, to=to, cursor=cursor)
    out.done(session, state, f"reset the feed {found.title} (feed {found.id}): {next_of(here, found)}")


@feeds.command("start-time")
@click.argument("instance", type=int, metavar="INSTANCE-ID")
@pass_session
def start_time(session: Session, instance: int) -> None:
    """Show when ingestion from an instance is best begun next, and from where."""
    found = session.workspace().feeds.start_time(instance)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("Start", out.moment(found.start_time) or "never: its feeds are disabled"),
            ("Because", found.reason.value),
            ("Fetches from", out.moment(found.since)),
            ("Cursor", str(found.cursor)),
            ("Feed", found.feed_id or "none"),
            ("Begun by itself", out.moment(found.due_at)),
            ("Load", f"{counted(found.load.waiting, 'run')} waiting, {found.load.running:,} under way"),
            ("Put off", f"{found.put_off:g} s" if found.put_off else ""),
            ("Failures", found.failures or ""),
            ("Pause until", out.moment(found.backoff_until)),
        ]
    )


def _status(feed: Feed, status: FeedStatus) -> str:
    if not feed.enabled:
        return "disabled"
    if status.state.failures:
        return "failing"
    return "fetching" if status.state.owner else "active"


def _counts(status: FeedStatus) -> str:
    state = status.state
    parts = [f"{state.stored:,} new of {state.received:,}"]
    parts += [
        f"{number:,} {what}" for number, what in ((state.dead, "not taken"), (state.skipped, "left out")) if number
    ]
    return ", ".join(parts)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:,.0f} s"
