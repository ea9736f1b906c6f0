"""Finding what a caller named, by id or by name."""

from __future__ import annotations

from zona_core.domain.apps import AppStatus, Integration, Task
from zona_core.domain.instances import Credential, Instance, InstanceStatus
from zona_core.errors import InvalidInput, NotFound
from zona_core.persistence.collections import LIVE_APP, LIVE_INSTANCE
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Where

__all__ = ["app_of", "credential_of", "instance_of", "instance_to_run", "task_of"]


def app_of(data: TenantData, ref: int | str) -> Integration:
    """The app with that id or title (a title of digits wins over an id); raises ``NotFound``."""
    app = data.apps.one({"title": ref, "status": LIVE_APP}) if isinstance(ref, str) else None
    if app is None and (isinstance(ref, int) or _is_id(ref)):
        app = data.apps.get(int(ref))
    if app is None or app.status is AppStatus.DELETED:
        raise NotFound(f"there is no app {ref!r}", collection="apps", hint="zona apps list shows those there are")
    return app


def task_of(data: TenantData, app: Integration, ref: int | str) -> Task:
    """The app's task with that tag or id; raises ``NotFound``."""
    task = None
    if isinstance(ref, str):
        task = data.tasks.one({"integration_id": app.integration_id, "task_tag": ref, "status": LIVE_APP})
    if task is None and (isinstance(ref, int) or _is_id(ref)):
        task = data.tasks.get(int(ref))
    if task is None or task.status is AppStatus.DELETED or task.integration_id != app.integration_id:
        raise NotFound(
            f"{app.title} has no task {ref!r}",
            collection="tasks",
            hint=f"zona tasks list {app.title!r} shows its tasks",
        )
    return task


def instance_of(data: TenantData, app: Integration, ref: int | str) -> Instance:
    """The app's instance with that title or id; raises ``NotFound``."""
    instance = None
    if isinstance(ref, str):
        instance = data.instances.one({"integration_id": app.integration_id, "title": ref, "status": LIVE_INSTANCE})
    if instance is None and (isinstance(ref, int) or _is_id(ref)):
        instance = data.instances.get(int(ref))
    if instance is None or instance.status is InstanceStatus.DELETED or instance.integration_id != app.integration_id:
        raise NotFound(
            f"{app.title} has no instance {ref!r}",
            collection="instances",
            hint=f"zona instances list {app.title!r} shows its instances",
        )
    return instance


def instance_to_run(data: TenantData, app: Integration, ref: int | str | None) -> Instance | None:
    """The instance that a run uses: the one named, or the only one there is; None if the app needs none.

    Raises ``NotFound``; ``InvalidInput`` if the choice is open (``instance_needed``) or it is not active
    (``instance_not_active``).
    """
    instance: Instance | None
    if ref is not None:
        instance = instance_of(data, app, ref)
    else:
        where: Where = {"integration_id": app.integration_id, "status": LIVE_INSTANCE}
        found = data.instances.find(where, sort=[("instance_id", 1)], limit=2).items
        if len(found) > 1:
            raise InvalidInput(
                f"{app.title} has several instances: name one", code="instance_needed", hint="--instance TITLE"
            )
        if not found and any(field.required for field in app.fields):
            raise InvalidInput(
                f"{app.title} needs an instance and has none",
                code="instance_needed",
                hint=f"zona instances add {app.title!r} --title TITLE --set NAME=VALUE",
            )
        instance = found[0] if found else None
    if instance is not None and instance.status is not InstanceStatus.ACTIVE:
        reason = f": {instance.status_reason}" if instance.status_reason else ""
        raise InvalidInput(
            f"the instance {instance.title} is in status {instance.status.value}{reason}",
            code="instance_not_active",
            hint=f"zona instances update {app.title!r} {instance.title!r} mends its values or its status",
        )
    return instance


def credential_of(data: TenantData, ref: int | str) -> Credential:
    """The credential with that title or id; raises ``NotFound``."""
    credential = data.credentials.one({"title": ref, "deleted": False}) if isinstance(ref, str) else None
    if credential is None and (isinstance(ref, int) or _is_id(ref)):
        credential = data.credentials.get(int(ref))
    if credential is None or credential.deleted:
        raise NotFound(
            f"there is no credential {ref!r}",
            collection="credentials",
            hint="zona credentials list shows those there are",
        )
    return credential


def _is_id(ref: str) -> bool:
    return ref.isascii() and ref.isdigit() and len(ref) < 19
