"""``zona fleet lock|doctor|prune``: what stands in the way, and what is left lying about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command, Group
from zona_cli._fleet_options import fleet_option, found_path, source_of, specification_option
from zona_cli._fleet_texts import held_by
from zona_cli._inputs import confirm
from zona_cli._session import Session, pass_session
from zona_cli._text import counted, one_line

if TYPE_CHECKING:
    from zona_core.ports.engines import Finding, Unused

__all__ = ["doctor", "lock", "prune"]

_FINDINGS: Final = (
    out.Column("Finding"),
    out.Column("Weight"),
    out.Column("Node", "spare"),
    out.Column("What", "wrap"),
    out.Column("What helps", "wrap"),
)
_UNUSED: Final = (out.Column("Kind"), out.Column("Name"), out.Column("Made", "spare"))


@click.group(cls=Group)
def lock() -> None:
    """See who is at the fleet; nobody else changes anything meanwhile."""


@lock.command("status")
@fleet_option
@pass_session
def lock_status(session: Session, fleet: str) -> None:
    """Show who is at the fleet."""
    found = session.system().fleet.lock(fleet=fleet)
    if session.json:
        out.document(found)
    elif found is None:
        out.done(session, None, "nobody is at the fleet")
    else:
        out.details(
            [
                ("Fleet", found.fleet),
                ("Held by", found.holder),
                ("On", found.host),
                ("Reason", found.reason),
                ("Since", out.moment(found.taken_at)),
                ("Until", f"{out.moment(found.until)}, unless it is renewed"),
                ("Deployment", found.deployment),
            ]
        )


@lock.command("release")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the audit trail.")
@fleet_option
@pass_session
def lock_release(session: Session, fleet: str, reason: str) -> None:
    """Take the lock from whoever has it, who can then change nothing any more.

    A holder that is gone loses it by itself, within half a minute.
    """
    found = session.system().fleet.release_lock(fleet=fleet, reason=reason)
    out.done(session, found, "nobody was at the fleet" if found is None else f"released: {held_by(found)}")


@click.command(cls=Command)
@specification_option
@fleet_option
@pass_session
def doctor(session: Session, path: str | None, fleet: str) -> None:
    """Tell what stands in the way of the fleet on this engine, and what would help.

    Exits with 5 if services cannot work because of it.
    """
    from zona_core import Conflict

    source = source_of(session, found_path(session, path, fleet))
    with out.working("looking"):
        found = session.system().fleet.doctor(source, fleet=fleet)
    found = sorted(found, key=lambda each: not each.serious)
    out.listing(session, found, None, _FINDINGS, _finding, none="nothing stands in the way")
    serious = sum(each.serious for each in found)
    if serious:
        raise Conflict(f"{counted(serious, 'finding')} will keep services from working", code="fleet_obstructed")


@click.command(cls=Command)
@click.option("--volumes", is_flag=True, help="Volumes, too, with all that is in them.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@fleet_option
@pass_session
def prune(session: Session, *, volumes: bool, dry_run: bool, yes: bool, fleet: str) -> None:
    """Remove what the fleet left behind and nothing uses: former secrets, configurations, containers, networks.

    Volumes are removed only with --volumes, which asks first.
    """
    here = session.system().fleet
    if dry_run or (volumes and not yes):
        found = here.unused(fleet=fleet, volumes=volumes)
        if dry_run:
            _show(session, found, none="nothing is left behind")
            return
        lost = [each.name for each in found if each.kind == "volume"]
        if lost:
            names = ", ".join(map(one_line, lost))
            confirm(f"remove {counted(len(lost), 'volume')} with all that is in them ({names})?", yes=False)
    _show(session, here.prune(fleet=fleet, volumes=volumes), none="nothing was left behind")


def _show(session: Session, found: list[Unused], *, none: str) -> None:
    out.listing(session, found, None, _UNUSED, _unused, none=none)


def _unused(each: Unused) -> tuple[object, ...]:
    return each.kind, each.name, out.short_moment(each.created_at)


def _finding(each: Finding) -> tuple[object, ...]:
    return each.code, out.state("critical" if each.serious else "low"), each.node, each.message, each.hint
