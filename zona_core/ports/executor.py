"""The executor port: how workers hear that there is work (SPEC §4.4).

What is to be done, and who does it, stands in the store. An executor only carries the wake-up: one that is lost, late
or delivered twice costs a moment, since workers also look by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Executor"]


class Executor(Protocol):
    """Safe to use from several threads. Connects to nothing before the first call."""

    @property
    def runs_here(self) -> bool:
        """Whether a process that begins a run carries it out itself as long as it has threads to spare.

        Otherwise runs are left to processes that ``listen``.
        """

    def announce(self) -> None:
        """Wakes one of those that listen, in whichever process, soon; never raises and never waits for long.

        A wake-up that cannot be delivered is logged and lost.
        """

    def listen(self, wake: Callable[[], None]) -> None:
        """Has ``wake`` called from a thread of its own for wake-ups, until ``close``; several may come as one."""

    def close(self) -> None:
        """Delivers nothing any more. Closing twice does nothing."""
