"""Finding what a caller named, by id or by name, and whether the actor may do there what it wants to.

Every function takes the permission that is needed, so that nothing is found without being checked. What the actor may
not read is reported exactly as what is not there; see ``_access``.
"""

from __future__ import annotations

from typing import NamedTuple

from zona_core.domain.apps import AppStatus, Integration, Task
from zona_core.domain.instances import Credential, Instance, InstanceStatus
from zona_core.domain.runs import Execution
from zona_core.errors import InvalidInput, NotFound
from zona_core.persistence.collections import INSTANCES, LIVE_APP, LIVE_INSTANCE
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Where
from zona_core.usecases._access import narrowed, objects_of, permitted, require, sees_app
from zona_core.usecases._area import TenantContext, lacking

__all__ = [
    "RunParts",
    "app_around",
    "app_of",
    "credential_of",
    "instance_for_run",
    "instance_of",
    "is_id",
    "needs_instance",
    "run_of",
    "run_parts",
    "task_of",
]


class RunParts(NamedTuple):
    """What a run is made of."""

    app: Integration
    task: Task
    #: None if the app needs none
    instance: Instance | None


def app_of(context: TenantContext, ref: int | str, permission: str, *, deleted: bool = False) -> Integration:
    """The app with that id or title (a title of digits wins over an id), for ``permission`` on it.

    With ``deleted`` also one that was deleted, by its id. Raises ``NotFound``, ``PermissionDenied``.
    """
    app = _app(context.data, ref, deleted=deleted)
    if app is None:
        raise _no_app(ref)
    require(context.actor, permission, objects_of(app), _no_app(ref))
    return app


def app_around(context: TenantContext, ref: int | str, permission: str, *, deleted: bool = False) -> Integration:
    """The app as the place of what ``permission`` is asked for, which the caller checks itself; raises ``NotFound``."""
    app = _app(context.data, ref, deleted=deleted)
    if app is None or not sees_app(context, app, permission):
        raise _no_app(ref)
    return app


def task_of(
    context: TenantContext, app_ref: int | str | None, ref: int | str, permission: str, *, deleted: bool = False
) -> tuple[Integration, Task]:
    """The app and its task with that tag or id, for ``permission`` on it; without an app, the one with that id.

    Raises ``NotFound``, ``PermissionDenied``.
    With ``deleted`` also one that was deleted: by its id, or as the last that had the tag if none has it now.
    """
    if app_ref is None:
        return _task_by_id(context, ref, permission)
    app = app_around(context, app_ref, permission, deleted=deleted)
    task = _task(context.data, app, ref) or (_deleted_task(context.data, app, ref) if deleted else None)
    if task is None:
        raise _no_task(app, ref)
    require(context.actor, permission, objects_of(task), _no_task(app, ref))
    return app, task


def instance_of(
    context: TenantContext, app_ref: int | str | None, ref: int | str, permission: str
) -> tuple[Integration, Instance]:
    """The app and its instance with that title or id, for ``permission`` on it; without an app, the one with that id.

    Raises ``NotFound``, ``PermissionDenied``.
    """
    if app_ref is None:
        return _instance_by_id(context, ref, permission)
    app = app_around(context, app_ref, permission)
    instance = _instance(context.data, app, ref)
    if instance is None:
        raise _no_instance(app, ref)
    require(context.actor, permission, objects_of(instance), _no_instance(app, ref))
    return app, instance


def credential_of(context: TenantContext, ref: int | str, permission: str) -> Credential:
    """The credential with that title or id, for ``permission`` on it; raises ``NotFound``, ``PermissionDenied``."""
    data = context.data
    credential = data.credentials.one({"title": ref, "deleted": False}) if isinstance(ref, str) else None
    if credential is None and (isinstance(ref, int) or is_id(ref)):
        credential = data.credentials.get(int(ref))
    missing = NotFound(
        f"there is no credential {ref!r}", collection="credentials", hint="zona credentials list shows those there are"
    )
    if credential is None or credential.deleted:
        raise missing
    require(context.actor, permission, objects_of(credential), missing)
    return credential


