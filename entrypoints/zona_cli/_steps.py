"""The steps of a run while it is under way: as lines, and as a table that changes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click
from attrs import define

from zona_cli import _output as out
from zona_cli._runs import duration, subject, took, unit_name
from zona_cli._text import counted, one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from zona_core import Execution
    from zona_core.usecases._engine.waits import Waiting
    from zona_core.usecases._progress import Progress

__all__ = ["STEP_COLUMNS", "StepTable", "line_of_step", "line_of_wait", "step_row"]

_COLUMNS: Final = (
    out.Column("Step"),
    out.Column("Status"),
    out.Column("Tries", right=True),
    out.Column("Took", right=True),
    out.Column("What", "cut"),
)
#: of a list of steps that have ended
STEP_COLUMNS: Final = (
    out.Column("Ended", "spare"),
    out.Column("Step"),
    out.Column("Status"),
    out.Column("Tries", right=True),
    out.Column("Took", right=True),
    out.Column("What", "wrap"),
    out.Column("Error", "cut"),
)
#: lines of a screen that are not the table's rows: above, below, and the terminal's own
_AROUND: Final = 5


def step_row(step: Execution) -> tuple[object, ...]:
    """A step in the columns ``STEP_COLUMNS``."""
    return (
        out.short_moment(step.ended_at),
        unit_name(step),
        out.state(step.status.value),
        len(step.attempts) or "",
        duration(step),
        _what(step),
        step.error["message"] if step.error else "",
    )


def line_of_step(step: Execution) -> str:
    """How a step ended, in one line."""
    parts = [unit_name(step)]
    if len(step.attempts) > 1:
        parts.append(f"({len(step.attempts)} tries)")
    parts.append(duration(step))
    if step.error is not None:
        parts.append(f"{step.error['code']}: {step.error['message']}")
    return f"{step.status.value:<9} {one_line(' '.join(parts))}"


def line_of_wait(run_id: str, wait: Waiting) -> str:
    """What is waited for, in one line."""
    text = f"{wait.step} {_told(wait)}"
    if wait.reason.value == "approval":
        text += f" (zona runs approve {run_id} {wait.step})"
    return f"{'waiting':<9} {one_line(text)}"


def _told(wait: Waiting) -> str:
    reason = wait.reason.value
    if reason == "approval":
        return f"asks: {wait.detail}"
    if reason in ("slot", "rate"):
        return f"for its turn at {wait.detail}"
    if reason == "playbook":
        return f"for the run {wait.detail}"
    return f"until {wait.until.astimezone():%H:%M:%S}" + (" for another try" if reason == "retry" else "")


@define
class _Row:
    """What is known of a step; of one that is done for a list, of its items together."""

    step: Execution
    #: items that have ended; 0 if it is done once
    items: int = 0
    failed: int = 0


class StepTable:
    """The steps that have ended, in the order in which they did, and what the run waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: Execution | None = None
        self._rows: dict[str, _Row] = {}
        self._waiting: Sequence[Waiting] = ()

    def update(self, found: Progress, waiting: Sequence[Waiting]) -> None:
        """Takes note of what is new."""
        with self._lock:
            self._run, self._waiting = found.run, waiting
            for step in found.steps:
                self._note(step)

    def drawn(self, height: int) -> RenderableType:
        """The table as it is now, in at most ``height`` lines: of what has ended the latest."""
        from rich.console import Group

        with self._lock:
            if self._run is None:
                return ""
            room = max(1, height - _AROUND - len(self._waiting))
            rows = [*map(_cells, self._rows.values())]
            hidden = len(rows) - room
            shown = rows[-room:] + [(each.step, out.state("waiting"), "", "", _told(each)) for each in self._waiting]
            parts: list[RenderableType] = [out.titled(*_title(self._run))]
            if hidden > 0:
                parts.append(f"… {counted(hidden, 'step')} before")
            if shown:
                parts.append(out.grid(_COLUMNS, shown))
            asking = next((each.step for each in self._waiting if each.reason.value == "approval"), "")
            if asking:
                parts.append(f"zona runs approve {self._run.id} {asking}, or reject")
            return Group(*parts)

    def write(self) -> None:
        """Writes all of it, once."""
        with self._lock:
            if self._rows:
                out.table(_COLUMNS, map(_cells, self._rows.values()))
                click.echo()

    def _note(self, step: Execution) -> None:
        row = self._rows.get(step.step)
        if step.item is None:
            self._rows[step.step] = _Row(step, row.items, row.failed) if row else _Row(step)
            return
        if row is None:
            row = self._rows[step.step] = _Row(step)
        row.step = step
        row.items += 1
        row.failed += step.error is not None


def _cells(row: _Row) -> tuple[object, ...]:
    step = row.step
    under_way = row.items and step.item is not None
    status = out.state("running" if under_way else step.status.value)
    tries = "" if row.items or not step.attempts else len(step.attempts)
    what = _what(step)
    if row.items:
        what = counted(row.items, "item") + (f", {row.failed} failed" if row.failed else "")
    if step.error is not None and not under_way:
        what = f"{step.error['code']}: {step.error['message']}"
    return step.step, status, tries, "" if under_way else duration(step), what


def _what(step: Execution) -> str:
    return f"{step.app_title} {step.task_tag}" if step.task_id else step.step_kind


def _title(run: Execution) -> tuple[str, str]:
    """What is run and for how long, and the run's status."""
    since = run.started_at or run.created_at
    return f"{subject(run)} ({took(since, run.ended_at or datetime.now(UTC))})", run.status.value
