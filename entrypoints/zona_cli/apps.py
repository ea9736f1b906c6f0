"""``zona apps``: describing apps, from documents, definitions or plugins."""

from __future__ import annotations

import re
from typing import Any, BinaryIO, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import app_titles
from zona_cli._documents import import_document, show_outcome
from zona_cli._fields import show_fields
from zona_cli._inputs import confirm, file_name
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted
from zona_cli.distribute import distribute
from zona_cli.history import app_diff, app_history, restore_app
from zona_cli.packages import export_apps, import_apps, inspect_package

__all__ = ["apps"]

#: apps that one search gives
_MOST_FOUND: Final = 1_000

#: format → by what a document of the other one is known, and what to say then
_OTHER_FORMAT: Final = {
    "openapi": (
        re.compile(rb"""^[ {]*["']?task(s|_tag)["']?\s*:""", re.MULTILINE),
        "zona apps add reads Zona's own format",
    ),
    "zona": (
        re.compile(rb"""^[ {]*["']?(openapi|swagger)["']?\s*:""", re.MULTILINE),
        "zona apps import-openapi reads OpenAPI documents",
    ),
}

_update = click.option("--update", is_flag=True, help="Bring an app of that title up to date instead of refusing.")


@click.group(cls=Group)
def apps() -> None:
    """Describe apps and their tasks."""


for _command in (
    import_document, app_history, app_diff, restore_app, export_apps, import_apps, inspect_package, distribute,
):  # fmt: skip
    apps.add_command(_command)


@apps.command("list")
@click.option("--search", metavar="WORDS", help="Only those with all these words, the most relevant first.")
@paged()
@pass_session
def list_apps(session: Session, search: str | None, limit: int | None, after: str | None) -> None:
    """List the apps.

    Words are searched in title, category and description. Case and diacritics do not count, and of the last word the
    beginning is enough.
    """
    here = session.workspace().apps
    rest: str | None = None
    if search is None:
        items, rest = gathered(lambda cursor, size: here.list(after=cursor, limit=size), after, limit)
    elif after is not None:
        raise click.UsageError("--after goes on with a list, which --search does not give.")
    else:
        items = here.search(search, limit=min(limit or _MOST_FOUND, _MOST_FOUND))
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("ID", right=True),
            out.Column("Title"),
            out.Column("Version"),
            out.Column("Status"),
            out.Column("Changed"),
            out.Column("Description", "cut"),
        ],
        lambda app: (
            app.integration_id,
            app.title,
            app.version,
            out.state(app.status.value),
            out.short_moment(app.updated_ts),
            app.description,
        ),
        none="there is no app yet: zona apps import-openapi FILE makes one"
        if search is None
        else "no app has all these words",
    )


@apps.command()
@click.argument("app", shell_complete=app_titles)
@pass_session
def show(session: Session, app: str) -> None:
    """Show APP (a title or an id) and the fields that its instances have."""
    found = session.workspace().apps.get(app)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("ID", found.integration_id),
            ("Title", found.title),
            ("Version", found.version),
            ("Status", out.state(found.status.value)),
            ("Category", found.category),
            ("Description", found.description),
            ("Made", f"{out.moment(found.created_ts)} by {found.user_id}"),
            ("Changed", out.moment(found.updated_ts)),
        ]
    )
    show_fields("Fields", found.fields)


@apps.command("import-openapi")
@click.argument("file", type=click.File("rb"))
@click.option("--title", default="", help="The app's title, instead of the document's.")
@_update
@pass_session
def import_openapi(session: Session, file: BinaryIO, title: str, update: bool) -> None:
    """Make an app of an OpenAPI 3 or Swagger 2 document: each operation becomes a task.

    FILE is JSON or YAML, - for standard input.
    """
    _import(session, file, format="openapi", title=title, update=update)


@apps.command()
@click.argument("file", type=click.File("rb"))
@_update
@pass_session
def add(session: Session, file: BinaryIO, update: bool) -> None:
    """Make an app of a definition in Zona's own format.

    FILE is JSON or YAML, - for standard input.
    """
    _import(session, file, format="zona", update=update)


@apps.command()
@click.argument("name")
@_update
@pass_session
def install(session: Session, name: str, update: bool) -> None:
    """Make an app of the integration NAME that a plugin brings."""
    show_outcome(session, session.workspace().apps.install(name, update=update))


@apps.command()
@click.argument("app", shell_complete=app_titles)
@click.argument("file", type=click.File("rb"))
@pass_session
def logo(session: Session, app: str, file: BinaryIO) -> None:
    """Give APP the picture in FILE (PNG, JPEG, GIF or WebP) as its logo; - for standard input."""
    from attrs import fields_dict

    from zona_core import AppDescription

    here = session.workspace().apps
    found = here.get(app)
    parts = {name: getattr(found, name) for name in fields_dict(AppDescription)}
    picture = file.read()
    outcome = here.save(AppDescription(**parts), app_id=found.integration_id, logo=picture, revision=found.revision)
    out.done(session, outcome.app, f"{found.title} has a new logo")


@apps.command()
@click.argument("app", shell_complete=app_titles)
@click.option("--force", is_flag=True, help="Even if other apps' tasks need it: their references wait then.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, app: str, force: bool, yes: bool) -> None:
    """Delete APP with its tasks and instances; the instances' secrets are erased."""
    here = session.workspace().apps
    found = here.get(app)
    confirm(f"Delete {found.title} with all its tasks and instances?", yes=yes)
    deleted = here.delete(found.integration_id, force=force)
    out.done(
        session,
        deleted,
        f"deleted {found.title} (app {found.integration_id}) with "
        f"{counted(deleted.tasks, 'task')} and {counted(deleted.instances, 'instance')}",
    )


def _import(session: Session, file: BinaryIO, *, format: str, **options: Any) -> None:  # noqa: A002  # the core's word
    from zona_core import InvalidDocument

    document = file.read()
    try:
        with out.working(f"reading {file_name(file)}"):
            outcome = session.workspace().apps.import_document(document, format=format, **options)
    except InvalidDocument as exc:
        sign, hint = _OTHER_FORMAT[format]
        if not exc.hint and sign.search(document):
            exc.hint = hint
        raise
    show_outcome(session, outcome)
