"""Alerts and events that somebody puts into a case, or takes out of it. Within the transaction of the change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from zona_core.domain.alerts import Alert, EventLink
from zona_core.domain.cases import Case, EntryKind
from zona_core.errors import Conflict, Fault, InvalidInput, NotFound
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In
from zona_core.usecases._area import TenantContext
from zona_core.usecases._case_contents import adopt_alerts, adopt_events, tell
from zona_core.usecases._case_partings import release_alerts, release_events, remeasured

__all__ = ["join", "part"]

#: alerts and events of one call
_MOST: Final = 1_000
#: ids that a timeline names
_MOST_TOLD: Final = 100


def join(context: TenantContext, case: Case, alert_ids: Sequence[int], event_ids: Sequence[str]) -> Case:
    """The case with alerts and events, told in its timeline; those that it has already change nothing.

    Raises ``InvalidInput``, ``NotFound``, ``Conflict`` (``alert_in_case``).
    """
    _check_crowds(alert_ids, event_ids)
    data, author = context.data, context.actor.name
    alerts = [each for each in _alerts(data, alert_ids) if each.case_id != case.id]
    taken = next((each for each in alerts if each.case_id), None)
    if taken is not None:
        raise Conflict(
            f"the alert {taken.id} belongs to the case {taken.case_id}",
            code="alert_in_case",
            hint="take it out of there first, or merge the cases",
            alert=taken.id,
            case=taken.case_id,
        )
    links = _links(data, case.id, event_ids)
    if alerts:
        case = adopt_alerts(data, case, alerts, author)
    if links:
        case = _with_events(data, case, links, author)
    return case


def part(context: TenantContext, case: Case, alert_ids: Sequence[int], event_ids: Sequence[str]) -> Case:
    """The case without alerts and events, told in its timeline; raises ``InvalidInput``, ``NotFound``."""
    _check_crowds(alert_ids, event_ids)
    data, author = context.data, context.actor.name
    alerts = _alerts(data, alert_ids)
    for alert in alerts:
        if alert.case_id != case.id:
            raise NotFound(f"the case {case.id} has no alert {alert.id}", collection="alerts")
    if alerts:
        release_alerts(data, case.id, alerts)
        for alert in alerts:
            tell(data, case.id, EntryKind.ALERT, author, alert.title, alert=alert.id, removed=True)
    gone = list(dict.fromkeys(event_ids))
    removed = release_events(data, case.id, gone) if gone else 0
    if removed:
        tell(data, case.id, EntryKind.EVENTS, author, count=removed, events=gone[:_MOST_TOLD], removed=True)
    return remeasured(data, case) if alerts or removed else case


def _with_events(data: TenantData, case: Case, links: Sequence[EventLink], author: str) -> Case:
    known = data.event_links.find({"_id": In([link.key for link in links])}, limit=_MOST).items
    for link in known:
        if link.rule:  # it stays, whatever becomes of the alert that it came by
            data.event_links.replace(evolve(link, rule=""))
    added = adopt_events(data, case.id, links)
    if not added:
        return case
    have = {link.key for link in known}
    new = [link for link in links if link.key not in have]
    told = [link.event_id for link in new[:_MOST_TOLD]]
    tell(data, case.id, EntryKind.EVENTS, author, count=added, events=told)
    moments = [*(link.at for link in new), *(each for each in (case.first_at, case.last_at) if each is not None)]
    return evolve(case, first_at=min(moments), last_at=max(moments))


def _alerts(data: TenantData, alert_ids: Sequence[int]) -> list[Alert]:
    found = []
    for alert_id in dict.fromkeys(alert_ids):
        alert = data.alerts.get(alert_id)
        if alert is None:
            raise NotFound(f"there is no alert {alert_id}", collection="alerts", key=str(alert_id))
        found.append(alert)
    return found


def _links(data: TenantData, case_id: int, event_ids: Sequence[str]) -> list[EventLink]:
    wanted = list(dict.fromkeys(event_ids))
    if not wanted:
        return []
    found = {event.id: event for event in data.events.find({"_id": In(wanted)}, limit=_MOST).items}
    for event_id in wanted:
        if event_id not in found:
            raise NotFound(f"there is no event {event_id[:50]!r}", collection="events", key=event_id[:50])
    return [
        EventLink(holder=f"cases/{case_id}", kind="cases", event_id=event_id, at=found[event_id].occurred_at)
        for event_id in wanted
    ]


def _check_crowds(alert_ids: Sequence[int], event_ids: Sequence[str]) -> None:
    found = [
        Fault(name, f"there are {len(ids)}", f"at most {_MOST:,}")
        for name, ids in (("alerts", alert_ids), ("events", event_ids))
        if len(ids) > _MOST
    ]
    if found:
        raise InvalidInput.of(found)
