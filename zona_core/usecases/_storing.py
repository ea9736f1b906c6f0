"""Storing an app with its tasks: first a plan, as data, then its writes, in one transaction (SPEC §4.1, §4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define, evolve

from zona_core.domain.apps import AppDefinition, Integration, Task, TaskDefinition
from zona_core.domain.instances import Instance
from zona_core.domain.logos import StoredLogo
from zona_core.domain.references import TaskRef, references_of, with_references
from zona_core.errors import DuplicateKey, Fault, InvalidInput
from zona_core.persistence.collections import LIVE_APP, LIVE_INSTANCE
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Where
from zona_core.usecases import _reconcile as reconcile
from zona_core.usecases._access import knows_task, objects_of
from zona_core.usecases._app_playbooks import follow_title
from zona_core.usecases._area import TenantContext
from zona_core.usecases._history import keep
from zona_core.usecases._logos import store_logos
from zona_core.usecases._references import Resolver, link_waiting, needing, refuse_cycles, store_rows

__all__ = [
    "AppPlan",
    "MissingTask",
    "NewIds",
    "TaskDraft",
    "draft_task",
    "fit_instances",
    "plan_app",
    "put_app",
    "refitted",
    "taken",
    "titled",
    "write_app",
    "write_task",
]


@define(frozen=True, kw_only=True)
class MissingTask:
    """A reference that waits, because what it names is not there (or may not be read)."""

    #: ``tasks.lookup.depends_on[0]``
    path: str
    app: str
    task: str

    def fault(self) -> Fault:
        """The reference as a fault."""
        name = f"{self.app}/{self.task}" if self.app else self.task
        return Fault(self.path, f"there is no task {name!r}", "a task that is there")


@define(frozen=True, kw_only=True)
class AppPlan:
    """What storing an app will write."""

    app: Integration
    before: Integration | None
    tasks: reconcile.TaskPlan
    missing: tuple[MissingTask, ...]
    #: pictures to store
    logos: tuple[StoredLogo, ...] = ()

    def in_short(self, *, with_inputs: bool = False) -> AppPlan:
        """The same with as much of each task as other plans ask for: those of playbooks ask for inputs."""
        parts, cut = ("created", "updated", "retired"), {} if with_inputs else {"inputs": ()}
        short = {name: tuple(_in_short(each, cut) for each in getattr(self.tasks, name)) for name in parts}
        return evolve(self, tasks=evolve(self.tasks, **short, former={}))


@define(frozen=True, kw_only=True)
class TaskDraft:
    """What storing one task will write."""

    task: Task
    #: all that the app will have, the task among them
    remaining: tuple[Task, ...]
    #: tasks of other apps that it refers to, by id
    others: Mapping[int, Task]
    missing: tuple[MissingTask, ...]


class NewIds:
    """Ids for an app and its tasks, taken before the transaction begins; ``dry`` ones are for show only."""

    def __init__(self, data: TenantData, app_id: int, tasks: int, *, dry: Iterator[int] | None = None) -> None:
        self.app = app_id or (next(dry) if dry else data.take_id("apps"))
        self.tasks: Iterator[int] = dry or iter(data.take_ids("tasks", tasks) if tasks else ())


def plan_app(
    context: TenantContext,
    definition: AppDefinition,
    before: Integration | None,
    ids: NewIds,
    *,
    logos: tuple[StoredLogo, ...] = (),
    lenient: bool = False,
) -> AppPlan:
    """What is to be written so that ``definition`` is stored, in the place of ``before`` if there is one.

    ``logos`` are the pictures that its references are to. ``lenient`` has references that name nothing wait; otherwise
    they are faults. Raises ``InvalidInput``, also for a cycle of tasks (``dependency_cycle``).
    """
    data, now = context.data, context.data.now()
    app = reconcile.integration(definition, before, ids.app, context.actor.name, now)
    stored = data.tasks.all({"integration_id": ids.app, "status": LIVE_APP}) if before else []
    own = reconcile.numbered(definition, stored, ids.tasks)
    resolver, missing = Resolver(context, app.title, own), list[MissingTask]()
    wanted = [
        reconcile.task(
            each, ids.app, own[each.task_tag], now, _resolved(each, resolver, missing, f"tasks[{each.task_tag}].")
        )
        for each in _with_new_logo(definition.tasks, before, app)
    ]
    if not lenient:
        _refuse_missing(missing, f"The app {app.title!r}")
    plan = reconcile.plan_tasks(wanted, stored, lambda gone: _needed_by_others(data, app, gone), now)
    refuse_cycles(context, app, plan.remaining)
    return AppPlan(app=app, before=before, tasks=plan, missing=tuple(missing), logos=logos)


def write_app(context: TenantContext, plan: AppPlan, action: str) -> Integration:
    """Carries the plan out, within the caller's transaction, which it was made in; gives the app as it is stored."""
    data, before = context.data, plan.before
    app = put_app(context, plan)
    if before is not None:
        follow_title(context, before, app)
    store_logos(data, plan.logos)
    keep(context, _replaced(plan))
    fit_instances(data, plan)
    data.changed("apps")
    data.record(context.actor, action, f"apps/{app.integration_id}", before=before, after=app)
    return app


