"""What an upsert changes, as data: stored fields, tasks and instances brought in line with a definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from attrs import define, evolve, fields_dict

from zona_core.domain.apps import AppDefinition, AppDescription, AppStatus, Integration, Task, TaskDefinition
from zona_core.domain.fields import Field
from zona_core.domain.instances import Instance, InstanceStatus
from zona_core.domain.values import checked

__all__ = ["TaskPlan", "fitted", "integration", "plan_tasks", "task"]

_TASK_PARTS = tuple(fields_dict(TaskDefinition))
_APP_PARTS = tuple(name for name in fields_dict(AppDescription) if name != "fields")


@define(frozen=True, kw_only=True)
class TaskPlan:
    """Tasks to insert, to replace, and to set to deleted."""

    created: tuple[Task, ...]
    updated: tuple[Task, ...]
    retired: tuple[Task, ...]


def integration(
    definition: AppDefinition, before: Integration | None, app_id: int, author: str, now: datetime
) -> Integration:
    """The app to store; fields keep their ids by name, new ones get ids never used before in this app."""
    numbered, last_field_id = _numbered(definition.fields, before)
    parts = {**_parts(definition, _APP_PARTS), "fields": numbered, "last_field_id": last_field_id, "updated_ts": now}
    if before is not None:
        return evolve(before, **parts)
    return Integration(integration_id=app_id, user_id=author, created_ts=now, **parts)


def task(definition: TaskDefinition, app_id: int, task_id: int, now: datetime) -> Task:
    """The task to store; its input fields are numbered from 1."""
    parts = _parts(definition, _TASK_PARTS)
    parts["inputs"] = tuple(evolve(field, id=number) for number, field in enumerate(definition.inputs, start=1))
    return Task(id=task_id, integration_id=app_id, created_ts=now, updated_ts=now, **parts)


def plan_tasks(
    definition: AppDefinition, stored: Iterable[Task], app_id: int, ids: Iterator[int], now: datetime
) -> TaskPlan:
    """How the stored tasks become the definition's; tasks are the same if their tags are."""
    by_tag = {known.task_tag: known for known in stored}
    created, updated = [], []
    for wanted in definition.tasks:
        known = by_tag.pop(wanted.task_tag, None)
        new = task(wanted, app_id, known.id if known else next(ids), now)
        if known is None:
            created.append(new)
        elif _parts(known, _TASK_PARTS) != _parts(new, _TASK_PARTS):
            updated.append(evolve(new, created_ts=known.created_ts, revision=known.revision))
    retired = (evolve(gone, status=AppStatus.DELETED, updated_ts=now) for gone in by_tag.values())
    return TaskPlan(created=tuple(created), updated=tuple(updated), retired=tuple(retired))


def fitted(instance: Instance, fields: tuple[Field, ...], now: datetime) -> Instance:
    """The instance after its app's fields changed: values without a field are erased, what is now amiss is told."""
    names = {field.name for field in fields}
    kept = {name: value for name, value in instance.values.items() if name in names}
    _, faults = checked(
        (evolve(field, required=False) for field in fields) if instance.credentials_id else fields, kept
    )
    after = evolve(instance, values=kept, base_url=str(kept.get("base_url") or ""), updated_ts=now)
    wrong = "; ".join(map(str, faults))
    if wrong:
        return evolve(after, status=InstanceStatus.ERROR, status_reason=wrong)
    mended = instance.status is InstanceStatus.ERROR and bool(instance.status_reason)
    status = InstanceStatus.ACTIVE if mended else instance.status
    return evolve(after, status=status, status_reason="")


def _parts(model: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(model, name) for name in names}


def _numbered(fields: tuple[Field, ...], before: Integration | None) -> tuple[tuple[Field, ...], int]:
    known = {field.name: field.id for field in before.fields} if before else {}
    last = before.last_field_id if before else 0
    numbered = []
    for field in fields:
        number = known.get(field.name)
        if number is None:
            last += 1
            number = last
        numbered.append(evolve(field, id=number))
    return tuple(numbered), last
