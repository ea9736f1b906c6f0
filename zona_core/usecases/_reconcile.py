"""What an upsert changes, as data: stored fields, tasks and instances brought in line with a definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import Factory, define, evolve, fields_dict

from zona_core.domain.apps import AppDefinition, AppDescription, AppStatus, Integration, Task, TaskDefinition
from zona_core.domain.fields import Field
from zona_core.domain.instances import Instance, InstanceStatus
from zona_core.domain.references import references_of
from zona_core.domain.values import checked
from zona_core.persistence.deriving import derived

__all__ = ["TaskPlan", "fitted", "integration", "numbered", "plan_tasks", "task"]

_TASK_PARTS = tuple(fields_dict(TaskDefinition))
_APP_PARTS = tuple(name for name in fields_dict(AppDescription) if name != "fields")


@define(frozen=True, kw_only=True)
class TaskPlan:
    """Tasks to insert, to replace, and to set to deleted; those that stay as they are."""

    created: tuple[Task, ...] = ()
    updated: tuple[Task, ...] = ()
    unchanged: tuple[Task, ...] = ()
    retired: tuple[Task, ...] = ()
    #: not in the definition any more, and needed by tasks that stay
    kept: tuple[Task, ...] = ()
    #: as they were: those updated and those retired, by id
    former: Mapping[int, Task] = Factory(dict)

    @property
    def remaining(self) -> tuple[Task, ...]:
        """All that the app will have."""
        return (*self.created, *self.updated, *self.unchanged, *self.kept)


def integration(
    definition: AppDefinition, before: Integration | None, app_id: int, author: str, now: datetime
) -> Integration:
    """The app to store; fields keep their ids by name, new ones get ids never used before in this app."""
    numbered, last_field_id = _numbered(definition.fields, before)
    parts = {**_parts(definition, _APP_PARTS), "fields": numbered, "last_field_id": last_field_id, "updated_ts": now}
    if before is not None:
        return evolve(before, **parts)
    return Integration(integration_id=app_id, user_id=author, created_ts=now, **parts)


def task(
    definition: TaskDefinition, app_id: int, task_id: int, now: datetime, references: Mapping[str, Any] | None = None
) -> Task:
    """The task to store; its input fields are numbered from 1, its ``references`` are by id."""
    own = {"id": task_id, "integration_id": app_id, "created_ts": now, "updated_ts": now, "revision": 0}
    inputs = [derived(Field, field, {"id": number}) for number, field in enumerate(definition.inputs, start=1)]
    return derived(Task, definition, {**own, "inputs": tuple(inputs), **(references or {})})


def numbered(definition: AppDefinition, stored: Iterable[Task], ids: Iterator[int]) -> dict[str, int]:
    """The id of each task of the definition, by tag: tasks are the same if their tags are; others get new ids."""
    known = {task.task_tag: task.id for task in stored}
    return {task.task_tag: known.get(task.task_tag) or next(ids) for task in definition.tasks}


def plan_tasks(
    wanted: Iterable[Task], stored: Iterable[Task], needed: Callable[[Mapping[int, Task]], set[int]], now: datetime
) -> TaskPlan:
    """How the stored tasks become those ``wanted``; ``needed`` says which of those to be retired others need."""
    by_tag = {known.task_tag: known for known in stored}
    created, updated, unchanged = [], [], []
    former = {}
    for new in wanted:
        known = by_tag.pop(new.task_tag, None)
        if known is None:
            created.append(new)
        elif _parts(known, _TASK_PARTS) != _parts(new, _TASK_PARTS):
            updated.append(evolve(new, created_ts=known.created_ts, revision=known.revision))
            former[known.id] = known
        else:
            unchanged.append(known)
    gone = {task.id: task for task in sorted(by_tag.values(), key=lambda task: task.id)}
    kept = _with_what_they_need(needed(gone) if gone else set(), gone)
    retired = (evolve(task, status=AppStatus.DELETED, updated_ts=now) for task in gone.values() if task.id not in kept)
    return TaskPlan(
        created=tuple(created),
        updated=tuple(updated),
        unchanged=tuple(unchanged),
        retired=tuple(retired),
        kept=tuple(gone[key] for key in sorted(kept)),
        former={**former, **{key: task for key, task in gone.items() if key not in kept}},
    )


def _with_what_they_need(kept: set[int], gone: Mapping[int, Task]) -> set[int]:
    """``kept``, and those of ``gone`` that they refer to, and so on."""
    front = list(kept)
    while front:
        needs = {ref.task_id for _, _, ref in references_of(gone[front.pop()])} & gone.keys()
        front += needs - kept
        kept = kept | needs
    return kept


def fitted(instance: Instance, before: Integration, after: Integration, now: datetime) -> Instance:
    """The instance after its app's fields changed.

    Values move with renamed fields, those without a field are erased, and what is now amiss is told.
    """
    names = _new_names(before.fields, after.fields)
    kept = {names[name]: value for name, value in instance.values.items() if name in names}
    _, faults = checked(
        (evolve(field, required=False) for field in after.fields) if instance.credentials_id else after.fields, kept
    )
    fit = evolve(instance, values=kept, base_url=str(kept.get("base_url") or ""), updated_ts=now)
    wrong = "; ".join(map(str, faults))
    if wrong:
        return evolve(fit, status=InstanceStatus.ERROR, status_reason=wrong)
    mended = instance.status is InstanceStatus.ERROR and bool(instance.status_reason)
    status = InstanceStatus.ACTIVE if mended else instance.status
    return evolve(fit, status=status, status_reason="")


def _new_names(before: tuple[Field, ...], after: tuple[Field, ...]) -> dict[str, str]:
    """What the fields are called now, by their old names: the same are those with the same id, else the same name."""
    ids = {field.id: field.name for field in after}
    found = {field.name: ids[field.id] for field in before if field.id in ids}
    others = {field.name for field in after} - set(found.values())
    return {field.name: field.name for field in before if field.name in others and field.name not in found} | found


def _renamed(before: tuple[Field, ...], after: tuple[Field, ...]) -> dict[str, str]:
    """Old names of fields, and what they are called now."""
    old = {field.name for field in before}
    new = {field.name for field in after}
    return {
        field.renamed_from: field.name for field in after if field.renamed_from in old - new and field.name not in old
    }


def _parts(model: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(model, name) for name in names}


def _numbered(fields: tuple[Field, ...], before: Integration | None) -> tuple[tuple[Field, ...], int]:
    known = {field.name: field.id for field in before.fields} if before else {}
    known |= {new: known[old] for old, new in _renamed(before.fields, fields).items()} if before else {}
    last = before.last_field_id if before else 0
    numbered = []
    for field in fields:
        number = known.get(field.name)
        if number is None:
            last += 1
            number = last
        numbered.append(evolve(field, id=number))
    return tuple(numbered), last
