"""``zona tenants``: those whose data never meets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import tenant_codes
from zona_cli._inputs import confirm
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._stores import URL_HELP, moved_documents, store_url

if TYPE_CHECKING:
    from zona_core import Tenant

__all__ = ["tenants"]

_code = click.argument("code", shell_complete=tenant_codes)
_allow_network = click.option(
    "--allow-network",
    multiple=True,
    metavar="CIDR",
    help="A private network that instances may reach if they ask to, for example 10.0.0.0/8.",
)


@click.group(cls=Group)
def tenants() -> None:
    """Add, suspend and steer tenants."""


@tenants.command()
@click.argument("code")
@click.option("--name", default="", help="What it is called. [default: its code]")
@click.option("--email", default="", help="Whom to write to.")
@click.option("--database", default="", metavar="URL", help=f"A database of its own. {URL_HELP}")
@_allow_network
@pass_session
def add(session: Session, code: str, *, name: str, email: str, database: str, allow_network: tuple[str, ...]) -> None:
    """Add the tenant CODE: 1 to 63 of a-z, 0-9, - and _."""
    made = session.system().tenants.add(
        code, name=name, contact_email=email, private_networks=allow_network, store=store_url(database)
    )
    out.done(session, made, f"added the tenant {made.tenant_code}")


@tenants.command("list")
@click.option(
    "--status", type=click.Choice(["active", "inactive", "suspended", "moving"]), help="Tenants in this status."
)
@paged()
@pass_session
def list_tenants(session: Session, status: str | None, limit: int | None, after: str | None) -> None:
    """List the tenants."""
    from zona_core import TenantStatus

    here = session.system().tenants
    wanted = TenantStatus(status) if status else None
    items, rest = gathered(lambda cursor, size: here.list(status=wanted, after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("Code"),
            out.Column("Name"),
            out.Column("Status"),
            out.Column("Private networks", "wrap"),
            out.Column("Made"),
        ],
        lambda each: (
            each.tenant_code,
            each.name,
            out.state(each.status.value),
            " ".join(each.network.private_networks) or "none",
            out.short_moment(each.created_ts),
        ),
        none="there is no such tenant",
    )


@tenants.command()
@_code
@pass_session
def show(session: Session, code: str) -> None:
    """Show the tenant CODE."""
    found = session.system().tenants.get(code)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("Code", found.tenant_code),
            ("Name", found.name),
            ("Status", out.state(found.status.value)),
            ("E-mail", found.contact_email),
            ("Database", _place(found)),
            ("Private networks", _networks(found)),
            ("Runs kept", _kept(found, "run_retention_days")),
            ("Events kept", _kept(found, "event_retention_days")),
            ("Made", out.moment(found.created_ts)),
            ("Changed", out.moment(found.updated_ts)),
        ]
    )


@tenants.command()
@_code
@pass_session
def suspend(session: Session, code: str) -> None:
    """Stop all work in the tenant CODE; its data stays."""
    after = session.system().tenants.suspend(code)
    out.done(session, after, f"suspended the tenant {after.tenant_code}")


@tenants.command()
@_code
@pass_session
def activate(session: Session, code: str) -> None:
    """Let the tenant CODE work again."""
    after = session.system().tenants.activate(code)
    out.done(session, after, f"activated the tenant {after.tenant_code}")


@tenants.command()
@_code
@_allow_network
@click.option("--deny-private", is_flag=True, help="No private network at all.")
@pass_session
def policy(session: Session, code: str, allow_network: tuple[str, ...], deny_private: bool) -> None:
    """Set which private networks the instances of the tenant CODE may reach, in the place of those set before.

    An instance reaches them only if it was added with --allow-private.
    """
    if bool(allow_network) == deny_private:
        raise click.UsageError("give either --allow-network, once or more, or --deny-private")
    after = session.system().tenants.set_network(code, allow_network)
    out.done(session, after, f"the tenant {after.tenant_code} may reach these private networks: {_networks(after)}")


@tenants.command()
@_code
@click.option(
    "--run-retention-days",
    type=click.FloatRange(0, 36_500),
    metavar="DAYS",
    help="How long runs are kept once they have ended; 0: for ever.",
)
@click.option(
    "--event-retention-days",
    type=click.FloatRange(0, 36_500),
    metavar="DAYS",
    help="How long events are kept once they have been received; 0: for ever.",
)
@click.option("--defaults", is_flag=True, help="No settings of its own: the platform's count.")
@pass_session
def compliance(
    session: Session,
    code: str,
    run_retention_days: float | None,
    event_retention_days: float | None,
    defaults: bool,
) -> None:
    """Set the compliance settings of the tenant CODE, in the place of those set before.

    What is too old by then is removed when the duties "retention" and "event_retention" come round.
    """
    given = {"run_retention_days": run_retention_days, "event_retention_days": event_retention_days}
    wanted = {name: days for name, days in given.items() if days is not None}
    if bool(wanted) == defaults:
        raise click.UsageError("give either --run-retention-days, --event-retention-days or both, or --defaults")
    after = session.system().tenants.set_compliance(code, wanted)
    runs, events = _kept(after, "run_retention_days"), _kept(after, "event_retention_days")
    out.done(session, after, f"the runs of the tenant {after.tenant_code} are kept {runs}, its events {events}")


@tenants.command()
@_code
@click.option(
    "--to",
    required=True,
    metavar="URL",
    help=f"shared, own (where the setting tenant_store says), or a store. {URL_HELP}",
)
@click.option("--patience", default=60.0, show_default=True, help="Seconds that its runs have to end.")
@pass_session
def migrate(session: Session, code: str, to: str, patience: float) -> None:
    """Move the data of the tenant CODE to another database, and compare all of it.

    Meanwhile the tenant does no work. After a failure the same command goes on where it ended.
    """
    here = session.system().tenants
    done = here.migrate(code, store_url(to), patience=patience, report=lambda step: out.note(session, step))
    moved_documents(session, done, f"the data of {code} was moved")


@tenants.command()
@_code
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, code: str, yes: bool) -> None:
    """Remove the suspended tenant CODE with all its data, for good."""
    here = session.system().tenants
    found = here.get(code)
    confirm(f"Remove the tenant {found.name} and all its data for good?", yes=yes)
    out.done(session, here.remove(code), f"removed the tenant {code} and all its data")


def _place(tenant: Tenant) -> str:
    own = " ".join(part for part in (tenant.db_name, tenant.db_host and f"on {tenant.db_host}") if part)
    return own if tenant.placement.value == "own" else "the shared one"


def _kept(tenant: Tenant, setting: str) -> str:
    days = tenant.compliance.get(setting)
    if days is None:
        return f"as the setting {setting} says"
    return f"for {days:,g} days" if days else "for ever"


def _networks(tenant: Tenant) -> str:
    return ", ".join(tenant.network.private_networks) or "none"
