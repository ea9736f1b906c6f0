"""A run to try a task before it is stored (SPEC §3).

It is none of the tenant's runs: it makes one attempt, is left out of their history, and stands in the audit trail with
the definition that was tried.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, evolve

from zona_core.domain.apps import Integration, Task, TaskDefinition
from zona_core.domain.excerpts import pruned, shortened
from zona_core.domain.fields import FieldKind, OutputField
from zona_core.domain.inference import inferred_outputs
from zona_core.domain.instances import Instance
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import RunStatus
from zona_core.domain.secrets import MASK
from zona_core.domain.values import masked
from zona_core.errors import TaskFailed, TaskTimeout
from zona_core.ports.handlers import TaskCall, TaskOutcome
from zona_core.usecases._area import TenantContext
from zona_core.usecases._calls import called, presentable_outcome
from zona_core.usecases._connect import connection_of

__all__ = ["Trial", "TrialRun", "tried"]

#: the output that stands for the whole response; a name that no task will have
_RESPONSE: Final = OutputField(name="_response_as_a_whole", kind=FieldKind.JSON, path="@")
#: what of a response is seldom wanted by its parts
_WHOLE: Final = frozenset({"headers"})


@define(frozen=True, kw_only=True)
class Trial:
    """What is to be tried, and with what; all of it was checked."""

    app: Integration
    #: as it would be stored
    task: Task
    definition: TaskDefinition
    #: what the audit trail names: the task in whose place it would be stored, or the app
    target: str
    #: None if it takes none
    instance: Instance | None
    inputs: Mapping[str, Any]
    #: seconds
    timeout: float


@define(frozen=True, kw_only=True)
class TrialRun:
    """What came of a run to try the task, secrets masked."""

    #: ``success``, ``failure`` or ``timeout``
    status: RunStatus
    #: empty if it was run without one
    instance_title: str
    duration_ms: float
    #: what the outputs' paths apply to; None if it failed
    response: Any = None
    #: whether ``response`` is all that came; of a large one it is the outer part
    complete: bool = True
    #: what the definition's outputs give, by name
    outputs: dict[str, Any]
    #: the outputs that the task could have
    inferred_outputs: tuple[OutputField, ...] = ()
    #: see ``Execution``
    performance: dict[str, Any]
    #: ``{"code", "message", …}`` of a failed one
    error: dict[str, Any] | None = None


@define(frozen=True, kw_only=True)
class _Recorded:
    """What the audit trail tells of it."""

    definition: TaskDefinition
    instance_id: int
    inputs: Mapping[str, Any]


def tried(context: TenantContext, trial: Trial) -> TrialRun:
    """Runs the task once; what fails is told, not raised."""
    task, instance, inputs, redactor = trial.task, trial.instance, trial.inputs, Redactor()
    connection = connection_of(context, trial.app, instance, redactor)
    redactor.conceal_all(inputs.values())
    gave_up = threading.Event()
    call = TaskCall(
        connection=connection,
        task=evolve(task, outputs=(*task.outputs, _RESPONSE)),
        inputs=inputs,
        timeout=trial.timeout,
        attempt=1,
        idempotency_key=str(uuid.uuid4()),
        abandoned=gave_up.is_set,
    )
    _record(context, trial, redactor.data(masked(task.inputs, inputs)))
    handler = context.parts.handler(task.task_handler)
    began = context.parts.clock.monotonic()
    try:
        result = called(context.parts.threads, lambda: handler.run(call), trial.timeout, redactor)
    finally:
        gave_up.set()
    duration_ms = round((context.parts.clock.monotonic() - began) * 1000, 3)
    return _told(result, redactor, instance.title if instance else "", duration_ms)


def _record(context: TenantContext, trial: Trial, inputs: Mapping[str, Any]) -> None:
    """Before the run: none shall be made that nobody knows of."""
    instance_id = trial.instance.instance_id if trial.instance else 0
    recorded = _Recorded(definition=trial.definition, instance_id=instance_id, inputs=inputs)
    with context.data.transaction():
        context.data.record(context.actor, "tasks.verify", trial.target, after=recorded)


def _told(result: TaskOutcome | TaskFailed, redactor: Redactor, instance_title: str, duration_ms: float) -> TrialRun:
    """The result with everything cut to size and masked.

    What is masked is the part that is kept, so that a large response takes no longer than a small one.
    """
    result, cut = _excerpt(result)
    outcome = result if isinstance(result, TaskFailed) else presentable_outcome(result, redactor)
    if isinstance(outcome, TaskFailed):
        status = RunStatus.TIMEOUT if isinstance(outcome, TaskTimeout) else RunStatus.FAILURE
        return TrialRun(
            status=status,
            instance_title=instance_title,
            duration_ms=duration_ms,
            outputs={},
            performance={},
            error=outcome.as_dict(),
        )
    outputs = dict(outcome.outputs)
    response = outputs.pop(_RESPONSE.name)
    shown, shorter = shortened(response)
    return TrialRun(
        status=RunStatus.SUCCESS,
        instance_title=instance_title,
        duration_ms=duration_ms,
        response=shown,
        complete=not (cut or shorter),
        outputs=shortened(outputs)[0],
        inferred_outputs=tuple(each for each in inferred_outputs(response, whole=_WHOLE) if MASK not in each.path),
        performance=dict(outcome.performance),
    )


def _excerpt(result: TaskOutcome | TaskFailed) -> tuple[TaskOutcome | TaskFailed, bool]:
    """The outcome with as much of the response as is shown, and whether some is left out.

    A handler that reads no paths gives outputs of its own: these are its response.
    """
    if not isinstance(result, TaskOutcome) or not isinstance(result.outputs, Mapping):
        return result, False  # a failure, or what is told as one
    outputs = dict(result.outputs)
    response, cut = pruned(outputs.pop(_RESPONSE.name) if _RESPONSE.name in outputs else outputs)
    return evolve(result, outputs={**pruned(outputs)[0], _RESPONSE.name: response}), cut
