"""Undoing what a failed deployment has changed, last first."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from attrs import evolve

from zona_core.domain.fleet.deployments import Outcome, OutcomeStatus
from zona_core.domain.fleet.names import engine_name
from zona_core.domain.fleet.plan import Step, Verb
from zona_core.domain.fleet.progress import RevertBegan
from zona_core.domain.fleet.targets import Target
from zona_core.errors import FleetLocked, StoreUnavailable, ZonaError
from zona_core.ports.engines import ContainerEngine
from zona_core.usecases._fleet.applying import Applying
from zona_core.usecases._fleet.concealing import Conceal, traced
from zona_core.usecases._fleet.journal import Journal
from zona_core.usecases._fleet.stepping import reporting

__all__ = ["Reverting"]

_log: Final = logging.getLogger("zona.fleet")


class Reverting:
    """Has services be what they were before a deployment."""

    def __init__(
        self, engine: ContainerEngine, journal: Journal, fleet: str, former: Mapping[str, Target], conceal: Conceal
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._fleet = fleet
        self._former = former
        self._conceal = conceal
        self._report = reporting(journal.tell, conceal)

    def run(self, applying: Applying) -> bool:
        """Whether all is as it was; raises ``FleetLocked``, ``StoreUnavailable`` and stops as it is."""
        failure = applying.failure
        assert failure is not None
        steps = [step for step in reversed(applying.changed) if step.service not in applying.left]
        if steps:
            names = tuple(step.service for step in steps)
            self._journal.tell(RevertBegan(services=names, code=failure.code, message=failure.message))
        undone = [self._undo(step) for step in steps]
        for step in applying.changed:
            if step.service in applying.left:
                self._leave(step)
        return all(undone) and not applying.left

    def _undo(self, step: Step) -> bool:
        self._journal.fence()
        before = self._journal.outcome(step.service) or Outcome(
            service=step.service, verb=step.verb.value, status=OutcomeStatus.BEGUN
        )
        try:
            self._change_back(step)
        except (FleetLocked, StoreUnavailable):
            raise
        except ZonaError as exc:
            self._note_failure(before, exc.code, self._conceal(exc.message))
            return False
        except Exception as exc:  # noqa: BLE001  # the others are to be changed back all the same
            _log.error("the service %s could not be changed back: %s", step.service, traced(exc))
            self._note_failure(before, "internal_error", type(exc).__name__)
            return False
        self._journal.end(evolve(before, status=OutcomeStatus.ROLLED_BACK))
        return True

    def _change_back(self, step: Step) -> None:
        former = self._former.get(step.service)
        if former is None:
            self._engine.remove(self._fleet, engine_name(self._fleet, step.service))
        elif step.verb is Verb.SCALE:
            self._engine.scale(self._fleet, former, self._report)
        else:
            self._engine.converge(self._fleet, former, self._report)

    def _note_failure(self, before: Outcome, code: str, message: str) -> None:
        """Why it failed at first stays the outcome's code, if it did."""
        said = f"{before.message}; " if before.message else ""
        status, code = OutcomeStatus.ROLLBACK_FAILED, before.code or code
        self._journal.end(evolve(before, status=status, code=code, message=f"{said}not changed back: {message}"))

    def _leave(self, step: Step) -> None:
        outcome = self._journal.outcome(step.service)
        if outcome is not None and outcome.status is OutcomeStatus.FAILED:
            self._journal.end(evolve(outcome, message=f"{outcome.message}; left as it is, by its policy"))
        elif outcome is not None:
            message = "the engine did not come back from what it was asked"
            self._journal.end(
                evolve(outcome, status=OutcomeStatus.ROLLBACK_FAILED, code="deployment_timeout", message=message)
            )
