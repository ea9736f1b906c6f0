"""Verifying a task before it is stored: everything that is wrong, what a run would lack, and a run to try it (SPEC §3).

Nothing is stored of the task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import define

from zona_core.domain.apps import AppStatus, Integration, Task, TaskDefinition
from zona_core.domain.instances import Instance, InstanceStatus
from zona_core.domain.references import references_of
from zona_core.domain.runs import RunStatus
from zona_core.domain.values import checked
from zona_core.errors import Fault, InvalidInput, NotFound
from zona_core.persistence.collections import INSTANCES
from zona_core.ports.store import Where
from zona_core.usecases._access import knows_task, narrowed, objects_of
from zona_core.usecases._area import TenantContext
from zona_core.usecases._checking import faults_of_task
from zona_core.usecases._history import target_of
from zona_core.usecases._lookup import instance_for_run, instance_of, needs_instance
from zona_core.usecases._references import names_of, refuse_cycles
from zona_core.usecases._storing import draft_task
from zona_core.usecases._trial_runs import Trial, TrialRun, tried

__all__ = ["MOST_SECONDS", "Prerequisite", "PrerequisiteKind", "TaskVerification", "Verifier"]

#: how long a run to try a task may be asked to take
MOST_SECONDS: Final = 300.0

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
        trial = self._tried(found, clean, timeout) if run and ready else None
        return TaskVerification(
            ok=ready and (trial is None or trial.status is RunStatus.SUCCESS),
            task_id=self._before.id if self._before else 0,
            faults=faults,
            input_faults=tuple(wrong),
            prerequisites=needed,
            trial_run=trial,
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
        own = {task.id: task for task in draft.remaining if knows_task(self._context.actor, objects_of(task))}
        known = {**draft.others, **own}
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
        before, app = self._before, self._app
        trial = Trial(
            app=app,
            task=self._draft.task,
            definition=self._definition,
            target=target_of(before or app),
            instance=instance,
            inputs=inputs,
            timeout=timeout,
        )
        return tried(self._context, trial)


def _instance_needed(subject: str, lack: str) -> Prerequisite:
    return Prerequisite(kind=PrerequisiteKind.INSTANCE, subject=subject, met=not lack, detail=lack)
