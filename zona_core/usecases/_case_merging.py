"""One case becomes a part of another: all that it has is the other's then. Within the transaction of the change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from attrs import evolve

from zona_core.domain.alerts import gravest
from zona_core.domain.case_rules import MOST_TASKS, check_live
from zona_core.domain.cases import Case, CaseStatus
from zona_core.errors import Conflict
from zona_core.persistence._kinds_of_events import sighting_key
from zona_core.persistence.database import TenantData
from zona_core.persistence.repository import Repository
from zona_core.usecases._case_contents import add_sightings
from zona_core.usecases._case_partings import links_of, unsight

__all__ = ["absorbed", "check_merge", "emptied"]

T = TypeVar("T")

_PAGE: Final = 1_000
#: tags and rules of a case
_MOST_NAMES: Final = 1_000


def check_merge(target: Case, source: Case) -> None:
    """Raises ``Conflict`` unless ``source`` can become a part of ``target``."""
    if source.id == target.id:
        raise Conflict(f"the case {target.id} cannot be merged into itself", code="merge_with_itself")
    if source.status is CaseStatus.MERGED:
        raise Conflict(f"the case {source.id} is a part of the case {source.merged_into}", code="case_merged")
    check_live(target, "nothing is merged into it")
    check_live(source, "it is not merged into another")
    if len(target.tasks) + len(source.tasks) > MOST_TASKS:
        raise Conflict(f"both cases together have more than {MOST_TASKS} tasks", code="too_many_tasks")


def absorbed(data: TenantData, target: Case, source: Case) -> Case:
    """The target with what the source has; all of that is moved, and neither case is stored."""
    _move_events(data, target.id, source.id)
    _move_all(data.alerts, source.id, lambda alert: evolve(alert, case_id=target.id, updated_at=data.now()))
    _move_all(data.evidence, source.id, lambda evidence: evolve(evidence, case_id=target.id))
    _move_all(data.case_entries, source.id, lambda entry: evolve(
        entry, case_id=target.id, details={"of_case": source.id, **entry.details}
    ))  # fmt: skip
    tasks = (
        evolve(task, id=number) for number, task in enumerate((*target.tasks, *source.tasks), 1)
    )  # the target's keep their numbers: these are 1, 2, …
    return evolve(
        target,
        severity=gravest(target.severity, source.severity),
        owner=target.owner or source.owner,
        tags=tuple(dict.fromkeys((*target.tags, *source.tags)))[:_MOST_NAMES],
        rules=tuple(dict.fromkeys((*target.rules, *source.rules)))[:_MOST_NAMES],
        alerts=target.alerts + source.alerts,
        entity=target.entity or source.entity,
        first_at=_least(target.first_at, source.first_at),
        last_at=_greatest(target.last_at, source.last_at),
        tasks=tuple(tasks),
        respond_by=_least(target.respond_by, source.respond_by),
        resolve_by=_least(target.resolve_by, source.resolve_by),
        responded_at=_least(target.responded_at, source.responded_at),
        breaches=tuple(dict.fromkeys((*target.breaches, *source.breaches))),
    )


def emptied(source: Case, target_id: int) -> Case:
    """The source once all that it had is the target's: what it was about can still be read."""
    return evolve(source, status=CaseStatus.MERGED, merged_into=target_id, alerts=0, tasks=())


def _move_events(data: TenantData, target_id: int, source_id: int) -> None:
    """Moves events and observables. An event that both have is counted once."""
    own, holder = f"cases/{source_id}", f"cases/{target_id}"
    for links in links_of(data, own):
        moved = {link.event_id: evolve(link, holder=holder, revision=0) for link in links}
        added = {key.rpartition("/")[2] for key in data.event_links.insert_many(moved.values())}
        both = [event_id for event_id in moved if event_id not in added]
        if both:
            unsight(data, source_id, both)
    data.event_links.delete_many({"holder": own})
    sightings = [evolve(each, case_id=target_id, revision=0) for each in data.sightings.all({"case_id": source_id})]
    data.sightings.delete_many({"case_id": source_id})
    add_sightings(data, target_id, {sighting_key(target_id, each.type_id, each.value): each for each in sightings})


def _move_all(stored: Repository[T], case_id: int, moved: Callable[[T], T]) -> None:
    """Puts each one that belongs to the case elsewhere, so that it is found no more."""
    while found := stored.find({"case_id": case_id}, limit=_PAGE).items:
        for each in found:
            stored.replace(moved(each))


def _least(*moments: datetime | None) -> Any:
    return min((each for each in moments if each is not None), default=None)


def _greatest(*moments: datetime | None) -> Any:
    return max((each for each in moments if each is not None), default=None)
