"""Who needs a task: what keeps it from being deleted (SPEC §3: generic-validate)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import define, evolve

from zona_core.domain.apps import Integration, Task
from zona_core.domain.dependencies import Dependency
from zona_core.domain.references import DependencyKind
from zona_core.errors import Conflict
from zona_core.persistence.display import as_data
from zona_core.ports.store import In
from zona_core.usecases._access import objects_of
from zona_core.usecases._area import TenantContext
from zona_core.usecases._references import TaskName, batches, names_of, needing

__all__ = ["Dependent", "TaskDependents", "dependents", "is_probe", "refuse_needed", "task_dependents"]

#: dependents that a message names
_SHOWN = 5


@define(frozen=True, kw_only=True)
class Dependent:
    """A task that needs another one."""

    task_id: int
    integration_id: int
    app: str
    task_tag: str
    #: what for
    kind: DependencyKind
    #: the task that it needs
    needs_id: int
    #: whether it needs the task in question itself, not only by way of others: that keeps this one from being deleted
    direct: bool = True


@define(frozen=True, kw_only=True)
class TaskDependents:
    """Whether a task can be deleted, and who keeps it from that."""

    can_delete: bool
    #: by way of others, too; first those that need it themselves, then by app and tag
    dependents: tuple[Dependent, ...]
    #: how many more there are that the actor may not read
    hidden: int
    #: whether its app names it as what tells that an instance works
    health_check: bool


def task_dependents(context: TenantContext, app: Integration, task: Task) -> TaskDependents:
    """Everybody who needs the task, by whatever way."""
    direct = needing(context.data, [task.id])
    by_itself = {row.task_id for row in direct}
    seen, front, indirect = {task.id}, by_itself, list[Dependency]()
    while front:
        seen |= front
        beyond = needing(context.data, front)
        indirect += (row for row in beyond if row.task_id not in by_itself)
        front = {row.task_id for row in beyond} - seen
    found = [*dependents(context, direct), *(evolve(each, direct=False) for each in dependents(context, indirect))]
    probe = is_probe(app, task)
    return TaskDependents(
        can_delete=not direct and not probe,
        dependents=tuple(found),
        hidden=len(seen) - 1 - len({each.task_id for each in found}),
        health_check=probe,
    )


def is_probe(app: Integration, task: Task) -> bool:
    """Whether the task is what the app's health check runs."""
    return app.health_check.get("task") == task.task_tag


def refuse_needed(
    context: TenantContext, app: Integration, tasks: Mapping[int, Task], *, of: Task | None = None
) -> None:
    """Raises ``Conflict`` (``task_needed``) with every dependent if tasks other than these need one of ``tasks``.

    Of dependents that the actor may not read their number is told. ``of`` is the task that it is about, if it is just
    one; then the app's own health check counts as well.
    """
    rows = [row for row in needing(context.data, tasks) if row.task_id not in tasks]
    probe = of is not None and is_probe(app, of)
    if not rows and not probe:
        return
    found = dependents(context, rows)
    hidden = len({row.task_id for row in rows}) - len({each.task_id for each in found})
    what = app.title if of is None else str(TaskName(app.title, of.task_tag))
    names = dict.fromkeys(str(TaskName(each.app, each.task_tag)) for each in found)
    needed_by = [f"the health check of {app.title}"] * probe + [*names][:_SHOWN]
    more = len(names) + hidden - len([*names][:_SHOWN])
    needed_by += [f"{more} more" if needed_by else f"{more} task{'' if more == 1 else 's'} of others"] * bool(more)
    raise Conflict(
        f"{what} is needed by {_listed(needed_by)}",
        code="task_needed",
        dependents=[as_data(each) for each in found],
        hidden=hidden,
        health_check=probe,
        hint="change those that need it first, or force it",
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def dependents(context: TenantContext, rows: Iterable[Dependency]) -> list[Dependent]:
    """Those who need, as far as the actor may read them: by app, then tag."""
    data, known = context.data, list(rows)
    tasks = {
        task.id: task
        for batch in batches(sorted({row.task_id for row in known}))
        for task in data.tasks.all({"id": In(batch)})
        if context.actor.may("tasks:read", objects_of(task))
    }
    names = names_of(data, tasks)
    found = {
        (names[row.task_id], row.kind): Dependent(
            task_id=row.task_id,
            integration_id=row.integration_id,
            app=names[row.task_id].app,
            task_tag=names[row.task_id].task,
            kind=row.kind,
            needs_id=row.needs_id,
        )
        for row in known
        if row.task_id in tasks
    }
    return [found[key] for key in sorted(found)]
