"""``zona fleet watch``: a process that keeps the fleet as it is wanted."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._fleet_options import fleet_option
from zona_cli._fleet_texts import brief, clock
from zona_cli._session import Session, pass_session
from zona_cli._text import json_text

if TYPE_CHECKING:
    from zona_core.domain.fleet.progress import FleetProgress

__all__ = ["watch"]

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@click.command(cls=Command)
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait from one look to the next.",
)
@fleet_option
@pass_session
def watch(session: Session, *, interval: float, fleet: str) -> None:
    """Keep the fleet as it is wanted, until SIGTERM or Ctrl-C: mend what drifts, follow tenants as they change.

    What fails again and again is left alone for longer and longer. What happens is told line by line, with --output
    json as JSON. What is under way when a signal comes is brought to its end; a second signal ends it at once.
    """
    here = session.system().fleet
    told = threading.Event()

    def asked(number: int, _: object) -> None:
        if told.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        told.set()

    before = [signal.signal(number, asked) for number in _SIGNALS]
    try:
        if not session.json:
            out.note(session, f"watching (process {os.getpid()}), a look every {interval:g} s")
        here.watch(fleet=fleet, stop=told.is_set, report=lambda event: _tell(session, event), interval=interval)
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _tell(session: Session, event: FleetProgress) -> None:
    if session.json:
        line = json_text(_data(event), indent=None)
    else:
        from zona_cli._fleet_course import line_of

        line = f"{clock()}  {line_of(event)}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _data(event: FleetProgress) -> dict[str, Any]:
    from zona_core import as_data
    from zona_core.domain.fleet.progress import DeploymentBegan, DeploymentEnded

    data = {"event": type(event).__name__, **as_data(event)}
    if isinstance(event, DeploymentBegan | DeploymentEnded):
        data["deployment"] = brief(event.deployment)
    return data
