"""``zona roles``: what users may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._inputs import confirm
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.usecases.roles import Roles

__all__ = ["roles"]

_platform = click.option("--platform", is_flag=True, help="The roles of the platform's users instead of the tenant's.")


@click.group(cls=Group)
def roles() -> None:
    """Say what users may do.

    A permission is AREA:VERB, for example runs:run; AREA:*, *:VERB and * stand for more, and @KIND/ID after it for one
    object, for example runs:run@apps/12.
    """


@roles.command("list")
@_platform
@paged()
@pass_session
def list_roles(session: Session, *, platform: bool, limit: int | None, after: str | None) -> None:
    """List the roles, those that come with Zona among them."""
    here = _here(session, platform=platform)
    items, rest = gathered(lambda cursor, size: here.list(after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("Name"),
            out.Column("Built in"),
            out.Column("Permissions", "wrap"),
            out.Column("Inherits", "wrap"),
            out.Column("Description", "cut"),
        ],
        lambda each: (
            each.name,
            "yes" if each.built_in else "",
            " ".join(each.permissions),
            " ".join(each.inherits),
            each.description,
        ),
    )


@roles.command()
@click.argument("name")
@_platform
@pass_session
def show(session: Session, *, name: str, platform: bool) -> None:
    """Show the role NAME."""
    found = _here(session, platform=platform).get(name)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("Name", found.name),
            ("Description", found.description),
            ("Permissions", "\n".join(found.permissions)),
            ("Inherits", " ".join(found.inherits)),
            ("Built in", "yes" if found.built_in else "no"),
            ("Made", out.moment(found.created_ts)),
            ("Changed", out.moment(found.updated_ts)),
        ]
    )


@roles.command()
@click.argument("name")
@click.option("--permission", "permissions", multiple=True, metavar="AREA:VERB", help="What who has it may do.")
@click.option("--inherit", "inherits", multiple=True, metavar="ROLE", help="A role whose permissions it has, too.")
@click.option("--description", default="", help="What it is for.")
@_platform
@pass_session
def put(
    session: Session,
    *,
    name: str,
    permissions: tuple[str, ...],
    inherits: tuple[str, ...],
    description: str,
    platform: bool,
) -> None:
    """Store the role NAME, in the place of one that there may be.

    What those who have it may do changes at once.
    """
    stored = _here(session, platform=platform).put(
        name, permissions=permissions, inherits=inherits, description=description
    )
    out.done(session, stored, f"stored the role {stored.name}")


@roles.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_platform
@pass_session
def delete(session: Session, *, name: str, yes: bool, platform: bool) -> None:
    """Remove the role NAME; refused while a user has it or a role inherits it."""
    confirm(f"Remove the role {name}?", yes=yes)
    removed = _here(session, platform=platform).delete(name)
    out.done(session, removed, f"removed the role {removed.name}")


def _here(session: Session, *, platform: bool) -> Roles:
    return session.system().roles if platform else session.workspace().roles
