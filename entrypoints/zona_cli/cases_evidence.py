"""``zona cases evidence`` and ``zona cases export``: files into cases, and cases into files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command, Group
from zona_cli._files import STANDARD, reading, writing
from zona_cli._inputs import confirm
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.cases import Evidence

__all__ = ["evidence", "export"]

_CHUNK: Final = 1_048_576
_case = click.argument("case_id", metavar="CASE", type=int)
_evidence = click.argument("evidence_id", metavar="ID")


@click.group(cls=Group)
def evidence() -> None:
    """Files that belong to a case."""


@evidence.command("list")
@_case
@paged()
@pass_session
def list_evidence(session: Session, case_id: int, limit: int | None, after: str | None) -> None:
    """List the files of CASE."""
    here = session.workspace().evidence
    items, rest = gathered(lambda cursor, size: here.list(case_id, after=cursor, limit=size), after, limit)
    columns = (
        out.Column("ID"),
        out.Column("Name", "wrap"),
        out.Column("Bytes", right=True),
        out.Column("SHA-256", "spare"),
        out.Column("Came"),
        out.Column("By", "spare"),
        out.Column("Description", "cut"),
    )
    out.listing(session, items, rest, columns, _row, none="there is no file")


@evidence.command()
@_case
@click.argument("file")
@click.option("--name", default="", metavar="NAME", help="What it is called, if not like the file.")
@click.option("--media-type", default="", metavar="TYPE", help="What it is said to be, as message/rfc822.")
@click.option("--description", default="", metavar="TEXT", help="What it is, and where it came from.")
@pass_session
def add(session: Session, /, *, case_id: int, file: str, name: str, media_type: str, description: str) -> None:
    """Keep FILE in CASE as it is; - for standard input."""
    most: int = session.settings().max_evidence_bytes
    with reading(file, "FILE", most) as opened:
        kept = session.workspace().evidence.put(
            case_id,
            _pieces(opened),
            name=name or ("standard input" if file == STANDARD else Path(file).name),
            media_type=media_type,
            description=description,
        )
    out.done(session, kept, f"kept {kept.name} ({kept.size:,} bytes, SHA-256 {kept.sha256}) as {kept.id}")


@evidence.command()
@_evidence
@click.argument("file")
@pass_session
def get(session: Session, evidence_id: str, file: str) -> None:
    """Write the file ID to FILE; - for standard output. Nothing is written if it is not what came."""
    found = session.workspace().evidence.open(evidence_id)
    with writing(file, "FILE") as target:
        for chunk in found.chunks:
            target.write(chunk)
    if file != STANDARD:
        out.done(session, found.evidence, f"wrote {found.evidence.size:,} bytes to {file}")


@evidence.command()
@_evidence
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, evidence_id: str, yes: bool) -> None:
    """Delete the file ID; its name and digest stay in the timeline of its case."""
    here = session.workspace().evidence
    found = here.get(evidence_id)
    confirm(f"Delete {found.name} for good?", yes=yes)
    removed = here.remove(found.id)
    out.done(session, removed, f"deleted {removed.name} of the case {removed.case_id}")


@click.command(cls=Command)
@_case
@click.argument("file", default=STANDARD)
@click.option(
    "--format", "form", type=click.Choice(["json", "html"]), default="json", show_default=True,
    help="For programs, with all there is; or a report for people.",
)  # fmt: skip
@pass_session
def export(session: Session, case_id: int, file: str, form: str) -> None:
    """Write CASE with what belongs to it to FILE; - for standard output."""
    here = session.workspace().cases
    chunks = here.export(case_id) if form == "json" else iter([here.report(case_id).encode()])
    with writing(file, "FILE") as target:
        for chunk in chunks:
            target.write(chunk)
    if file != STANDARD:
        out.note(session, f"wrote the case {case_id} to {file}")


def _row(each: Evidence) -> tuple[object, ...]:
    came = out.short_moment(each.created_at)
    return each.id, each.name, f"{each.size:,}", each.sha256, came, each.user_id, each.description


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece
