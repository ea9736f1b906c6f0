"""The observer port: who is told what becomes of runs, for figures and traces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from zona_core.domain.runs import Execution

__all__ = ["RunObserver"]


class RunObserver(Protocol):
    """Is told what happens to runs in this process, after it was stored.

    Called by the threads that carry runs out, several at a time: each call has to be quick. What it raises is logged
    and changes nothing. Records show no secrets; their inputs, results and errors are the tenant's own all the same,
    and none of it belongs into figures and traces that others see.
    """

    def claimed(self, tenant_code: str, run: Execution, waited: float) -> None:
        """A run is under way here from now on, after it was due for ``waited`` seconds; ``left`` follows."""

    def left(self, tenant_code: str, run: Execution) -> None:
        """A run is not under way here any more: it has ended, waits, or goes on elsewhere."""

    def recorded(self, tenant_code: str, steps: Sequence[Execution]) -> None:
        """Steps, or items of steps, have ended."""

    def ended(self, tenant_code: str, run: Execution, steps: Iterable[Execution]) -> None:
        """A run has ended; ``steps`` are read from the store when they are asked for, as far as there are not too many.

        Steps of other runs that a step began are not among them: those are told of by themselves.
        """

    def reaped(self, runs: int) -> None:
        """So many runs were taken from a worker that is no more."""
