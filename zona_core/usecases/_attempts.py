"""The attempts of one run: a handler called under its timeout, repeated by the task's policy."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from attrs import define, evolve

from zona_core.domain.apps import RetryPolicy
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import Attempt, RunStatus
from zona_core.errors import TaskFailed, TaskTimeout
from zona_core.ports.clock import Clock
from zona_core.ports.executor import Executor
from zona_core.ports.handlers import TaskCall, TaskHandler, TaskOutcome
from zona_core.usecases._calls import called, presentable_outcome

__all__ = ["Attempts", "Job"]


@define(frozen=True, kw_only=True)
class Job:
    """What is to be done, apart from when and how often."""

    handler: TaskHandler
    #: the call of the first attempt
    call: TaskCall
    policy: RetryPolicy
    redactor: Redactor


class Attempts:
    """Runs a job until it succeeds, fails for good, or has used up its attempts.

    A handler that does not end in time is left behind in its thread, told by ``abandoned()``: Python cannot stop it.
    ``tried`` is told of the attempts made so far, before the pause that precedes another one.
    """

    def __init__(self, job: Job, executor: Executor, clock: Clock, tried: Callable[[Sequence[Attempt]], None]) -> None:
        self._job = job
        self._executor = executor
        self._clock = clock
        self._tried = tried
        self.made: list[Attempt] = []

    def run(self) -> TaskOutcome | TaskFailed:
        """The outcome, or the last attempt's failure, secrets masked. ``made`` tells of every attempt."""
        while True:
            result = self._attempt()
            if isinstance(result, TaskOutcome) or not result.retryable or len(self.made) >= self._job.policy.attempts:
                return result
            self._tried(self.made)
            chance = random.random()  # noqa: S311  # jitter, not a secret
            self._clock.sleep(self._job.policy.pause(len(self.made), chance, result.retry_after))

    def _attempt(self) -> TaskOutcome | TaskFailed:
        started_at, began = self._clock.now(), self._clock.monotonic()
        result = self._call()
        self.made.append(self._attempt_record(started_at, began, result))
        return result

    def _call(self) -> TaskOutcome | TaskFailed:
        job, gave_up = self._job, threading.Event()
        call = evolve(job.call, attempt=len(self.made) + 1, abandoned=gave_up.is_set)
        try:
            result = called(self._executor, lambda: job.handler.run(call), call.timeout, job.redactor)
        finally:
            gave_up.set()
        return result if isinstance(result, TaskFailed) else presentable_outcome(result, job.redactor)

    def _attempt_record(self, started_at: datetime, began: float, result: TaskOutcome | TaskFailed) -> Attempt:
        duration_ms = round((self._clock.monotonic() - began) * 1000, 3)
        if isinstance(result, TaskOutcome):
            return Attempt(started_at=started_at, duration_ms=duration_ms, status=RunStatus.SUCCESS)
        status = RunStatus.TIMEOUT if isinstance(result, TaskTimeout) else RunStatus.FAILURE
        return Attempt(started_at=started_at, duration_ms=duration_ms, status=status, error=result.as_dict())
