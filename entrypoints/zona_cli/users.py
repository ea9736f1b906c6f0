"""``zona users``: who may log in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._inputs import confirm
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli.users_password import password_options

if TYPE_CHECKING:
    from zona_core import Secret
    from zona_core.usecases.users import Users

__all__ = ["users"]

_user = click.argument("user")
_platform = click.option("--platform", is_flag=True, help="The platform's users instead of the tenant's.")


@click.group(cls=Group)
def users() -> None:
    """Say who may log in.

    USER is a login name or an id. Users belong to a tenant, or with --platform to the platform, whose users may enter
    all tenants, or those named.
    """


@users.command()
@click.argument("name")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role that the user is to have.")
@click.option("--display-name", default="", help="What the user is called.")
@click.option("--email", default="", help="Where to write to.")
@click.option("--enter", "tenants", multiple=True, metavar="CODE", help="With --platform: a tenant. [default: all]")
@password_options
@_platform
@pass_session
def add(
    session: Session,
    *,
    name: str,
    roles: tuple[str, ...],
    display_name: str,
    email: str,
    tenants: tuple[str, ...],
    password: Secret,
    platform: bool,
) -> None:
    """Add a user with the login name NAME; the password is asked for unless a file or a variable gives it."""
    made = _here(session, platform=platform).add(
        name, password, display_name=display_name, email=email, roles=roles, tenants=tenants
    )
    out.done(session, made, f"added the user {made.name} (user {made.id})")


@users.command("list")
@click.option("--status", type=click.Choice(["active", "disabled", "deleted"]), help="Users in this status.")
@_platform
@paged()
@pass_session
def list_users(session: Session, *, status: str | None, platform: bool, limit: int | None, after: str | None) -> None:
    """List the users."""
    from zona_core.domain.identity import UserStatus

    here = _here(session, platform=platform)
    wanted = UserStatus(status) if status else None
    items, rest = gathered(lambda cursor, size: here.list(status=wanted, after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("Name"),
            out.Column("Display name", "cut"),
            out.Column("Status"),
            out.Column("Roles", "wrap"),
            out.Column("Last login", "spare"),
        ],
        lambda each: (
            each.name,
            each.display_name,
            out.state(each.status.value),
            " ".join(each.roles) or "none",
            out.short_moment(each.last_login_ts),
        ),
        none="there is no such user",
    )


@users.command()
@_user
@_platform
@pass_session
def show(session: Session, *, user: str, platform: bool) -> None:
    """Show USER; secrets are masked."""
    found = _here(session, platform=platform).get(user)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("Name", found.name),
            ("ID", found.id),
            ("Display name", found.display_name),
            ("E-mail", found.email),
            ("Status", out.state(found.status.value)),
            ("Roles", " ".join(found.roles) or "none"),
            ("Tenants", (" ".join(found.tenants) or "all") if platform else ""),
            ("Second factor", "yes" if found.totp_enabled else "no"),
            ("Last login", out.moment(found.last_login_ts)),
            ("Made", out.moment(found.created_ts)),
            ("Changed", out.moment(found.updated_ts)),
        ]
    )


@users.command()
@_user
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role, in the place of all before.")
@click.option("--no-roles", is_flag=True, help="No role at all.")
@click.option("--display-name", help="What the user is called.")
@click.option("--email", help="Where to write to.")
@click.option("--enter", "tenants", multiple=True, metavar="CODE", help="A tenant, in the place of all before.")
@click.option("--enter-all", is_flag=True, help="Every tenant.")
@_platform
@pass_session
def update(
    session: Session,
    *,
    user: str,
    roles: tuple[str, ...],
    no_roles: bool,
    display_name: str | None,
    email: str | None,
    tenants: tuple[str, ...],
    enter_all: bool,
    platform: bool,
) -> None:
    """Change what is named of USER."""
    if roles and no_roles:
        raise click.UsageError("give either --role, once or more, or --no-roles")
    if tenants and enter_all:
        raise click.UsageError("give either --enter, once or more, or --enter-all")
    given = {
        "roles": roles if roles or no_roles else None,
        "tenants": tenants if tenants or enter_all else None,
        "display_name": display_name,
        "email": email,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise click.UsageError("name what is to be changed")
    _changed(session, user, changes, "changed", platform=platform)


@users.command()
@_user
@_platform
@pass_session
def disable(session: Session, *, user: str, platform: bool) -> None:
    """Keep USER out: tokens and API keys count no more."""
    from zona_core.domain.identity import UserStatus

    _changed(session, user, {"status": UserStatus.DISABLED}, "disabled", platform=platform)


@users.command()
@_user
@_platform
@pass_session
def enable(session: Session, *, user: str, platform: bool) -> None:
    """Let USER in again, who has to log in anew."""
    from zona_core.domain.identity import UserStatus

    _changed(session, user, {"status": UserStatus.ACTIVE}, "enabled", platform=platform)


@users.command()
@_user
@password_options
@_platform
@pass_session
def password(session: Session, *, user: str, password: Secret, platform: bool) -> None:
    """Give USER another password and end its sessions."""
    after = _here(session, platform=platform).set_password(user, password)
    out.done(session, after, f"set the password of the user {after.name}")


@users.command()
@_user
@_platform
@pass_session
def reset_totp(session: Session, *, user: str, platform: bool) -> None:
    """Take the second factor of USER away, who has lost the device."""
    after = _here(session, platform=platform).reset_totp(user)
    out.done(session, after, f"the user {after.name} has no second factor")


@users.command()
@_user
@click.option("--yes", is_flag=True, help="Do not ask.")
@_platform
@pass_session
def delete(session: Session, *, user: str, yes: bool, platform: bool) -> None:
    """Delete USER, whose sessions end and whose API keys are revoked."""
    confirm(f"Delete the user {user}?", yes=yes)
    deleted = _here(session, platform=platform).delete(user)
    out.done(session, deleted, f"deleted the user {deleted.name}")


def _changed(session: Session, user: str, changes: dict[str, Any], what: str, *, platform: bool) -> None:
    after = _here(session, platform=platform).update(user, **changes)
    out.done(session, after, f"{what} the user {after.name}")


def _here(session: Session, *, platform: bool) -> Users:
    return session.system().users if platform else session.workspace().users
