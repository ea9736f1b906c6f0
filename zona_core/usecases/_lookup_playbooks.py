"""Finding the playbook or schedule that a caller named; as ``_lookup`` finds apps and what belongs to them."""

from __future__ import annotations

from zona_core.domain.apps import AppStatus
from zona_core.domain.definitions import text_faults
from zona_core.domain.playbooks import Playbook
from zona_core.domain.schedules import Schedule, ScheduleStatus
from zona_core.errors import NotFound
from zona_core.persistence.collections import LIVE_APP, LIVE_SCHEDULE
from zona_core.persistence.database import TenantData
from zona_core.usecases._access import objects_of, permitted, require
from zona_core.usecases._area import TenantContext
from zona_core.usecases._lookup import is_id

__all__ = ["no_playbook", "no_schedule", "playbook_around", "playbook_of", "schedule_of"]


def playbook_of(context: TenantContext, ref: int | str, permission: str) -> Playbook:
    """The playbook with that title or id, for ``permission`` on it; raises ``NotFound``, ``PermissionDenied``."""
    playbook = _playbook(context.data, ref)
    require(context.actor, permission, objects_of(playbook), no_playbook(ref))
    return playbook


def schedule_of(context: TenantContext, ref: int | str, permission: str) -> Schedule:
    """The schedule with that title or id, for ``permission`` on it; raises ``NotFound``, ``PermissionDenied``."""
    schedules, found = context.data.schedules, None
    if isinstance(ref, str) and not text_faults("title", ref, 200):
        found = schedules.one({"title": ref, "status": LIVE_SCHEDULE})
    if found is None and (isinstance(ref, int) or is_id(ref)):
        found = schedules.get(int(ref))
    if found is None or found.status is ScheduleStatus.DELETED:
        raise no_schedule(ref)
    require(context.actor, permission, objects_of(found), no_schedule(ref))
    return found


def playbook_around(context: TenantContext, ref: int | str, permission: str) -> Playbook:
    """The playbook as the place of what ``permission`` is asked for, which the caller checks; raises ``NotFound``."""
    playbook, actor = _playbook(context.data, ref), context.actor
    places = objects_of(playbook)
    if not (actor.may("playbooks:read", places) or permitted(actor, permission, places)):
        raise no_playbook(ref)
    return playbook


def no_playbook(ref: int | str) -> NotFound:
    """The error for a playbook that is not there, or not to be seen."""
    hint = "zona playbooks list shows those there are"
    return NotFound(f"there is no playbook {ref!r}", collection="playbooks", hint=hint)


def no_schedule(ref: int | str) -> NotFound:
    """The error for a schedule that is not there, or not to be seen."""
    hint = "zona schedules list shows those there are"
    return NotFound(f"there is no schedule {ref!r}", collection="schedules", hint=hint)


def _playbook(data: TenantData, ref: int | str) -> Playbook:
    playbook = None
    if isinstance(ref, str) and not text_faults("title", ref, 200):
        playbook = data.playbooks.one({"title": ref, "status": LIVE_APP})
    if playbook is None and (isinstance(ref, int) or is_id(ref)):
        playbook = data.playbooks.get(int(ref))
    if playbook is None or playbook.status is AppStatus.DELETED:
        raise no_playbook(ref)
    return playbook
