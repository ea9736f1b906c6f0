"""How cases and what happened to them are told in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from zona_cli import _output as out

if TYPE_CHECKING:
    from rich.text import Text

    from zona_core.domain.cases import Case, TimelineEntry

__all__ = ["ENTRY_COLUMNS", "clock", "entity", "entry_row", "happened", "named", "verdict"]

ENTRY_COLUMNS: Final = (
    out.Column("When"),
    out.Column("What"),
    out.Column("Who"),
    out.Column("", "wrap"),
    out.Column("Entry", "spare"),
)
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
#: of an entry's details, those that need no name before them
_PLAIN: Final = frozenset({"change", "state", "clock"})
#: those that say nothing to people
_UNTOLD: Final = frozenset({"changes", "events", "erased", "removed", "evidence", "sha256", "playbook"})


def entity(case: Case) -> str:
    """What a case is about."""
    return case.entity.replace(":", " ", 1)


def named(value: str) -> str:
    """A status or a resolution in words."""
    return value.replace("_", " ")


def happened(at: datetime | None) -> str:
    """When something happened, to the second."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


def clock(due: datetime | None, done: datetime | None, *, over: bool, now: datetime) -> Text | str:
    """How one of a case's clocks stands."""
    from rich.text import Text

    if due is None:
        return out.moment(done)
    if done is not None:
        late = f", {_span(done - due)} late" if done > due else ""
        return Text(f"{out.moment(done)} (due {out.moment(due)}{late})", style="red" if late else "")
    if over or due <= now:
        return Text(f"overdue for {_span(now - due)}, since {out.moment(due)}", style="bold red")
    return Text(f"due in {_span(due - now)}, at {out.moment(due)}", style="yellow")


def verdict(malicious: bool | None) -> Text | str:
    """What somebody has said of an observable."""
    from rich.text import Text

    if malicious is None:
        return ""
    return Text("malicious", style="red") if malicious else Text("harmless", style="green")


def entry_row(entry: TimelineEntry) -> tuple[object, ...]:
    """An entry of a timeline as a row of a table with ``ENTRY_COLUMNS``."""
    return (happened(entry.at), entry.kind.value, entry.actor, _told(entry), entry.id)


def _told(entry: TimelineEntry) -> str:
    details = entry.details
    if details.get("erased"):
        return f"(erased by {details.get('erased_by', '')})"
    parts = ["taken out:"] if details.get("removed") else []
    parts += [entry.text] if entry.text else []
    changes = details.get("changes")
    if isinstance(changes, Mapping):
        parts.append("; ".join(_change(name, change) for name, change in changes.items()))
    more = [_detail(name, value) for name, value in details.items() if name not in _UNTOLD]
    if more:
        parts.append(f"({', '.join(more)})")
    return " ".join(parts)


def _detail(name: str, value: Any) -> str:
    return str(value) if name in _PLAIN else f"{name.replace('_', ' ')} {value}"


def _change(name: str, change: Any) -> str:
    if not isinstance(change, Mapping):
        return name
    before, after = change.get("before"), change.get("after")
    if isinstance(before, list) and isinstance(after, list):
        moved = [f"+{each}" for each in after if each not in before] + [
            f"-{each}" for each in before if each not in after
        ]
        return f"{name}: {' '.join(moved)}"
    return f"{name}: {_shown(before)} → {_shown(after)}"


def _shown(value: Any) -> str:
    return out.shortened(named(str(value))) if value else "none"


def _span(passed: Any) -> str:
    """``45 min``, ``2 h 5 min``, ``3 d 4 h``."""
    seconds = int(passed.total_seconds())
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min" if seconds >= _MINUTE else f"{seconds} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"
