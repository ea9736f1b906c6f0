"""``zona runs watch``: a run as it comes along, on the screen while it does."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._completion import run_ids
from zona_cli._runs import end_as, show_run
from zona_cli._session import Session, pass_session
from zona_cli._steps import StepTable, line_of_step, line_of_wait

if TYPE_CHECKING:
    from zona_core import Execution
    from zona_core.usecases._engine.waits import Waiting
    from zona_core.usecases._progress import Progress

__all__ = ["follow", "watch"]

#: seconds between two looks at what a run waits for
_PACE: Final = 1.0


@click.command(cls=Command)
@click.argument("run_id", metavar="ID", shell_complete=run_ids)
@click.option("--work", is_flag=True, help="Carry out here what is due, where no service does.")
@pass_session
def watch(session: Session, run_id: str, work: bool) -> None:
    """Follow the run ID to its end, and exit as it does.

    Ctrl-C leaves the run alone. Exits with 0 if the run succeeded, 7 if it failed or was cancelled, 8 if it took too
    long.
    """
    if work:
        session.zona.work()
    follow(session, run_id)


def follow(session: Session, run_id: str) -> None:
    """Shows a run until it has ended, then its record; ends the command as the run ended."""
    here = session.workspace().runs
    display = _display(session)
    mark = ""
    try:
        with display.shown():
            while True:
                found = here.progress(run_id, since=mark, seconds=_PACE)
                mark = found.mark
                display.tell(found, () if found.ended else here.waiting(run_id))
                if found.ended:
                    break
    except KeyboardInterrupt:
        out.note(session, f"the run goes on by itself: zona runs watch {run_id}")
        raise
    display.close(found.run)
    end_as(session, found.run)


def _display(session: Session) -> _Display:
    if session.json:
        return _Document()
    return _Screen() if sys.stdout.isatty() else _Lines()


class _Display(ABC):
    """Where a run is shown."""

    def shown(self) -> AbstractContextManager[object]:
        """A block in which it is."""
        return nullcontext()

    @abstractmethod
    def tell(self, found: Progress, waiting: Sequence[Waiting]) -> None:
        """Shows what is new, and what the run waits for now."""

    @abstractmethod
    def close(self, ended: Execution) -> None:
        """Shows the record of the end."""


class _Document(_Display):
    """For programs: the record, once there is no more to come."""

    def tell(self, found: Progress, waiting: Sequence[Waiting]) -> None:
        """Nothing yet."""

    def close(self, ended: Execution) -> None:
        """See the class."""
        out.document(ended)


class _Lines(_Display):
    """Where there is no terminal: a line for each thing that happens."""

    def __init__(self) -> None:
        self._status = ""
        self._waits: set[tuple[str, str]] = set()

    def tell(self, found: Progress, waiting: Sequence[Waiting]) -> None:
        """A line for each step that has ended, each wait that has begun, and each change of the run's status."""
        for step in found.steps:
            self._write(step.ended_at, line_of_step(step))
        waits = {(each.step, each.reason.value) for each in waiting}
        for each in waiting:
            if (each.step, each.reason.value) not in self._waits:
                self._write(None, line_of_wait(found.run.id, each))
        self._waits = waits
        if found.run.status.value != self._status:
            self._status = found.run.status.value
            self._write(found.run.ended_at, f"the run: {self._status}")
        sys.stdout.flush()

    def close(self, ended: Execution) -> None:
        """See ``_Display.close``."""
        click.echo()
        show_run(ended)

    @staticmethod
    def _write(at: datetime | None, text: str) -> None:
        click.echo(f"{(at or datetime.now(UTC)).astimezone():%H:%M:%S}  {text}")


class _Screen(_Display):
    """At a terminal: a table that is drawn anew while the run comes along."""

    def __init__(self) -> None:
        self._table = StepTable()

    def shown(self) -> AbstractContextManager[object]:
        """See ``_Display.shown``."""
        return out.drawn(self._table.drawn)

    def tell(self, found: Progress, waiting: Sequence[Waiting]) -> None:
        """See ``_Display.tell``."""
        self._table.update(found, waiting)

    def close(self, ended: Execution) -> None:
        """See ``_Display.close``."""
        self._table.write()
        show_run(ended)
