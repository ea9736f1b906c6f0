"""``zona events dead``: events that could not be taken, and another try."""

from __future__ import annotations

from typing import Any

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._inputs import confirm
from zona_cli._mappers import mapper_options
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted

__all__ = ["dead"]

_source = click.option("--source", default="", metavar="NAME", help="Those that came by this stream.")
_code = click.option("--code", default="", metavar="CODE", help="Those that could not be taken for this reason.")


@click.group(cls=Group)
def dead() -> None:
    """Look after events that could not be taken."""


@dead.command("list")
@_source
@_code
@paged(100)
@pass_session
def list_letters(session: Session, *, source: str, code: str, limit: int | None, after: str | None) -> None:
    """List them, the latest first; as they came with --output json."""
    here = session.workspace().events
    items, rest = gathered(
        lambda cursor, size: here.dead_letters(source=source, code=code, after=cursor, limit=size), after, limit
    )
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("Received"),
            out.Column("Source"),
            out.Column("Mapper"),
            out.Column("Why", "wrap"),
            out.Column("Where", "wrap"),
            out.Column("Expected", "cut"),
            out.Column("Tries", right=True),
            out.Column("ID"),
        ],
        lambda each: (
            out.short_moment(each.received_at),
            each.source,
            each.mapper,
            f"{each.code}: {each.message}",
            each.path,
            each.expected,
            each.attempts,
            each.id,
        ),
        none="there is none",
    )


@dead.command()
@click.argument("letters", nargs=-1, metavar="[ID]...")
@_source
@_code
@mapper_options
@pass_session
def replay(
    session: Session, *, letters: tuple[str, ...], source: str, code: str, mapper: str, options: dict[str, Any]
) -> None:
    """Try those with these IDs, or all, again; what is taken now is gone from among them.

    With --mapper they are read by another one than they were sent for.
    """
    here = session.workspace().events
    told = here.replay(source=source, code=code, letters=letters, mapper=mapper, options=options)
    sentence = f"{counted(told.tried, 'dead letter')}: {told.taken:,} taken now"
    if told.lost:
        sentence += f", {told.lost:,} of which only the beginning of a text is left"
    if told.alerts:
        sentence += f"; {counted(len(told.alerts), 'new alert')}, {counted(len(told.cases), 'new case')}"
    out.done(session, told, sentence)


@dead.command()
@click.argument("letters", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def drop(session: Session, *, letters: tuple[str, ...], yes: bool) -> None:
    """Delete those with these IDs, for good."""
    here = session.workspace().events
    confirm(f"Delete {counted(len(letters), 'dead letter')}?", yes=yes)
    for letter in letters:
        here.drop(letter)
    out.done(session, {"dropped": list(letters)}, f"deleted {counted(len(letters), 'dead letter')}")
