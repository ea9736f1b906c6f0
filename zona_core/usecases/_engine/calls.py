"""From a run or a step to the call of a handler: what it needs is looked up, checked and opened at the last moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define

from zona_core.domain.apps import AppStatus, Integration, RetryPolicy, Task
from zona_core.domain.instances import Instance
from zona_core.domain.playbooks import Step, StepRetry
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import Execution
from zona_core.domain.values import checked, masked
from zona_core.errors import Fault, InvalidInput, NotFound, StoreUnavailable, TaskFailed, ZonaError
from zona_core.ports.handlers import Connection, TaskCall
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.book import idempotency_of
from zona_core.usecases._engine.places import Places
from zona_core.usecases._engine.work import Call
from zona_core.usecases._lookup import run_parts

__all__ = ["Order", "call_of", "order_of", "order_of_run", "order_of_step"]


@define(frozen=True, kw_only=True)
class Order:
    """What is asked of a task, found and checked."""

    app: Integration
    task: Task
    instance: Instance | None
    inputs: dict[str, Any]
    #: seconds an attempt
    timeout: float
    policy: RetryPolicy


def order_of(
    context: TenantContext,
    app: int | str,
    task: int | str,
    instance: int | str | None,
    inputs: Mapping[str, Any],
    *,
    timeout: float | None = None,
    policy: RetryPolicy | None = None,
    faults: Sequence[Fault] = (),
    places: Places | None = None,
) -> Order:
    """The order for a task.

    Raises ``NotFound``, ``PermissionDenied``, ``InvalidInput`` with every fault, those in ``faults`` included.
    """
    found = run_parts(context, app, task, instance) if places is None else places.parts(app, task, instance)
    of_app, of_task, with_instance = found
    for name, status in ((of_app.title, of_app.status), (of_task.task_tag, of_task.status)):
        if status is not AppStatus.ACTIVE:
            raise InvalidInput(f"{name} is {status.value}, so it is not run", code="not_active")
    clean, wrong = checked(of_task.inputs, inputs)
    if wrong or faults:
        raise InvalidInput.of([*wrong, *faults], f"The input of {of_task.task_tag!r}")
    return Order(
        app=of_app,
        task=of_task,
        instance=with_instance,
        inputs=clean,
        timeout=timeout or of_task.timeout,
        policy=policy or of_task.error_handling,
    )


def order_of_run(
    context: TenantContext, run: Execution, inputs: Mapping[str, Any], timeout: float | None
) -> Order | TaskFailed:
    """The order for a single run that is taken up again, or why it cannot be carried out any more."""
    try:
        instance = run.instance_id or None
        return order_of(context, run.integration_id, run.task_id, instance, inputs, timeout=timeout)
    except StoreUnavailable:
        raise
    except ZonaError as exc:
        return _failure(exc)


def order_of_step(
    context: TenantContext, step: Step, instance: str, inputs: Mapping[str, Any], places: Places
) -> Order | TaskFailed:
    """The order for a playbook's step, or why it cannot be carried out."""
    place = step.task
    assert place is not None
    try:
        return order_of(
            context,
            place.app,
            place.task,
            instance or None,
            inputs,
            timeout=step.timeout,
            policy=step.retry,
            places=places,
        )
    except StoreUnavailable:
        raise
    except ZonaError as exc:
        return _failure(exc)


def call_of(
    context: TenantContext, run: Execution, key: str, *, order: Order, connection: Connection, redactor: Redactor
) -> Call:
    """The call over a connection whose secrets the redactor knows; raises ``NotFound``."""
    redactor.conceal_all(order.inputs.values())
    return Call(
        app=order.app,
        task=order.task,
        instance=order.instance,
        handler=context.parts.handler(order.task.task_handler),
        call=TaskCall(
            connection=connection,
            task=order.task,
            inputs=order.inputs,
            timeout=order.timeout,
            attempt=1,
            idempotency_key=idempotency_of(run, key),
            abandoned=lambda: False,
        ),
        policy=order.policy,
        retried=frozenset(order.policy.on) if isinstance(order.policy, StepRetry) else frozenset(),
        redactor=redactor,
        shown=redactor.data(masked(order.task.inputs, order.inputs)),
    )


def _failure(exc: ZonaError) -> TaskFailed:
    """What kept a call from being made, as the failure of what was to be called."""
    if isinstance(exc, TaskFailed):
        return exc
    code = exc.code if not isinstance(exc, NotFound) else "not_found"
    return TaskFailed(exc.message, code=code, hint=exc.hint, faults=exc.faults)
