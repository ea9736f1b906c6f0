"""``zona apps import-document``: apps from documents of any format, and what is told of an app that was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

import click
from click.shell_completion import CompletionItem

from zona_cli import _output as out
from zona_cli._broken import warn_of_broken_instances
from zona_cli._commands import Command
from zona_cli._inputs import file_name
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.usecases.apps import AppOutcome

__all__ = ["import_document", "show_outcome"]

_MOST_WARNINGS: Final = 10


def _formats(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    session = ctx.ensure_object(Session)
    try:
        names = session.zona.plugins.offers["importers"]
    except Exception:  # noqa: BLE001  # a word that cannot be completed is no reason to disturb anyone
        return []
    finally:
        session.close()
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command("import-document", cls=Command)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format",
    "format_name",
    required=True,
    metavar="FORMAT",
    shell_complete=_formats,
    help="What the document is: openapi, shuffle, xsoar, zona, or a plugin's.",
)
@click.option("--title", default="", help="The app's title, instead of the document's.")
@click.option("--update", is_flag=True, help="Bring an app of that title up to date instead of refusing.")
@pass_session
def import_document(session: Session, file: BinaryIO, format_name: str, title: str, update: bool) -> None:
    """Make an app of a document of a named format.

    FILE is JSON or YAML, - for standard input. What Cortex XSOAR or Shuffle does by code of its own becomes drafts of
    tasks: each is run when its work is described.
    """
    with out.working(f"reading {file_name(file)}"):
        outcome = session.workspace().apps.import_document(file.read(), format=format_name, title=title, update=update)
    show_outcome(session, outcome)


def show_outcome(session: Session, outcome: AppOutcome) -> None:
    """Tells what was made or changed, the first ten warnings, and which instances lack something now."""
    app = outcome.app
    counts = [
        f"{count} {what}"
        for count, what in (
            (outcome.tasks_created, "made"),
            (outcome.tasks_updated, "updated"),
            (len(outcome.tasks_retired), "retired"),
        )
        if count
    ]
    told = ", ".join(counts) or ("none" if outcome.created else "unchanged")
    verb = "made" if outcome.created else "updated"
    out.done(session, outcome, f"{verb} {app.title} (app {app.integration_id}); tasks: {told}")
    for warning in outcome.warnings[:_MOST_WARNINGS]:
        out.note(session, f"warning: {warning}")
    more = len(outcome.warnings) - _MOST_WARNINGS
    if more > 0:
        out.note(session, f"… and {more:,} more warning{'' if more == 1 else 's'}: --output json shows all")
    if not outcome.created:
        warn_of_broken_instances(session, app.integration_id)
