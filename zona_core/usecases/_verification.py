"""Verifying a task before it is stored: everything that is wrong, what a run would lack, and a run to try it (SPEC §3).

Nothing is stored of the task. A run to try it is none of the tenant's runs: it makes one attempt, is left out of their
history, and stands in the audit trail with the definition that was tried.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import define, evolve

from zona_core.domain.apps import AppStatus, Integration, Task, TaskDefinition
from zona_core.domain.excerpts import pruned, shortened
from zona_core.domain.fields import FieldKind, OutputField
from zona_core.domain.inference import inferred_outputs
from zona_core.domain.instances import Instance, InstanceStatus
from zona_core.domain.redaction import Redactor
from zona_core.domain.references import references_of
from zona_core.domain.runs import RunStatus
from zona_core.domain.secrets import MASK
from zona_core.domain.values import checked, masked
from zona_core.errors import Fault, InvalidInput, NotFound, TaskFailed, TaskTimeout
from zona_core.persistence.collections import INSTANCES
from zona_core.ports.handlers import TaskCall, TaskOutcome
from zona_core.ports.store import Where
from zona_core.usecases._access import narrowed
from zona_core.usecases._area import TenantContext
from zona_core.usecases._calls import called, presentable_outcome
from zona_core.usecases._checking import faults_of_task
from zona_core.usecases._connect import connection_of
from zona_core.usecases._lookup import instance_for_run, instance_of, needs_instance
from zona_core.usecases._references import names_of, refuse_cycles
from zona_core.usecases._storing import draft_task

__all__ = ["MOST_SECONDS", "Prerequisite", "PrerequisiteKind", "TaskVerification", "TrialRun", "Verifier"]

#: how long a run to try a task may be asked to take
MOST_SECONDS: Final = 300.0

#: the output that stands for the whole response; a name that no task will have
_RESPONSE: Final = OutputField(name="_response_as_a_whole", kind=FieldKind.JSON, path="@")
#: what of a response is seldom wanted by its parts
_WHOLE: Final = frozenset({"headers"})
#: the id of a task that is not stored
_NEW: Final = -1


class PrerequisiteKind(StrEnum):
    """What a run needs beside a definition without faults."""

    APP = "app"
    HANDLER = "handler"
    INSTANCE = "instance"
    DEPENDENCY = "dependency"


@define(frozen=True, kw_only=True)
class Prerequisite:
    """One thing that a run needs, and whether it is there."""

    kind: PrerequisiteKind
    #: the app's title, the handler's name, the instance's title, the other task as ``app/tag``
    subject: str
    met: bool
    #: what is lacking; empty if nothing is
    detail: str = ""


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
class TaskVerification:
    """What there is to say of a definition before it is stored."""

    #: whether it can be stored and run as it is; with a run to try it, whether that succeeded, too
    ok: bool
    #: id of the task in whose place it would be stored; 0 for a new one
    task_id: int
    #: what is wrong with the definition
    faults: tuple[Fault, ...]
    #: what is wrong with the inputs that were given
    input_faults: tuple[Fault, ...]
    prerequisites: tuple[Prerequisite, ...]
    #: None if none was asked for, or what is wrong or lacking kept it from being made
    trial_run: TrialRun | None


@define(frozen=True, kw_only=True)
class _Trial:
    """What the audit trail tells of a run to try a task."""

    definition: TaskDefinition
    instance_id: int
    inputs: Mapping[str, Any]


class Verifier:
    """Verifies one definition for one app; ``before`` is the task in whose place it would be stored."""

    def __init__(
        self, context: TenantContext, app: Integration, definition: TaskDefinition, before: Task | None
    ) -> None:
        self._context = context
        self._app = app
        self._definition = definition
        self._before = before
        self._draft = draft_task(context, app, definition, before, _NEW)

    def verified(
        self, instance: int | str | None, inputs: Mapping[str, Any] | None, timeout: float, *, run: bool
    ) -> TaskVerification:
        """The verification; with ``run`` the actor needs ``runs:run``.

        Raises ``PermissionDenied``, and ``NotFound`` for an instance that is not there.
        """
        lack, found = self._instance(instance, run=run)
        faults = tuple(dict.fromkeys(self._faults()))
        clean, wrong = self._inputs(inputs, run=run) if not faults else ({}, [])
        needed = (self._app_needed(), self._handler_needed(), *([lack] if lack else ()), *self._dependencies_needed())
        ready = not faults and not wrong and all(each.met for each in needed)
        tried = self._tried(found, clean, timeout) if run and ready else None
        return TaskVerification(
            ok=ready and (tried is None or tried.status is RunStatus.SUCCESS),
            task_id=self._before.id if self._before else 0,
            faults=faults,
            input_faults=tuple(wrong),
            prerequisites=needed,
            trial_run=tried,
        )

    def _faults(self) -> Iterator[Fault]:
        context, draft = self._context, self._draft
        own = faults_of_task(context, self._definition, self._app)
        yield from own
        told = {fault.path for fault in own}
        yield from (lack.fault() for lack in draft.missing if lack.path not in told)
        try:
            refuse_cycles(context, self._app, draft.remaining)
        except InvalidInput as exc:
            yield Fault("depends_on", exc.message, exc.hint)

    def _inputs(self, inputs: Mapping[str, Any] | None, *, run: bool) -> tuple[dict[str, Any], list[Fault]]:
        if inputs is None and not run:
            return {}, []
        return checked(self._draft.task.inputs, inputs or {})

    def _app_needed(self) -> Prerequisite:
        status = self._app.status
        detail = "" if status is AppStatus.ACTIVE else f"it is {status.value}, so none of its tasks is run"
        return Prerequisite(kind=PrerequisiteKind.APP, subject=self._app.title, met=not detail, detail=detail)

    def _handler_needed(self) -> Prerequisite:
        name = self._definition.task_handler
        try:
            faults = self._context.parts.handler(name).app_faults(self._app)
            detail = "; ".join(f"the app's {fault}" for fault in faults)
        except NotFound as exc:
            detail = exc.message
        return Prerequisite(kind=PrerequisiteKind.HANDLER, subject=name, met=not detail, detail=detail)

    def _instance(self, ref: int | str | None, *, run: bool) -> tuple[Prerequisite | None, Instance | None]:
        """What there is to say of the instance, and that which a run is made with."""
        context, app, found = self._context, self._app, None
        try:
            if run:
                found = instance_for_run(context, app, self._before or app, ref)
            elif ref is not None:
                found = instance_of(context, app.integration_id, ref, "instances:read")[1]
        except InvalidInput as exc:
            subject = "" if ref is None else str(ref)
            return _instance_needed(subject, exc.message), None
        if found is not None:
            inactive = found.status is not InstanceStatus.ACTIVE
            return _instance_needed(found.title, f"it is {found.status.value}" if inactive else ""), found
        if not needs_instance(app):
            return None, None
        of_app: Where = {"integration_id": app.integration_id, "status": InstanceStatus.ACTIVE.value}
        queries = (narrowed(context.actor, each, INSTANCES, of_app) for each in ("instances:read", "runs:run"))
        any_there = any(context.data.instances.one(query) for several in queries for query in several)
        return _instance_needed("", "" if any_there else f"{app.title} needs one, and has no active one"), None

    def _dependencies_needed(self) -> Iterator[Prerequisite]:
        draft = self._draft
        known = {**draft.others, **{task.id: task for task in draft.remaining}}
        tasks = {ref.task_id: known[ref.task_id] for _, _, ref in references_of(draft.task) if ref.task_id in known}
        names = names_of(self._context.data, tasks)
        for key, task in tasks.items():
            if key not in names:  # the task itself, not stored yet: a cycle, which is told as a fault
                continue
            app = self._context.data.apps.need(task.integration_id)
            lacking = [
                f"{what} is {status.value}"
                for what, status in (("it", task.status), (app.title, app.status))
                if status is not AppStatus.ACTIVE
            ]
            yield Prerequisite(
                kind=PrerequisiteKind.DEPENDENCY, subject=str(names[key]), met=not lacking, detail="; ".join(lacking)
            )

    def _tried(self, instance: Instance | None, inputs: Mapping[str, Any], timeout: float) -> TrialRun:
        context, task, redactor = self._context, self._draft.task, Redactor()
        connection = connection_of(context, self._app, instance, redactor)
        redactor.conceal_all(inputs.values())
        gave_up = threading.Event()
        call = TaskCall(
            connection=connection,
            task=evolve(task, outputs=(*task.outputs, _RESPONSE)),
            inputs=inputs,
            timeout=timeout,
            attempt=1,
            idempotency_key=str(uuid.uuid4()),
            abandoned=gave_up.is_set,
        )
        self._record(instance, redactor.data(masked(task.inputs, inputs)))
        handler = context.parts.handler(task.task_handler)
        began = context.parts.clock.monotonic()
        try:
            result = called(context.parts.executor, lambda: handler.run(call), timeout, redactor)
        finally:
            gave_up.set()
        duration_ms = round((context.parts.clock.monotonic() - began) * 1000, 3)
        return _told(result, redactor, instance.title if instance else "", duration_ms)

    def _record(self, instance: Instance | None, inputs: Mapping[str, Any]) -> None:
        """Before the run: none shall be made that nobody knows of."""
        context, data = self._context, self._context.data
        target = f"tasks/{self._before.id}" if self._before else f"apps/{self._app.integration_id}"
        instance_id = instance.instance_id if instance else 0
        trial = _Trial(definition=self._definition, instance_id=instance_id, inputs=inputs)
        with data.transaction():
            data.record(context.actor, "tasks.verify", target, after=trial)


def _instance_needed(subject: str, lack: str) -> Prerequisite:
    return Prerequisite(kind=PrerequisiteKind.INSTANCE, subject=subject, met=not lack, detail=lack)


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
