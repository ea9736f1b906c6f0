"""The processors that the service may use, and which worker process keeps to which.

Of a process's threads one at a time runs Python. Where they are on several processors, each that gives way for a
moment, to read from the database or to write to a client, is likely to find another one in its place, and waits for a
wake-up across processors: that costs a third of the throughput. On one processor the moment is over before anybody else
runs.
"""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["keep_to_one", "usable_processors"]


def usable_processors() -> list[int]:
    """The numbers of the processors that this process may use, in order."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def keep_to_one(slot: int, workers: int) -> bool:
    """Has this process, and the threads that it starts from now on, keep to one processor; whether it does.

    Only where there are at least as many ``workers`` as processors, so that none is left idle, and only on Linux.
    ``slot`` is another number for each worker, from 0.
    """
    processors = usable_processors()
    if not hasattr(os, "sched_setaffinity") or len(processors) < 2 or workers < len(processors):
        return False
    with suppress(OSError):  # it may have been forbidden
        os.sched_setaffinity(0, {processors[slot % len(processors)]})
        return True
    return False
