"""The attempts of one run: a handler called under its timeout, repeated by the task's policy."""

from __future__ import annotations

import random
import threading
from concurrent.futures import Future
from datetime import datetime

from attrs import define

from zona_core.domain.apps import RetryPolicy
from zona_core.domain.runs import Attempt, RunStatus
from zona_core.errors import TaskFailed, TaskTimeout
from zona_core.ports.clock import Clock
from zona_core.ports.executor import Executor
from zona_core.ports.handlers import Connection, TaskCall, TaskHandler, TaskOutcome
from zona_core.usecases._connect import redacted_failure
from zona_core.usecases._redaction import Redactor

__all__ = ["Attempts", "Job"]


@define(frozen=True, kw_only=True)
class Job:
    """What is to be done, apart from when and how often."""

    handler: TaskHandler
    connection: Connection
    #: the call of the first attempt
    call: TaskCall
    policy: RetryPolicy
    redactor: Redactor


class Attempts:
    """Runs a job until it succeeds, fails for good, or has used up its attempts.

    A handler that does not end in time is left behind in its thread, told by ``abandoned()``: Python cannot stop it.
    """

    def __init__(self, job: Job, executor: Executor, clock: Clock) -> None:
        self._job = job
        self._executor = executor
        self._clock = clock
        self.made: list[Attempt] = []

    def run(self) -> TaskOutcome:
        """The outcome; raises the last attempt's ``TaskFailed``, secrets masked. ``made`` tells of every attempt."""
        while True:
            failure = self._attempt()
            if isinstance(failure, TaskOutcome):
                return failure
            if not failure.retryable or len(self.made) >= self._job.policy.attempts:
                raise failure
            chance = random.random()  # noqa: S311  # jitter, not a secret
            self._clock.sleep(self._job.policy.pause(len(self.made), chance, failure.retry_after))

    def _attempt(self) -> TaskOutcome | TaskFailed:
        started_at, began = self._clock.now(), self._clock.monotonic()
        result = self._call()
        self.made.append(self._attempt_record(started_at, began, result))
        return result

    def _call(self) -> TaskOutcome | TaskFailed:
        job, gave_up = self._job, threading.Event()
        call = TaskCall(
            connection=job.connection,
            task=job.call.task,
            inputs=job.call.inputs,
            timeout=job.call.timeout,
            attempt=len(self.made) + 1,
            idempotency_key=job.call.idempotency_key,
            abandoned=gave_up.is_set,
        )
        future: Future[TaskOutcome] = self._executor.submit(lambda: job.handler.run(call))
        try:
            return future.result(timeout=call.timeout)
        except TimeoutError as exc:
            if future.done():  # the handler's own TimeoutError, not ours
                return redacted_failure(exc, job.redactor)
            future.cancel()
            return TaskTimeout(f"the task did not end within {call.timeout:g} s", retryable=True)
        except Exception as exc:  # noqa: BLE001  # whatever a handler raises is this attempt's failure
            return redacted_failure(exc, job.redactor)
        finally:
            gave_up.set()

    def _attempt_record(self, started_at: datetime, began: float, result: TaskOutcome | TaskFailed) -> Attempt:
        duration_ms = round((self._clock.monotonic() - began) * 1000, 3)
        if isinstance(result, TaskOutcome):
            return Attempt(started_at=started_at, duration_ms=duration_ms, status=RunStatus.SUCCESS)
        status = RunStatus.TIMEOUT if isinstance(result, TaskTimeout) else RunStatus.FAILURE
        return Attempt(started_at=started_at, duration_ms=duration_ms, status=status, error=result.as_dict())
