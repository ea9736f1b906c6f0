"""``zona api-keys``: what programs show instead of a password."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._inputs import confirm
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.identity import ApiKey
    from zona_core.usecases.api_keys import ApiKeys, IssuedKey

__all__ = ["api_keys"]

_key_id = click.argument("key_id", metavar="ID")
_platform = click.option("--platform", is_flag=True, help="Keys of the platform's users instead of the tenant's.")


@click.group(cls=Group)
def api_keys() -> None:
    """Give programs keys by which they come in, and take them away.

    A key may do what its scopes (permissions) name and its user may do, no more. The keys that packages
    are signed with are in `zona keys`.
    """


@api_keys.command()
@click.argument("name")
@click.option("--user", required=True, metavar="USER", help="Whose key it is: a login name or an id.")
@click.option("--scope", "scopes", multiple=True, required=True, metavar="AREA:VERB", help="What it is for.")
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]),
    metavar="TIME",
    help="When it ends, local time if without an offset. [default: never]",
)
@click.option("--rate-limit", type=click.IntRange(min=0), default=0, metavar="N", help="Requests a minute.")
@_platform
@pass_session
def create(
    session: Session,
    *,
    name: str,
    user: str,
    scopes: tuple[str, ...],
    expires: datetime | None,
    rate_limit: int,
    platform: bool,
) -> None:
    """Make a key called NAME and print it: it is shown this once."""
    issued = _here(session, platform=platform).create(
        name, scopes=scopes, user=user, expires_at=expires.astimezone() if expires else None, rate_limit=rate_limit
    )
    _show_once(session, issued)


@api_keys.command("list")
@click.option("--user", metavar="USER", help="The keys of one user.")
@_platform
@paged()
@pass_session
def list_keys(session: Session, *, user: str | None, platform: bool, limit: int | None, after: str | None) -> None:
    """List the keys, those revoked and expired, too."""
    here = _here(session, platform=platform)
    items, rest = gathered(lambda cursor, size: here.list(user=user, after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("ID"),
            out.Column("Name"),
            out.Column("Scopes", "wrap"),
            out.Column("Ends"),
            out.Column("Last used", "spare"),
        ],
        lambda each: (
            each.id,
            each.name,
            " ".join(each.scopes),
            _end(each),
            out.short_moment(each.last_used_ts),
        ),
        none="there is no API key",
    )


@api_keys.command()
@_key_id
@click.option(
    "--overlap",
    type=click.IntRange(min=0, max=604_800),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long the old one still works.",
)
@_platform
@pass_session
def rotate(session: Session, *, key_id: str, overlap: int, platform: bool) -> None:
    """Make a new key in the place of ID and print it: it is shown this once."""
    _show_once(session, _here(session, platform=platform).rotate(key_id, overlap=overlap))


@api_keys.command()
@_key_id
@click.option("--yes", is_flag=True, help="Do not ask.")
@_platform
@pass_session
def revoke(session: Session, *, key_id: str, yes: bool, platform: bool) -> None:
    """Have the key ID count no more, for good."""
    confirm(f"Revoke the API key {key_id}?", yes=yes)
    revoked = _here(session, platform=platform).revoke(key_id)
    out.done(session, revoked, f"revoked the API key {revoked.name} (key {revoked.id})")


def _show_once(session: Session, issued: IssuedKey) -> None:
    """The key's text alone on standard output, so that a shell can take it; as JSON with what is known of the key."""
    from zona_core import as_data

    if session.json:
        out.document({"key": as_data(issued.key), "text": issued.text.reveal()})
        return
    click.echo(issued.text.reveal())
    out.note(session, f"the API key {issued.key.name} (key {issued.key.id}) is shown this once: keep it safe")


def _end(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return out.short_moment(key.expires_at) or "never"


def _here(session: Session, *, platform: bool) -> ApiKeys:
    return session.system().api_keys if platform else session.workspace().api_keys
