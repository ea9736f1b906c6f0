"""``zona rules except``: events that some rules are not to find, for good or for a while."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._inputs import confirm
from zona_cli._moments import MOMENT
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.rules import RuleException

__all__ = ["exceptions"]


@click.group("except", cls=Group)
def exceptions() -> None:
    """Have rules not find some events."""


@exceptions.command()
@click.argument("title")
@click.argument("filter_file", metavar="FILE", type=click.File("rb"))
@click.option("--reason", default="", metavar="TEXT", help="Why, for those who wonder later.")
@click.option("--until", type=MOMENT, metavar="TIME", help="The first moment at which it holds no more.")
@pass_session
def add(session: Session, *, title: str, filter_file: BinaryIO, reason: str, until: datetime | None) -> None:
    """Keep an exception called TITLE: the Sigma filter in FILE, - for standard input.

    Its condition is joined to that of the rules by "and": what is to be kept out is written "condition: not selection".
    """
    try:
        text = filter_file.read().decode()
    except UnicodeDecodeError as exc:
        raise click.BadParameter(f"it is not UTF-8 (byte {exc.start})", param_hint="FILE") from exc
    kept = session.workspace().rules.add_exception(text, title=title, reason=reason, until=until)
    out.done(session, kept, f"kept the exception {kept.title} (exception {kept.id}): it holds {_how_long(kept)}")


@exceptions.command("list")
@paged()
@pass_session
def list_exceptions(session: Session, limit: int | None, after: str | None) -> None:
    """List the exceptions in the order in which they were made."""
    here = session.workspace().rules
    items, rest = gathered(lambda cursor, size: here.exceptions(after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("ID", right=True),
            out.Column("Title", "wrap"),
            out.Column("Rules", "wrap"),
            out.Column("Until"),
            out.Column("By"),
            out.Column("Reason", "cut"),
        ],
        lambda each: (
            each.id,
            each.title,
            ", ".join(each.rules) or "all of its log source",
            out.short_moment(each.until),
            each.user_id,
            each.reason,
        ),
        none="there is no exception",
    )


@exceptions.command()
@click.argument("exception_id", metavar="ID", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, exception_id: int, yes: bool) -> None:
    """End the exception ID."""
    confirm(f"End the exception {exception_id}?", yes=yes)
    session.workspace().rules.remove_exception(exception_id)
    out.done(session, {"removed": exception_id}, f"ended the exception {exception_id}")


def _how_long(exception: RuleException) -> str:
    return f"until {out.moment(exception.until)}" if exception.until else "until it is removed"
