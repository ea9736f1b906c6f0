"""What belongs to a case: alerts, events, observables, its timeline. Within the transaction of a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import evolve

from zona_core.domain.alerts import Alert, EventLink, gravest
from zona_core.domain.cases import Case, EntryKind, Sighting, TimelineEntry
from zona_core.domain.events import Event, Observable, address
from zona_core.persistence._kinds_of_events import sighting_key
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In, Range, Where

__all__ = [
    "add_sightings",
    "adopt_alerts",
    "adopt_events",
    "adopt_links",
    "known_sightings",
    "merged_sighting",
    "sight",
    "sighted_value",
    "sightings_of",
    "tell",
]

#: kinds of observables that tie cases together: a port, a process id or a whole command line ties nothing
_TYING: Final = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 10, 16, 18, 19, 30, 31, 35, 45})
#: events of one alert that a case looks into for observables, and takes in
_MOST_EVENTS: Final = 10_000
_MOST_SIGHTINGS: Final = 10_000
_LONGEST: Final = 256
_PAGE: Final = 1_000
_IP: Final = 2


def tell(data: TenantData, case_id: int, kind: EntryKind, actor: str, text: str = "", **details: Any) -> TimelineEntry:
    """Adds to a case's timeline."""
    return data.case_entries.insert(
        TimelineEntry(
            id=_next_entry(data, case_id),
            case_id=case_id,
            at=data.now(),
            kind=kind,
            actor=actor,
            text=text,
            details={name: value for name, value in details.items() if value is not None},
        )
    )


def adopt_alerts(data: TenantData, case: Case, alerts: Iterable[Alert], author: str) -> Case:
    """The case with alerts, their events and observables; those that it has already, and another's, are left out."""
    adopted = []
    for alert in alerts:
        if alert.case_id:
            continue
        adopted.append(data.alerts.replace(evolve(alert, case_id=case.id, updated_at=data.now())))
        adopt_links(data, case.id, f"alerts/{alert.id}")
        tell(data, case.id, EntryKind.ALERT, author, alert.title, alert=alert.id, severity=alert.severity)
    if not adopted:
        return case
    severity = gravest(case.severity, *(each.severity for each in adopted))
    if severity != case.severity:
        change = {"severity": {"before": case.severity, "after": severity}}
        tell(data, case.id, EntryKind.CHANGED, author, changes=change)
    return data.cases.replace(_with_alerts(data, evolve(case, severity=severity), adopted))


def adopt_links(data: TenantData, case_id: int, holder: str) -> None:
    """Has the case hold the events that something else holds."""
    after, left = None, _MOST_EVENTS
    while left > 0:
        page = data.event_links.find({"holder": holder}, sort=[("at", 1)], after=after, limit=min(_PAGE, left))
        adopt_events(data, case_id, page.items)
        left -= len(page.items)
        after = page.next
        if after is None:
            return


def adopt_events(data: TenantData, case_id: int, links: Iterable[EventLink]) -> int:
    """Has the case hold the events that links name, and notes their observables; how many are new to it."""
    holder = f"cases/{case_id}"
    own = {link.key: link for link in (evolve(each, holder=holder, kind="cases", revision=0) for each in links)}
    added = [own[key].event_id for key in data.event_links.insert_many(own.values())] if own else []
    for begin in range(0, len(added), _PAGE):
        sight(data, case_id, data.events.find({"_id": In(added[begin : begin + _PAGE])}, limit=_PAGE).items)
    return len(added)


def sight(data: TenantData, case_id: int, events: Iterable[Event]) -> None:
    """Notes the observables of events that have come to a case."""
    add_sightings(data, case_id, sightings_of(case_id, events))


def sightings_of(case_id: int, events: Iterable[Event]) -> dict[str, Sighting]:
    """The observables of events as those of a case, by key."""
    found: dict[str, Sighting] = {}
    for event in events:
        for each in event.observables:
            sighting = _sighting(case_id, each, event)
            if sighting is not None:
                key = sighting_key(case_id, sighting.type_id, sighting.value)
                found[key] = merged_sighting(found[key], sighting) if key in found else sighting
    return found


def add_sightings(data: TenantData, case_id: int, found: Mapping[str, Sighting]) -> None:
    """Adds sightings to those of a case: new ones as far as there is room, others to what is known of the same."""
    keys = sorted(found)
    for begin in range(0, len(keys), _PAGE):
        known = known_sightings(data, keys[begin : begin + _PAGE])
        data.sightings.rewrite(merged_sighting(before, found[key]) for key, before in known.items())
        new = [found[key] for key in keys[begin : begin + _PAGE] if key not in known]
        room = _MOST_SIGHTINGS - data.sightings.count({"case_id": case_id}, limit=_MOST_SIGHTINGS) if new else 0
        if room > 0:
            data.sightings.insert_many(new[:room])


def _next_entry(data: TenantData, case_id: int) -> str:
    """The key of a case's next entry: in the order of keys come those that were made within one tick of the clock."""
    own: Where = {"_id": Range(gte=f"{case_id}-", lt=f"{case_id}.")}  # "." comes next after "-"
    last = data.case_entries.find(own, sort=[("_id", -1)], limit=1).items
    number = int(last[0].id.rpartition("-")[2]) + 1 if last else 1
    return f"{case_id}-{number:08d}"


def known_sightings(data: TenantData, keys: Sequence[str]) -> dict[str, Sighting]:
    """Those of so many keys (1,000 at most) that are stored."""
    found = data.sightings.find({"_id": In(keys)}, limit=_PAGE).items
    return {sighting_key(each.case_id, each.type_id, each.value): each for each in found}


def sighted_value(type_id: int, value: str) -> str:
    """A value as it is compared: an address in its canonical form, all else in lower case."""
    found = address(value) if type_id == _IP else value[:_LONGEST].lower()
    return found.replace("\0", "")


def _sighting(case_id: int, observable: Observable, event: Event) -> Sighting | None:
    if observable.type_id not in _TYING:
        return None
    value = sighted_value(observable.type_id, observable.value)
    if not value:
        return None
    at = event.occurred_at
    return Sighting(
        type_id=observable.type_id, type=observable.type, value=value, case_id=case_id, first_at=at, last_at=at
    )


def merged_sighting(known: Sighting, other: Sighting) -> Sighting:
    """Both as one: what was said of the first counts before what was said of the other."""
    return evolve(
        known,
        first_at=min(known.first_at, other.first_at),
        last_at=max(known.last_at, other.last_at),
        count=known.count + other.count,
        note=known.note or other.note,
        malicious=known.malicious if known.malicious is not None else other.malicious,
    )


def _with_alerts(data: TenantData, case: Case, adopted: Sequence[Alert]) -> Case:
    moments = [each for alert in adopted for each in (alert.first_at, alert.last_at)]
    moments += [each for each in (case.first_at, case.last_at) if each is not None]
    return evolve(
        case,
        alerts=case.alerts + len(adopted),
        rules=tuple(dict.fromkeys((*case.rules, *(alert.rule for alert in adopted)))),
        tags=tuple(dict.fromkeys((*case.tags, *(tag for alert in adopted for tag in alert.tags)))),
        first_at=min(moments),
        last_at=max(moments),
        updated_at=data.now(),
    )