def run_of(context: TenantContext, run_id: str, permission: str) -> Execution:
    """The run with that id, for ``permission`` on it; raises ``NotFound``, ``PermissionDenied``."""
    run = context.data.runs.get(run_id)
    missing = NotFound(f"there is no run {run_id!r}", collection="runs", hint="zona runs list shows those there are")
    if run is None:
        raise missing
    require(context.actor, permission, objects_of(run), missing)
    return run


def run_parts(
    context: TenantContext, app_ref: int | str, task_ref: int | str, instance_ref: int | str | None
) -> RunParts:
    """What a run needs, for ``runs:run`` on the app, the task or the instance.

    The instance is the one named, or the only one there is. Raises ``NotFound``, ``PermissionDenied``; ``InvalidInput``
    if the choice is open (``instance_needed``) or it is not active (``instance_not_active``).
    """
    app = app_around(context, app_ref, "runs:run")
    task = _task(context.data, app, task_ref)
    if task is None:
        raise _no_task(app, task_ref)
    usable = _usable(context, app, task)
    if not usable:
        readable = context.actor.may("tasks:read", objects_of(task))
        raise lacking(context.actor, "runs:run") if readable else _no_task(app, task_ref)
    return RunParts(app, task, _instance_among(context, app, task, usable, instance_ref))


def instance_for_run(
    context: TenantContext, app: Integration, place: Integration | Task, ref: int | str | None
) -> Instance | None:
    """The instance that ``place``, a task or the app of one that is not stored yet, is run with; see ``run_parts``."""
    usable = _usable(context, app, place)
    if not usable:
        raise lacking(context.actor, "runs:run")
    return _instance_among(context, app, place, usable, ref)


def needs_instance(app: Integration) -> bool:
    """Whether nothing of the app can be run without an instance."""
    return any(field.required for field in app.fields)


def _usable(context: TenantContext, app: Integration, place: Integration | Task) -> list[Where]:
    """The queries that find the instances which the actor may run ``place`` with; none if it may not run it at all."""
    actor = context.actor
    of_app: Where = {"integration_id": app.integration_id, "status": LIVE_INSTANCE}
    if actor.may("runs:run", objects_of(place)):
        return [of_app]
    return [where for where in narrowed(actor, "runs:run", INSTANCES, of_app) if context.data.instances.one(where)]


def _instance_among(
    context: TenantContext, app: Integration, place: Integration | Task, usable: list[Where], ref: int | str | None
) -> Instance | None:
    actor = context.actor
    if ref is None:
        instance = _only_instance(context.data, app, usable)
    else:
        instance = _instance(context.data, app, ref)
        if instance is None:
            raise _no_instance(app, ref)
        at_place = actor.may("runs:run", objects_of(place))
        if not (at_place or permitted(actor, "runs:run", objects_of(instance))):
            known = actor.may("instances:read", objects_of(instance))
            raise lacking(actor, "runs:run") if known else _no_instance(app, ref)
    if not actor.may("runs:run", objects_of(place, *([instance] if instance else ()))):
        raise lacking(actor, "runs:run")
    _refuse_inactive(app, instance)
    return instance


def _only_instance(data: TenantData, app: Integration, usable: list[Where]) -> Instance | None:
    found = [each for where in usable for each in data.instances.find(where, sort=[("instance_id", 1)], limit=2).items]
    if len({each.instance_id for each in found}) > 1:
        raise InvalidInput(
            f"{app.title} has several instances: name one", code="instance_needed", hint="--instance TITLE"
        )
    if not found and needs_instance(app):
        raise InvalidInput(
            f"{app.title} needs an instance and has none",
            code="instance_needed",
            hint=f"zona instances add {app.title!r} --title TITLE --set NAME=VALUE",
        )
    return found[0] if found else None


def _refuse_inactive(app: Integration, instance: Instance | None) -> None:
    if instance is None or instance.status is InstanceStatus.ACTIVE:
        return
    reason = f": {instance.status_reason}" if instance.status_reason else ""
    raise InvalidInput(
        f"the instance {instance.title} is in status {instance.status.value}{reason}",
        code="instance_not_active",
        hint=f"zona instances update {app.title!r} {instance.title!r} mends its values or its status",
    )


