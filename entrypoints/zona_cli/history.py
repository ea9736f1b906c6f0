"""``history``, ``diff`` and ``restore`` of ``zona apps`` and ``zona tasks``: what they were before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._broken import warn_of_broken_instances
from zona_cli._commands import Command
from zona_cli._completion import app_titles, task_tags
from zona_cli._diffs import show_differences
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.differences import Difference
    from zona_core.usecases.revisions import RevisionInfo

__all__ = ["app_diff", "app_history", "restore_app", "restore_task", "task_diff", "task_history"]

_app = click.argument("app", shell_complete=app_titles)
_task = click.argument("task", shell_complete=task_tags)
_revision = click.argument("revision", type=click.IntRange(min=1))
_other = click.argument("other", type=click.IntRange(min=1), required=False)


@click.command("history", cls=Command)
@_app
@paged()
@pass_session
def app_history(session: Session, app: str, limit: int | None, after: str | None) -> None:
    """List what APP was before, the latest first: its own description, not its tasks."""
    here = session.workspace().revisions
    items, rest = gathered(lambda cursor, size: here.of_app(app, after=cursor, limit=size), after, limit)
    _show_history(session, items, rest)


@click.command("history", cls=Command)
@_app
@_task
@paged()
@pass_session
def task_history(session: Session, app: str, task: str, limit: int | None, after: str | None) -> None:
    """List what TASK of APP was before, the latest first; also of a task that was deleted."""
    here = session.workspace().revisions
    items, rest = gathered(lambda cursor, size: here.of_task(app, task, after=cursor, limit=size), after, limit)
    _show_history(session, items, rest)


@click.command("diff", cls=Command)
@_app
@_revision
@_other
@pass_session
def app_diff(session: Session, app: str, revision: int, other: int | None) -> None:
    """Show how APP differs between REVISION and OTHER, or the present."""
    _show_differences(session, session.workspace().revisions.diff_app(app, revision, other))


@click.command("diff", cls=Command)
@_app
@_task
@_revision
@_other
@pass_session
def task_diff(session: Session, app: str, task: str, revision: int, other: int | None) -> None:
    """Show how TASK of APP differs between REVISION and OTHER, or the present."""
    _show_differences(session, session.workspace().revisions.diff_task(app, task, revision, other))


@click.command("restore", cls=Command)
@_app
@_revision
@pass_session
def restore_app(session: Session, app: str, revision: int) -> None:
    """Describe APP again as it was at REVISION; its tasks stay as they are."""
    restored = session.workspace().revisions.restore_app(app, revision)
    out.done(session, restored, f"restored revision {revision} of {restored.title} (app {restored.integration_id})")
    warn_of_broken_instances(session, restored.integration_id)


@click.command("restore", cls=Command)
@_app
@_task
@_revision
@pass_session
def restore_task(session: Session, app: str, task: str, revision: int) -> None:
    """Put TASK of APP as it was at REVISION in the place of what it is; also a task that was deleted."""
    restored = session.workspace().revisions.restore_task(app, task, revision)
    out.done(session, restored, f"restored revision {revision} of {restored.task_tag} (task {restored.id})")


def _show_history(session: Session, items: Sequence[RevisionInfo], rest: str | None) -> None:
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("Revision", right=True),
            out.Column("Until"),
            out.Column("Replaced by"),
            out.Column("What was changed then", "cut"),
        ],
        lambda each: (each.number, out.short_moment(each.replaced_at), each.replaced_by, _told(each)),
        none="it was never anything else",
    )


def _told(info: RevisionInfo) -> str:
    more = info.changes - len(info.changed)
    return ", ".join(info.changed) + (f" and {more:,} more" if more else "")


def _show_differences(session: Session, found: Sequence[Difference]) -> None:
    if session.json:
        out.document(found)
        return
    show_differences(found)
    if not found:
        out.note(session, "they do not differ")