def put_app(context: TenantContext, plan: AppPlan) -> Integration:
    """Puts the plan's app, tasks and what they need where they belong, and nothing else."""
    data = context.data
    try:
        app = data.apps.replace(plan.app) if plan.before else data.apps.insert(plan.app)
    except DuplicateKey as exc:
        raise taken(plan.app.title) from exc
    _write_tasks(data, plan)
    _write_references(context, plan, app)
    return app


def fit_instances(data: TenantData, plan: AppPlan) -> None:
    """Puts the app's instances as they are with the plan's fields."""
    for _, fit in refitted(data, plan):
        data.instances.replace(fit)


def refitted(data: TenantData, plan: AppPlan) -> Iterator[tuple[Instance, Instance]]:
    """The app's instances that will not be the same once its fields are those, each as it is and as it will be."""
    if plan.before is None:
        return
    for instance in data.instances.all({"integration_id": plan.app.integration_id, "status": LIVE_INSTANCE}):
        fit = reconcile.fitted(instance, plan.before, plan.app, data.now())
        if evolve(fit, updated_ts=instance.updated_ts) != instance:
            yield instance, fit


def write_task(
    context: TenantContext,
    app: Integration,
    definition: TaskDefinition,
    before: Task | None,
    new_id: int = 0,
    *,
    logos: Iterable[StoredLogo] = (),
    waiting: bool = False,
) -> Task:
    """Stores one task of an app, within the caller's transaction. Raises ``InvalidInput`` as ``plan_app`` does.

    ``logos`` is the picture that its reference is to, if it is new. ``waiting`` has references that name what is not
    there wait; those by id have to be found all the same.
    """
    data = context.data
    draft = draft_task(context, app, definition, before, new_id, waiting=waiting)
    _refuse_missing(draft.missing, f"The task {definition.task_tag!r}")
    refuse_cycles(context, app, draft.remaining)
    store_logos(data, logos)
    if before:
        stored = data.tasks.replace(draft.task)
        keep(context, [(before, stored)])
    else:
        stored = data.tasks.insert(draft.task)
    store_rows(context, app, [stored])
    link_waiting(data, app, [stored])
    return stored


