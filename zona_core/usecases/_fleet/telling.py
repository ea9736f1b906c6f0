"""Telling whoever began something how far it is, without letting them break it."""

from __future__ import annotations

import logging
import threading
from typing import Final

from zona_core.domain.fleet.progress import FleetProgress, FleetReport

__all__ = ["careful"]

_log: Final = logging.getLogger("zona.fleet")


def careful(report: FleetReport | None) -> FleetReport:
    """``report``, told one event at a time; what it raises is logged, and it is told nothing any more.

    A terminal that is gone does not end a deployment.
    """
    if report is None:
        return _nobody
    lock = threading.Lock()
    listening = True

    def tell(event: FleetProgress) -> None:
        nonlocal listening
        with lock:
            if not listening:
                return
            try:
                report(event)
            except Exception:  # noqa: BLE001  # whatever it is, the deployment goes on
                listening = False
                _log.exception("nobody is told any more how far the fleet is")

    return tell


def _nobody(_: FleetProgress) -> None:
    """Nobody asked to be told."""
