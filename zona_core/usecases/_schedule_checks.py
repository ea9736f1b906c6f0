"""Whether a schedule may be kept: its times, what it runs, and the inputs of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zona_core.domain.fields import FieldKind
from zona_core.domain.schedules import Schedule, ScheduleDefinition, schedule_faults
from zona_core.domain.secrets import MASK, Secret
from zona_core.errors import Fault, InvalidInput
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.scheduled import Target, target_of

__all__ = ["checked_schedule"]


def checked_schedule(
    context: TenantContext, definition: ScheduleDefinition, before: Schedule | None
) -> tuple[dict[str, Any], dict[str, int]]:
    """The inputs as they are to be stored, and the ids of what is run, in the place of ``before``.

    Raises ``InvalidInput`` with every fault, ``NotFound``, ``PermissionDenied`` for what the actor may not run.
    """
    what = f"The schedule {definition.title!r}"
    if faults := schedule_faults(definition, context.parts.calendar()):
        raise InvalidInput.of(faults, what)
    given = {name: value for name, value in definition.inputs.items() if value is not None}
    kept = _kept(given, before)
    target = _target(context, definition, {**given, **kept}, what)
    if faults := _mask_faults(given, kept, target, before):
        raise InvalidInput.of(faults, what)
    secret = _secret_names(target)
    inputs = {
        name: Secret(value) if name in secret and isinstance(value, str) else value
        for name, value in {**given, **kept}.items()
    }
    return inputs, target.ids


def _target(context: TenantContext, definition: ScheduleDefinition, inputs: Mapping[str, Any], what: str) -> Target:
    try:
        return target_of(
            context,
            playbook=definition.playbook,
            app=definition.app,
            task=definition.task,
            instance=definition.instance or None,
            inputs=inputs,
        )
    except InvalidInput as exc:
        if not exc.faults:
            raise
        raise InvalidInput.of([fault.under("inputs") for fault in exc.faults], what) from exc


def _kept(given: Mapping[str, Any], before: Schedule | None) -> dict[str, Secret]:
    """The stored secrets that masks stand for."""
    stored = before.inputs if before is not None else {}
    return {name: stored[name] for name in given if _is_mask(given[name]) and isinstance(stored.get(name), Secret)}


def _mask_faults(
    given: Mapping[str, Any], kept: Mapping[str, Secret], target: Target, before: Schedule | None
) -> list[Fault]:
    """Masks that stand for nothing. What was meant for one playbook or task is handed to no other one."""
    same = before is not None and all(getattr(before, name) == key for name, key in target.ids.items())
    masks = [name for name in sorted(_secret_names(target)) if name in given and _is_mask(given[name])]
    return [
        Fault(f"inputs.{name}", "is the mask that stands for secrets", "the secret itself")
        for name in masks
        if name not in kept or not same
    ]


def _secret_names(target: Target) -> set[str]:
    return {field.name for field in target.fields if field.kind is FieldKind.SECRET}


def _is_mask(value: Any) -> bool:
    if isinstance(value, Secret):
        return value.token is None and value.reveal() == MASK
    return isinstance(value, str) and value == MASK
