"""``zona rules``: detection rules in files, asked of files of events; and those that a tenant keeps."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._files import STANDARD
from zona_cli._session import Session, pass_session
from zona_cli.rule_exceptions import exceptions
from zona_cli.rules_kept import KEPT

if TYPE_CHECKING:
    from zona_core.usecases.rule_files import RuleFiles

__all__ = ["rules"]

F = TypeVar("F", bound=Callable[..., Any])

#: as the core has them, which help does not wait for
_LEVELS: Final = ("informational", "low", "medium", "high", "critical")
_THERE: Final = click.Path(exists=True)
_EVENTS: Final = click.Path(exists=True, dir_okay=False, allow_dash=True)
#: what was looked for is there, or is not as it should be
_FOUND: Final = 1


def _asking(function: F) -> F:
    """The options with which rules are made ready to be asked."""
    placeholders = click.option(
        "--placeholders",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        help="Values of placeholders, as YAML or JSON: name: [value, …]",
    )
    cache = click.option(
        "--cache",
        metavar="DIR",
        help="Where compiled rules are kept for the next time. [default: zona/rules in the user's cache]",
    )
    no_cache = click.option("--no-cache", is_flag=True, help="Keep none and use none.")
    return placeholders(cache(no_cache(function)))


@click.group(cls=Group)
def rules() -> None:
    """Keep detection rules, or ask those in files.

    Rules are in the Sigma format: files, or folders of them. scan, test and check need neither a store nor a tenant,
    nor zona init; the others look after the rules that a tenant's events are asked.
    """


for _command in (*KEPT, exceptions):
    rules.add_command(_command)


@rules.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=_EVENTS)
@click.option(
    "--rules", "paths", multiple=True, required=True, metavar="DIR", type=_THERE, help="Rules; may be given again."
)
@click.option("--level", type=click.Choice(_LEVELS), help="Tell only of rules of that level or above.")
@click.option("--fail-on", type=click.Choice(_LEVELS), help="Exit with 1 if a rule of that level or above has hits.")
@click.option("--product", default="", help="What the events are about if they do not say it: windows, linux, …")
@click.option("--category", default="", help="Their category, such as process_creation.")
@click.option("--service", default="", help="Their service, such as auditd.")
@click.option(
    "--places",
    type=click.IntRange(0, 1_000_000),
    default=100,
    show_default=True,
    metavar="N",
    help="How many hits of a rule in a file --output json tells one by one.",
)
@_asking
@pass_session
def scan(
    session: Session,
    *,
    files: Sequence[str],
    paths: Sequence[str],
    level: str | None,
    fail_on: str | None,
    product: str,
    category: str,
    service: str,
    places: int,
    placeholders: str | None,
    cache: str | None,
    no_cache: bool,
) -> None:
    """Show what rules find in files of events.

    FILE is - for standard input, NDJSON, a JSON array, CloudTrail's Records, or JSON documents one after another, each
    of these with gzip, or several in a ZIP archive. What cannot be read is told with its line, and the exit code is
    15 then, unless --fail-on makes it 1.
    """
    if files.count(STANDARD) > 1:
        raise click.UsageError("standard input (-) can be read once")
    folder = _cache_folder(cache, no_cache=no_cache)
    with _loading():
        from zona_cli import _rules_reports as reports
        from zona_core.domain.detection import LogSource

        here = session.zona.rule_files
        with out.working("loading rules"):
            loaded = here.load(paths, placeholders=_values(here, placeholders), cache=folder)
    source = LogSource(product=product, category=category, service=service)
    with out.progressing("scanning") as tell:
        report = here.scan(
            [sys.stdin.buffer if file == STANDARD else file for file in files],
            loaded,
            level=level or "",
            source=source if product or category or service else None,
            most_places=places,
            progress=lambda events: tell(f"{events:,} events"),
        )
    reports.show_scan(session, report)
    if fail_on and any(reports.is_at_least(each.level, fail_on) for each in report.hits):
        click.get_current_context().exit(_FOUND)
    if report.faults:
        from zona_cli._errors import PARTLY

        click.get_current_context().exit(PARTLY)


@rules.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@click.option("--allow-unusable", is_flag=True, help="Exit with 0 even if rules cannot be used.")
@_asking
@pass_session
def test(
    session: Session,
    *,
    folder: str,
    allow_unusable: bool,
    placeholders: str | None,
    cache: str | None,
    no_cache: bool,
) -> None:
    """Try rules on the events that were recorded for them.

    DIR has the shape of SigmaHQ's collection: rules in rules*/, tests in regression_data/**/info.yml. The exit code is
    1 if a test fails or a rule cannot be used.
    """
    kept = _cache_folder(cache, no_cache=no_cache)
    with _loading(), out.working(f"testing the rules in {folder}"):
        from zona_cli import _rules_reports as reports

        here = session.zona.rule_files
        report = here.test(folder, placeholders=_values(here, placeholders), cache=kept)
    reports.show_test(session, report)
    if report.failures or (report.unusable and not allow_unusable):
        click.get_current_context().exit(_FOUND)


@rules.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=_THERE)
@pass_session
def check(session: Session, paths: Sequence[str]) -> None:
    """Tell what is wrong with rules, and ask none.

    PATH is a file or a folder. The exit code is 1 if a rule cannot be used.
    """
    with _loading(), out.working("reading rules"):
        from zona_cli import _rules_reports as reports

        report = session.zona.rule_files.check(paths)
    reports.show_check(session, report)
    if report.unusable:
        click.get_current_context().exit(_FOUND)


def _values(here: RuleFiles, path: str | None) -> Mapping[str, Sequence[str]] | None:
    return None if path is None else here.placeholders(path)


def _cache_folder(given: str | None, *, no_cache: bool) -> Path | None:
    if given is not None and no_cache:
        raise click.UsageError("give either --cache or --no-cache")
    if no_cache:
        return None
    if given is not None:
        return Path(given)
    # As the XDG base directory specification has it: a relative path is not to be believed.
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = base if os.path.isabs(base) else os.path.expanduser("~/.cache")
    return Path(folder, "zona", "rules") if os.path.isabs(folder) else None  # nobody without a home has a cache


@contextmanager
def _loading() -> Iterator[None]:
    """Loading makes many objects, all of which stay: the garbage collector need not look at them, now nor later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
