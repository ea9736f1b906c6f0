"""What leaves a case again: alerts and events that were taken out by hand. Within the transaction of the change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import evolve

from zona_core.domain.alerts import Alert, EventLink
from zona_core.domain.cases import Case
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In, Range
from zona_core.usecases._case_contents import known_sightings, sightings_of

__all__ = ["links_of", "release_alerts", "release_events", "remeasured", "unsight"]

#: links that are looked at together, and the longest list of events of one call
_PAGE: Final = 1_000


def release_alerts(data: TenantData, case_id: int, alerts: Iterable[Alert]) -> int:
    """Takes alerts out of a case, with the events that it has by them alone; how many events these were.

    They join no case by themselves any more.
    """
    removed = 0
    for alert in alerts:
        data.alerts.replace(evolve(alert, case_id=0, case_key="", updated_at=data.now()))
        for links in links_of(data, f"alerts/{alert.id}"):
            removed += release_events(data, case_id, _alone(data, case_id, [link.event_id for link in links]))
    return removed


def release_events(data: TenantData, case_id: int, event_ids: Sequence[str]) -> int:
    """Takes events out of a case, whether they came by an alert or by hand; how many there were."""
    keys = [f"cases/{case_id}/{event_id}" for event_id in event_ids]
    found = data.event_links.find({"_id": In(keys)}, limit=_PAGE).items
    if not found:
        return 0
    data.event_links.delete_many({"_id": In([link.key for link in found])})
    unsight(data, case_id, [link.event_id for link in found])
    return len(found)


def remeasured(data: TenantData, case: Case) -> Case:
    """The case with the number and the rules of its alerts, and the times of its events, as they are now."""
    alerts = data.alerts.all({"case_id": case.id}, sort=[("last_at", 1)])
    holder = {"holder": f"cases/{case.id}"}
    moments = [link.at for way in (1, -1) for link in data.event_links.find(holder, sort=[("at", way)], limit=1).items]
    moments += [moment for alert in alerts for moment in (alert.first_at, alert.last_at)]
    return evolve(
        case,
        alerts=len(alerts),
        rules=tuple(dict.fromkeys(each.rule for each in alerts)),
        first_at=min(moments, default=None),
        last_at=max(moments, default=None),
    )


def unsight(data: TenantData, case_id: int, event_ids: Sequence[str]) -> None:
    """Counts the observables of events no more; what is seen nowhere goes, unless somebody has said something of it.

    The times of what stays do not shrink: they tell of all that it was ever seen in.
    """
    gone = sightings_of(case_id, data.events.find({"_id": In(event_ids)}, limit=_PAGE).items)
    keys = sorted(gone)
    for begin in range(0, len(keys), _PAGE):
        for key, known in known_sightings(data, keys[begin : begin + _PAGE]).items():
            left = known.count - gone[key].count
            if left <= 0 and not known.note and known.malicious is None:
                data.sightings.delete(key)
            else:
                data.sightings.replace(evolve(known, count=max(left, 0)))


def links_of(data: TenantData, holder: str) -> Iterator[list[EventLink]]:
    """The events of an alert or a case in pages; whoever is given one may change what it tells of."""
    after, end = f"{holder}/", f"{holder}0"  # "0" comes next after "/"
    while True:
        page = data.event_links.find({"_id": Range(gt=after, lt=end)}, sort=[("_id", 1)], limit=_PAGE).items
        if page:
            yield page
        if len(page) < _PAGE:
            return
        after = page[-1].key


def _alone(data: TenantData, case_id: int, event_ids: Sequence[str]) -> list[str]:
    """Those of the events that no other alert of the case has, and that nobody put there."""
    own = {f"alerts/{alert.id}" for alert in data.alerts.all({"case_id": case_id})}
    kept = {
        link.event_id
        for link in data.event_links.all({"event_id": In(event_ids)})
        if link.holder in own or (link.holder == f"cases/{case_id}" and not link.rule)
    }
    return [event_id for event_id in event_ids if event_id not in kept]
