"""Differences for people: a line for each place, green for what came, red for what went, yellow for what changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from zona_cli import _output as out
from zona_cli._text import json_text, one_line

if TYPE_CHECKING:
    from rich.text import Text

    from zona_core.domain.differences import Difference

__all__ = ["show_differences"]

#: what kind of change: sign, colour
_SIGNS: Final = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
#: characters of a value; ``--output json`` shows all
_LONGEST_VALUE: Final = 120


def show_differences(differences: Iterable[Difference]) -> None:
    """Writes ``+ path: value``, ``- path: value`` and ``~ path: before → after``; at a terminal in colours."""
    out.lines(_line(each) for each in differences)


def _line(difference: Difference) -> Text:
    from rich.text import Text

    sign, colour = _SIGNS[difference.change]
    line = Text(f"{sign} {one_line(difference.path)}: ", style=colour)
    if difference.change != "added":
        line.append(_value(difference.before))
    if difference.change == "changed":
        line.append(" → ")
    if difference.change != "removed":
        line.append(_value(difference.after))
    return line


def _value(value: Any) -> str:
    text = json_text(value, indent=None)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