def draft_task(
    context: TenantContext,
    app: Integration,
    definition: TaskDefinition,
    before: Task | None,
    new_id: int = 0,
    *,
    waiting: bool = False,
) -> TaskDraft:
    """What is to be written so that ``definition`` is stored, in the place of ``before`` if there is one.

    Neither what is missing nor a cycle is a reason to raise here.
    """
    of_app: Where = {"integration_id": app.integration_id, "status": LIVE_APP}
    # One that refers to none can close no circle.
    stored = context.data.tasks.all(of_app) if any(references_of(definition)) else []
    others = {task.task_tag: task for task in stored}
    task_id = before.id if before else new_id
    own = {task.task_tag: task.id for task in stored if knows_task(context.actor, objects_of(task))}
    own[definition.task_tag] = task_id
    resolver, missing = Resolver(context, app.title, own, before), list[MissingTask]()
    references = _resolved(definition, resolver, missing, waiting=waiting)
    task = reconcile.task(definition, app.integration_id, task_id, context.data.now(), references)
    if before:
        task = evolve(task, created_ts=before.created_ts, revision=before.revision)
    remaining = {**others, task.task_tag: task}
    return TaskDraft(task=task, remaining=(*remaining.values(),), others=resolver.others, missing=tuple(missing))


def titled(data: TenantData, title: str) -> Integration | None:
    """The app of that title."""
    return data.apps.one({"title": title, "status": LIVE_APP})


def taken(title: str) -> DuplicateKey:
    """The error for a title that another app has."""
    return DuplicateKey(
        f"there is an app titled {title!r} already",
        collection="apps",
        fields=["title"],
        hint="choose another title, or ask for an update of the existing one",
    )


def _in_short(task: Task, cut: Mapping[str, Any]) -> Task:
    return evolve(task, description="", outputs=(), handler_config={}, logo="", **cut)


def _with_new_logo(
    tasks: Iterable[TaskDefinition], before: Integration | None, app: Integration
) -> Iterator[TaskDefinition]:
    """The tasks; those that show the logo that the app had show its new one (SPEC §4.1)."""
    old = before.logo if before else ""
    return (evolve(task, logo=app.logo) if old and task.logo == old else task for task in tasks)


def _resolved(
    task: TaskDefinition, resolver: Resolver, missing: list[MissingTask], where: str = "", *, waiting: bool = False
) -> dict[str, Any]:
    """The attributes of a definition that hold references: by id those that are found, the others noted.

    ``where`` is the definition's path within a larger one, with a dot.
    """
    found: dict[TaskRef, TaskRef] = {}
    for path, _, reference in references_of(task):
        resolved = resolver.resolved(reference)
        if resolved is None and not (waiting and reference.task):
            name = reference.task or str(reference.task_id)
            missing.append(MissingTask(path=f"{where}{path}", app=reference.app, task=name))
        found[reference] = resolved or reference
    return with_references(task, found.__getitem__) if found else {}


def _replaced(plan: AppPlan) -> Iterator[tuple[Integration | Task, Integration | Task]]:
    """What the plan puts others in the place of, with these."""
    if plan.before is not None:
        yield plan.before, plan.app
    for task in (*plan.tasks.updated, *plan.tasks.retired):
        yield plan.tasks.former[task.id], task


def _write_tasks(data: TenantData, plan: AppPlan) -> None:
    for task in (*plan.tasks.retired, *plan.tasks.updated):
        data.tasks.replace(task)
    added = data.tasks.insert_many(plan.tasks.created)
    if len(added) != len(plan.tasks.created):
        raise DuplicateKey("a task id or tag is taken", collection="tasks")


def _write_references(context: TenantContext, plan: AppPlan, app: Integration) -> None:
    written = (*plan.tasks.created, *plan.tasks.updated, *plan.tasks.retired)
    renamed = plan.before is not None and plan.before.title != app.title
    store_rows(context, app, (*plan.tasks.remaining, *plan.tasks.retired) if renamed else written)
    link_waiting(context.data, app, plan.tasks.remaining)


def _needed_by_others(data: TenantData, app: Integration, gone: Mapping[int, Task]) -> set[int]:
    return {row.needs_id for row in needing(data, gone) if row.integration_id != app.integration_id}


def _refuse_missing(missing: Sequence[MissingTask], what: str) -> None:
    if missing:
        raise InvalidInput.of([lack.fault() for lack in missing], what)
