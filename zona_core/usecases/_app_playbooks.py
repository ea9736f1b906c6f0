"""The playbooks that belong to an app: they follow when it is renamed, and go when it goes."""

from __future__ import annotations

from typing import Any

from attrs import asdict, evolve

from zona_core.domain.apps import AppStatus, Integration
from zona_core.domain.playbooks import Playbook, PlaybookDefinition, StepTask
from zona_core.errors import DuplicateKey
from zona_core.persistence.collections import LIVE_APP
from zona_core.persistence.database import TenantData
from zona_core.usecases._area import TenantContext
from zona_core.usecases._history import keep
from zona_core.usecases._portable_playbooks import with_tasks

__all__ = ["described", "follow_title", "playbook_taken", "playbooks_of_app", "remove_with_app", "titled_playbook"]

_DESCRIBED = frozenset(attribute.name for attribute in PlaybookDefinition.__attrs_attrs__)


def described(definition: PlaybookDefinition, home: Integration | None) -> dict[str, Any]:
    """The attributes of a stored playbook that a definition gives; ``home`` is the app that it belongs to."""
    given = asdict(definition, recurse=False, filter=lambda attribute, _: attribute.name in _DESCRIBED)
    if home is None:
        return {**given, "app": "", "integration_id": 0}
    return {**given, "app": home.title, "integration_id": home.integration_id}


def playbook_taken(title: str) -> DuplicateKey:
    """The error for a title that another playbook has."""
    return DuplicateKey(f"there is a playbook {title!r} already", collection="playbooks", fields=["title"])


def titled_playbook(data: TenantData, title: str) -> Playbook | None:
    """The playbook of that title."""
    return data.playbooks.one({"title": title, "status": LIVE_APP})


def playbooks_of_app(data: TenantData, app_id: int) -> list[Playbook]:
    """The app's playbooks, by title."""
    found = data.playbooks.all({"integration_id": app_id, "status": LIVE_APP})
    return sorted(found, key=lambda playbook: playbook.title)


def follow_title(context: TenantContext, before: Integration, after: Integration) -> None:
    """Has an app's playbooks name it by its new title, within the caller's transaction."""
    if before.title == after.title:
        return
    data = context.data

    def renamed(task: StepTask) -> StepTask:
        return evolve(task, app=after.title) if task.app == before.title else task

    for old in playbooks_of_app(data, after.integration_id):
        new = data.playbooks.replace(evolve(with_tasks(old, renamed), app=after.title, updated_ts=data.now()))
        keep(context, [(old, new)])
        data.record(context.actor, "playbooks.update", f"playbooks/{new.id}", before=old, after=new)


def remove_with_app(context: TenantContext, app: Integration) -> int:
    """Deletes an app's playbooks, within the caller's transaction, and tells how many; runs under way go on."""
    data = context.data
    found = playbooks_of_app(data, app.integration_id)
    for old in found:
        new = data.playbooks.replace(evolve(old, status=AppStatus.DELETED, updated_ts=data.now()))
        data.record(context.actor, "playbooks.remove", f"playbooks/{new.id}", before=old, after=new)
    return len(found)
