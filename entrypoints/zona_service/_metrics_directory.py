"""Where the workers of one service put their numbers, so that each can tell those of all."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from zona_http._metrics import FOLDER_VARIABLE, share_metrics

__all__ = ["metrics_directory", "shared_memory"]

_PREFIX: Final = "zona-metrics-"
#: seconds in which whoever made a folder may not have locked it yet
_YOUNG: Final = 60


def shared_memory() -> str | None:
    """A folder in memory, if the system has one: files that are written on every request never wait for a disk."""
    folder = "/dev/shm"  # noqa: S108  # only names that tempfile makes are used in it
    return folder if os.path.isdir(folder) and os.access(folder, os.W_OK) else None


@contextmanager
def metrics_directory() -> Iterator[Path]:
    """A private folder that metrics are kept in, removed at the end by the process that made it.

    What a service left that was killed is removed by the next one: as long as any of its processes lives, it holds a
    lock on the folder (flock(2), which forked processes share).
    """
    owner = os.getpid()
    parent = Path(shared_memory() or tempfile.gettempdir())
    for left in parent.glob(f"{_PREFIX}*"):
        _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(held, fcntl.LOCK_SH)
    before = os.environ.get(FOLDER_VARIABLE)
    share_metrics(folder)
    try:
        yield folder
    finally:
        if os.getpid() == owner:  # workers leave through here as well
            if before is None:
                os.environ.pop(FOLDER_VARIABLE, None)
            else:
                os.environ[FOLDER_VARIABLE] = before
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


def _remove_if_left(folder: Path) -> None:
    try:
        found = folder.lstat()
        if found.st_uid != os.geteuid() or time.time() - found.st_mtime < _YOUNG:
            return
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # another service was faster
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # in use
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)
