"""Carrying out a run and keeping its record true: whatever happens on the way, the record comes to an end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any, Final, TypeVar

from attrs import evolve

from zona_core.domain.runs import Attempt, Execution, RunStatus
from zona_core.errors import StoreUnavailable, TaskFailed, TaskTimeout
from zona_core.persistence.repository import Repository
from zona_core.ports.handlers import TaskOutcome
from zona_core.usecases._area import TenantContext
from zona_core.usecases._attempts import Attempts, Job

__all__ = ["RunWork"]

T = TypeVar("T")

_log: Final = logging.getLogger("zona.runs")

#: seconds between tries to record the end of a run that nobody waits for, while the store is away
_PAUSES: Final = (0.1, 0.5, 2.0, 5.0, 10.0, 20.0)


class RunWork:
    """A run and the job that it is about.

    Its record is put into the store, and from then on nobody else changes it.
    """

    def __init__(self, context: TenantContext, run: Execution, job: Job) -> None:
        self._executor = context.parts.executor
        self._clock = context.parts.clock
        self._data = context.data
        self._runs: Repository[Execution] = context.data.runs
        self._job = job
        #: as it was last written
        self.record = self._runs.insert(run)

    def carry_out(self) -> Execution:
        """Does the job and gives the record of its end; what breaks it off is recorded, then raised."""
        attempts = Attempts(self._job, self._executor, self._clock, self._tried)
        try:
            result = attempts.run()
        except BaseException as exc:
            self._end(attempts.made, _broken_off(exc))
            raise
        return self._end(attempts.made, result)

    def hand_over(self, patience: float = 0.0) -> Execution:
        """Has a worker carry the run out as soon as one is free; raises what keeps it from that, recorded.

        Gives the record as it was before, or, with ``patience``, as it is at the end or after so many seconds.
        """
        record = self.record
        try:
            future = self._executor.submit(self._alone)
        except BaseException as exc:
            self._end((), _broken_off(exc))
            raise
        future.add_done_callback(self._dropped)
        if not patience:
            return record
        wait([future], patience)
        return self.record

    def _alone(self) -> None:
        """A worker's part: nobody is there who could be told of an error, so each is recorded, and logged.

        The worker waits for the handler, which has a thread of its own: were it to wait for another worker, all of
        them could end up waiting.
        """
        attempts = Attempts(self._job, _OwnThread(), self._clock, self._tried)
        try:
            self._begin()
            result = attempts.run()
        except BaseException as exc:  # noqa: BLE001  # told by the record
            _log.exception("the run %s was broken off", self.record.id)
            result = _broken_off(exc)
        try:
            self._patiently(lambda: self._end(attempts.made, result))
        except BaseException:  # noqa: BLE001  # there is nobody to raise it to
            _log.exception("the end of the run %s could not be recorded", self.record.id)

    def _dropped(self, future: Future[None]) -> None:
        if future.cancelled():
            self._end((), TaskFailed("the run had not begun when Zona was closed", code="closed"))

    def _patiently(self, action: Callable[[], object]) -> None:
        for pause in _PAUSES:
            try:
                action()
            except StoreUnavailable:
                self._clock.sleep(pause)
            else:
                return
        action()

    def _begin(self) -> None:
        if self.record.status is RunStatus.RUNNING:
            return
        self.record = self._runs.replace(
            evolve(self.record, status=RunStatus.RUNNING, started_at=self._data.now()),
        )

    def _tried(self, made: Sequence[Attempt]) -> None:
        """Records attempts while there is another to come; if that fails, the next record has them."""
        try:
            self.record = self._runs.replace(evolve(self.record, attempts=tuple(made)))
        except StoreUnavailable:
            _log.warning("an attempt of the run %s could not be recorded yet", self.record.id, exc_info=True)

    def _end(self, made: Sequence[Attempt], result: TaskOutcome | TaskFailed) -> Execution:
        ended = evolve(self.record, attempts=tuple(made), ended_at=self._data.now())
        if isinstance(result, TaskOutcome):
            ended = evolve(
                ended,
                status=RunStatus.SUCCESS,
                results=dict(result.outputs),
                records_processed=result.records_processed,
                performance=dict(result.performance),
            )
        else:
            status = RunStatus.TIMEOUT if isinstance(result, TaskTimeout) else RunStatus.FAILURE
            ended = evolve(ended, status=status, error=result.as_dict())
        self.record = self._runs.replace(ended)
        return self.record


class _OwnThread:
    """An executor that has a thread for each function, left behind if the function does not end."""

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """See ``Executor.submit``."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        threading.Thread(target=_settle, args=(future, function), name="zona-run", daemon=True).start()
        return future

    def close(self) -> None:
        """There is nothing to close."""


def _settle(future: Future[Any], function: Callable[[], Any]) -> None:
    try:
        future.set_result(function())
    except BaseException as exc:  # noqa: BLE001  # the future carries it to whoever asked
        future.set_exception(exc)


def _broken_off(exc: BaseException) -> TaskFailed:
    return TaskFailed(f"the run was broken off: {type(exc).__name__}", code="run_interrupted")
