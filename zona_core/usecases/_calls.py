"""Calling a handler: within its time, and with nothing coming back that shows a secret or cannot be recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from typing import Any, TypeVar

from attrs import define, evolve

from zona_core.domain.redaction import Redactor
from zona_core.errors import AddressRefused, Fault, InvalidInput, TaskFailed, TaskTimeout, ZonaError
from zona_core.persistence.checks import check_document
from zona_core.ports.handlers import ConnectionReport, TaskOutcome
from zona_core.ports.threads import Threads

__all__ = ["Presentable", "called", "handled", "presentable_outcome", "presentable_report", "time_faults"]

T = TypeVar("T")


@define(frozen=True, kw_only=True)
class Presentable(TaskOutcome):
    """An outcome that shows no secret and can be recorded."""

    #: bytes that outputs and performance have as JSON, at most
    size: int


def time_faults(timeout: float) -> list[Fault]:
    """What is wrong with the seconds that a call may take."""
    if 0 < timeout <= 86400:
        return []
    return [Fault("timeout", f"{timeout} s is out of range", "more than 0, at most 86400 s")]


def called(threads: Threads, function: Callable[[], T], timeout: float, redactor: Redactor) -> T | TaskFailed:
    """What ``function``, a handler's method, gives within ``timeout`` seconds, or the failure that it ended in.

    Whatever it raises is its failure, ``SystemExit`` too. One that does not end is left behind in its thread.
    """
    future = threads.submit(function)
    if not wait([future], timeout).done:
        if future.cancel():
            return TaskTimeout(
                f"no worker was free for the task within {timeout:g} s",
                retryable=True,
                hint="raise the setting workers, or run less at a time",
            )
        return TaskTimeout(f"the task did not end within {timeout:g} s", retryable=True)
    if future.cancelled():
        return TaskFailed("the task had not begun when Zona was closed", code="closed")
    error = future.exception()
    return future.result() if error is None else _presentable_failure(error, redactor)


def handled(function: Callable[[], T], redactor: Redactor) -> T | TaskFailed:
    """What ``function``, a handler's method, gives in this thread, or the failure that it ended in."""
    try:
        return function()
    except BaseException as exc:  # noqa: BLE001  # whatever a handler raises is its failure
        return _presentable_failure(exc, redactor)


def presentable_outcome(outcome: Any, redactor: Redactor) -> Presentable | TaskFailed:
    """The outcome with secrets masked, or a failure if what a handler brought back cannot be recorded."""
    if not isinstance(outcome, TaskOutcome):
        return _unfit(f"it is of type {type(outcome).__name__}, not TaskOutcome")
    if not isinstance(outcome.outputs, Mapping) or not isinstance(outcome.performance, Mapping):
        return _unfit("outputs and performance are mappings")
    if type(outcome.records_processed) is not int:
        return _unfit("records_processed is a whole number")
    try:
        results, performance = redactor.data(outcome.outputs), redactor.data(outcome.performance)
        count = outcome.records_processed
        size = _check_recordable(results=results, performance=performance, records_processed=count)
    except _UNRECORDABLE as exc:
        problem = _problem(exc)
    else:
        return Presentable(outputs=results, performance=performance, records_processed=count, size=size)
    return _unfit(redactor.text(problem))


def presentable_report(report: Any, redactor: Redactor) -> ConnectionReport | TaskFailed:
    """The report with secrets masked, or a failure if it is none."""
    if not isinstance(report, ConnectionReport):
        return _unfit(f"it is of type {type(report).__name__}, not ConnectionReport")
    return evolve(report, detail=redactor.text(str(report.detail)))


def _presentable_failure(error: BaseException, redactor: Redactor) -> TaskFailed:
    """``error`` as a ``TaskFailed`` that shows no secret; what a handler did not foresee becomes ``handler_error``.

    The original is not chained: its traceback and arguments may hold secrets.
    """

    def shown(text: object) -> str:
        return redactor.text(str(text)).encode("utf-8", "replace").decode()

    if isinstance(error, TaskFailed):
        # Not type(error): a handler's own subclass may be made of other arguments.
        kind = next(known for known in (TaskTimeout, AddressRefused, TaskFailed) if isinstance(error, known))
        return kind(
            shown(error.message),
            code=shown(error.code),
            retryable=error.retryable,
            retry_after=error.retry_after if isinstance(error.retry_after, int | float) else None,
            hint=shown(error.hint),
            faults=[redactor.fault(fault) for fault in error.faults],
            **_recordable_details(error.details, redactor),
        )
    if isinstance(error, ZonaError):
        return TaskFailed(shown(error.message), code=shown(error.code), hint=shown(error.hint))
    return TaskFailed(shown(f"{type(error).__name__}: {_words(error)}"), code="handler_error")


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # a stranger's exception may not even be able to tell what it is
        return "it has no text"


def _recordable_details(details: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The details that can be recorded; a handler may have put anything there."""
    kept = {}
    for name, value in details.items():
        try:
            masked = redactor.data({name: value})
            _check_recordable(details=masked)
        except _UNRECORDABLE:
            continue
        kept.update(masked)
    return kept


#: what ``_check_recordable`` and the masking before it raise
_UNRECORDABLE = (InvalidInput, RecursionError, TypeError, ValueError)


def _check_recordable(**parts: Any) -> int:
    """Bytes of the parts as JSON, at most; raises ``_UNRECORDABLE``."""
    size = len(json.dumps(parts, allow_nan=False))
    check_document({"_id": "run", **parts})
    return size


def _problem(exc: Exception) -> str:
    if isinstance(exc, InvalidInput):
        return str(exc.faults[0])
    return "it is nested too deeply" if isinstance(exc, RecursionError) else f"it is not JSON data: {exc}"


def _unfit(problem: str) -> TaskFailed:
    return TaskFailed(f"the handler's result cannot be recorded: {problem}", code="invalid_result")
