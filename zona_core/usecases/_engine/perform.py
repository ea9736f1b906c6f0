"""Carrying out one unit of a run: a task's handler is called by its instance's limits, its timeout and its policy."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from attrs import evolve

from zona_core.domain.apps import RetryPolicy
from zona_core.domain.jobs import Wait, WaitReason
from zona_core.domain.limits import limits_of
from zona_core.domain.playbooks import StepKind
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import Attempt, RunStatus
from zona_core.errors import StoreUnavailable, TaskFailed, TaskTimeout, ZonaError
from zona_core.usecases._area import TenantContext
from zona_core.usecases._calls import Presentable, handled, presentable_outcome
from zona_core.usecases._engine.book import Book, ClaimLost
from zona_core.usecases._engine.breakers import Breakers
from zona_core.usecases._engine.calls import Order, call_of, order_of_step
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._engine.crew import Crew
from zona_core.usecases._engine.other_steps import Beginner, OtherSteps
from zona_core.usecases._engine.patience import Patience
from zona_core.usecases._engine.places import Places
from zona_core.usecases._engine.timers import Timers
from zona_core.usecases._engine.trials import Trial
from zona_core.usecases._engine.turns import Turns
from zona_core.usecases._engine.work import Call, Later, Outcome, Unit

__all__ = ["Performer", "Tools"]

_log: Final = logging.getLogger("zona.runs")

Conclude = Callable[[Outcome | Later], None]


class Tools(Beginner, Protocol):
    """What a performer needs of the engine."""

    crew: Crew
    timers: Timers
    breakers: Breakers

    @property
    def worker(self) -> str:
        """This process's id as a worker."""


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
        self._turns = Turns(context.data)
        #: knows the secrets among the run's own inputs
        self._redactor = redactor or Redactor()
        self._places = Places(context, self._redactor)
        self._others = OtherSteps(tools, context, book, compiled=compiled, redactor=self._redactor)
        #: calls that are under way, by unit
        self._trials: dict[str, tuple[Trial, Callable[[], None]]] = {}

    def perform(self, unit: Unit, before: Wait | None, conclude: Conclude) -> Outcome | Later | None:
        """How the unit ended or why it goes on later; None if ``conclude`` was or will be told, by another thread.

        Raises ``ClaimLost`` if the store is away for too long.
        """
        started_at = before.started_at if before is not None else self._now()
        if unit.fault is not None:
            return _failed(unit.fault, started_at, before)
        if unit.known is not None:
            return Outcome(status=RunStatus.SUCCESS, outputs=unit.known, started_at=started_at)
        try:
            if unit.step is None or unit.step.kind is StepKind.TASK:
                found = self._patience(lambda: self._prepared(unit, before, started_at))
                return self._tried(unit, found, before, started_at, conclude) if isinstance(found, Call) else found
            return self._patience(lambda: self._others.perform(unit, before, started_at))
        except TaskFailed as exc:
            return _failed(exc, started_at, before)

    def abandon(self) -> None:
        """Waits for no handler any more."""
        for trial, leave in list(self._trials.values()):
            trial.abandon(leave)

    # tasks

    def _prepared(self, unit: Unit, before: Wait | None, started_at: datetime) -> Call | Outcome | Later:
        """The call that is to be made now, or why none is. Raises ``StoreUnavailable``."""
        order = self._ordered(unit)
        if isinstance(order, TaskFailed):
            return _failed(order, started_at, before)
        try:
            connection = self._places.connection(order.app, order.instance)
            call = call_of(
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
        waits = self._turn(unit, call, before, started_at)
        if waits is not None:
            return waits
        instance_id = order.instance.instance_id if order.instance is not None else 0
        refusal = self._tools.breakers.refusal(self._tenant, instance_id) if instance_id else None
        if refusal is not None:
            self._leave(unit, call)
            return self._judged(call, before, started_at, self._attempt(started_at, 0.0, refusal), refusal)
        return call

    def _tried(
        self, unit: Unit, call: Call, before: Wait | None, started_at: datetime, conclude: Conclude
    ) -> Outcome | Later | None:
        clock, lane = self._context.parts.clock, self._tenant
        trial = Trial(self._tools.crew)
        self._trials[unit.key] = trial, lambda: self._leave_quietly(unit, call)
        began_at, began = self._now(), clock.monotonic()
        if not self._patience.holds:  # after a stand-still of this process another one may have done it already
            raise ClaimLost("the lease ran out before the handler was called")
        made = before.attempts if before is not None else ()
        this = evolve(call.call, attempt=len(made) + 1, abandoned=trial.gave_up.is_set)

        def over(result: Presentable | TaskFailed) -> Outcome | Later:
            self._trials.pop(unit.key, None)
            attempt = self._attempt(began_at, (clock.monotonic() - began) * 1000, result)
            self._leave(unit, call, result)
            return self._judged(call, before, started_at, attempt, result)

        def timed_out() -> None:
            late = TaskTimeout(f"the task did not end within {this.timeout:g} s", retryable=True)
            self._tools.crew.submit(lane, lambda: conclude(over(late)))

        timer = self._tools.timers.after(this.timeout, lambda: trial.abandon(timed_out))
        result = handled(lambda: call.handler.run(this), call.redactor)
        timer.cancel()
        if not trial.close():
            return None
        return over(result if isinstance(result, TaskFailed) else presentable_outcome(result, call.redactor))

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

    # an instance's limits

    def _turn(self, unit: Unit, call: Call, before: Wait | None, started_at: datetime) -> Later | None:
        limits = limits_of(call.instance)
        if not limits:
            return None
        had_turn = before is not None and before.reason is WaitReason.RATE
        key = _limit_key(call)
        waits = self._turns.ask(key, limits, self._holder(unit), self._tools.worker, had_turn=had_turn)
        if waits is None:
            return None
        reason, until = waits
        attempts = before.attempts if before is not None else ()
        return Later(wait=Wait(reason=reason, until=until, attempts=attempts, started_at=started_at, detail=key))

    def _leave(self, unit: Unit, call: Call, result: Presentable | TaskFailed | None = None) -> None:
        if call.instance is not None and result is not None:
            failure = result if isinstance(result, TaskFailed) else None
            self._tools.breakers.report(self._tenant, call.instance.instance_id, failure)
        if limits_of(call.instance).concurrent:
            self._patience(lambda: self._turns.give_back(_limit_key(call), self._holder(unit)))

    def _leave_quietly(self, unit: Unit, call: Call) -> None:
        """Gives back what a call holds that nobody waits for any more."""
        if call.instance is not None:
            self._tools.breakers.given_up(self._tenant, call.instance.instance_id)
        if limits_of(call.instance).concurrent:
            try:
                self._turns.give_back(_limit_key(call), self._holder(unit))
            except ZonaError:  # it is cleared with the worker's lease
                _log.warning("the place of the run %s could not be given back", self._book.run.id, exc_info=True)

    def _holder(self, unit: Unit) -> str:
        return str(uuid.uuid5(uuid.UUID(self._book.run.id), f"{unit.key}/permit"))

    def _now(self) -> datetime:
        return self._patience(self._context.data.now)

    def _value(self, unit: Unit, part: str) -> Any:
        assert self._compiled is not None
        assert unit.step is not None
        return self._compiled.value(unit.step.name, part, unit.scope)

    @property
    def _tenant(self) -> str:
        return self._context.tenant.tenant_code


def _limit_key(call: Call) -> str:
    assert call.instance is not None
    return f"instances/{call.instance.instance_id}"


def _repeats(policy: RetryPolicy, codes: frozenset[str], failure: TaskFailed, made: int) -> bool:
    if made >= policy.attempts:
        return False
    return failure.code in codes if codes else failure.retryable


def _failed(failure: TaskFailed, started_at: datetime, before: Wait | None) -> Outcome:
    attempts = before.attempts if before is not None else ()
    return Outcome(status=RunStatus.FAILURE, error=failure.as_dict(), attempts=attempts, started_at=started_at)
