"""What goes to standard output: tables for people, one JSON document for programs. Notes go to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO, TypeVar

import click

from zona_cli._session import Session
from zona_cli._tables import GAP, Column, fitted
from zona_cli._text import json_text, one_line, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = [
    "Column",
    "details",
    "document",
    "done",
    "drawn",
    "excerpt",
    "grid",
    "lines",
    "listing",
    "moment",
    "note",
    "progressing",
    "short_moment",
    "shortened",
    "state",
    "table",
    "titled",
    "warn",
    "working",
]

T = TypeVar("T")

#: characters of prose in a table, however wide
_LONGEST_PROSE: Final = 200
#: lines and characters a line of a JSON excerpt
_MOST_LINES: Final = 40
_LONGEST_LINE: Final = 400

_STATES: Final = {
    "active": "green",
    "loaded": "green",
    "success": "green",
    "running": "cyan",
    "queued": "dim",
    "waiting": "yellow",
    "paused": "yellow",
    "cancelled": "red",
    "created": "green",
    "overwritten": "cyan",
    "renamed": "cyan",
    "updated": "cyan",
    "unchanged": "dim",
    "skipped": "yellow",
    "retired": "yellow",
    "failure": "red",
    "failed": "red",
    "error": "red",
    "timeout": "red",
    "suspended": "yellow",
    "valid": "green",
    "expiring": "yellow",
    "grace": "yellow",
    "expired": "red",
    "maintenance": "yellow",
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "informational": "dim",
    "done": "green",
    "succeeded": "green",
    "ready": "green",
    "starting": "cyan",
    "updating": "cyan",
    "outdated": "yellow",
    "degraded": "yellow",
    "drained": "yellow",
    "leaving": "yellow",
    "rolling_back": "yellow",
    "rolled_back": "yellow",
    "interrupted": "yellow",
    "stopped": "dim",
    "missing": "red",
    "down": "red",
    "rollback_failed": "bold red",
}


def document(data: Any, *, err: bool = False) -> None:
    """Writes models, or data, as one JSON document; secrets are masked. ``err``: to standard error."""
    from zona_core import as_data

    stream = sys.stderr if err else sys.stdout
    utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
    stream.write(json_text(as_data(data), ascii_only=not utf8) + "\n")


def listing(
    session: Session,
    items: Sequence[T],
    after: str | None,
    columns: Sequence[Column],
    row: Callable[[T], Sequence[object]],
    *,
    none: str = "nothing found",
) -> None:
    """A page of a list; ``after`` is the cursor for the rest of it."""
    if session.json:
        document({"items": list(items), "next": after})
        return
    if items:
        table(columns, [row(item) for item in items])
    else:
        note(session, none)
    if after is not None:
        note(session, f"there are more: --after {after}")


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table. Cells are any object, or a ``Text`` that this module made.

    At a terminal it has the terminal's width, and columns without content are left out.
    """
    _render(grid(columns, rows))


