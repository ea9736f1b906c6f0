"""``zona tenants``: those whose data never meets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import tenant_codes
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

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
@_allow_network
@pass_session
def add(session: Session, code: str, name: str, email: str, allow_network: tuple[str, ...]) -> None:
    """Add the tenant CODE: 1 to 63 of a-z, 0-9, - and _."""
    made = session.system().tenants.add(code, name=name, contact_email=email, private_networks=allow_network)
    out.done(session, made, f"added the tenant {made.tenant_code}")


@tenants.command("list")
@click.option("--status", type=click.Choice(["active", "inactive", "suspended"]), help="Tenants in this status.")
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
            ("Private networks", _networks(found)),
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


def _networks(tenant: Tenant) -> str:
    return ", ".join(tenant.network.private_networks) or "none"
