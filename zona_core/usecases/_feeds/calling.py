"""Fetching one page: the task is called as a run calls it, but leaves no record."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any, Final, TypeVar

from zona_core.domain.feeds import Feed
from zona_core.domain.redaction import Redactor
from zona_core.errors import TaskFailed, TaskTimeout
from zona_core.ports.handlers import TaskCall, TaskOutcome
from zona_core.usecases._area import TenantContext
from zona_core.usecases._calls import handled
from zona_core.usecases._connect import connection_of
from zona_core.usecases._engine.calls import order_of
from zona_core.usecases._feeds.claims import Claim
from zona_core.usecases._feeds.entrance import Entrance

__all__ = ["Fetching"]

T = TypeVar("T")

#: seconds between two looks whether the claim still holds while a handler works
_LOOKS: Final = 0.2
#: threads of this process that are stuck in handlers, beyond which no more are called
_MOST_STUCK: Final = 64


class _Threads:
    """A thread a call: one that hangs keeps no other waiting. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Calls ``function`` beside the caller; raises ``TaskFailed`` if too many are stuck."""
        with self._lock:
            if self._count >= _MOST_STUCK:
                raise TaskFailed(
                    f"{self._count} calls of handlers do not end in this process",
                    code="handlers_stuck",
                    retryable=True,
                    hint="restart it, and see which feeds time out",
                )
            self._count += 1
        future: Future[T] = Future()
        try:
            threading.Thread(target=self._work, args=(future, function), name="zona-feed-call", daemon=True).start()
        except BaseException:
            self._done()
            raise
        return future

    def _work(self, future: Future[T], function: Callable[[], T]) -> None:
        try:
            future.set_result(function())
        except BaseException as exc:  # noqa: BLE001  # the future carries it to whoever asked
            future.set_exception(exc)
        finally:
            self._done()

    def _done(self) -> None:
        with self._lock:
            self._count -= 1


_THREADS: Final = _Threads()


class Fetching:
    """Calls the task of one poll. What it raises shows no secret."""

    def __init__(self, context: TenantContext, feed: Feed, claim: Claim) -> None:
        self._context = context
        self._feed = feed
        self._claim = claim
        #: knows the secrets of the instance and of the inputs
        self.redactor = Redactor()

    def outputs(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the task gives for these inputs, as it came: not to be shown before ``redactor`` has seen it.

        Raises ``TaskFailed``, ``InvalidInput`` for the inputs or because it is not active, ``NotFound``, ``PutOff``,
        ``FeedLost``.
        """
        feed = self._feed
        order = order_of(
            self._context,
            feed.integration_id,
            feed.task_id,
            feed.instance_id or None,
            {name: value for name, value in inputs.items() if value is not None},
            timeout=feed.timeout,
        )
        entrance = Entrance(self._context, self._claim, order.instance)
        with entrance.call():
            connection = connection_of(self._context, order.app, order.instance, self.redactor)
            self.redactor.conceal_all(order.inputs.values())
            gave_up = threading.Event()
            call = TaskCall(
                connection=connection,
                task=order.task,
                inputs=order.inputs,
                timeout=order.timeout,
                attempt=1,
                idempotency_key=str(uuid.uuid4()),
                abandoned=lambda: gave_up.is_set() or self._claim.gone,
            )
            handler = self._context.parts.handler(order.task.task_handler)
            try:
                outcome = self._called(lambda: handler.run(call), order.timeout)
            except TaskFailed as exc:
                outcome = exc
            finally:
                gave_up.set()
            if isinstance(outcome, TaskFailed):
                entrance.report(outcome)
        if isinstance(outcome, TaskFailed):
            raise outcome
        if not isinstance(outcome, TaskOutcome) or not isinstance(outcome.outputs, Mapping):
            raise TaskFailed("the handler gave no outcome with outputs", code="invalid_result")
        return outcome.outputs

    def _called(self, function: Callable[[], TaskOutcome], seconds: float) -> TaskOutcome | TaskFailed:
        future = _THREADS.submit(lambda: handled(function, self.redactor))
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            if wait([future], min(left, _LOOKS)).done:
                return future.result()
            self._claim.check()
        return TaskTimeout(f"the task did not end within {seconds:g} s", retryable=True)
