"""``zona audit``: who changed what, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.usecases.audit import Audit, CoreAudit

__all__ = ["audit"]


_core = click.option("--core", is_flag=True, help="The trail above tenants: changes of tenants themselves.")


@click.group(cls=Group)
def audit() -> None:
    """Read and verify the audit trail."""


@audit.command("list")
@click.option("--target", help="Changes of one thing, for example apps/12.")
@click.option("--actor", help="Changes by one actor, for example cli:root.")
@click.option("--action", help="Changes of one sort, for example instances.add.")
@_core
@paged(50)
@pass_session
def list_records(
    session: Session,
    *,
    target: str | None,
    actor: str | None,
    action: str | None,
    core: bool,
    limit: int,
    after: str | None,
) -> None:
    """List changes, the latest first; --output json shows what was before and after."""
    here = _trail(session, core=core)
    items, rest = gathered(
        lambda cursor, size: here.search(target=target, actor=actor, action=action, after=cursor, limit=size),
        after,
        limit,
    )
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("No.", right=True),
            out.Column("At"),
            out.Column("Action"),
            out.Column("Target"),
            out.Column("Actor"),
        ],
        lambda record: (record.seq, out.short_moment(record.at), record.action, record.target, record.actor),
        none="there is no such change",
    )


@audit.command()
@_core
@pass_session
def verify(session: Session, *, core: bool) -> None:
    """Recompute the chain of hashes over all records.

    Exits with 5 if a record was changed, removed or slipped in.
    """
    from zona_core import Conflict, as_data

    with out.working("verifying"):
        check = _trail(session, core=core).verify()
    if session.json:
        out.document({**as_data(check), "intact": check.intact})
    elif check.intact:
        out.done(session, check, f"the audit trail is intact: {check.records:,} records")
    if not check.intact:
        raise Conflict(
            f"the audit trail is broken at record {check.broken_at}", code="audit_broken", broken_at=check.broken_at
        )


def _trail(session: Session, *, core: bool) -> Audit | CoreAudit:
    return session.system().core_audit if core else session.workspace().audit
