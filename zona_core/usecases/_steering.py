"""What can be done with runs that are under way: cancel, pause, go on, answer, repeat from a step (SPEC §4.4)."""

from __future__ import annotations

import uuid
from typing import Any

from attrs import evolve

from zona_core.domain.graphs import dependents_of
from zona_core.domain.jobs import Control, Decision, Job, JobKind, WaitReason
from zona_core.domain.playbooks import edges_of
from zona_core.domain.runs import Execution, RunStatus
from zona_core.domain.secrets import MASK
from zona_core.errors import Conflict, Fault, InvalidInput, NotFound
from zona_core.persistence.database import TenantData
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._engine.beginning import Beginning
from zona_core.usecases._engine.loading import playbook_at
from zona_core.usecases._engine.waits import Waiting, waiting_of
from zona_core.usecases._lookup import run_of

__all__ = ["Steering"]


class Steering(Area):
    """The part of ``Runs`` that changes the course of runs."""

    _context: TenantContext

    @use_case("runs:control", by_object=True)
    def cancel(self, run_id: str, *, reason: str = "") -> Execution:
        """Ends a run that is under way, with all that it is doing, within a second; one that has ended stays as it is.

        What a handler has begun at a remote side may take effect all the same. Raises ``NotFound``.
        """
        return self._steered(run_id, Control.CANCEL, "runs.cancel", reason)

    @use_case("runs:control", by_object=True)
    def pause(self, run_id: str, *, reason: str = "") -> Execution:
        """Has a run begin nothing more once the steps that are under way have ended, until ``resume``.

        Raises ``NotFound``.
        """
        return self._steered(run_id, Control.PAUSE, "runs.pause", reason)

    @use_case("runs:control", by_object=True)
    def resume(self, run_id: str) -> Execution:
        """Has a paused run go on; raises ``NotFound``."""
        return self._steered(run_id, Control.NONE, "runs.resume", "")

    @use_case("runs:approve", by_object=True)
    def decide(self, run_id: str, step: str, *, approved: bool, comment: str = "") -> Execution:
        """Answers the approval that a step of a run waits for; the first answer counts.

        Raises ``NotFound``; ``Conflict`` with code ``not_waiting`` if the step waits for no answer.
        """
        data, actor = self._context.data, self._context.actor
        if len(comment) > _LONGEST_COMMENT:
            raise InvalidInput.of([Fault("comment", "is too long", f"at most {_LONGEST_COMMENT} characters")])
        run = run_of(self._context, run_id, "runs:approve")
        with data.transaction():
            job = data.jobs.get(run.id)
            wait = job.waits.get(step) if job is not None else None
            if job is None or wait is None or wait.reason is not WaitReason.APPROVAL or step in job.decisions:
                raise Conflict(
                    f"the step {step!r} of the run {run.id} waits for no answer",
                    code="not_waiting",
                    hint="zona runs show tells what a run waits for",
                )
            decision = Decision(approved=approved, by=actor.name, at=data.now(), comment=comment)
            decisions = {**job.decisions, step: decision}
            data.jobs.modify({"_id": run.id}, decisions=decisions)
            data.jobs.modify({"_id": run.id, "worker": None}, due_at=data.now())
            told = {"step": step, "approved": approved, "comment": comment}
            data.record(actor, "runs.decide", f"runs/{run.id}", after=told)
        self._context.parts.engine.look(data.tenant_code, run.id)
        return run_of(self._context, run_id, "runs:approve")

    @use_case("runs:read", by_object=True)
    def waiting(self, run_id: str) -> list[Waiting]:
        """What a run waits for, by step; raises ``NotFound``."""
        run = run_of(self._context, run_id, "runs:read")
        return waiting_of(self._context.data.jobs.get(run.id))

    @use_case("runs:run", by_object=True)
    def replay(self, run_id: str, *, step: str = "", patience: float = 0.0) -> Execution:
        """Begins a playbook's run anew from a step on, with the inputs and the playbook of the old run.

        Steps that ended well and do not come after ``step`` are not run again: their outputs count. Without ``step``
        it goes on from whatever did not end well. Raises ``NotFound``; ``Conflict`` for a run that is under way
        (``run_under_way``), is no playbook's (``not_a_playbook``) or had secret inputs (``inputs_not_kept``).
        """
        data = self._context.data
        old = run_of(self._context, run_id, "runs:run")
        _refuse_replay(old)
        playbook = playbook_at(data, old.playbook_id, old.playbook_revision)
        names = [each.name for each in playbook.steps]
        if step and step not in names:
            raise NotFound(f"the playbook {old.playbook_title} has no step {step!r}", collection="steps")
        if MASK in str(old.inputs):  # also where a step that began it gave a secret for a text
            raise Conflict("the secrets among its inputs are not kept", code="inputs_not_kept")
        edges = [(edge.step, name) for name, into in edges_of(playbook.steps).items() for edge in into]
        again = {step, *dependents_of(step, names, edges)} if step else set()
        kept = [each.id for each in _ended_well(data, old) if each.step not in again]
        run_id, now = str(uuid.uuid4()), data.now()
        run = evolve(
            old, **_FRESH, id=run_id, replay_of=old.id, actor=self._context.actor.name, idempotency_key=run_id,
            created_at=now, started_at=now,
        )  # fmt: skip
        job = Job(id=run_id, kind=JobKind.PLAYBOOK, due_at=now, created_at=now, reused=tuple(kept))
        return Beginning(self._context).begun(run, job, patience=patience)

    def _steered(self, run_id: str, control: Control, action: str, reason: str) -> Execution:
        data, actor = self._context.data, self._context.actor
        run = run_of(self._context, run_id, "runs:control")
        if run.status.ended:
            return run
        if control is Control.CANCEL:
            self._cancel_below(run.id)
        with data.transaction():
            found = data.jobs.modify({"_id": run.id}, control=control)
            if found is not None:
                data.jobs.modify({"_id": run.id, "worker": None}, due_at=data.now())
                data.record(actor, action, f"runs/{run.id}", after={"reason": reason} if reason else None)
        self._context.parts.engine.look(data.tenant_code, run.id)
        return run_of(self._context, run_id, "runs:control")

    def _cancel_below(self, run_id: str) -> None:
        """Cancels the runs that steps of this one began."""
        data = self._context.data
        for child in data.runs.all({"parent_id": run_id}):
            if not child.step and not child.status.ended:
                self._cancel_below(child.id)
                data.jobs.modify({"_id": child.id}, control=Control.CANCEL)
                data.jobs.modify({"_id": child.id, "worker": None}, due_at=data.now())
                self._context.parts.engine.look(data.tenant_code, child.id)


_LONGEST_COMMENT = 4_000
#: what a run that begins anew does not take over
_FRESH: dict[str, Any] = {
    "status": RunStatus.RUNNING,
    "results": None,
    "error": None,
    "attempts": (),
    "records_processed": 0,
    "performance": {},
    "skipped": (),
    "ended_at": None,
    "parent_id": "",
    "depth": 0,
    "trigger": "",
    "revision": 0,
}


def _ended_well(data: TenantData, run: Execution | None) -> list[Execution]:
    """The records of a run's steps and items that ended well, those included that it took over from another run."""
    found: list[Execution] = []
    known: set[str] = set()
    while run is not None:
        steps = [each for each in data.runs.all({"parent_id": run.id}) if each.step and each.step not in known]
        found += (each for each in steps if each.status is RunStatus.SUCCESS)
        known |= {each.step for each in steps}
        run = data.runs.get(run.replay_of) if run.replay_of else None
    return found


def _refuse_replay(run: Execution) -> None:
    if not run.playbook_id or run.step:
        raise Conflict("only runs of playbooks begin anew from a step", code="not_a_playbook")
    if not run.status.ended:
        raise Conflict("the run is under way", code="run_under_way", hint="cancel it first, or wait for its end")
