"""Steps that call no handler: they give values, let time pass, ask a person, or run another playbook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from attrs import evolve

from zona_core.domain.jobs import Job, Wait, WaitReason
from zona_core.domain.playbooks import StepKind
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import Execution, RunStatus
from zona_core.errors import StoreUnavailable, TaskFailed, ZonaError
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.book import Book
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._engine.results import recalled
from zona_core.usecases._engine.sealing import concealed
from zona_core.usecases._engine.work import Later, Outcome, Unit

__all__ = ["Beginner", "OtherSteps"]

#: how often a step looks by itself whether the playbook that it runs has ended; it is told, too
_CHILD: Final = timedelta(seconds=30)


class Beginner(Protocol):
    """Makes the runs of playbooks that steps begin."""

    def begins(
        self, context: TenantContext, book: Book, unit: Unit, inputs: Mapping[str, Any]
    ) -> tuple[Execution, Job]:
        """The run of another playbook that a step begins, not stored yet; raises ``ZonaError``."""


class OtherSteps:
    """Those of one run. ``redactor`` knows the secrets among its inputs."""

    def __init__(
        self,
        beginner: Beginner,
        context: TenantContext,
        book: Book,
        *,
        compiled: CompiledPlaybook | None,
        redactor: Redactor,
    ) -> None:
        self._beginner = beginner
        self._context = context
        self._book = book
        self._compiled = compiled
        self._redactor = redactor

    def perform(self, unit: Unit, before: Wait | None, started_at: datetime) -> Outcome | Later:
        """How the step ended or why it goes on later; raises ``TaskFailed``, ``StoreUnavailable``."""
        step = unit.step
        assert step is not None
        if step.kind is StepKind.SET:
            outputs = self._redactor.data(self._value(unit, "set"))
            return Outcome(status=RunStatus.SUCCESS, outputs=outputs, started_at=started_at)
        if step.kind is StepKind.WAIT:
            return self._time(unit, before, started_at)
        if step.kind is StepKind.APPROVAL:
            return self._approval(unit, before, started_at)
        return self._playbook(unit, before, started_at)

    def _time(self, unit: Unit, before: Wait | None, started_at: datetime) -> Outcome | Later:
        if before is None:
            until = started_at + timedelta(seconds=_seconds(self._value(unit, "wait")))
            return Later(wait=Wait(reason=WaitReason.TIME, until=until, started_at=started_at))
        if self._context.data.now() < before.until:
            return Later(wait=before)
        return Outcome(status=RunStatus.SUCCESS, started_at=started_at)

    def _approval(self, unit: Unit, before: Wait | None, started_at: datetime) -> Outcome | Later:
        step = unit.step
        assert step is not None
        assert step.approval is not None
        if before is None:
            until = started_at + timedelta(seconds=step.approval.expires)
            asked = self._redactor.text(str(self._value(unit, "approval.message")))
            before = Wait(reason=WaitReason.APPROVAL, until=until, started_at=started_at, detail=asked)
        decision = self._book.job.decisions.get(step.name)
        if decision is None:
            if self._context.data.now() < before.until:
                return Later(wait=before)
            raise TaskFailed("nobody answered in time", code="approval_expired")
        comment = self._redactor.text(decision.comment)
        told: dict[str, Any] = {"approved": decision.approved, "by": decision.by, "comment": comment}
        if not decision.approved:
            raise TaskFailed(f"{decision.by} did not approve it: {comment}", code="rejected", **told)
        return Outcome(status=RunStatus.SUCCESS, outputs=told, started_at=started_at)

    def _playbook(self, unit: Unit, before: Wait | None, started_at: datetime) -> Outcome | Later:
        now = self._context.data.now()
        if before is None:
            try:
                begun = self._beginner.begins(self._context, self._book, unit, self._value(unit, "inputs"))
                begun = concealed(*begun, self._redactor)
            except (StoreUnavailable, TaskFailed):
                raise
            except ZonaError as exc:
                raise TaskFailed(exc.message, code=exc.code, hint=exc.hint, faults=exc.faults) from exc
            wait = Wait(reason=WaitReason.PLAYBOOK, until=now + _CHILD, started_at=started_at, detail=begun[0].id)
            return Later(wait=wait, begins=begun)
        run = self._context.data.runs.need(before.detail)
        if not run.status.ended:
            return Later(wait=evolve(before, until=now + _CHILD))
        run = recalled(self._context, run)
        status = RunStatus.SUCCESS if run.status is RunStatus.SUCCESS else RunStatus.FAILURE
        return Outcome(status=status, outputs=run.results or {}, error=run.error, started_at=started_at)

    def _value(self, unit: Unit, part: str) -> Any:
        assert self._compiled is not None
        assert unit.step is not None
        return self._compiled.value(unit.step.name, part, unit.scope)


def _seconds(value: Any) -> float:
    """Seconds to wait; raises ``TaskFailed``."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds <= 366 * 86_400:
        raise TaskFailed("wait is no number of seconds", code="invalid_wait", hint="0 to 366 days, in seconds")
    return seconds
