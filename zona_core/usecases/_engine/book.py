"""Writing down what becomes of a run. Every write asks for the claim: whoever has lost it writes nothing."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from attrs import evolve

from zona_core.domain.jobs import Control, Job, Wait
from zona_core.domain.runs import Execution, RunStatus
from zona_core.errors import RevisionConflict, ZonaError
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Where
from zona_core.usecases._engine.turns import has_room
from zona_core.usecases._engine.work import Call, Ending, Outcome, Unit

__all__ = ["Book", "ClaimLost", "idempotency_of", "record_id"]


class ClaimLost(ZonaError):
    """The run is another worker's by now, or has ended."""

    code = "claim_lost"


def record_id(run_id: str, key: str) -> str:
    """The id of a step's record: the same whoever writes it, so that there are never two."""
    return str(uuid.uuid5(uuid.UUID(run_id), key))


def idempotency_of(run: Execution, key: str) -> str:
    """What a handler is given so that the remote side can drop a repeated call: the same for all tries of a unit."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run.idempotency_key}/{key}")) if key else run.idempotency_key


class Book:
    """The record and the job of one run that is under way here. Used by one thread at a time.

    Each method raises ``ClaimLost`` and ``StoreUnavailable``; nothing is written then.
    """

    def __init__(self, data: TenantData, run: Execution, job: Job) -> None:
        self._data = data
        #: as they were last written or read
        self.run = run
        self.job = job
        self._heeded = _wishes(job)
        self._numbering = threading.Lock()
        self._blobs = job.blobs

    def begun(self) -> None:
        """The run is under way."""
        if self.run.status is RunStatus.RUNNING:
            return
        with self._data.transaction():
            job, now = self._fence(), self._data.now()
            run = self._replaced(evolve(self.run, status=RunStatus.RUNNING, started_at=self.run.started_at or now))
        self.job, self.run = job, run

    def note(self, waits: Mapping[str, Wait], attempts: Wait | None = None) -> None:
        """Some of its steps wait; the ``attempts`` of a single task, which waits, are told in its record."""
        with self._data.transaction():
            job = self._fence(waits=dict(waits))
            run = self.run
            if attempts is not None:
                run = self._replaced(evolve(run, attempts=attempts.attempts))
        self.job, self.run = job, run

    def begin(self, waits: Mapping[str, Wait], run: Execution, job: Job) -> None:
        """A step waits for another run, which is begun with that."""
        with self._data.transaction():
            mine = self._fence(waits=dict(waits))
            if self._data.runs.get(run.id) is None:
                self._data.runs.insert(run)
                self._data.jobs.insert(job)
        self.job = mine

    def step(self, records: list[Execution], waits: Mapping[str, Wait]) -> None:
        """Steps have ended; others go on."""
        with self._data.transaction():
            job = self._fence(waits=dict(waits))
            self._data.runs.insert_many(records)
        self.job = job

    def end(self, ended: Execution, records: list[Execution], below: Iterable[str] = ()) -> None:
        """The run has ended, and with it these steps; the runs ``below``, which it waited for, are to end as well."""
        with self._numbering, self._data.transaction():
            ended = evolve(ended, blobs=self._blobs)
            if self._data.jobs.delete_many(self._mine()):
                self._data.runs.insert_many(records)
                run = self._replaced(ended)
                self._wake_parent()
                self._cancel(below)
            else:
                run = self._data.runs.need(ended.id)
                if not run.status.ended:  # it has, if the answer to this same write was lost
                    raise ClaimLost("the run is not this worker's any more")
        self.run = run

    def number_blob(self) -> int:
        """The number of a blob that is going to be put: no other one of the run has it, whoever carries it out."""
        with self._numbering:
            job = self._data.jobs.modify(self._mine(), count="blobs")
            if job is None:
                raise ClaimLost("the run is not this worker's any more")
            self._blobs = job.blobs
        return job.blobs

    def fail(self, exc: ZonaError) -> None:
        """The run cannot be carried out at all."""
        error = {"code": exc.code, "message": exc.message}
        self.end(self.ended(Ending(status=RunStatus.FAILURE, error=error), self._data.now()), [])

    def park(self, due_at: datetime | None, waits: Mapping[str, Wait], *, awaits: str, status: RunStatus) -> None:
        """The claim is given back: from ``due_at`` on anybody may go on, at once if there is news.

        ``awaits`` is the limit under which others have to end before.
        """
        with self._data.transaction():
            job = self._data.jobs.get(self.job.id)
            if job is not None and (self.is_news(job) or (awaits and has_room(self._data, awaits))):
                due_at = self._data.now()
            job = self._fence(worker="", due_at=due_at, waits=dict(waits), awaits=awaits)
            run = self.run if self.run.status is status else self._replaced(evolve(self.run, status=status))
        self.job, self.run = job, run

    def heed(self) -> bool:
        """Whether others have wished or told something since this was asked last, as far as it was read."""
        news, self._heeded = self.is_news(self.job), _wishes(self.job)
        return news

    def is_news(self, job: Job) -> bool:
        """Whether the job, as it is stored now, tells anything that was not heeded yet."""
        return _wishes(job) != self._heeded

    def refresh(self) -> Job | None:
        """The job as others may have changed it; None if it is this worker's no more."""
        job = self._data.jobs.get(self.job.id)
        if job is None or (job.worker, job.token) != (self.job.worker, self.job.token):
            return None
        self.job = job
        return job

    def record(self, unit: Unit, outcome: Outcome, ended_at: datetime) -> Execution:
        """A step's record, to be written by ``step`` or ``end``."""
        step, run, call = unit.step, self.run, outcome.call
        assert step is not None
        return Execution(
            id=record_id(run.id, unit.key),
            parent_id=run.id,
            depth=run.depth,
            playbook_id=run.playbook_id,
            playbook_title=run.playbook_title,
            playbook_revision=run.playbook_revision,
            step=step.name,
            step_kind=step.kind.value,
            item=unit.item,
            actor=run.actor,
            idempotency_key=idempotency_of(run, unit.key),
            created_at=ended_at,  # so that what was read of a run once only grows at its end
            started_at=outcome.started_at,
            ended_at=ended_at,
            **_results(outcome),
            **(_called(call) if call is not None else {}),
        )

    def ended(self, ending: Ending, ended_at: datetime, outcome: Outcome | None = None) -> Execution:
        """The run's record as it ends; ``outcome`` is that of a single task."""
        told = _results(outcome) if outcome is not None else {}
        told |= {
            "status": ending.status,
            "results": None if ending.results is None or ending.blob is not None else dict(ending.results),
            "results_blob": ending.blob,
            "error": None if ending.error is None else dict(ending.error),
            "skipped": ending.skipped,
        }
        return evolve(self.run, ended_at=ended_at, **told)

    def _replaced(self, run: Execution) -> Execution:
        """Stores the run's record, whose revision may be another: the answer to an earlier write may have been lost."""
        try:
            return self._data.runs.replace(run)
        except RevisionConflict:
            return self._data.runs.replace(evolve(run, revision=self._data.runs.need(run.id).revision))

    def _fence(self, **changes: Any) -> Job:
        job = self._data.jobs.modify(self._mine(), **changes)
        if job is None:
            raise ClaimLost("the run is not this worker's any more")
        return job

    def _mine(self) -> Where:
        return {"_id": self.job.id, "worker": self.job.worker, "token": self.job.token}

    def _cancel(self, below: Iterable[str]) -> None:
        for run_id in below:
            if self._data.jobs.modify({"_id": run_id}, control=Control.CANCEL) is not None:
                self._data.jobs.modify({"_id": run_id, "worker": None}, due_at=self._data.now())

    def _wake_parent(self) -> None:
        if self.job.parent:
            # Also if it is somebody's: whoever has not seen this end must not put the run away for long.
            self._data.jobs.modify({"_id": self.job.parent}, due_at=self._data.now())


def _wishes(job: Job) -> tuple[Any, ...]:
    """What others change of a job that is claimed; ``due_at`` tells that a run which it waits for has ended."""
    return job.control, job.decisions, job.due_at


def _results(outcome: Outcome) -> dict[str, Any]:
    failed = outcome.status is not RunStatus.SUCCESS
    return {
        "status": outcome.status,
        "results": None if failed or outcome.blob is not None else dict(outcome.outputs),
        "results_blob": None if failed else outcome.blob,
        "error": dict(outcome.error) if outcome.error is not None else None,
        "attempts": outcome.attempts,
        "records_processed": outcome.records_processed,
        "performance": dict(outcome.performance),
    }


def _called(call: Call) -> dict[str, Any]:
    return {
        "integration_id": call.app.integration_id,
        "task_id": call.task.id,
        "app_title": call.app.title,
        "task_tag": call.task.task_tag,
        "instance_id": call.instance.instance_id if call.instance else 0,
        "instance_title": call.instance.title if call.instance else "",
        "inputs": dict(call.shown),
    }
