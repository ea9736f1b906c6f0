"""Carrying out one unit of a run: a task's handler is called by its instance's limits, its timeout and its policy."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from attrs import evolve

from zona_core.domain.apps import RetryPolicy
from zona_core.domain.jobs import Wait, WaitReason
from zona_core.domain.playbooks import StepKind
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import Attempt, RunStatus
from zona_core.errors import StoreUnavailable, TaskFailed, TaskTimeout, ZonaError
from zona_core.usecases._area import TenantContext
from zona_core.usecases._calls import Presentable, handled, presentable_outcome
from zona_core.usecases._engine.book import Book, ClaimLost
from zona_core.usecases._engine.calls import Order, call_of, order_of_step
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._engine.crew import Crew
from zona_core.usecases._engine.entrance import Entrance, Porter
from zona_core.usecases._engine.other_steps import Beginner, OtherSteps
from zona_core.usecases._engine.patience import Patience
from zona_core.usecases._engine.places import Places
from zona_core.usecases._engine.timers import Timers
from zona_core.usecases._engine.trials import Trial
from zona_core.usecases._engine.work import Call, Later, Outcome, Unit

__all__ = ["Performer", "Tools"]

#: is told what to ask for how a unit ended: that may raise ``ClaimLost``
Conclude = Callable[[Callable[[], Outcome | Later]], None]


class Tools(Beginner, Porter, Protocol):
    """What a performer needs of the engine."""

    crew: Crew
    timers: Timers


class Performer:
    """Carries out one run's units. ``order`` gives a single task's order, ``compiled`` a playbook's expressions."""

    def __init__(
        self,
        tools: Tools,
        context: TenantContext,
        book: Book,
        *,
        patience: Patience,
        order: Callable[[], Order | TaskFailed] | None = None,
        compiled: CompiledPlaybook | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._tools = tools
        self._context = context
        self._book = book
        self._patience = patience
        self._order = order
        self._compiled = compiled
        self._entrance = Entrance(tools, context.data, book, patience)
        #: knows the secrets among the run's own inputs
        self._redactor = redactor or Redactor()
        self._places = Places(context, self._redactor)
        self._others = OtherSteps(tools, context, book, compiled=compiled, redactor=self._redactor)
        #: calls that are under way, by unit
        self._trials: dict[str, tuple[Trial, Callable[[], None]]] = {}
        self._abandoned = False

    def perform(self, unit: Unit, before: Wait | None, conclude: Conclude) -> Outcome | Later | None:
        """How the unit ended or why it goes on later; None if ``conclude`` was or will be told, by another thread.

        Raises ``ClaimLost`` if the store is away for too long.
        """
        started_at = before.started_at if before is not None else self._now()
        if unit.fault is not None:
            return self._failed(unit.fault, started_at, before)
        if unit.known is not None:
            return Outcome(status=RunStatus.SUCCESS, outputs=unit.known, started_at=started_at)
        try:
            if unit.step is None or unit.step.kind is StepKind.TASK:
                call = self._patience(lambda: self._prepared(unit))
                refused = self._entrance.enter(unit.key, call, before, started_at)
                if isinstance(refused, TaskFailed):
                    return self._judged(call, before, started_at, self._attempt(started_at, 0.0, refused), refused)
                return refused or self._tried(unit, call, before, started_at, conclude)
            return self._patience(lambda: self._others.perform(unit, before, started_at))
        except TaskFailed as exc:
            return self._failed(exc, started_at, before)

    def abandon(self) -> None:
        """Waits for no handler any more, and calls none."""
        self._abandoned = True
        for trial, leave in list(self._trials.values()):
            trial.abandon(leave)

    # tasks

    def _prepared(self, unit: Unit) -> Call:
        """The call that is to be made now. Raises ``TaskFailed`` if there can be none, ``StoreUnavailable``."""
        order = self._ordered(unit)
        if isinstance(order, TaskFailed):
            raise order
        try:
            connection = self._places.connection(order.app, order.instance)
            return call_of(
                self._context,
                self._book.run,
                unit.key,
                order=order,
                connection=connection,
                redactor=self._redactor,
            )
        except (StoreUnavailable, TaskFailed):
            raise
        except ZonaError as exc:
            raise TaskFailed(exc.message, code=exc.code, hint=exc.hint) from exc

    def _tried(
        self, unit: Unit, call: Call, before: Wait | None, started_at: datetime, conclude: Conclude
    ) -> Outcome | Later | None:
        clock, trial = self._context.parts.clock, Trial(self._tools.crew)
        leave = partial(self._entrance.give_up, unit.key, call)
        self._trials[unit.key] = trial, leave
        try:
            began_at, began = self._now(), clock.monotonic()
            self._confirm_claim()
        except BaseException:
            trial.abandon(leave)
            raise
        if self._abandoned:  # since the unit was taken; whoever asked for it may not have known of this trial
            trial.abandon(leave)
        if trial.gave_up.is_set():
            return None
        made = before.attempts if before is not None else ()
        this = evolve(call.call, attempt=len(made) + 1, abandoned=trial.gave_up.is_set)

        def over(result: Presentable | TaskFailed) -> Outcome | Later:
            self._trials.pop(unit.key, None)
            attempt = self._attempt(began_at, (clock.monotonic() - began) * 1000, result)
            self._entrance.leave(unit.key, call, result if isinstance(result, TaskFailed) else None)
            return self._judged(call, before, started_at, attempt, result)

        def timed_out() -> None:
            late = TaskTimeout(f"the task did not end within {this.timeout:g} s", retryable=True)
            self._tools.crew.urge(self._tenant, lambda: conclude(lambda: over(late)))

        timer = self._tools.timers.after(this.timeout, lambda: trial.abandon(timed_out))
        result = handled(lambda: call.handler.run(this), call.redactor)
        timer.cancel()
        if not trial.close():
            return None
        return over(result if isinstance(result, TaskFailed) else presentable_outcome(result, call.redactor))

    def _confirm_claim(self) -> None:
        """Raises ``ClaimLost``: after a stand-still of this process another one may have done it already."""
        if not self._patience.holds:
            raise ClaimLost("the lease ran out before the handler was called")

    def _ordered(self, unit: Unit) -> Order | TaskFailed:
        if unit.step is None:
            assert self._order is not None
            return self._order()
        inputs, instance = self._value(unit, "inputs"), self._value(unit, "task.instance")
        return order_of_step(self._context, unit.step, str(instance), inputs, self._places)

    def _judged(
        self,
        call: Call,
        before: Wait | None,
        started_at: datetime,
        attempt: Attempt,
        result: Presentable | TaskFailed,
    ) -> Outcome | Later:
        """The outcome, or another attempt later, by the policy."""
        attempts = (*(before.attempts if before is not None else ()), attempt)
        if isinstance(result, Presentable):
            return Outcome(
                status=RunStatus.SUCCESS,
                outputs=result.outputs,
                attempts=attempts,
                started_at=started_at,
                records_processed=result.records_processed,
                performance=result.performance,
                size=result.size,
                call=call,
            )
        if _repeats(call.policy, call.retried, result, len(attempts)):
            chance = random.random()  # noqa: S311  # jitter, not a secret
            pause = call.policy.pause(len(attempts), chance, result.retry_after)
            until = self._now() + timedelta(seconds=pause)
            return Later(wait=Wait(reason=WaitReason.RETRY, until=until, attempts=attempts, started_at=started_at))
        status = RunStatus.TIMEOUT if isinstance(result, TaskTimeout) else RunStatus.FAILURE
        return Outcome(status=status, error=result.as_dict(), attempts=attempts, started_at=started_at, call=call)

    @staticmethod
    def _attempt(began_at: datetime, duration_ms: float, result: Presentable | TaskFailed) -> Attempt:
        if isinstance(result, Presentable):
            return Attempt(started_at=began_at, duration_ms=round(duration_ms, 3), status=RunStatus.SUCCESS)
        status = RunStatus.TIMEOUT if isinstance(result, TaskTimeout) else RunStatus.FAILURE
        return Attempt(started_at=began_at, duration_ms=round(duration_ms, 3), status=status, error=result.as_dict())

    def _failed(self, failure: TaskFailed, started_at: datetime, before: Wait | None) -> Outcome:
        """The outcome of a unit that called no handler: its error may tell values that were given."""
        attempts = before.attempts if before is not None else ()
        error = self._redactor.data(failure.as_dict())
        return Outcome(status=RunStatus.FAILURE, error=error, attempts=attempts, started_at=started_at)

    def _now(self) -> datetime:
        return self._patience(self._context.data.now)

    def _value(self, unit: Unit, part: str) -> Any:
        assert self._compiled is not None
        assert unit.step is not None
        return self._compiled.value(unit.step.name, part, unit.scope)

    @property
    def _tenant(self) -> str:
        return self._context.tenant.tenant_code


def _repeats(policy: RetryPolicy, codes: frozenset[str], failure: TaskFailed, made: int) -> bool:
    if made >= policy.attempts:
        return False
    return failure.code in codes if codes else failure.retryable
