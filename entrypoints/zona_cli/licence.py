"""``zona licence``: what the installation may hold, until when, and what of it is used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._files import STANDARD, writing
from zona_cli._inputs import Assignment
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted

if TYPE_CHECKING:
    from zona_core import Licence
    from zona_core.domain.licences import ResourceUsage
    from zona_core.usecases.licence import LicenceStatus

__all__ = ["licence"]

_UNLIMITED: Final = "unlimited"


class _Limit(click.ParamType[int | str]):
    """A number, or ``unlimited``."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """The number or the word."""
        if value == _UNLIMITED or isinstance(value, int):
            return value  # type: ignore[no-any-return]
        if str(value).isascii() and str(value).isdigit():
            return int(value)
        return self.fail("it is a whole number or unlimited", param, ctx)


@click.group(cls=Group)
def licence() -> None:
    """Look at the licence, install one, issue one.

    Without any, the licence that is built in counts: every feature, limits that nobody meets in earnest, no end.
    """


@licence.command()
@pass_session
def show(session: Session) -> None:
    """Show the licence that counts, and what of it is used."""
    here = session.system().licence
    status = here.show()
    if session.json:
        out.document(status)
    else:
        _show(status, here.usage())
    for notice in status.notices:
        out.warn(session, notice.message)


@licence.command()
@click.argument("file", type=click.File("rb"))
@pass_session
def install(session: Session, file: BinaryIO) -> None:
    """Have the licence in FILE (- for standard input) count from now on, in the place of the one before."""
    status = session.system().licence.install(file.read())
    done = "installed the licence"
    if status.licence is not None:
        done = f"installed the {status.licence.type.value} licence of {status.licence.licensee}, {_end(status.licence)}"
    out.done(session, status, done)
    for notice in status.notices:
        out.warn(session, notice.message)


@licence.command()
@pass_session
def usage(session: Session) -> None:
    """Show how much of each limit is used."""
    used = session.system().licence.usage()
    if session.json:
        out.document(used)
    else:
        _table(used)


@licence.command()
@paged()
@pass_session
def tenants(session: Session, limit: int | None, after: str | None) -> None:
    """List what each tenant holds of it."""
    here = session.system().licence
    items, rest = gathered(lambda cursor, size: here.tenants(after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("Tenant"),
            out.Column("Status"),
            out.Column("Database", "spare"),
            out.Column("Integrations", right=True),
            out.Column("Instances", right=True),
        ],
        lambda each: (
            each.tenant_code,
            out.state(each.status),
            each.placement,
            f"{each.integrations:,}",
            f"{each.instances:,}",
        ),
        none="there is no tenant",
    )


@licence.command()
@pass_session
def report(session: Session) -> None:
    """Print all that tells whether the terms are kept, as JSON: licence, usage, tenants, earlier licences."""
    out.document(session.system().licence.report())


@licence.command()
@pass_session
def recount(session: Session) -> None:
    """Count all tenants anew, for figures that somebody doubts."""
    with out.working("counting"):
        found = session.system().licence.recount()
    changed = [
        f"{after.used - before.used:+d} {after.resource.value}"
        for before, after in zip(found.before, found.after, strict=True)
        if after.used != before.used
    ]
    out.done(session, found, "counted: " + (", ".join(changed) or "the figures were right"))
    if found.left_out:
        out.warn(session, f"not counted, as their databases do not answer: {', '.join(found.left_out)}")


@licence.command()
@click.option(
    "--older-than",
    type=click.IntRange(0, 86_400),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long ago a change has to have begun to count as left behind.",
)
@pass_session
def settle(session: Session, older_than: int) -> None:
    """Decide what crashed processes left undecided, by what is found in the tenants' data.

    Until then the licence counts what they were about to make. It is done in time by itself.
    """
    with out.working("settling"):
        found = session.system().licence.settle(older_than=older_than)
    done = "nothing was left behind"
    if found.notes:
        more = "counts" if found.given_back == 1 else "count"
        done = f"settled {counted(found.notes, 'change')}: {counted(found.given_back, 'object')} {more} no more"
    out.done(session, found, done)
    if found.waiting:
        waiting = counted(found.waiting, "change")
        out.warn(session, f"not settled, as the tenants' databases do not answer: {waiting}")


@licence.command()
@click.option("--key", required=True, type=click.Path(exists=True, dir_okay=False), help="The private key, a PEM file.")
@click.option("--licensee", required=True, help="Whom it is for.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["trial", "enterprise", "community"]),
    default="enterprise",
    show_default=True,
    help="What kind: decides what is usual where nothing is said.",
)
@click.option("--integrations", type=_Limit(), metavar="N", help="How many there may be, or unlimited.")
@click.option("--instances", type=_Limit(), metavar="N", help="How many there may be, or unlimited.")
@click.option("--tenants", "most_tenants", type=_Limit(), metavar="N", help="How many there may be, or unlimited.")
@click.option("--feature", "features", multiple=True, metavar="NAME", help="A feature that it has. [default: all]")
@click.option("--no-features", is_flag=True, help="None of them.")
@click.option("--starts", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Its first day, UTC. [default: now]")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Its last day, UTC.")
@click.option("--grace", type=click.IntRange(min=0, max=3_650), metavar="DAYS", help="For how long it works beyond.")
@click.option("--terms", default="", help="What else was agreed.")
@click.option(
    "--compliance", multiple=True, type=Assignment(), metavar="NAME=VALUE", help="What goes into compliance reports."
)
@click.option(
    "-f",
    "--file",
    type=click.Path(dir_okay=False, allow_dash=True),
    default=STANDARD,
    metavar="FILE",
    help="Where to write it. [default: standard output]",
)
@pass_session
def issue(
    session: Session,
    *,
    key: str,
    licensee: str,
    kind: str,
    integrations: int | str | None,
    instances: int | str | None,
    most_tenants: int | str | None,
    features: tuple[str, ...],
    no_features: bool,
    starts: datetime | None,
    expires: datetime | None,
    grace: int | None,
    terms: str,
    compliance: Sequence[tuple[str, str]],
    file: str,
) -> None:
    """Issue a licence, signed with a key whose public half is in the release that is to take it."""
    from zona_core import LicenceType, licensing

    if features and no_features:
        raise click.UsageError("give either --feature or --no-features")
    limits = {"max_integrations": integrations, "max_instances": instances, "max_tenants": most_tenants}
    drafted = licensing.draft(
        licensee,
        LicenceType(kind),
        now=datetime.now(UTC),
        limits={name: limit if isinstance(limit, int) else None for name, limit in limits.items() if limit is not None},
        features=features or ([] if no_features else None),
        starts_at=starts.replace(tzinfo=UTC) if starts else None,
        expires_at=expires.replace(tzinfo=UTC) + timedelta(days=1) if expires else None,
        grace_days=grace,
        terms=terms,
        compliance=dict(compliance),
    )
    private = Path(key).read_bytes().decode("ascii", "replace")
    text = licensing.issue(drafted, private, session.zona.plugins.signature_scheme())
    with writing(file, "--file") as target:
        target.write(text.encode())
    if file != STANDARD:
        out.done(session, drafted, f"wrote the {kind} licence for {licensee} to {file}, {_end(drafted)}")


@licence.command()
@click.option("-f", "--file", required=True, metavar="FILE", help="Where the private key goes; must not exist.")
@pass_session
def keygen(session: Session, file: str) -> None:
    """Make a pair of keys to issue licences with, and print the public one.

    That belongs among the keys that a release comes with; keep the private one where nobody else gets at it.
    """
    if file == STANDARD:
        raise click.BadParameter("a private key is not printed", param_hint="--file")
    scheme = session.zona.plugins.signature_scheme()
    pair = scheme.new_pair()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as exc:
        raise click.BadParameter(f"{file}: {exc.strerror}", param_hint="--file") from exc
    with os.fdopen(descriptor, "w", encoding="ascii") as target:
        target.write(scheme.private_text(pair.private))
    public = scheme.public_text(pair.public)
    if session.json:
        out.document({"public": public, "file": file})
    else:
        click.echo(public, nl=False)
        out.note(session, f"the private key is in {file}")


def _show(status: LicenceStatus, used: Sequence[ResourceUsage]) -> None:
    found = status.licence
    if found is None:
        out.details([("State", out.state("error")), ("Installed", _installed(status))])
    else:
        out.details(
            [
                ("Type", found.type.value + ("" if status.installed_ts else " (built in)")),
                ("Licensee", found.licensee),
                ("Id", found.id if status.installed_ts else ""),
                ("State", out.state(status.state.value if status.state else "")),
                ("Ends", _ends(found)),
                ("Features", "all" if found.features is None else ", ".join(found.features) or "none"),
                ("Terms", found.terms),
                ("Compliance", ", ".join(f"{name}: {value}" for name, value in found.compliance.items())),
                ("Installed", _installed(status)),
            ]
        )
    click.echo()
    _table(used)


def _table(used: Sequence[ResourceUsage]) -> None:
    out.table(
        [
            out.Column("Limited"),
            out.Column("Used", right=True),
            out.Column("Limit", right=True),
            out.Column("Most so far", right=True),
        ],
        [
            (
                each.resource.value,
                f"{each.used:,}",
                _UNLIMITED if each.limit is None else f"{each.limit:,}",
                f"{each.peak:,}",
            )
            for each in used
        ],
    )


def _installed(status: LicenceStatus) -> str:
    return f"{out.moment(status.installed_ts)} by {status.installed_by}" if status.installed_ts else ""


def _ends(found: Licence) -> str:
    if found.expires_at is None:
        return "never"
    grace = f", with {found.grace_days} days of grace" if found.grace_days else ""
    return out.moment(found.expires_at) + grace


def _end(found: Licence) -> str:
    return "without end" if found.expires_at is None else f"which ends at {out.moment(found.expires_at)}"
