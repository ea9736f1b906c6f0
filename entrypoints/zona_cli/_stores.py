"""Stores on the command line: their URLs, and what was copied from one to another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from zona_cli import _output as out
from zona_cli._session import Session

if TYPE_CHECKING:
    from zona_core.persistence.copying import Copied

__all__ = ["URL_HELP", "moved_documents", "store_url"]

URL_HELP: Final = "May be env:NAME, an environment variable that has the URL: arguments are seen by others."


def store_url(given: str) -> str:
    """The URL that was given, or that the environment variable has which was named (``env:NAME``)."""
    scheme, _, name = given.partition(":")
    if scheme != "env":
        return given
    if name not in os.environ:
        raise click.UsageError(f"there is no environment variable {name}")
    return os.environ[name]


def moved_documents(session: Session, done: Sequence[Copied], sentence: str) -> None:
    """Shows the collections that were copied, each with the digest that both sides have."""
    if not session.json:
        rows = [(each.collection, str(each.documents), each.digest[:16]) for each in done if each.documents]
        if rows:
            out.table([out.Column("Collection"), out.Column("Documents", right=True), out.Column("SHA-256")], rows)
    out.done(session, list(done), f"{sentence}: {sum(each.documents for each in done)} documents, compared")
