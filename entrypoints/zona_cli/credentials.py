"""``zona credentials``: secrets that instances share."""

from __future__ import annotations

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import credential_titles
from zona_cli._inputs import Sources, confirm, secret_options, secrets
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

__all__ = ["credentials"]

_title = click.argument("title", shell_complete=credential_titles)


@click.group(cls=Group)
def credentials() -> None:
    """Keep secrets that several instances share.

    Each secret has the name of the app's field that it stands for.
    """


@credentials.command()
@click.argument("title")
@secret_options
@pass_session
def add(session: Session, title: str, sources: Sources) -> None:
    """Add a credential called TITLE."""
    given = secrets(sources)
    made = session.workspace().credentials.add(title, given)
    out.done(session, made, f"added the credential {made.title} (credential {made.id})")


@credentials.command("list")
@paged()
@pass_session
def list_credentials(session: Session, limit: int | None, after: str | None) -> None:
    """List the credentials; secrets are masked."""
    here = session.workspace().credentials
    items, rest = gathered(lambda cursor, size: here.list(after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [out.Column("ID", right=True), out.Column("Title"), out.Column("Secrets", "wrap"), out.Column("Rotated")],
        lambda each: (each.id, each.title, " ".join(each.secrets), out.short_moment(each.rotated_ts)),
        none="there is no credential",
    )


@credentials.command()
@_title
@secret_options
@pass_session
def rotate(session: Session, title: str, sources: Sources) -> None:
    """Put new secrets in the place of all that TITLE has; instances use them from their next run on."""
    given = secrets(sources)
    after = session.workspace().credentials.rotate(title, given)
    out.done(session, after, f"rotated the credential {after.title} (credential {after.id})")


@credentials.command()
@_title
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, title: str, yes: bool) -> None:
    """Remove the credential TITLE and erase its secrets; refused while an instance uses it."""
    confirm(f"Remove the credential {title} and erase its secrets?", yes=yes)
    removed = session.workspace().credentials.remove(title)
    out.done(session, removed, f"removed the credential {removed.title} (credential {removed.id})")
