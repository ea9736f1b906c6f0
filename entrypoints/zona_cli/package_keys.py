"""``zona keys``: what packages are signed with, and whose signatures count."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import package_key_names
from zona_cli._files import STANDARD, writing
from zona_cli._inputs import confirm, file_name
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core import PackageKey

__all__ = ["package_keys"]

_key = click.argument("key", metavar="NAME", shell_complete=package_key_names)
#: characters of a fingerprint in a table: enough to tell keys apart, and `show` has all
_SHORT = 16


@click.group(cls=Group)
def package_keys() -> None:
    """Keep the keys that packages are signed with.

    Those of the tenant's own, which sign, and others' public keys, whose signatures count. A key's NAME may also be
    its fingerprint. The keys by which programs come in are in `zona api-keys`.
    """


@package_keys.command()
@click.argument("name")
@pass_session
def create(session: Session, name: str) -> None:
    """Make a key called NAME that signs packages; its private part stays in the store, sealed."""
    made = session.workspace().package_keys.create(name)
    out.done(session, made, f"made the package key {made.name} ({made.fingerprint})")
    out.note(session, f"others trust it by its public part: zona keys export {made.name}")


@package_keys.command("list")
@paged()
@pass_session
def list_keys(session: Session, limit: int | None, after: str | None) -> None:
    """List the keys: the tenant's own, and those that it trusts."""
    here = session.workspace().package_keys
    items, rest = gathered(lambda cursor, size: here.list(after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [out.Column("Name"), out.Column("Kind"), out.Column("Fingerprint"), out.Column("Made")],
        lambda each: (
            each.name,
            out.state(_kind(each)),
            f"{each.fingerprint[:_SHORT]}…",
            out.short_moment(each.created_ts),
        ),
        none="there is no package key",
    )


@package_keys.command()
@_key
@pass_session
def show(session: Session, key: str) -> None:
    """Show the key NAME: whose it is, and its fingerprint."""
    found = session.workspace().package_keys.get(key)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("Name", found.name),
            ("Kind", out.state(_kind(found))),
            ("Algorithm", found.algorithm),
            ("Fingerprint", found.fingerprint),
            ("Made", out.moment(found.created_ts)),
            ("Retired", out.moment(found.retired_ts)),
            ("Public key", found.public.rstrip()),
        ]
    )


@package_keys.command()
@_key
@click.option(
    "-f",
    "--file",
    "target",
    type=click.Path(dir_okay=False, allow_dash=True),
    default=STANDARD,
    metavar="FILE",
    help="Where to write it. [default: standard output]",
)
@pass_session
def export(session: Session, key: str, target: str) -> None:
    """Write the public part of the key NAME as PEM, for others to trust. The private part cannot be had."""
    found = session.workspace().package_keys.get(key)
    if target == STANDARD:
        if session.json:
            out.document({"name": found.name, "fingerprint": found.fingerprint, "public": found.public})
        else:
            click.echo(found.public, nl=False)
        return
    with writing(target, "--file") as file:
        file.write(found.public.encode("ascii"))
    out.done(session, found, f"wrote the public key {found.name} ({found.fingerprint}) to {target}")


@package_keys.command()
@click.argument("name")
@click.argument("file", type=click.File("rb"))
@pass_session
def trust(session: Session, name: str, file: BinaryIO) -> None:
    """Believe from now on what somebody else's key has signed, and call it NAME.

    FILE is the public key in PEM, - for standard input. See that it is theirs: compare fingerprints by another way.
    """
    try:
        text = file.read().decode("ascii")
    except UnicodeDecodeError:
        raise click.BadParameter(f"{file_name(file)} is no text in PEM", param_hint="FILE") from None
    trusted = session.workspace().package_keys.trust(name, text)
    out.done(session, trusted, f"trusting the package key {trusted.name} ({trusted.fingerprint})")


@package_keys.command()
@_key
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def retire(session: Session, key: str, yes: bool) -> None:
    """Have the tenant's own key NAME sign no more, for good; what it has signed still counts."""
    confirm(f"Retire the package key {key}, for good?", yes=yes)
    retired = session.workspace().package_keys.retire(key)
    out.done(session, retired, f"retired the package key {retired.name} ({retired.fingerprint})")


@package_keys.command()
@_key
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, key: str, yes: bool) -> None:
    """Forget the key NAME, its private part included: no signature of it counts any more."""
    confirm(f"Remove the package key {key}, so that its signatures count no more?", yes=yes)
    removed = session.workspace().package_keys.remove(key)
    out.done(session, removed, f"removed the package key {removed.name} ({removed.fingerprint})")


def _kind(key: PackageKey) -> str:
    if not key.own:
        return "trusted"
    return "own" if key.retired_ts is None else "retired"