def _app(data: TenantData, ref: int | str, *, deleted: bool = False) -> Integration | None:
    app = None
    if isinstance(ref, str):
        where: Where = {"title": ref, "status": LIVE_APP}
        app = data.apps.named(ref, where, lambda app: app.title == ref and app.status is not AppStatus.DELETED)
    if app is None and (isinstance(ref, int) or is_id(ref)):
        app = data.apps.get(int(ref))
    return None if app is None or (app.status is AppStatus.DELETED and not deleted) else app


def _task(data: TenantData, app: Integration, ref: int | str) -> Task | None:
    task = None
    if isinstance(ref, str):
        of_app = app.integration_id
        task = data.tasks.named(
            (of_app, ref),
            {"integration_id": of_app, "task_tag": ref, "status": LIVE_APP},
            lambda task: (task.integration_id, task.task_tag) == (of_app, ref) and task.status is not AppStatus.DELETED,
        )
    if task is None and (isinstance(ref, int) or is_id(ref)):
        task = data.tasks.get(int(ref))
    if task is None or task.status is AppStatus.DELETED or task.integration_id != app.integration_id:
        return None
    return task


def _deleted_task(data: TenantData, app: Integration, ref: int | str) -> Task | None:
    gone: Where = {"integration_id": app.integration_id, "status": AppStatus.DELETED.value}
    found = data.tasks.get(int(ref)) if isinstance(ref, int) or is_id(ref) else None
    if found is not None and found.integration_id == app.integration_id:
        return found
    named = data.tasks.all({**gone, "task_tag": ref}) if isinstance(ref, str) else []
    return max(named, key=lambda task: (task.updated_ts, task.id), default=None)


def _instance(data: TenantData, app: Integration, ref: int | str) -> Instance | None:
    instance = None
    if isinstance(ref, str):
        instance = data.instances.one({"integration_id": app.integration_id, "title": ref, "status": LIVE_INSTANCE})
    if instance is None and (isinstance(ref, int) or is_id(ref)):
        instance = data.instances.get(int(ref))
    if instance is None or instance.status is InstanceStatus.DELETED or instance.integration_id != app.integration_id:
        return None
    return instance


def _task_by_id(context: TenantContext, ref: int | str, permission: str) -> tuple[Integration, Task]:
    task = context.data.tasks.get(int(ref)) if isinstance(ref, int) or is_id(ref) else None
    app = None if task is None else _app(context.data, task.integration_id)
    missing = NotFound(f"there is no task {ref!r}", collection="tasks", hint="zona tasks list shows an app's tasks")
    if app is None or task is None or task.status is AppStatus.DELETED:
        raise missing
    require(context.actor, permission, objects_of(task), missing)
    return app, task


def _instance_by_id(context: TenantContext, ref: int | str, permission: str) -> tuple[Integration, Instance]:
    instance = context.data.instances.get(int(ref)) if isinstance(ref, int) or is_id(ref) else None
    app = None if instance is None else _app(context.data, instance.integration_id)
    missing = NotFound(
        f"there is no instance {ref!r}", collection="instances", hint="zona instances list shows those there are"
    )
    if app is None or instance is None or instance.status is InstanceStatus.DELETED:
        raise missing
    require(context.actor, permission, objects_of(instance), missing)
    return app, instance


def _no_app(ref: int | str) -> NotFound:
    return NotFound(f"there is no app {ref!r}", collection="apps", hint="zona apps list shows those there are")


def _no_task(app: Integration, ref: int | str) -> NotFound:
    hint = f"zona tasks list {app.title!r} shows its tasks"
    return NotFound(f"{app.title} has no task {ref!r}", collection="tasks", hint=hint)


def _no_instance(app: Integration, ref: int | str) -> NotFound:
    hint = f"zona instances list {app.title!r} shows its instances"
    return NotFound(f"{app.title} has no instance {ref!r}", collection="instances", hint=hint)


def is_id(ref: str) -> bool:
    """Whether a text that is no name may be an id."""
    return ref.isascii() and ref.isdigit() and len(ref) < 19
