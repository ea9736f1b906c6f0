"""``zona cases create``, ``update``, ``assign``, ``close``, ``reopen``, ``merge``, ``comment``, ``erase-comment``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli import _output as out
from zona_cli._cases_texts import named
from zona_cli._commands import Command
from zona_cli._files import STANDARD
from zona_cli._inputs import confirm
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.cases import Case

__all__ = ["COMMANDS"]

#: as the core has them, which help does not wait for
_SEVERITIES: Final = ("informational", "low", "medium", "high", "critical")
_RESOLUTIONS: Final = ("true_positive", "benign", "false_positive", "duplicate", "other")
_case = click.argument("case_id", metavar="CASE", type=int)


@click.command(cls=Command)
@click.argument("title")
@click.option("--description", default="", metavar="TEXT", help="What is known.")
@click.option(
    "--severity", type=click.Choice(_SEVERITIES), default="medium", show_default=True, help="How grave it is."
)
@click.option("--owner", default="", metavar="NAME", help="Who is to look into it.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag.")
@click.option("--alert", "alerts", type=int, multiple=True, metavar="ID", help="An alert that it has, with its events.")
@click.option("--event", "events", multiple=True, metavar="ID", help="An event that it has.")
@click.option(
    "--respond-within", type=float, default=0.0, metavar="SECONDS", help="Until when somebody has to have begun."
)
@click.option("--resolve-within", type=float, default=0.0, metavar="SECONDS", help="Until when it has to be closed.")
@pass_session
def create(session: Session, /, *, title: str, **described: Any) -> None:
    """Make a case called TITLE by hand."""
    case = session.workspace().cases.create(title, **described)
    out.done(session, case, f"made the case {case.id}: {case.title}")


@click.command(cls=Command)
@_case
@click.option("--title", metavar="TEXT", help="What it is called.")
@click.option("--description", metavar="TEXT", help="What is known.")
@click.option("--severity", type=click.Choice(_SEVERITIES), help="How grave it is.")
@click.option("--status", type=click.Choice(["open", "in_progress", "on_hold"]), help="Whether somebody is at it.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="The tags, in the place of those that it has.")
@pass_session
def update(session: Session, /, *, case_id: int, status: str | None, tags: tuple[str, ...], **changed: Any) -> None:
    """Change what is given of CASE."""
    from zona_core.domain.cases import CaseStatus

    new = None if status is None else CaseStatus(status)
    case = session.workspace().cases.update(case_id, status=new, tags=tags or None, **changed)
    out.done(session, case, f"changed {_named(case)}")


@click.command(cls=Command)
@_case
@click.argument("owner", required=False, default="")
@pass_session
def assign(session: Session, case_id: int, owner: str) -> None:
    """Say that OWNER is to look into CASE; without one it is nobody."""
    case = session.workspace().cases.update(case_id, owner=owner)
    out.done(session, case, f"{_named(case)} is {case.owner}'s" if case.owner else f"{_named(case)} is nobody's")


@click.command(cls=Command)
@_case
@click.argument("resolution", type=click.Choice(_RESOLUTIONS))
@click.option("--summary", default="", metavar="TEXT", help="How it ended.")
@click.option("--keep-alerts", is_flag=True, help="Leave its alerts open; else they are closed with the same end.")
@click.option("--cancel-tasks", is_flag=True, help="Cancel open tasks; else they keep it from being closed.")
@pass_session
def close(
    session: Session, /, *, case_id: int, resolution: str, summary: str, keep_alerts: bool, cancel_tasks: bool
) -> None:
    """Close CASE with a RESOLUTION: what it turned out to be."""
    from zona_core.domain.alerts import Resolution

    case = session.workspace().cases.close(
        case_id, Resolution(resolution), summary=summary, close_alerts=not keep_alerts, cancel_tasks=cancel_tasks
    )
    out.done(session, case, f"closed {_named(case)}: {named(resolution)}")


@click.command(cls=Command)
@_case
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@pass_session
def reopen(session: Session, case_id: int, reason: str) -> None:
    """Have CASE worked on again; its alerts stay closed."""
    case = session.workspace().cases.reopen(case_id, reason=reason)
    out.done(session, case, f"reopened {_named(case)}")


@click.command(cls=Command)
@_case
@click.argument("sources", type=int, nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def merge(session: Session, case_id: int, sources: tuple[int, ...], yes: bool) -> None:
    """Make the cases SOURCES parts of CASE, which cannot be undone; their numbers lead to it from then on."""
    here = session.workspace().cases
    target = here.get(case_id)
    confirm(f"Merge {', '.join(map(str, sources))} into {_named(target)}?", yes=yes)
    case = here.merge(case_id, sources)
    out.done(session, case, f"{_named(case)} has {case.alerts:,} alerts now")


@click.command(cls=Command)
@_case
@click.argument("text")
@pass_session
def comment(session: Session, case_id: int, text: str) -> None:
    """Add TEXT to the timeline of CASE; - for what comes by standard input."""
    words = sys.stdin.read().rstrip("\n") if text == STANDARD else text
    entry = session.workspace().cases.comment(case_id, words)
    out.done(session, entry, f"noted in the case {entry.case_id} (entry {entry.id})")


@click.command("erase-comment", cls=Command)
@_case
@click.argument("entry")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def erase_comment(session: Session, case_id: int, entry: str, yes: bool) -> None:
    """Erase the text of the comment ENTRY of CASE; that there was one stays."""
    confirm(f"Erase the comment {entry} for good?", yes=yes)
    erased = session.workspace().cases.erase_comment(case_id, entry)
    out.done(session, erased, f"erased the text of {erased.id}")


def _named(case: Case) -> str:
    return f"the case {case.id}, {case.title}"


#: in the order in which help lists them
COMMANDS: Final = (create, update, assign, close, reopen, merge, comment, erase_comment)
