"""Runs as they are begun: the record and the job, not stored yet. The record shows no secret, wherever it stands."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from attrs import define, evolve

from zona_core.domain.apps import AppStatus
from zona_core.domain.jobs import Job, JobKind
from zona_core.domain.playbooks import Playbook
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import Execution, RunStatus
from zona_core.domain.values import checked, masked
from zona_core.errors import InvalidInput
from zona_core.usecases._area import TenantContext
from zona_core.usecases._connect import connection_of
from zona_core.usecases._engine.calls import Order
from zona_core.usecases._engine.sealing import sealed_inputs

__all__ = ["Origin", "inputs_for", "playbook_run", "queued", "task_run"]


@define(frozen=True, kw_only=True)
class Origin:
    """Who begins a run, and how."""

    #: name of whoever it is recorded for
    actor: str
    #: see ``Execution.trigger``
    trigger: str = ""
    #: the run's id; empty: a new one
    run_id: str = ""
    #: what the remote side may tell repeated calls by; empty: the run's id
    key: str = ""


def queued(run: Execution) -> Execution:
    """The run as it is stored if it has to wait for a worker."""
    return evolve(run, status=RunStatus.QUEUED, started_at=None)


def playbook_run(
    context: TenantContext, playbook: Playbook, inputs: Mapping[str, Any], origin: Origin
) -> tuple[Execution, Job]:
    """The run of a playbook with inputs that ``inputs_for`` gave."""
    run_id, now, shown = origin.run_id or str(uuid.uuid4()), context.data.now(), masked(playbook.inputs, inputs)
    run = Execution(
        id=run_id,
        playbook_id=playbook.id,
        playbook_title=playbook.title,
        playbook_revision=playbook.revision,
        actor=origin.actor,
        trigger=origin.trigger,
        status=RunStatus.RUNNING,
        inputs=shown,
        idempotency_key=origin.key or run_id,
        created_at=now,
        started_at=now,
    )
    secrets = sealed_inputs(inputs, shown)
    return run, Job(id=run_id, kind=JobKind.PLAYBOOK, due_at=now, created_at=now, secrets=secrets)


def inputs_for(playbook: Playbook, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a run of the playbook is given; raises ``InvalidInput`` with every fault, and if it is not run at all."""
    if playbook.status is not AppStatus.ACTIVE:
        raise InvalidInput(f"{playbook.title} is {playbook.status.value}, so it is not run", code="not_active")
    clean, faults = checked(playbook.inputs, inputs)
    if faults:
        raise InvalidInput.of(faults, f"The input of {playbook.title!r}")
    return clean


def task_run(
    context: TenantContext, order: Order, origin: Origin, timeout: float | None = None
) -> tuple[Execution, Job]:
    """The run of a single task; ``timeout`` (seconds an attempt) replaces the task's own.

    Raises ``KeyUnavailable``, and what else keeps the connection from being made.
    """
    redactor, run_id, now = Redactor(), origin.run_id or str(uuid.uuid4()), context.data.now()
    connection_of(context, order.app, order.instance, redactor)  # what cannot be opened is told here
    redactor.conceal_all(order.inputs.values())
    shown = redactor.data(masked(order.task.inputs, order.inputs))
    run = Execution(
        id=run_id,
        integration_id=order.app.integration_id,
        task_id=order.task.id,
        app_title=order.app.title,
        task_tag=order.task.task_tag,
        instance_id=order.instance.instance_id if order.instance else 0,
        instance_title=order.instance.title if order.instance else "",
        actor=origin.actor,
        trigger=origin.trigger,
        status=RunStatus.RUNNING,
        inputs=shown,
        idempotency_key=origin.key or run_id,
        created_at=now,
        started_at=now,
    )
    secrets = sealed_inputs(order.inputs, shown)
    return run, Job(id=run_id, kind=JobKind.TASK, due_at=now, created_at=now, timeout=timeout, secrets=secrets)
