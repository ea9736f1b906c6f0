"""``zona store``: maintenance of the document store."""

from __future__ import annotations

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._session import Session, pass_session
from zona_cli._stores import moved_documents, store_url

__all__ = ["store"]


@click.group(cls=Group)
def store() -> None:
    """Look after the store."""


@store.command()
@pass_session
def migrate(session: Session) -> None:
    """Bring the store to the schema version of this release."""
    with out.working("migrating"):
        report = session.system().store.migrate()
    notes = "; ".join(report.notes) or "nothing was to do"
    out.done(session, report, f"the store has schema version {report.version}: {notes}")


@store.command()
@pass_session
def expire(session: Session) -> None:
    """Remove what is past its time: old sessions, kept answers, counts of rate limits.

    To be run now and then, by cron for instance.
    """
    with out.working("removing"):
        removed = session.system().store.expire()
    out.done(session, removed, f"{removed.documents} documents were past their time")


@store.command()
@pass_session
def duties(session: Session) -> None:
    """List what one worker of the fleet does at a time, and how it went the last time."""
    found = session.system().store.duties()
    out.listing(
        session,
        found,
        None,
        [
            out.Column("Duty"),
            out.Column("Last done"),
            out.Column("Took", "spare", right=True),
            out.Column("Due"),
            out.Column("In hand of", "spare"),
            out.Column("What came of it", "wrap"),
        ],
        lambda duty: (
            duty.id,
            out.short_moment(duty.ended_at),
            f"{duty.duration_ms:,.0f} ms" if duty.ended_at else "",
            out.short_moment(duty.due_at),
            duty.host if duty.owner else "",
            duty.error or duty.note,
        ),
        none="no worker has looked after the store yet",
    )


@store.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--overwrite", is_flag=True, help="Empty the store TO first if it is not.")
@pass_session
def copy(session: Session, source: str, target: str, overwrite: bool) -> None:
    """Copy a whole store FROM one URL TO another, and compare all of it.

    Stop the service first. A URL may be given as env:NAME, the name of an environment variable that has it. Tenants
    with databases of their own stay where they are.
    """
    session.options["store"] = store_url(source)
    with out.working("copying"):
        done = session.system().store.copy(store_url(target), overwrite=overwrite)
    moved_documents(session, done, "the store was copied")


@store.command()
@pass_session
def check(session: Session) -> None:
    """Compare the store with what this release expects.

    Exits with 5 if something differs.
    """
    from zona_core import Conflict, Fault

    with out.working("checking"):
        report = session.system().store.check()
    if session.json:
        out.document(report)
    elif not report.notes:
        out.done(session, report, f"the store is in order: schema version {report.version}")
    if report.notes:
        raise Conflict(
            "the store is not as it should be",
            code="store_differs",
            faults=[Fault("", note) for note in report.notes],
            hint="zona store migrate mends what belongs to an older version",
        )
