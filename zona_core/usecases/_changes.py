"""How a plan changes what is stored, told as packages tell it: without ids, times and secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from attrs import evolve

from zona_core.domain.apps import Integration, Task
from zona_core.domain.differences import Difference, differences
from zona_core.domain.excerpts import pruned, shortened
from zona_core.domain.references import TaskRef, references_of
from zona_core.ports.packages import Record
from zona_core.usecases._access import objects_of
from zona_core.usecases._area import TenantContext
from zona_core.usecases._portable import app_record, task_record
from zona_core.usecases._references import TaskName, names_of, readable
from zona_core.usecases._storing import AppPlan

__all__ = ["changes_of", "keeping_secrets", "portable_name", "shown", "shown_name"]

#: characters of a value as JSON that is told as it is, and how many values are told of another
_LARGE: Final = 10_000
_MOST_VALUES: Final = 100


def keeping_secrets(plan: AppPlan) -> AppPlan:
    """The plan without changes that are none in a package: a literal secret that it does not have stays as it is."""
    before, tasks = plan.before, plan.tasks
    if before is None:
        return plan
    kept = {task.id: tasks.former[task.id] for task in tasks.updated if _is_same(tasks.former[task.id], task)}
    return evolve(
        plan,
        app=before if app_record(before).record == app_record(plan.app).record else plan.app,
        tasks=evolve(
            tasks,
            updated=tuple(task for task in tasks.updated if task.id not in kept),
            unchanged=(*tasks.unchanged, *kept.values()),
        ),
    )


def changes_of(context: TenantContext, plan: AppPlan) -> tuple[Difference, ...]:
    """How the app will differ from the one that is there; nothing for a new one.

    Of what the actor may not read nothing is told: its tasks as they were, and the names of others'.
    """
    if plan.before is None:
        return ()
    tasks = plan.tasks
    may_read = context.actor.may("tasks:read", objects_of(plan.before))
    old = [tasks.former[key] for key in sorted(tasks.former)] if may_read else []
    new = [*tasks.created, *tasks.updated] if may_read else []
    names = _names(context, plan, [*old, *new])
    before, after = _whole(plan.before, old, names), _whole(plan.app, new, names)
    return tuple(differences(before, after))


def shown(found: Sequence[Difference], most: int) -> tuple[Difference, ...]:
    """The first ``most`` of these, of large values an excerpt: what a report can hold of them."""
    return tuple(
        evolve(each, before=_excerpt(each.before), after=_excerpt(each.after)) for each in islice(found, max(most, 0))
    )


def portable_name(reference: TaskRef, names: Mapping[int, TaskName], title: str) -> TaskRef:
    """A reference of a task of the app ``title`` by title and tag; by the tag alone within that app."""
    name = names[reference.task_id] if reference.task_id else TaskName(reference.app, reference.task)
    return TaskRef(app="" if name.app == title else name.app, task=name.task)


def shown_name(reference: TaskRef, names: Mapping[int, TaskName], title: str) -> TaskRef:
    """The same for a task that may have no name in ``names``, as it may not be told: that one keeps its id."""
    known = not reference.task_id or reference.task_id in names
    return portable_name(reference, names, title) if known else reference


def _excerpt(value: Any) -> Any:
    large = isinstance(value, str | list | dict) and len(json.dumps(value)) > _LARGE
    return shortened(pruned(value, _MOST_VALUES)[0])[0] if large else value


def _is_same(old: Task, new: Task) -> bool:
    return task_record(old, lambda each: each).record == task_record(new, lambda each: each).record


def _names(context: TenantContext, plan: AppPlan, shown: list[Task]) -> dict[int, TaskName]:
    own = {task.id: TaskName(plan.app.title, task.task_tag) for task in (*plan.tasks.remaining, *plan.tasks.retired)}
    ids = {ref.task_id for task in shown for _, _, ref in references_of(task) if ref.task_id}
    return {**names_of(context.data, readable(context, ids - own.keys())), **own}


def _whole(app: Integration, tasks: list[Task], names: Mapping[int, TaskName]) -> Record:
    records = [
        task_record(task, lambda ref: shown_name(ref, names, app.title)).record
        for task in sorted(tasks, key=lambda task: task.task_tag)
    ]
    return {**app_record(app).record, "tasks": records}