def grid(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Table:
    """What ``table`` writes, as a part of what is drawn."""
    from rich.cells import cell_len
    from rich.table import Table

    cells = [[_cell(each, value) for each, value in zip(columns, row, strict=True)] for row in rows]
    widths: list[int | None] = [None] * len(columns)
    if sys.stdout.isatty():
        natural = [max((text.cell_len for text in column), default=0) for column in zip(*cells, strict=True)]
        asked = [max(width, cell_len(each.title)) if width else 0 for each, width in zip(columns, natural, strict=True)]
        widths = [*fitted(columns, asked, _console(sys.stdout).width)]
    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    kept = [index for index, width in enumerate(widths) if width != 0]
    for index in kept:
        justify: Literal["left", "right"] = "right" if columns[index].right else "left"
        made.add_column(columns[index].title, justify=justify, width=widths[index])
    for row in cells:
        made.add_row(*(row[index] for index in kept))
    return made


def _cell(column: Column, value: object) -> Text:
    from rich.text import Text

    cell = value if isinstance(value, Text) else Text(one_line(value))
    prose = column.fit == "cut"
    if prose:
        cell.truncate(_LONGEST_PROSE, overflow="ellipsis")
    cell.no_wrap = prose
    cell.overflow = "ellipsis" if prose else "fold"
    return cell


def details(pairs: Iterable[tuple[str, object]]) -> None:
    """Writes what there is to know of one thing, a line for each ``(label, value)``; empty ones are left out."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in pairs:
        if value is not None and value != "":
            grid.add_row(label, value if isinstance(value, Text) else Text(printable(value)))
    _render(grid)


def lines(texts: Iterable[Text]) -> None:
    """Writes texts that other modules of this package made, each from the beginning of a line."""
    from rich.text import Text

    whole = Text("\n").join(texts)
    if whole:
        _render(whole)


def done(session: Session, data: Any, sentence: str) -> None:
    """Says what was done: the model it was done to for programs, a sentence for people."""
    if session.json:
        document(data)
    else:
        _write(one_line(sentence))


def excerpt(data: Any, rest: str) -> None:
    """Writes the beginning of ``data`` as JSON for people; ``rest`` says where all of it is."""
    from rich.highlighter import JSONHighlighter

    every = json_text(data).splitlines()
    shown = [_cut(line) for line in every[:_MOST_LINES]]
    _render(JSONHighlighter()("\n".join(shown)))
    if len(every) > _MOST_LINES:
        _write(f"… {len(every) - _MOST_LINES:,} more lines: {rest}")
    elif shown != every:
        _write(f"… long texts are cut: {rest}")


def shortened(text: str) -> str:
    """``text``, or as much of it as an explanation in a table may be long."""
    return text if len(text) <= _LONGEST_PROSE else f"{text[:_LONGEST_PROSE]}…"


def state(value: str) -> Text:
    """A status as a cell."""
    from rich.text import Text

    return Text(one_line(value), style=_STATES.get(value, ""))


def moment(at: datetime | None) -> str:
    """A time in full, in the local time zone."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S %z") if at else ""


def short_moment(at: datetime | None) -> str:
    """A time in twelve characters, in the local time zone: with the time of day if it is of this year."""
    if at is None:
        return ""
    local = at.astimezone()
    this_year = local.year == datetime.now().astimezone().year
    return local.strftime("%d %b %H:%M" if this_year else "%d %b  %Y")


def note(session: Session, text: str) -> None:
    """A remark for people, on standard error."""
    if not session.json:
        click.echo(printable(text), err=True)


def warn(session: Session, text: str) -> None:
    """A warning, on standard error: a line of JSON for programs."""
    if session.json:
        click.echo(json_text({"warning": text}, indent=None, ascii_only=True), err=True)
    else:
        colour = None if "NO_COLOR" in os.environ else "yellow"
        click.echo(click.style("warning: ", fg=colour) + printable(text), err=True)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Shows that something goes on, if somebody is looking."""
    with progressing(what):
        yield


@contextmanager
def progressing(what: str) -> Iterator[Callable[[str], None]]:
    """As ``working``, with a function that says how far it has come."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.text import Text

    with _console(sys.stderr).status(Text(one_line(what))) as shown:
        yield lambda far: shown.update(Text(one_line(f"{what}: {far}")))


@contextmanager
def drawn(make: Callable[[int], RenderableType]) -> Iterator[None]:
    """A block in which the terminal shows what ``make`` gives for so many lines, drawn anew several times a second.

    Nothing of it is left in the end. ``make`` is called by another thread.
    """
    from rich.live import Live

    console = _console(sys.stdout)
    drawing = Live(get_renderable=lambda: make(console.height), console=console, transient=True)
    with drawing:
        yield


def titled(text: str, status: str) -> Text:
    """A line that says in which status something is, as a part of what is drawn."""
    from rich.text import Text

    return Text.assemble((one_line(text), "bold"), "  ", state(status), no_wrap=True, overflow="ellipsis")


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    # Into a pipe or a file goes each row on one line, as long as it may be.
    width = None if stream.isatty() else 100_000
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def _render(what: RenderableType) -> None:
    console = _console(sys.stdout)
    with console.capture() as captured:
        console.print(what, soft_wrap=False)
    _write("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")))


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"
