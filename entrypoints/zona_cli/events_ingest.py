"""``zona events ingest``: files of events, and standard input, taken in as they are read."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._files import STANDARD
from zona_cli._mappers import mapper_options
from zona_cli._session import Session, pass_session
from zona_cli._text import counted

if TYPE_CHECKING:
    from zona_core import IngestReport

__all__ = ["ingest"]

_EVENTS: Final = click.Path(exists=True, allow_dash=True)


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=_EVENTS)
@click.option(
    "--source", required=True, metavar="NAME", help="The stream that they come by: an event comes by it once."
)
@mapper_options
@click.option("--strict", is_flag=True, help="Exit with 15 if an event could not be taken.")
@pass_session
def ingest(
    session: Session,
    *,
    paths: Sequence[str],
    source: str,
    mapper: str,
    options: dict[str, Any],
    strict: bool,
) -> None:
    """Take events in, once each, and ask rules of them; alerts and cases follow.

    PATH is a file, a folder (*.json, *.jsonl, *.ndjson, *.log, these with .gz, and *.zip in it, however deep) or - for
    standard input: NDJSON, a JSON array, CloudTrail's Records, or JSON documents one after another, each with gzip or
    not. After a failure all of it can be given again: what is stored is not stored twice. What cannot be taken is kept
    as a dead letter (zona events dead list). Without --mapper the one that takes an event reads it.
    """
    if paths.count(STANDARD) > 1:
        raise click.UsageError("standard input (-) can be read once")
    files = [sys.stdin.buffer if path == STANDARD else path for path in paths]
    here, began = session.workspace().events, time.monotonic()
    with out.progressing("taking in") as tell:
        watch = _Watch(tell, began)
        try:
            report = here.ingest_files(files, source=source, mapper=mapper, options=options, progress=watch)
        except BaseException:
            if watch.last is not None and watch.last.received:
                out.warn(session, f"{_told(watch.last)}; all may be given again")
            raise
    _show(session, report, time.monotonic() - began)
    if strict and report.dead:
        from zona_cli._errors import PARTLY

        click.get_current_context().exit(PARTLY)


class _Watch:
    """Tells how far it has come."""

    def __init__(self, tell: Callable[[str], None], began: float) -> None:
        self._tell = tell
        self._began = began
        self.last: IngestReport | None = None

    def __call__(self, report: IngestReport) -> None:
        self.last = report
        seconds = max(time.monotonic() - self._began, 0.001)
        self._tell(f"{counted(report.received, 'event')}, {report.received / seconds:,.0f} a second")


def _show(session: Session, report: IngestReport, seconds: float) -> None:
    if session.json:
        from zona_core import as_data

        out.document({**as_data(report), "duplicates": report.duplicates})
    else:
        out.done(session, report, f"{_told(report)} ({seconds:,.1f} s)")
        if report.hits:
            made = ((report.new_alerts, "new alert"), (report.new_cases, "new case"), (report.runs, "run"))
            found = ", ".join(counted(count, what) for count, what in made if count)
            out.done(session, report, f"{counted(report.hits, 'hit')} of rules: {found or 'nothing new'}")
    if report.dead:
        out.warn(session, f"{counted(report.dead, 'event')} could not be taken: zona events dead list shows why")


def _told(report: IngestReport) -> str:
    there = f", {report.duplicates:,} there already" if report.duplicates else ""
    return f"{counted(report.received, 'event')}: {report.stored:,} stored{there}"
