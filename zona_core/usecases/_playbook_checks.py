"""Whether a playbook may be kept: its graph, its expressions, and what its steps run."""

from __future__ import annotations

from zona_core.domain.apps import AppStatus
from zona_core.domain.playbook_checks import playbook_faults, reference_faults
from zona_core.domain.playbooks import PlaybookDefinition, Step, StepKind
from zona_core.errors import Fault, InvalidInput, NotFound
from zona_core.persistence.collections import LIVE_APP
from zona_core.usecases._access import objects_of, permitted
from zona_core.usecases._area import TenantContext, lacking
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._lookup import task_of

__all__ = ["check"]


def check(context: TenantContext, playbook: PlaybookDefinition) -> None:
    """Raises ``InvalidInput`` with every fault, ``PermissionDenied`` for what the actor may not run.

    A draft may name what is not there yet.
    """
    faults = playbook_faults(playbook)
    if not faults:
        try:
            compiled = CompiledPlaybook(playbook, context.parts.expressions())
        except InvalidInput as exc:
            faults += exc.faults
        else:
            faults += reference_faults(playbook, compiled.references)
    if not faults and playbook.status is not AppStatus.DRAFT:
        for index, step in enumerate(playbook.steps):
            faults += (fault.under(f"steps[{index}]") for fault in _named(context, step))
    if faults:
        raise InvalidInput.of(faults, f"The playbook {playbook.title!r}")


def _named(context: TenantContext, step: Step) -> list[Fault]:
    """What is wrong with what the step runs; raises ``PermissionDenied``."""
    if step.kind is StepKind.TASK:
        return _task_faults(context, step)
    if step.kind is StepKind.PLAYBOOK:
        found = context.data.playbooks.one({"title": step.playbook, "status": LIVE_APP})
        if found is None or not permitted(context.actor, "playbooks:run", objects_of(found)):
            return [Fault("playbook", f"there is no playbook {step.playbook!r}", "a playbook's title")]
        if not context.actor.may("playbooks:run", objects_of(found)):
            raise lacking(context.actor, "playbooks:run")
    return []


def _task_faults(context: TenantContext, step: Step) -> list[Fault]:
    place = step.task
    assert place is not None
    try:
        _, task = task_of(context, place.app, place.task, "runs:run")
    except NotFound as exc:
        return [Fault("task", exc.message, "the title of an app and the tag of one of its tasks")]
    known = {field.name for field in task.inputs}
    found = [
        Fault(f"inputs.{name}", f"the task {task.task_tag} has no such input", "one of its inputs")
        for name in step.inputs
        if name not in known
    ]
    found += [
        Fault(f"inputs.{field.name}", "is missing", "a value or a template")
        for field in task.inputs
        if field.required and field.default is None and field.name not in step.inputs
    ]
    return found
