"""Single runs of tasks, and their history (SPEC §4.4)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, evolve

from zona_core.domain.apps import AppStatus, Integration, Task
from zona_core.domain.instances import Instance
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import Execution, RunStatus
from zona_core.domain.values import checked, masked
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.collections import RUNS
from zona_core.persistence.repository import Listing
from zona_core.ports.handlers import TaskCall
from zona_core.ports.store import Condition
from zona_core.usecases._access import readable_page
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._attempts import Job
from zona_core.usecases._calls import time_faults
from zona_core.usecases._connect import connection_of
from zona_core.usecases._lookup import app_around, instance_of, run_of, run_parts, task_of
from zona_core.usecases._run_work import RunWork

__all__ = ["Runs"]

#: seconds between two looks at whether the store has changed
_PACE: Final = 0.1


@define(frozen=True, kw_only=True)
class _Order:
    """What a run is asked to do, found and checked."""

    app: Integration
    task: Task
    instance: Instance | None
    inputs: dict[str, Any]
    #: seconds an attempt
    timeout: float


class Runs(Area):
    """Running tasks and reading what came of it."""

    area = "runs"
    _context: TenantContext

    @use_case("runs:run", by_object=True)
    def run(
        self,
        app: int | str,
        task: int | str,
        *,
        instance: int | str | None = None,
        inputs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        idempotency_key: str = "",
    ) -> Execution:
        """Runs a task to its end and gives the record; a run that failed is a record with ``error``, not an exception.

        ``instance`` may be left out if the app has just one, or needs none. ``inputs`` by field name. ``timeout``
        (seconds an attempt) replaces the task's own. Raises ``InvalidInput``, ``NotFound`` and ``KeyUnavailable``
        before anything is written.
        """
        order = self._order(app, task, instance, inputs or {}, timeout)
        return self._recorded(order, idempotency_key, RunStatus.RUNNING).carry_out()

    @use_case("runs:run", by_object=True)
    def start(
        self,
        app: int | str,
        task: int | str,
        *,
        instance: int | str | None = None,
        inputs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        idempotency_key: str = "",
        patience: float = 0.0,
    ) -> Execution:
        """Begins what ``run`` does and gives the record at once, in status ``queued``; ``wait`` gives its end.

        It runs as soon as one of this process's workers is free; its attempts are recorded as they end. With
        ``patience`` the record is given as it is when the run has ended, or after so many seconds. Raises like ``run``.
        """
        order = self._order(app, task, instance, inputs or {}, timeout)
        work = self._recorded(order, idempotency_key, RunStatus.RUNNING if patience else RunStatus.QUEUED)
        return work.hand_over(patience)

    @use_case("runs:read", by_object=True)
    def list(
        self,
        *,
        app: int | str | None = None,
        task: int | str | None = None,
        instance: int | str | None = None,
        status: RunStatus | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Listing[Execution]:
        """Runs, newest first; ``task`` and ``instance`` go with an ``app``."""
        if app is None and (task is not None or instance is not None):
            raise InvalidInput.of([Fault("app", "is missing", "the app that the task or instance belongs to")])
        context, sort = self._context, [("created_at", -1)]
        where: dict[str, Condition] = {}
        if app is not None:
            where["integration_id"] = app_around(context, app, "runs:read").integration_id
            if task is not None:
                where["task_id"] = task_of(context, app, task, "runs:read")[1].id
            if instance is not None:
                where["instance_id"] = instance_of(context, app, instance, "runs:read")[1].instance_id
        if status is not None:
            where["status"] = status.value
        return readable_page(context.actor, context.data.runs, RUNS, where, sort=sort, after=after, limit=limit)

    @use_case("runs:read", by_object=True)
    def get(self, run_id: str) -> Execution:
        """One run by its id; raises ``NotFound``."""
        return run_of(self._context, run_id, "runs:read")

    @use_case("runs:read", by_object=True)
    def wait(self, run_id: str, *, since: int | None = None, seconds: float = 60.0) -> Execution:
        """The run once it has ended or, with ``since``, once its revision is another; after ``seconds`` as it is then.

        Raises ``NotFound``, also if it is no longer to be seen.
        """
        parts, run, version = self._context.parts, None, None
        ends_at = parts.clock.monotonic() + seconds
        while True:
            latest = self._context.data.store.version()
            if run is None or latest is None or latest != version:
                version, run = latest, run_of(self._context, run_id, "runs:read")
            left = ends_at - parts.clock.monotonic()
            if left <= 0 or (run.status.ended if since is None else run.revision != since):
                return run
            parts.clock.sleep(min(_PACE, left))

    def _order(
        self,
        app: int | str,
        task: int | str,
        instance: int | str | None,
        inputs: Mapping[str, Any],
        timeout: float | None,
    ) -> _Order:
        of_app, of_task, with_instance = run_parts(self._context, app, task, instance)
        for name, status in ((of_app.title, of_app.status), (of_task.task_tag, of_task.status)):
            if status is not AppStatus.ACTIVE:
                raise InvalidInput(f"{name} is {status.value}, so it is not run", code="not_active")
        clean, faults = checked(of_task.inputs, inputs)
        faults += time_faults(timeout) if timeout is not None else []
        if faults:
            raise InvalidInput.of(faults, f"The input of {of_task.task_tag!r}")
        return _Order(
            app=of_app, task=of_task, instance=with_instance, inputs=clean, timeout=timeout or of_task.timeout
        )

    def _recorded(self, order: _Order, idempotency_key: str, status: RunStatus) -> RunWork:
        """The run with its record in the store, which shows no secret."""
        redactor = Redactor()
        run = self._begun(order, idempotency_key, status)
        job = self._job(run, order, redactor)
        return RunWork(self._context, evolve(run, inputs=redactor.data(run.inputs)), job)

    def _begun(self, order: _Order, idempotency_key: str, status: RunStatus) -> Execution:
        now = self._context.data.now()
        run_id = str(uuid.uuid4())
        return Execution(
            id=run_id,
            integration_id=order.app.integration_id,
            task_id=order.task.id,
            app_title=order.app.title,
            task_tag=order.task.task_tag,
            instance_id=order.instance.instance_id if order.instance else 0,
            instance_title=order.instance.title if order.instance else "",
            actor=self._context.actor.name,
            status=status,
            inputs=masked(order.task.inputs, order.inputs),
            idempotency_key=idempotency_key or run_id,
            created_at=now,
            started_at=now if status is RunStatus.RUNNING else None,
        )

    def _job(self, run: Execution, order: _Order, redactor: Redactor) -> Job:
        connection = connection_of(self._context, order.app, order.instance, redactor)
        redactor.conceal_all(order.inputs.values())
        call = TaskCall(
            connection=connection,
            task=order.task,
            inputs=order.inputs,
            timeout=order.timeout,
            attempt=1,
            idempotency_key=run.idempotency_key,
            abandoned=lambda: False,
        )
        handler = self._context.parts.handler(order.task.task_handler)
        return Job(handler=handler, call=call, policy=order.task.error_handling, redactor=redactor)
