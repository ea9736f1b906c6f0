"""``zona apps export``, ``import`` and ``inspect``: packages of apps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._completion import app_titles, package_key_names
from zona_cli._errors import PARTLY
from zona_cli._files import STANDARD, reading, writing
from zona_cli._package_reports import show_contents, show_export, show_import
from zona_cli._session import Session, pass_session
from zona_cli._text import one_line

__all__ = ["export_apps", "import_apps", "inspect_package"]

_package = click.argument("file", type=click.Path(allow_dash=True))
_form = click.option(
    "--format",
    "form",
    default="",
    metavar="FORM",
    help="zona, json, folder or a plugin's. [default: what it looks like]",
)


def _only(_: click.Context, __: click.Parameter, targets: tuple[str, ...]) -> str:
    """The file; ``--file apps.zona -o json`` would not write where it seems to."""
    if len(targets) > 1:
        raise click.BadParameter("it is given twice; for output as JSON say --output json")
    return targets[0]


@click.command("export", cls=Command)
@click.argument("apps", nargs=-1, metavar="[APP]...", shell_complete=app_titles)
@click.option("--all", "everything", is_flag=True, help="All apps.")
@click.option(
    "-o",
    "--file",
    "target",
    required=True,
    multiple=True,
    callback=_only,
    type=click.Path(allow_dash=True),
    metavar="FILE",
    help="Where to write it, - for standard output. What is there is replaced, once all is written.",
)
@click.option(
    "--format",
    "form",
    default="",
    metavar="FORM",
    help="zona (compressed), json (one app), folder (for version control) or a plugin's. [default: by FILE's ending]",
)
@click.option(
    "--sign", "key", default="", metavar="KEY", shell_complete=package_key_names, help="A key of `zona keys`."
)
@pass_session
def export_apps(session: Session, *, apps: tuple[str, ...], everything: bool, target: str, form: str, key: str) -> None:
    """Write each APP (a title or an id) with its tasks into a package.

    Neither instances nor secrets are in it, and the same apps give the same bytes. By its ending FILE.json is one
    readable document, FILE/ (or a folder that is empty or a package) a file for each task, and all else the compressed
    form. Here -o is FILE; for output as JSON say --output json.
    """
    if everything == bool(apps):
        raise click.UsageError("Name apps, or give --all.")
    form = form or _form_of(session, target)
    with out.working("exporting"), _target(session, target, form) as place:
        report = session.workspace().packages.export_apps(apps or None, place, format=form, sign_with=key)
    if session.json:
        out.document(report, err=target == STANDARD)
    else:
        show_export(session, report, "standard output" if target == STANDARD else target)
    if report.missing:
        from zona_core.errors import EXIT_AND_STATUS, NotFound

        raise click.exceptions.Exit(EXIT_AND_STATUS[NotFound][0])


@click.command("import", cls=Command)
@_package
@click.option(
    "--on-conflict",
    type=click.Choice(["skip", "overwrite", "rename"]),
    default="skip",
    show_default=True,
    help="What becomes of an app whose title is taken.",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would be changed.")
@click.option(
    "--signature",
    type=click.Choice(["checked", "required", "ignored"]),
    default="checked",
    show_default=True,
    help="What is asked of the package's signature: to be by a known key, if there is one; to be there; nothing.",
)
@_form
@pass_session
def import_apps(session: Session, *, file: str, on_conflict: Any, dry_run: bool, signature: Any, form: str) -> None:
    """Import the apps of the package FILE: each wholly or not at all, and the others go on.

    FILE is a file or a folder, - for standard input.
    """
    with _source(file) as source, out.working("importing"):
        report = session.workspace().packages.import_apps(
            source, format=form, on_conflict=on_conflict, signature=signature, dry_run=dry_run
        )
    if session.json:
        out.document(report)
    else:
        show_import(session, report)
    if report.failed:
        raise click.exceptions.Exit(PARTLY)


@click.command("inspect", cls=Command)
@_package
@_form
@pass_session
def inspect_package(session: Session, file: str, form: str) -> None:
    """Show what is in the package FILE, and import nothing.

    All of it is read and checked, its signature too. FILE is a file or a folder, - for standard input.
    """
    with _source(file) as source, out.working("reading"):
        found = session.workspace().packages.inspect(source, format=form)
    if session.json:
        out.document(found)
    else:
        show_contents(session, found)


def _form_of(session: Session, target: str) -> str:
    """The form that a file's name asks for; raises ``UsageError`` for a folder that has other things in it."""
    path = Path(target)
    if target != STANDARD and path.is_dir():
        if not (session.zona.plugins.package_format("folder").recognises(path) or _is_empty(path)):
            raise click.UsageError(f"{one_line(target)} has other things in it: say --format folder if it is meant.")
        return "folder"
    if target.endswith("/"):
        return "folder"
    return "json" if target.lower().endswith(".json") else "zona"


def _is_empty(folder: Path) -> bool:
    try:
        return next(folder.iterdir(), None) is None
    except OSError as exc:
        raise click.BadParameter(f"{one_line(folder)} cannot be read: {exc.strerror}", param_hint="--file") from exc


@contextmanager
def _target(session: Session, target: str, form: str) -> Iterator[BinaryIO | Path]:
    """What a package of the form is written to."""
    if session.zona.plugins.package_format(form).takes_folder:
        if target == STANDARD:
            raise click.BadParameter(f"a package of the form {form} is a folder", param_hint="--file")
        yield Path(target)
        return
    if target == STANDARD and form != "json" and sys.stdout.isatty():
        raise click.BadParameter("a terminal cannot show a compressed package", param_hint="--file")
    with writing(target, "--file") as file:
        yield file


@contextmanager
def _source(file: str) -> Iterator[BinaryIO | Path]:
    """What a package is read from."""
    from zona_core.ports.packages import PackageLimits

    if file != STANDARD and Path(file).is_dir():
        yield Path(file)
        return
    with reading(file, "FILE", PackageLimits().compressed) as opened:
        yield opened
