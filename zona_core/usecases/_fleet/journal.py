"""A deployment's journal: what becomes of each service is stored as it happens, and told.

Every entry is made in one transaction with a look at the lock's fence. So a step is begun only by whoever holds the
lock, and whoever dies leaves behind what was done, and what was begun.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from zona_core.domain.actors import Actor
from zona_core.domain.fleet.deployments import Deployment, DeploymentStatus, Outcome, OutcomeStatus
from zona_core.domain.fleet.plan import Step
from zona_core.domain.fleet.progress import DeploymentEnded, FleetReport, ServiceEnded
from zona_core.errors import FleetLocked
from zona_core.persistence.database import CORE, Database
from zona_core.usecases._fleet.lock import Hold

__all__ = ["Journal"]

_LONGEST_MESSAGE = 1_000


class Journal:
    """Writes down what becomes of one deployment; of several threads."""

    def __init__(self, database: Database, hold: Hold, deployment: Deployment, actor: Actor, tell: FleetReport) -> None:
        self._database = database
        self._hold = hold
        self._deployment = deployment
        self._actor = actor
        self._lock = threading.Lock()
        self._outcomes: dict[str, Outcome] = {}
        self.tell = tell

    @property
    def deployment(self) -> Deployment:
        """The deployment as it was stored last."""
        return self._deployment

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What became of services so far."""
        with self._lock:
            return tuple(self._outcomes.values())

    def outcome(self, service: str) -> Outcome | None:
        """What became of one service so far."""
        return self._outcomes.get(service)

    def fence(self) -> None:
        """Raises ``FleetLocked`` if nothing may be changed any more, ``StoreUnavailable`` if nobody can tell."""
        self._hold.fence()

    def begin(self, step: Step) -> None:
        """A service is about to be changed; raises as ``fence``."""
        self._write([Outcome(service=step.service, verb=step.verb.value, status=OutcomeStatus.BEGUN)])

    def end(self, outcome: Outcome) -> None:
        """What became of a service; raises as ``fence``."""
        shown = evolve(outcome, message=outcome.message[:_LONGEST_MESSAGE])
        self._write([shown])
        self.tell(ServiceEnded(outcome=shown))

    def skip(self, steps: Iterable[Step]) -> None:
        """Those of the steps that were never begun."""
        never = [step for step in steps if step.service not in self._outcomes]
        self._write(
            [Outcome(service=step.service, verb=step.verb.value, status=OutcomeStatus.SKIPPED) for step in never]
        )

    def close(
        self,
        status: DeploymentStatus,
        *,
        code: str = "",
        message: str = "",
        beside: Callable[[], Any] = lambda: None,
    ) -> Deployment:
        """How it ended, in one transaction with what ``beside`` writes and the record of the audit trail."""
        with self._transaction():
            beside()
            ended = evolve(
                self._database.deployments.need(self._deployment.id),
                status=status,
                outcomes=self.outcomes,
                ended_at=self._database.store.now(),
                code=code,
                message=message[:_LONGEST_MESSAGE],
            )
            self._deployment = self._database.deployments.replace(ended)
            after = {"status": status.value, "code": code, "outcomes": self._in_words()}
            self._database.tenant(CORE).record(
                self._actor, f"fleet.{ended.action}.end", f"deployments/{ended.id}", after=after
            )
        self.tell(DeploymentEnded(deployment=self._deployment))
        return self._deployment

    def _write(self, outcomes: list[Outcome]) -> None:
        with self._lock:
            changed = self._outcomes | {outcome.service: outcome for outcome in outcomes}
            with self._transaction():
                where = {"_id": self._deployment.id, "status": DeploymentStatus.RUNNING.value}
                if self._database.deployments.modify(where, outcomes=tuple(changed.values())) is None:
                    raise FleetLocked(f"the deployment {self._deployment.id} was interrupted", code="fleet_lock_lost")
            self._outcomes = changed

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One on the core database that only the lock's holder makes."""
        with self._database.transaction():
            self._hold.fence()
            yield

    def _in_words(self) -> dict[str, str]:
        return {outcome.service: f"{outcome.verb}: {outcome.status.value}" for outcome in self.outcomes}
