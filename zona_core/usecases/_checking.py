"""Checking definitions with the handlers that will do their work: every fault at once, each with its path."""

from __future__ import annotations

from zona_core.domain.apps import AppDefinition, Integration, TaskDefinition
from zona_core.domain.definitions import app_faults, task_faults
from zona_core.errors import Fault, InvalidInput, NotFound
from zona_core.usecases._area import TenantContext

__all__ = ["faults_of_task", "refuse_faults", "refuse_task_faults"]


def refuse_faults(context: TenantContext, definition: AppDefinition) -> None:
    """Raises ``InvalidInput`` with everything that is wrong with a definition, its handlers' configuration included."""
    faults = app_faults(definition)
    for name in dict.fromkeys((*definition.handler_config, *(task.task_handler for task in definition.tasks))):
        try:
            handler = context.parts.handler(name)
        except NotFound as exc:
            faults.append(Fault("task_handler", exc.message, exc.hint))
            continue
        faults += handler.app_faults(definition)
        for index, task in enumerate(definition.tasks):
            if task.task_handler == name:
                faults += (fault.under(f"tasks[{index}]") for fault in handler.task_faults(task, definition))
    if faults:
        raise InvalidInput.of(faults, f"The app {definition.title!r}")


def refuse_task_faults(context: TenantContext, definition: TaskDefinition, app: Integration) -> None:
    """The same for one task of an app."""
    faults = faults_of_task(context, definition, app)
    if faults:
        raise InvalidInput.of(faults, f"The task {definition.task_tag!r}")


def faults_of_task(context: TenantContext, definition: TaskDefinition, app: Integration) -> list[Fault]:
    """Everything that is wrong with one task by itself, its handler's configuration included."""
    faults = task_faults(definition)
    try:
        faults += context.parts.handler(definition.task_handler).task_faults(definition, app)
    except NotFound as exc:
        faults.append(Fault("task_handler", exc.message, exc.hint))
    return faults
