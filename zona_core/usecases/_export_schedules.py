"""Exporting the schedules of the playbooks that are exported: which there are, and their records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from zona_core.domain.playbooks import Playbook
from zona_core.domain.schedules import Schedule
from zona_core.persistence.collections import LIVE_SCHEDULE
from zona_core.ports.store import Range, Where
from zona_core.usecases._access import objects_of
from zona_core.usecases._area import TenantContext
from zona_core.usecases._portable import Portable
from zona_core.usecases._portable_schedules import schedule_record

__all__ = ["ScheduleExport"]

_PAGE = 100


class ScheduleExport:
    """The schedules that run playbooks, as far as the actor reads them; those of tasks run instances, and stay."""

    def __init__(self, context: TenantContext) -> None:
        self._context = context
        #: what is in a package belongs to a moment near its beginning: ids of schedules by that of their playbook
        self._ids: dict[int, list[int]] = {}
        cursor = None
        while True:
            where: Where = {"playbook_id": Range(gt=0), "status": LIVE_SCHEDULE}
            page = context.data.schedules.find(where, sort=[("title", 1)], after=cursor, limit=_PAGE)
            for each in page.items:
                if context.actor.may("schedules:read", objects_of(each)):
                    self._ids.setdefault(each.playbook_id, []).append(each.id)
            cursor = page.next
            if cursor is None:
                return

    def are_of(self, playbook: Playbook) -> bool:
        """Whether there is any that runs the playbook."""
        return playbook.id in self._ids

    def of(self, playbooks: Mapping[int, Playbook]) -> Iterator[tuple[Schedule, Portable]]:
        """The schedules of these playbooks (by id) with their records, by title."""
        ids = (schedule_id for playbook_id in playbooks for schedule_id in self._ids.get(playbook_id, ()))
        found = (self._context.data.schedules.one({"id": each, "status": LIVE_SCHEDULE}) for each in ids)
        kept = [each for each in found if each is not None and each.playbook_id in playbooks]
        for each in sorted(kept, key=lambda each: each.title):
            yield each, schedule_record(each, playbooks[each.playbook_id])
