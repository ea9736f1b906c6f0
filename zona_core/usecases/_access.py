"""Which objects an actor may do what to (SPEC §5: object-level checks, default deny).

An object is ``kind/id``: ``apps/12``, ``tasks/40``, ``instances/7``, ``runs/…``, ``credentials/3``. A permission for an
app holds for its tasks, instances, playbooks, runs and schedules, one for a task, an instance or a playbook for its
runs and schedules. What an actor may not read does not exist for it: the error is the one for something that is not
there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from zona_core.domain.actors import Actor
from zona_core.domain.apps import Integration, Task
from zona_core.domain.instances import Credential, Instance
from zona_core.domain.playbooks import Playbook
from zona_core.domain.runs import Execution
from zona_core.domain.schedules import Schedule
from zona_core.errors import NotFound, RevisionConflict
from zona_core.persistence.collections import Kind
from zona_core.persistence.database import TenantData
from zona_core.persistence.repository import Listing, Repository
from zona_core.ports.store import In, Sort, Where
from zona_core.usecases._area import TenantContext, lacking
from zona_core.usecases._merged import merged

__all__ = [
    "check_revision",
    "knows_task",
    "narrowed",
    "objects_around",
    "objects_of",
    "permitted",
    "readable_page",
    "require",
    "require_new",
    "sees_app",
]

T = TypeVar("T")

#: for each collection: the kinds of objects that its documents are or belong to, and the path that holds the id
_PATHS: Final[Mapping[str, Mapping[str, str]]] = {
    "apps": {"apps": "_id"},
    "tasks": {"apps": "integration_id", "tasks": "_id"},
    "instances": {"apps": "integration_id", "instances": "_id"},
    "runs": {
        "apps": "integration_id",
        "tasks": "task_id",
        "instances": "instance_id",
        "playbooks": "playbook_id",
        "runs": "_id",
    },
    "playbooks": {"apps": "integration_id", "playbooks": "_id"},
    "schedules": {
        "apps": "integration_id",
        "tasks": "task_id",
        "instances": "instance_id",
        "playbooks": "playbook_id",
        "schedules": "_id",
    },
    "credentials": {"credentials": "_id"},
}


def objects_of(
    *models: Integration | Task | Instance | Execution | Credential | Playbook | Schedule,
) -> tuple[str, ...]:
    """The objects that a permission may be held for, to act on ``models``."""
    found: list[str] = []
    for model in models:
        match model:
            case Integration():
                found.append(f"apps/{model.integration_id}")
            case Playbook():
                found += (*objects_around(model), f"playbooks/{model.id}")
            case Task():
                found += (f"apps/{model.integration_id}", f"tasks/{model.id}")
            case Instance():
                found += (f"apps/{model.integration_id}", f"instances/{model.instance_id}")
            case Execution():
                found += (f"runs/{model.id}", *objects_around(model))
            case Schedule():
                found += (f"schedules/{model.id}", *objects_around(model))
            case Credential():
                found.append(f"credentials/{model.id}")
    return tuple(found)


def objects_around(model: Execution | Schedule | Playbook) -> tuple[str, ...]:
    """The objects that a run, a schedule or a playbook belongs to."""
    if isinstance(model, Playbook):
        return (f"apps/{model.integration_id}",) if model.integration_id else ()
    ids = {
        "apps": model.integration_id,
        "tasks": model.task_id,
        "instances": model.instance_id,
        "playbooks": model.playbook_id,
    }
    return tuple(f"{kind}/{key}" for kind, key in ids.items() if key)


def permitted(actor: Actor, permission: str, objects: Iterable[str]) -> bool:
    """Whether the actor has ``permission``, or may read (same area) what it lacks the permission for."""
    places = tuple(objects)
    return actor.may(permission, places) or actor.may(f"{permission.partition(':')[0]}:read", places)


def knows_task(actor: Actor, objects: Iterable[str]) -> bool:
    """Whether the actor may know of a task that is, or belongs to, one of the objects: it may read or write it."""
    places = tuple(objects)
    return any(actor.may(each, places) for each in ("tasks:read", "tasks:write", "apps:write"))


def require(actor: Actor, permission: str, objects: Iterable[str], missing: NotFound) -> None:
    """Raises ``PermissionDenied`` if ``permission`` is lacking for the objects, ``missing`` if reading them is, too."""
    places = tuple(objects)
    if actor.may(permission, places):
        return
    raise lacking(actor, permission) if permitted(actor, permission, places) else missing


def require_new(actor: Actor, permission: str, objects: Iterable[str] = ()) -> None:
    """For what is not there yet: ``permission`` at large or on the objects it will belong to.

    Raises ``PermissionDenied``.
    """
    if not actor.may(permission, tuple(objects)):
        raise lacking(actor, permission)


def sees_app(context: TenantContext, app: Integration, permission: str) -> bool:
    """Whether the app may be named on the way to something in it: read, acted on, or holding something granted."""
    actor, places = context.actor, objects_of(app)
    if actor.may("apps:read", places) or permitted(actor, permission, places):
        return True
    wanted = {permission, f"{permission.partition(':')[0]}:read"}
    return any(_holds_granted(context.data, app, actor.objects(each) or ()) for each in wanted)


def narrowed(actor: Actor, permission: str, kind: Kind[T], where: Where) -> list[Where]:
    """The queries that together find what ``where`` finds in ``kind`` and ``permission`` holds for.

    Usually one; several if objects of several kinds are granted, none if nothing that could match is.
    """
    objects = actor.objects(permission)
    if objects is None:
        return [where]
    paths = _PATHS[kind.spec.name]
    narrow = (_limited(where, path, _ids(objects, granted, path)) for granted, path in paths.items())
    return [query for query in narrow if query is not None]


def readable_page(
    actor: Actor, repository: Repository[T], kind: Kind[T], where: Where, *, sort: Sort, after: str | None, limit: int
) -> Listing[T]:
    """A page of what ``where`` finds and the actor may read."""
    queries = narrowed(actor, f"{kind.spec.name}:read", kind, where)
    if len(queries) == 1:
        return repository.find(queries[0], sort=sort, after=after, limit=limit)
    return merged(repository, kind.key, queries, sort=sort, after=after, limit=limit)


def check_revision(found: int, expected: int | None, target: str) -> None:
    """Raises ``RevisionConflict`` unless ``expected`` is None or ``found``; 0 is the revision of what is not there."""
    if expected is not None and expected != found:
        collection, _, key = target.partition("/")
        raise RevisionConflict(
            f"{target} has revision {found}, not {expected}" if found else f"{target} is not there yet",
            collection=collection,
            key=key,
            expected=expected,
            found=found,
            hint="read it again and repeat the change",
        )


def _holds_granted(data: TenantData, app: Integration, objects: Iterable[str]) -> bool:
    parts: dict[str, Repository[Any]] = {"tasks": data.tasks, "instances": data.instances, "runs": data.runs}
    for kind, repository in parts.items():
        ids = _ids(objects, kind, "_id")
        if ids and repository.one({"integration_id": app.integration_id, "_id": In(ids)}) is not None:
            return True
    return False


def _ids(objects: Iterable[str], kind: str, path: str) -> list[int | str]:
    """The ids of the objects of that kind, as they stand at ``path``: keys are texts, other ids are numbers."""
    texts = sorted(text.partition("/")[2] for text in objects if text.startswith(f"{kind}/"))
    if path == "_id":
        return list(texts)
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]


def _limited(where: Where, path: str, ids: Sequence[int | str]) -> Where | None:
    """``where`` for documents with one of ``ids`` at ``path``; None if there can be none."""
    if not ids:
        return None
    if path not in where:
        return {**where, path: In(ids)}
    return where if where[path] in ids else None
