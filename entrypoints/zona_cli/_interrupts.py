"""Ctrl-C, once and again, in what can be brought to an orderly end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

__all__ = ["StoppedError", "stopping"]


class StoppedError(BaseException):
    """Ctrl-C was pressed again: nothing is brought to an end any more."""


@contextmanager
def stopping(tell: Callable[[], None]) -> Iterator[None]:
    """A block in which Ctrl-C raises ``KeyboardInterrupt`` as ever, after ``tell``, and any further ``StoppedError``.

    What the block does may take the first for a wish to come to an end; the second is none that it knows. Who ignores
    the signal goes on ignoring it; of threads only the main one gets it.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not main or before is not signal.default_int_handler:
        yield
        return
    pressed = False

    def heard(_: int, __: FrameType | None) -> NoReturn:
        nonlocal pressed
        if pressed:
            raise StoppedError
        pressed = True
        tell()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
