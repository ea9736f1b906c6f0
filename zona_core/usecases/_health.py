"""Whether an instance works: by the task that its app names for that, else by what its handler tries."""

from __future__ import annotations

import uuid

from zona_core.domain.apps import Integration, Task
from zona_core.domain.instances import Instance
from zona_core.domain.redaction import Redactor
from zona_core.domain.values import checked
from zona_core.errors import NotFound, TaskFailed
from zona_core.persistence.collections import LIVE_APP
from zona_core.ports.handlers import Connection, ConnectionReport, TaskCall, TaskOutcome
from zona_core.ports.store import Where
from zona_core.usecases._area import TenantContext
from zona_core.usecases._calls import called, presentable_report
from zona_core.usecases._connect import connection_of

__all__ = ["health_of"]


def health_of(context: TenantContext, app: Integration, instance: Instance, timeout: float) -> ConnectionReport:
    """The report, secrets masked.

    An answer that refuses is a report; whatever kept the remote side from answering is a ``TaskFailed``.
    """
    redactor = Redactor()
    connection = connection_of(context, app, instance, redactor)
    task = _health_task(context, app)
    if task is not None:
        return _by_task(context, connection, task, timeout, redactor)
    handler = context.parts.handler(_handler_name(context, app))
    found = called(context.parts.threads, lambda: handler.test(connection, timeout), timeout, redactor)
    report = found if isinstance(found, TaskFailed) else presentable_report(found, redactor)
    if isinstance(report, TaskFailed):
        raise report
    return report


def _by_task(
    context: TenantContext, connection: Connection, task: Task, timeout: float, redactor: Redactor
) -> ConnectionReport:
    began = context.parts.clock.monotonic()
    inputs, _ = checked(task.inputs, connection.integration.health_check.get("inputs") or {})
    call = TaskCall(
        connection=connection,
        task=task,
        inputs=inputs,
        timeout=timeout,
        attempt=1,
        idempotency_key=str(uuid.uuid4()),
        abandoned=lambda: context.parts.clock.monotonic() - began > timeout,
    )
    handler = context.parts.handler(task.task_handler)
    outcome: TaskOutcome | TaskFailed = called(context.parts.threads, lambda: handler.run(call), timeout, redactor)
    duration_ms = round((context.parts.clock.monotonic() - began) * 1000, 3)
    if isinstance(outcome, TaskFailed):
        if "http_status" not in outcome.details:
            raise outcome
        return ConnectionReport(ok=False, detail=f"{task.task_tag}: {outcome.message}", duration_ms=duration_ms)
    return ConnectionReport(ok=True, detail=f"{task.task_tag} succeeded", duration_ms=duration_ms)


def _health_task(context: TenantContext, app: Integration) -> Task | None:
    tag = app.health_check.get("task")
    if not isinstance(tag, str):
        return None
    return context.data.tasks.one({"integration_id": app.integration_id, "task_tag": tag, "status": LIVE_APP})


def _handler_name(context: TenantContext, app: Integration) -> str:
    where: Where = {"integration_id": app.integration_id, "status": "active"}
    tasks = context.data.tasks.find(where, sort=[("execution_order", 1), ("id", 1)], limit=1).items
    if tasks:
        return tasks[0].task_handler
    if app.handler_config:
        return next(iter(app.handler_config))
    raise NotFound(f"{app.title} has no task, so there is nothing to test")
