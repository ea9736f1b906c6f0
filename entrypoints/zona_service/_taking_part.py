"""Each process of the service takes part in carrying out runs, unless a queue leaves that to workers."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from zona_core import StoreUnavailable, Zona, ZonaError

__all__ = ["take_part"]

_LOG: Final = logging.getLogger("zona.runs")

#: seconds between two attempts while the store is away
_PAUSE: Final = 1.0


def take_part(zona: Zona) -> None:
    """Has this process carry out runs that are due, also those that others began and left, until ``zona`` is closed.

    To be called after the fork. Does not wait for the store: requests are to be answered although it is away.
    """
    if zona.runs_here:
        threading.Thread(target=_begin, args=(zona,), name="zona-taking-part", daemon=True).start()


def _begin(zona: Zona) -> None:
    while True:
        try:
            zona.work()
        except StoreUnavailable as exc:
            if exc.code == "closed":
                return
            _LOG.warning("runs are not carried out yet: %s", exc)
            time.sleep(_PAUSE)
        except ZonaError as exc:
            if exc.code != "closed":
                _LOG.error("runs that others left are not carried out here: %s", exc)
            return
        else:
            return
