"""``zona worker``: a process that carries out runs."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._session import Session, pass_session
from zona_cli._text import json_text

if TYPE_CHECKING:
    from zona_cli._worker_settings import WorkerSettings
    from zona_core import Zona

__all__ = ["worker"]

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@click.command(cls=Command)
@click.option(
    "--workers",
    type=click.IntRange(1, 1_024),
    help="How many handlers run at a time. [env: ZONA_WORKERS; default: 16]",
)
@click.option(
    "--metrics",
    metavar="[HOST:]PORT",
    help="Serve Prometheus metrics of its runs there; port 0 takes any that is free. Needs the extra http. "
    "[env: ZONA_WORKER_METRICS; default: nowhere, and 127.0.0.1 for HOST]",
)
@pass_session
def worker(session: Session, /, workers: int | None, metrics: str | None) -> None:
    """Carry out runs, whoever began them, until SIGTERM or Ctrl-C.

    Then nothing more is begun, handlers have five seconds to end, and everything else is given back: other processes
    go on with it. A second signal ends the process at once. The log goes to standard error.
    """
    if workers is not None:
        session.options["workers"] = str(workers)
    own = _own_settings(session, metrics)
    zona = _ready(session)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("zona").setLevel(logging.INFO)
    told = threading.Event()
    before = [signal.signal(number, lambda *_: told.set()) for number in _SIGNALS]
    try:
        with _metrics(own, zona) as url:
            zona.work()
            _tell(session, zona, url)
            told.wait()
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _own_settings(session: Session, metrics: str | None) -> WorkerSettings:
    """Raises ``ConfigurationError``."""
    from zona_cli._worker_settings import WorkerSettings
    from zona_core import load_table

    return load_table(WorkerSettings, "zona.worker", {"metrics": metrics}, home=session.options.get("home"))


def _metrics(own: WorkerSettings, zona: Zona) -> AbstractContextManager[str]:
    """Where the metrics are served, empty for nowhere; they are from here on."""
    if not own.metrics:
        return nullcontext("")
    from zona_service.worker_metrics import run_metrics_served

    return run_metrics_served(zona, *own.metrics_address)


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


def _tell(session: Session, zona: Zona, url: str) -> None:
    pid, most, hears = os.getpid(), zona.settings.workers, zona.settings.executor.partition(":")[0]
    if session.json:
        told = {"pid": pid, "workers": most, "executor": hears} | ({"metrics": url} if url else {})
        click.echo(json_text({"working": told}, indent=None))
    else:
        where = f", metrics: {url}" if url else ""
        out.note(session, f"Carrying out runs (process {pid}, workers: {most}, executor: {hears}{where})")
