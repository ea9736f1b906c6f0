"""``zona fleet list|history|show|explain``: what is remembered of fleets, and why a service is as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._fleet_options import fleet_option
from zona_cli._fleet_plans import plan_lines, summary
from zona_cli._fleet_texts import OUTCOME_COLUMNS, between, brief, outcome_row, why
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.fleet.deployments import Deployment, FleetRecord

__all__ = ["COMMANDS"]

_RECORDS: Final = (
    out.Column("Fleet"),
    out.Column("Deployments", right=True),
    out.Column("Stopped", "wrap"),
    out.Column("Scaled", "wrap"),
    out.Column("Toggles", "wrap"),
)
_DEPLOYMENTS: Final = (
    out.Column("No.", right=True),
    out.Column("Began"),
    out.Column("Action"),
    out.Column("Status"),
    out.Column("Took", "spare", right=True),
    out.Column("By", "spare"),
    out.Column("Reason", "cut"),
    out.Column("What", "cut"),
)


@click.command("list", cls=Command)
@pass_session
def list_fleets(session: Session) -> None:
    """List the fleets, and what was said of each by hand."""
    found = session.system().fleet.list()
    out.listing(session, found, None, _RECORDS, _record, none="there is no fleet yet: zona fleet apply makes one")


@click.command(cls=Command)
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, metavar="N", help="At most.")
@click.option("--before", type=click.IntRange(min=1), default=None, metavar="NO.", help="Those before this one.")
@fleet_option
@pass_session
def history(session: Session, *, limit: int, before: int | None, fleet: str) -> None:
    """List what was done to the fleet, the latest first."""
    found = session.system().fleet.history(fleet=fleet, limit=limit, before=before or 0)
    if session.json:
        more = str(found[-1].number) if len(found) == limit and found[-1].number > 1 else None
        out.document({"items": [brief(each) for each in found], "next": more})
        return
    out.listing(session, found, None, _DEPLOYMENTS, _deployment, none="nothing was done to this fleet yet")
    if len(found) == limit and found[-1].number > 1:
        out.note(session, f"there are more: --before {found[-1].number}")


@click.command(cls=Command)
@click.argument("deployment")
@fleet_option
@pass_session
def show(session: Session, deployment: str, fleet: str) -> None:
    """Show DEPLOYMENT, by number or id: its plan, and what became of each service."""
    found = session.system().fleet.show(deployment, fleet=fleet)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("Deployment", f"{found.number} ({found.id})"),
            ("Fleet", found.fleet),
            ("Action", found.action + (f" to {found.rollback_of}" if found.rollback_of else "")),
            ("Status", out.state(found.status.value)),
            ("Error", why(found)),
            ("Began", out.moment(found.began_at)),
            ("Took", between(found.began_at, found.ended_at)),
            ("By", found.actor),
            ("Reason", found.reason),
        ]
    )
    click.echo()
    out.lines(plan_lines(found.plan))
    if found.outcomes:
        click.echo()
        out.table(OUTCOME_COLUMNS, map(outcome_row, found.outcomes))


@click.command(cls=Command)
@click.argument("service")
@fleet_option
@pass_session
def explain(session: Session, service: str, fleet: str) -> None:
    """Tell why SERVICE runs or does not, and where each part of it comes from."""
    found = session.system().fleet.explain(service, fleet=fleet)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("Service", found.name),
            ("Runs", "yes" if found.runs else "no"),
            ("Why", "\n".join(found.why)),
            ("By hand", "\n".join(found.overrides)),
        ]
    )
    if found.sources:
        click.echo()
        columns = (out.Column("Part", "wrap"), out.Column("Comes from", "wrap"))
        out.table(columns, ((source.path, source.origin) for source in found.sources))


COMMANDS: Final = (list_fleets, history, show, explain)


def _record(record: FleetRecord) -> tuple[object, ...]:
    scaled = ", ".join(f"{name}={count}" for name, count in record.scaled.items())
    toggles = ", ".join(f"{name}={'on' if on else 'off'}" for name, on in record.toggles.items())
    return record.fleet, record.deployments, ", ".join(record.stopped), scaled, toggles


def _deployment(each: Deployment) -> tuple[object, ...]:
    return (
        each.number,
        out.short_moment(each.began_at),
        each.action,
        out.state(each.status.value),
        between(each.began_at, each.ended_at) if each.ended_at else "",
        each.actor,
        each.reason,
        why(each) or summary(each.plan),
    )
