"""Exporting the playbooks of apps: which there are, and their records."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from zona_core.domain.apps import AppStatus, Integration
from zona_core.domain.playbooks import Playbook, StepTask
from zona_core.errors import Fault, NotFound
from zona_core.persistence.collections import LIVE_APP
from zona_core.ports.store import Range, Where
from zona_core.usecases._access import objects_of
from zona_core.usecases._area import TenantContext
from zona_core.usecases._lookup import task_of
from zona_core.usecases._portable import Portable
from zona_core.usecases._portable_playbooks import playbook_record, with_tasks

__all__ = ["PlaybookExport"]

_PAGE = 100


class PlaybookExport:
    """The playbooks of apps that are exported, as far as the actor reads them."""

    def __init__(self, context: TenantContext) -> None:
        self._context = context
        #: whether any app has one: most exports ask no further
        self._are_any = context.data.playbooks.one(_of_apps()) is not None

    def of(self, app: Integration) -> Iterator[Playbook]:
        """The app's playbooks, by title."""
        cursor = None
        while self._are_any:
            where: Where = {"integration_id": app.integration_id, "status": LIVE_APP}
            page = self._context.data.playbooks.find(where, sort=[("title", 1)], after=cursor, limit=_PAGE)
            yield from (each for each in page.items if self._context.actor.may("playbooks:read", objects_of(each)))
            cursor = page.next
            if cursor is None:
                return

    def portable(self, playbook: Playbook) -> tuple[Portable, list[Fault]]:
        """The playbook's record, and the tasks that it lacks: those by ids that the actor may not read.

        What lacks one is a draft.
        """
        hidden = [
            Fault(f"steps[{index}].task", "leads to a task that is not shown", "tasks:read on it")
            for index, step in enumerate(playbook.steps)
            if step.task is not None and self._named(step.task) is None
        ]
        told = with_tasks(playbook, self._named)
        return playbook_record(evolve(told, status=AppStatus.DRAFT) if hidden else told), hidden

    def _named(self, place: StepTask) -> StepTask | None:
        """The task by title and tag, where it is named by ids; None if the actor may not read what these are of.

        Names that are none here stay: they may be where the package goes.
        """
        if not (_may_be_id(place.app) or _may_be_id(place.task)):
            return place
        try:
            app, task = task_of(self._context, place.app, place.task, "tasks:read")
        except NotFound:
            return None
        return evolve(place, app=app.title, task=task.task_tag)


def _of_apps() -> Where:
    return {"integration_id": Range(gt=0), "status": LIVE_APP}


def _may_be_id(text: str) -> bool:
    return text.isascii() and text.isdigit()
