"""The plan of a single task's run: one unit, and its outcome is the run's."""

from __future__ import annotations

from zona_core.domain.runs import RunStatus
from zona_core.usecases._engine.work import Ending, Outcome, Unit

__all__ = ["SinglePlan"]


class SinglePlan:
    """See ``Plan``."""

    def __init__(self) -> None:
        self.concurrency = 1
        self.timeout: float | None = None
        self._unit = Unit()
        self._taken = False
        self._ending: Ending | None = None

    def take(self, room: int) -> list[Unit]:
        """See ``Plan.take``."""
        if self._taken or room < 1:
            return []
        self._taken = True
        return [self._unit]

    def resumed(self, key: str) -> Unit:
        """See ``Plan.resumed``."""
        if key:
            raise KeyError(key)
        self._taken = True
        return self._unit

    def settle(self, unit: Unit, outcome: Outcome) -> Outcome | None:  # noqa: ARG002  # there is but one
        """See ``Plan.settle``."""
        results = outcome.outputs if outcome.status is RunStatus.SUCCESS else None
        self._ending = Ending(status=outcome.status, results=results, error=outcome.error)
        return None

    def ending(self) -> Ending | None:
        """See ``Plan.ending``."""
        return self._ending

    def cut_short(self) -> tuple[str, ...]:
        """See ``Plan.cut_short``."""
        return ()
