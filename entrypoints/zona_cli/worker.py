"""``zona worker``: a process that carries out runs."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._session import Session, pass_session
from zona_cli._text import json_text

if TYPE_CHECKING:
    from zona_core import Zona

__all__ = ["worker"]

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@click.command(cls=Command)
@click.option(
    "--workers",
    type=click.IntRange(1, 1_024),
    help="How many handlers run at a time. [env: ZONA_WORKERS; default: 16]",
)
@pass_session
def worker(session: Session, /, workers: int | None) -> None:
    """Carry out runs, whoever began them, until SIGTERM or Ctrl-C.

    Then nothing more is begun, handlers have five seconds to end, and everything else is given back: other processes
    go on with it. A second signal ends the process at once. The log goes to standard error.
    """
    if workers is not None:
        session.options["workers"] = str(workers)
    zona = _ready(session)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("zona").setLevel(logging.INFO)
    told = threading.Event()
    before = [signal.signal(number, lambda *_: told.set()) for number in _SIGNALS]
    try:
        zona.work()
        _tell(session, zona)
        told.wait()
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _ready(session: Session) -> Zona:
    """The ``Zona``, once it is sure that key and store can be used; raises what ``zona serve`` does if they cannot."""
    from zona_core import ConfigurationError, Fault

    report = session.system().store.check()
    if report.notes:
        raise ConfigurationError(
            "the store is not as this release needs it",
            code="store_differs",
            faults=[Fault("store", note) for note in report.notes],
            hint="zona store migrate mends what belongs to an older version",
        )
    zona = session.zona
    zona.plugins.open_keyring(zona.settings.keyring)
    _ = zona.runs_here  # an unusable URL of a queue is told now
    return zona


def _tell(session: Session, zona: Zona) -> None:
    pid, most, hears = os.getpid(), zona.settings.workers, zona.settings.executor.partition(":")[0]
    if session.json:
        told = {"pid": pid, "workers": most, "executor": hears}
        click.echo(json_text({"working": told}, indent=None))
    else:
        out.note(session, f"Carrying out runs (process {pid}, workers: {most}, executor: {hears})")
